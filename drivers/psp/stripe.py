"""Stripe, by its REST interface: Checkout Sessions as links, refunds of their payments.

Written from Stripe's public reference: form-encoded requests, JSON answers, `Idempotency-Key` (kept for 24 hours at least, also
for answers that were lost or were errors of theirs), sessions "open", "complete" and "expired" with `payment_status`, and the
rule that a session must expire 30 minutes to 24 hours after it is made. It has been tried against a recorded shape only.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pos.domain.psp import PspOrder, PspSays, Status
from pos.psp_ports import PspAwayError, PspKeyError, PspRefusedError

if TYPE_CHECKING:
    import httpx

__all__ = ["Stripe", "StripeKeyError", "read_key"]

BASE: Final = "https://api.stripe.com"
VERSION: Final = "2025-07-30.basil"
OPEN_S: Final = 35 * 60
"""A link is good for so long from its intent on. What arrives there later than 5 minutes after is refused: too short."""
_LIST_BEFORE_S: Final = 600
_PAGES_MAX: Final = 50
_TIMEOUT_S: Final = 15.0
_KEY: Final = frozenset({401, 403})
_AWAY: Final = frozenset({409, 429})


class StripeKeyError(ValueError):
    """The file with the key cannot be used; the text says why."""


def read_key(path: Path) -> str:
    """The secret key: one line of a file that nobody else may read. Raises StripeKeyError."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise StripeKeyError(f"{path}: {error}") from error
    if mode & 0o077:
        raise StripeKeyError(f"{path}: others may read it; chmod 600 {path}")
    if not text.startswith(("sk_", "rk_")) or not text.isprintable() or " " in text:
        raise StripeKeyError(f"{path}: it holds no secret key (sk_... or rk_...)")
    return text


class Stripe:
    """pos.psp_ports.PaymentService. `methods`: what customers may pay with ("card", "paypal", ...); none: as set at Stripe."""

    name = "stripe"

    def __init__(
        self,
        key: str,
        *,
        return_url: str,
        methods: tuple[str, ...] = (),
        base: str = BASE,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self._key = key
        self._return_url = return_url
        self._methods = methods
        self._base = base
        self._transport = transport
        self._client: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"Stripe({self._base})"

    async def create(self, order: PspOrder) -> PspSays:
        form = {
            "mode": "payment",
            "client_reference_id": order.payment_id,
            "metadata[payment_id]": order.payment_id,
            "payment_intent_data[metadata][payment_id]": order.payment_id,
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": order.currency.lower(),
            "line_items[0][price_data][unit_amount]": str(order.amount_minor),
            "line_items[0][price_data][product_data][name]": order.text,
            "expires_at": str(order.begun_ms // 1000 + OPEN_S),
            "success_url": self._return_url,
        }
        form |= {f"payment_method_types[{n}]": method for n, method in enumerate(self._methods)}
        return _session(await self._ask("POST", "/v1/checkout/sessions", form, order.payment_id))

    async def refund(self, order: PspOrder) -> PspSays:
        paid = await self._ask("GET", f"/v1/checkout/sessions/{order.of}")
        intent = paid.get("payment_intent")
        if not isinstance(intent, str):
            raise PspRefusedError("nothing was paid")
        form = {
            "payment_intent": intent,
            "amount": str(order.amount_minor),
            "metadata[payment_id]": order.payment_id,
        }
        return _refund(await self._ask("POST", "/v1/refunds", form, order.payment_id))

    async def status(self, order: PspOrder) -> PspSays:
        if order.kind == "refund":
            return _refund(await self._ask("GET", f"/v1/refunds/{order.reference}"))
        return _session(await self._ask("GET", f"/v1/checkout/sessions/{order.reference}"))

    async def find(self, order: PspOrder) -> PspSays:
        since = order.begun_ms // 1000 - _LIST_BEFORE_S
        path, query = "/v1/checkout/sessions", {"created[gte]": str(since), "limit": "100"}
        if order.kind == "refund":
            path = "/v1/refunds"
        for _ in range(_PAGES_MAX):
            page = await self._ask("GET", path, query)
            rows = page.get("data")
            for row in rows if isinstance(rows, list) else ():
                if (row.get("metadata") or {}).get("payment_id") == order.payment_id:
                    return _refund(row) if order.kind == "refund" else _session(row)
            if not page.get("has_more") or not rows:
                return PspSays("none")
            query = query | {"starting_after": str(rows[-1].get("id"))}
        raise PspAwayError("too many payments to look through")

    async def cancel(self, order: PspOrder) -> PspSays:
        try:
            return _session(await self._ask("POST", f"/v1/checkout/sessions/{order.reference}/expire"))
        except PspRefusedError:  # only an open one can be cancelled: what is it then?
            return await self.status(order)

    async def probe(self) -> None:
        """Look whether it answers and takes the key, for the two things that are needed; nothing is made or changed."""
        for path in ("/v1/checkout/sessions", "/v1/refunds"):
            await self._ask("GET", path, {"limit": "1"})

    async def _ask(
        self, method: str, path: str, form: dict[str, str] | None = None, key: str = ""
    ) -> dict[str, Any]:
        import httpx  # noqa: PLC0415 - not before the first payment

        if self._client is None:
            self._client = httpx.AsyncClient(
                base_url=self._base, timeout=_TIMEOUT_S, transport=self._transport, follow_redirects=False
            )
        headers = {"Authorization": f"Bearer {self._key}", "Stripe-Version": VERSION}
        if key:
            headers["Idempotency-Key"] = f"tresen-{key}"
        try:
            answer = await self._client.request(
                method,
                path,
                params=form if method == "GET" else None,
                data=form if method != "GET" else None,
                headers=headers,
            )
            body = answer.json()
        except (httpx.HTTPError, ValueError, UnicodeDecodeError) as error:
            raise PspAwayError(type(error).__name__) from error
        return _checked(answer.status_code, body)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None


def _checked(status: int, body: Any) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise PspAwayError(f"answer {status} is no object")
    if status == 200:
        return body
    error = body.get("error")
    error = error if isinstance(error, dict) else {}
    said = str(error.get("code") or error.get("type") or status)[:60]
    if status >= 500 or status in _AWAY or error.get("type") == "idempotency_error" or status < 400:
        raise PspAwayError(said)
    raise (PspKeyError if status in _KEY else PspRefusedError)(said)


def _session(body: dict[str, Any]) -> PspSays:
    state, paid = body.get("status"), body.get("payment_status")
    status: Status
    if state == "open":
        status = "open"
    elif state == "expired":
        status = "expired"
    elif state == "complete":
        status = "paid" if paid == "paid" else "pending"
    else:
        raise PspAwayError(f"a session in the state {str(state)[:20]!r}")
    methods = body.get("payment_method_types")
    one = methods[0] if isinstance(methods, list) and len(methods) == 1 else ""
    return PspSays(
        status,
        str(body.get("id") or ""),
        _minor(body.get("amount_total")),
        str(body.get("currency") or "").upper(),
        str(body.get("url") or "") if status == "open" else "",
        str(one),
        f"{state}/{paid}",
    )


def _refund(body: dict[str, Any]) -> PspSays:
    state = body.get("status")
    if state in {"succeeded", "pending", "requires_action"}:  # accepted; the bank takes its days
        status: Status = "paid"
    elif state in {"failed", "canceled"}:
        status = "failed"
    else:
        raise PspAwayError(f"a refund in the state {str(state)[:20]!r}")
    return PspSays(
        status,
        str(body.get("id") or ""),
        _minor(body.get("amount")),
        str(body.get("currency") or "").upper(),
        detail=str(state),
    )


def _minor(value: Any) -> int | None:
    try:
        return msgspec.convert(value, int)
    except msgspec.ValidationError:
        return None
