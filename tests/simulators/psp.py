"""A fake of a payment service. It is NOT Stripe: it answers in the shape of Stripe's public reference, and no money moves.

Sessions, refunds, keys that make repeated orders one, sessions that end after their time. Faults by script: each request takes
the next one. `charged` is what customers really paid, less what they got back.
"""

import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx

__all__ = ["FAULTS", "FakeService", "FakeTransport"]

_FRAGMENT = "fidkdWxOYHwnPyd1blpxYHZxWjA0" * 10  # real ones are about as long
FAULTS = ("", "cut", "lost", "error-kept", "busy", "garbage")
"""cut: the request never arrives; lost: it is done and its answer is lost; error-kept: a 500 that its key remembers; busy: 409."""


class FakeService:
    """`handle` is one exchange; `pay` is the customer."""

    def __init__(self, now_s: Callable[[], float], key: str = "sk_test_fake") -> None:
        self._now = now_s
        self._key = key
        self.sessions: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self._kept: dict[str, tuple[str, int, dict[str, Any]]] = {}
        self._intents: dict[str, str] = {}

    # -- the customer

    def pay(self, session_id: str, *, late: bool = False) -> bool:
        """Pays where it can be paid. `late`: the bank takes its time."""
        session = self._aged(self.sessions[session_id])
        if session["status"] != "open":
            return False
        session |= {"status": "complete", "payment_status": "unpaid" if late else "paid", "url": None}
        session["payment_intent"] = f"pi_{session_id[8:]}"
        self._intents[session["payment_intent"]] = session_id
        return True

    def arrive(self, session_id: str) -> None:
        self.sessions[session_id]["payment_status"] = "paid"

    def charged(self, payment_id: str = "") -> int:
        """In minor units; of one payment of the till, or of all."""
        paid = sum(
            one["amount_total"]
            for one in self.sessions.values()
            if one["payment_status"] == "paid" and payment_id in ("", one["client_reference_id"])
        )
        return int(paid - sum(one["amount"] for one in self.refunds.values()))

    # -- requests

    def handle(
        self, method: str, path: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        self.requests.append((method, path))
        if headers.get("authorization") != f"Bearer {self._key}":
            return _error(401, "invalid_request_error", "invalid_api_key")
        form = dict(parse_qsl(body.decode()))
        key = headers.get("idempotency-key", "")
        mark = f"{method} {path} {json.dumps(form, sort_keys=True)}"
        if method == "POST" and key in self._kept:
            before, status, answer = self._kept[key]
            if before != mark:
                return _error(400, "idempotency_error", "")
            return status, answer if status != 200 else json.loads(json.dumps(answer))
        status, answer = self._answer(method, path, query, form)
        if method == "POST" and key and status == 200:
            self._kept[key] = (mark, status, json.loads(json.dumps(answer)))
        return status, answer

    def keep_error(
        self, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, Any]]:
        """Something broke on their side after the work began: repeats of this key hear of it again."""
        form = dict(parse_qsl(body.decode()))
        answer = _error(500, "api_error", "")
        if key := headers.get("idempotency-key", ""):
            self._answer(method, path, {}, form)
            self._kept[key] = (f"{method} {path} {json.dumps(form, sort_keys=True)}", *answer)
        return answer

    def _answer(
        self, method: str, path: str, query: dict[str, str], form: dict[str, str]
    ) -> tuple[int, dict[str, Any]]:
        parts = path.removeprefix("/v1/").split("/")
        match (method, *parts):
            case ("POST", "checkout", "sessions"):
                return self._create(form)
            case ("GET", "checkout", "sessions"):
                return self._list(self.sessions, query)
            case ("GET", "checkout", "sessions", id_) if id_ in self.sessions:
                return 200, self._aged(self.sessions[id_])
            case ("POST", "checkout", "sessions", id_, "expire") if id_ in self.sessions:
                session = self._aged(self.sessions[id_])
                if session["status"] != "open":
                    return _error(400, "invalid_request_error", "")
                session |= {"status": "expired", "url": None}
                return 200, session
            case ("POST", "refunds"):
                return self._refund(form)
            case ("GET", "refunds"):
                return self._list(self.refunds, query)
            case ("GET", "refunds", id_) if id_ in self.refunds:
                return 200, self.refunds[id_]
        return _error(404, "invalid_request_error", "resource_missing")

    def _create(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        left = int(form["expires_at"]) - self._now()
        if not 1_800 <= left <= 86_400 or int(form["line_items[0][price_data][unit_amount]"]) < 50:
            return _error(400, "invalid_request_error", "parameter_invalid")
        id_ = f"cs_test_{len(self.sessions) + 1:04d}"
        methods = [value for name, value in form.items() if name.startswith("payment_method_types")]
        self.sessions[id_] = {
            "id": id_,
            "object": "checkout.session",
            "amount_total": int(form["line_items[0][price_data][unit_amount]"]),
            "currency": form["line_items[0][price_data][currency]"],
            "client_reference_id": form["client_reference_id"],
            "metadata": {"payment_id": form["metadata[payment_id]"]},
            "created": int(self._now()),
            "expires_at": int(form["expires_at"]),
            "livemode": False,
            "mode": form["mode"],
            "payment_intent": None,
            "payment_method_types": methods or ["card", "paypal"],
            "payment_status": "unpaid",
            "status": "open",
            "url": f"https://checkout.stripe.com/c/pay/{id_}#{_FRAGMENT}",
        }
        return 200, self.sessions[id_]

    def _refund(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        session = self.sessions.get(self._intents.get(form["payment_intent"], ""))
        if session is None:
            return _error(404, "invalid_request_error", "resource_missing")
        back = sum(
            one["amount"] for one in self.refunds.values() if one["payment_intent"] == form["payment_intent"]
        )
        if back + int(form["amount"]) > session["amount_total"]:
            return _error(400, "invalid_request_error", "charge_already_refunded")
        id_ = f"re_{len(self.refunds) + 1:04d}"
        self.refunds[id_] = {
            "id": id_,
            "object": "refund",
            "amount": int(form["amount"]),
            "created": int(self._now()),
            "currency": session["currency"],
            "metadata": {"payment_id": form["metadata[payment_id]"]},
            "payment_intent": form["payment_intent"],
            "status": "succeeded",
        }
        return 200, self.refunds[id_]

    def _list(self, rows: dict[str, dict[str, Any]], query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        found = [
            one for one in reversed(rows.values()) if one["created"] >= int(query.get("created[gte]", 0))
        ]
        ids = [one["id"] for one in found]
        after = query.get("starting_after")
        found = found[ids.index(after) + 1 :] if after in ids else found
        limit = int(query.get("limit", 10))
        return 200, {"object": "list", "data": found[:limit], "has_more": len(found) > limit}

    def _aged(self, session: dict[str, Any]) -> dict[str, Any]:
        if session["status"] == "open" and self._now() >= session["expires_at"]:
            session |= {"status": "expired", "url": None}
        return session


def _error(status: int, type_: str, code: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"type": type_, "code": code, "message": "a fake says no"}}


class FakeTransport(httpx.AsyncBaseTransport):
    """The wire to it. `faults` are taken one a request; `away`: nothing arrives at all."""

    def __init__(self, service: FakeService, pause: Callable[[float], Awaitable[object]]) -> None:
        self.service = service
        self.faults: deque[str] = deque()
        self.away = False
        self.before: Callable[[str, str], None] = lambda _method, _path: None
        self._pause = pause

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        fault = self.faults.popleft() if self.faults else ""
        body = await request.aread()
        await self._pause(0.2)
        if self.away or fault == "cut":
            raise httpx.ConnectError("cut", request=request)
        if fault == "garbage":
            return httpx.Response(200, content=b"<html>", request=request)
        if fault == "busy":
            return httpx.Response(409, json=_error(409, "idempotency_error", "idempotency_key_in_use")[1])
        path, headers = request.url.path, {name.lower(): value for name, value in request.headers.items()}
        self.before(request.method, path)
        if fault == "error-kept":
            status, answer = self.service.keep_error(request.method, path, headers, body)
        else:
            query = dict(request.url.params)
            status, answer = self.service.handle(request.method, path, query, headers, body)
        await self._pause(0.2)
        if fault == "lost":
            raise httpx.ReadTimeout("lost", request=request)
        return httpx.Response(status, json=answer, request=request)


def serve(port: int) -> None:
    """The same over HTTP, for a look at it by hand. GET /fake/pay pays the newest link, /fake/sums says what was charged."""
    import time
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from urllib.parse import urlsplit

    service = FakeService(time.time)

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, answer = 200, {"charged": service.charged(), "sessions": len(service.sessions)}
            if url.path == "/fake/pay":
                answer |= {"paid": bool(service.sessions) and service.pay(next(reversed(service.sessions)))}
            elif url.path.startswith("/v1/"):
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, answer = service.handle(
                    self.command, url.path, dict(parse_qsl(url.query)), headers, body
                )
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = _do  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    import sys

    print("A fake of a payment service in the shape of Stripe's reference. No money moves.")
    serve(int(sys.argv[1]) if len(sys.argv) > 1 else 8099)
