"""The hub's gate: every request of a machine is verified, every answer is signed.

It stands before the application. A handler behind it asks `caller_of` who calls; whatever did not come through the
gate has no caller and is refused, so nothing is open by mistake. Who bears a token passes too, without a caller: the
API of the channels looks at it. Receipt pages, the hub's health, enrolments (which
prove themselves), devices of the staff page that redeem a code and what the office uses pass unverified.
"""

import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy.exc import SQLAlchemyError

from sync.hub.changes import may_read
from sync.hub.machines import FORBIDDEN, MachineKey
from sync.hub.pace import Pace, paced
from sync.hub.problems import PROBLEM_JSON, Document, ProblemError
from sync.signatures import (
    NONCE_BYTES,
    WINDOW_MAX_S,
    Signature,
    SignatureError,
    answer_headers,
    has_digest,
    read_signature,
    verify_request,
)
from sync.wire import REQUEST_MAX_BYTES, Problem, encode_json

if TYPE_CHECKING:
    from sync.hub.service import Hub

__all__ = ["BODY_MAX_BYTES", "CLOCK", "SIGNATURE", "Caller", "Gate", "caller_of"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

BODY_MAX_BYTES: Final = 2 * REQUEST_MAX_BYTES
CLOCK: Final = "urn:tresen:problem:clock"
SIGNATURE: Final = "urn:tresen:problem:signature"

_PREFIX: Final = "/v1/"
_UNSIGNED: Final = frozenset(
    {
        *("/v1/health", "/v1/staff/sessions", "/v1/catalogue/articles", "/v1/catalogue/promotions"),
        *("/v1/catalogue/price-lists", "/v1/catalogue/list-prices"),
    }
)
_SCHEMA: Final = "/v1/schema"
_ENROLMENTS: Final = "/v1/enrolments"
_CALLER: Final = "tresen.caller"
_NONCES_MAX: Final = 500_000
_BIN_S: Final = 32
_EARLY_S: Final = 2
_RETRY_S: Final = 5

_log = logging.getLogger("tresen.hub")


class Caller(msgspec.Struct, frozen=True):
    """Who calls. `standing` of its key is "active", "retired" or "revoked"."""

    store: str
    machine: str
    role: str
    key: MachineKey
    standing: str

    def demand_active(self) -> None:
        """Only keys in use may ask for anything; raises ProblemError."""
        if self.standing != "active":
            raise ProblemError.of(_forbidden(f"The key of {self.machine} is {self.standing}"))

    def demand_store(self, store: str) -> None:
        if self.store != store:
            raise ProblemError.of(_forbidden(f"{self.machine} belongs to another store"))

    def demand_scopes(self, scopes: Sequence[str]) -> None:
        """What a machine may read: see `changes.may_read`."""
        for scope in scopes:
            if not may_read(scope, self.role, self.store, self.machine):
                raise ProblemError.of(_forbidden(f"{self.machine} may not read {scope[:64]}"))

    def demand_till(self, store: str, till: str) -> None:
        """The till itself, or a relay that speaks for its store's tills; raises ProblemError."""
        self.demand_store(store)
        if self.role != "relay" and self.machine != till:
            raise ProblemError.of(_forbidden(f"{self.machine} does not speak for {till}"))


def caller_of(connection: Any) -> Caller:
    """Who calls, as the gate found; raises ProblemError where nothing went through the gate."""
    found = connection.scope.get(_CALLER)
    if not isinstance(found, Caller):
        raise ProblemError.of(Problem(401, "The request is not signed", type=SIGNATURE))
    return found


class Gate:
    """The application behind its gate. Remembers nonces until they expire; a full memory takes no more requests.

    What was signed before this hub started may have been used with the one before, so it counts as expired.
    """

    def __init__(self, app: App, hub: "Hub", pace: Pace = Pace()) -> None:  # noqa: B008 - frozen
        self.app = app
        self._pace = pace
        self._hub = hub
        self._nonces = _Nonces()
        self._started_mono_ms = hub.clock.mono_ms()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            receive = paced(receive, self._pace)
        if scope["type"] != "http" or not _is_guarded(scope["path"]):
            await self.app(scope, receive, send)
            return
        headers = _headers(scope)
        if _bears_token(headers):  # a channel: its handler asks for the token, all others for a caller
            await self.app(scope, receive, send)
            return
        answer = _Answer(self._hub, send)
        if scope["path"] == _ENROLMENTS:
            await self.app(scope, receive, answer)
            return
        reader = _Body(receive, _length(headers))
        try:
            found = read_signature(headers)
            answer.request_signature = found.signature
            caller = await self._verify(scope, headers, found)
            if "content-digest" in headers:
                await reader.read()
                if not has_digest(headers["content-digest"], reader.body):
                    raise SignatureError("the digest is not that of the body")
        except SignatureError as error:
            problem: Document = Problem(401, "The signature does not hold", str(error), type=SIGNATURE)
        except ProblemError as error:
            problem = error.document
        except SQLAlchemyError as error:
            _log.error("the database failed: %s", error)
            problem = Problem(503, "The hub's database does not answer")
        else:
            scope[_CALLER] = caller
            await self.app(scope, reader.again, answer)
            return
        await reader.drain()
        await answer.problem(problem)

    async def _verify(self, scope: Scope, headers: Mapping[str, str], found: Signature) -> Caller:
        """Raises SignatureError, ProblemError."""
        if found.tag != self._hub.key.key_id:
            raise SignatureError("the request was signed for another node")
        nonce = _nonce(found.nonce)
        if len(nonce) != NONCE_BYTES:
            raise SignatureError(f"a nonce has {NONCE_BYTES} bytes")
        method = scope["method"]
        if "content-digest" not in headers and (method not in {"GET", "HEAD"} or _length(headers) != 0):
            raise SignatureError("a body must have a content-digest")
        key = await self._hub.key_ring.find(found.keyid)
        if key is None:
            raise SignatureError("the key is not known here")
        verify_request(
            found,
            key.public_key,
            method=method,
            path=scope.get("raw_path", scope["path"].encode()).decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
        )
        self._demand_time(found)
        now_ms = self._hub.clock.wall_ms()
        mono_s = self._hub.clock.mono_ms() // 1000
        if not self._nonces.take(bytes.fromhex(key.key_id) + nonce, found.expires, now_ms // 1000, mono_s):
            raise SignatureError("the request was sent before")
        return Caller(key.store, key.machine, key.role, key, key.standing(now_ms))

    def _demand_time(self, found: Signature) -> None:
        """Raises SignatureError, ProblemError."""
        if not found.created < found.expires <= found.created + WINDOW_MAX_S:
            raise SignatureError(f"a request is good for 1 to {WINDOW_MAX_S} seconds")
        clock = self._hub.clock
        now_ms = clock.wall_ms()
        # In today's time: where the clock jumped, the start has moved with it.
        started_ms = now_ms - (clock.mono_ms() - self._started_mono_ms)
        in_time = found.created - _EARLY_S <= now_ms // 1000 <= found.expires
        if not in_time or found.created < started_ms // 1000:
            raise ProblemError.of(
                Problem(401, "The request was signed at another time", type=CLOCK, hub_time_ms=now_ms)
            )


class _Nonces:
    """What was used and may not be used again, in bins by the time it expires.

    A bin goes when both clocks say so: a wall clock that leaps ahead and comes back makes no request good again.
    """

    def __init__(self) -> None:
        self._bins: dict[int, set[bytes]] = {}
        self._kept_until_s: dict[int, int] = {}  # by the monotonic clock

    def take(self, nonce: bytes, expires_s: int, now_s: int, mono_s: int) -> bool:
        """False if it was used. Raises ProblemError if there is no room to remember it."""
        for at in [at for at in self._bins if (at + 1) * _BIN_S <= now_s and self._kept_until_s[at] < mono_s]:
            del self._bins[at], self._kept_until_s[at]
        at = expires_s // _BIN_S
        used = self._bins.setdefault(at, set())
        self._kept_until_s[at] = max(self._kept_until_s.get(at, 0), mono_s + expires_s - now_s)
        if nonce in used:
            return False
        if sum(map(len, self._bins.values())) >= _NONCES_MAX:
            raise ProblemError(503, "Too many requests at once")
        used.add(nonce)
        return True


class _Body:
    """Reads a request's body whole, once its sender is known, and gives it to the application again."""

    def __init__(self, receive: Receive, length: int | None) -> None:
        self._receive = receive
        self._length = length
        self._done = length == 0
        self._cut = False
        self._given = False
        self.body = b""

    async def read(self) -> None:
        """Raises ProblemError 413."""
        parts: list[bytes] = []
        size = 0
        if self._length is not None and self._length > BODY_MAX_BYTES:
            raise _too_large()
        while not self._done:
            part = await self._next()
            size += len(part)
            if size > BODY_MAX_BYTES:
                raise _too_large()
            parts.append(part)
        if self._cut:
            raise ProblemError(400, "The body was cut off")
        self.body = b"".join(parts)

    async def drain(self) -> None:
        """Read on a little, so that the sender hears the answer; a flood is cut."""
        size = 0
        while not self._done and size <= BODY_MAX_BYTES:
            size += len(await self._next())

    async def again(self) -> MutableMapping[str, Any]:
        if self._given:
            return await self._receive()
        self._given = True
        return {"type": "http.request", "body": self.body, "more_body": False}

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] != "http.request":
            self._done = self._cut = True
            return b""
        self._done = not message.get("more_body", False)
        body: bytes = message.get("body", b"")
        return body


class _Answer:
    """Holds an answer back until it is whole, and sends it with the node's signature."""

    def __init__(self, hub: "Hub", send: Send) -> None:
        self.request_signature = b""
        self._hub = hub
        self._send = send
        self._start: MutableMapping[str, Any] = {}
        self._parts: list[bytes] = []

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] == "http.response.body":
            self._parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                await self._finish()
        else:
            await self._send(message)

    async def problem(self, problem: Document) -> None:
        body = encode_json(problem)
        headers = {
            "content-type": PROBLEM_JSON,
            "content-length": str(len(body)),
            "cache-control": "no-store",
            "x-content-type-options": "nosniff",
        }
        if problem.status == 503:
            headers["retry-after"] = str(_RETRY_S)
        await self({"type": "http.response.start", "status": problem.status, "headers": _raw(headers)})
        await self({"type": "http.response.body", "body": body})

    async def _finish(self) -> None:
        body = b"".join(self._parts)
        given = self._start.get("headers", ())
        if any(name.lower() == b"signature" for name, _ in given):  # passed on as another node said it
            await self._send(self._start)
            await self._send({"type": "http.response.body", "body": body})
            return
        key = self._hub.key
        signed = answer_headers(
            key.sign,
            keyid=key.key_id,
            status=self._start["status"],
            body=body,
            request_signature=self.request_signature,
            created=self._hub.clock.wall_ms() // 1000,
        )
        await self._send({**self._start, "headers": [*given, *_raw(signed)]})
        await self._send({"type": "http.response.body", "body": body})


def _is_guarded(path: str) -> bool:
    return (
        path.startswith(_PREFIX)
        and path not in _UNSIGNED
        and path != _SCHEMA
        and not path.startswith(f"{_SCHEMA}/")
    )


def _bears_token(headers: Mapping[str, str]) -> bool:
    return "signature" not in headers and headers.get("authorization", "")[:7].lower() == "bearer "


def _headers(scope: Scope) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1").strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def _length(headers: Mapping[str, str]) -> int | None:
    """The body's length as announced; None where it is not known."""
    if "transfer-encoding" in headers:
        return None
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def _nonce(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _too_large() -> ProblemError:
    return ProblemError(413, "The body is too large", f"at most {BODY_MAX_BYTES} bytes")


def _forbidden(detail: str) -> Problem:
    return Problem(403, "This key may not do this", detail, type=FORBIDDEN)
