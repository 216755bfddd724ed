"""A machine's signed line to one node: every request is signed, every answer's signature is looked at.

Nobody between machine and node can change, repeat or invent a word. What no node of ours signed raises
UntrustedAnswerError and is to be treated like silence.
"""

import asyncio
import logging
import ssl
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from pos.ports import Clock, Ids
from sync.identity import Identity, Node
from sync.keys import key_id_of
from sync.pace import PauseError, retry_after_ms
from sync.signatures import NONCE_BYTES, SignatureError, read_signature, request_headers, verify_answer
from sync.wire import Problem

if TYPE_CHECKING:
    import httpx

__all__ = [
    "ANSWER_MAX_BYTES",
    "Answer",
    "Line",
    "UntrustedAnswerError",
    "ask_unsigned",
    "expect",
    "is_silence",
    "unsigned_line",
]

ANSWER_MAX_BYTES: Final = 64 * 1024 * 1024
CLOCK_PROBLEM: Final = "urn:tresen:problem:clock"
_VALID_S: Final = 120
_CONNECT_S: Final = 5.0

_log = logging.getLogger("tresen.line")


class UntrustedAnswerError(Exception):
    """Somebody answered who is not the node, or the answer was changed on its way."""


class Answer(msgspec.Struct, frozen=True):
    """What the node answered, whole. Header names in lower case. `unread`: nobody has looked at its signature."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    unread: bool = False


class Line:
    """One connection at a time to one node; `async with` opens and closes it.

    `transport` stands in for the network (tests, simulations). Silence raises what httpx or the operating
    system raise (see `is_silence`); TimeoutError after `timeout_s`.
    """

    def __init__(
        self,
        node: Node,
        identity: Identity,
        *,
        clock: Clock,
        ids: Ids,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        self.node = node
        self._identity = identity
        self._clock = clock
        self._ids = ids
        self._transport = transport
        self._tag = key_id_of(node.public_key)
        self._client: httpx.AsyncClient | None = None
        # Added to our own clock when signing, in ms; moved by the node's word alone.
        self._offset_ms = 0
        self.skew_ms = 0

    async def __aenter__(self) -> Self:
        import httpx  # noqa: PLC0415 - 60 ms that the first frame does not pay

        self._client = httpx.AsyncClient(
            base_url=self.node.url, **_options(self.node.url, self.node.ca, self._transport)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "application/json",
        gzipped: bool = False,
        key: str = "",
        timeout_s: float = 30.0,
    ) -> Answer:
        """One request and its answer. `gzipped` says that `body` is gzip already; `key` is its Idempotency-Key.

        If the node says that our clock is wrong, we sign with its time from then on, and ask once more.
        """
        headers = {"content-type": content_type} if body else {}
        if body and gzipped:
            headers["content-encoding"] = "gzip"
        if key:
            headers["idempotency-key"] = key
        async with asyncio.timeout(timeout_s):
            answer = await self._ask(method, path, query, body, headers, timeout_s)
            if answer.status == 401 and self._correct_clock(answer):
                answer = await self._ask(method, path, query, body, headers, timeout_s)
        return answer

    async def _ask(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        body: bytes,
        headers: dict[str, str],
        timeout_s: float,
    ) -> Answer:
        import httpx  # noqa: PLC0415

        assert self._client is not None, "a line is used inside `async with`"
        request = self._client.build_request(
            method,
            path,
            params=list(query) or None,
            content=body or None,
            headers=headers,
            timeout=httpx.Timeout(timeout_s, connect=_CONNECT_S),
        )
        target, _, query_text = request.url.raw_path.decode("ascii").partition("?")
        created = (self._clock.wall_ms() + self._offset_ms) // 1000
        signed = request_headers(
            self._identity.key.sign,
            keyid=self._identity.key_ref,
            tag=self._tag,
            method=method,
            path=target,
            query=query_text,
            headers=headers,
            body=body,
            created=created,
            expires=created + _VALID_S,
            nonce=self._ids.token(NONCE_BYTES),
        )
        request.headers.update(signed)
        answer = await _send(self._client, request)
        self._trust(answer, read_signature(signed).signature)
        return answer

    def _trust(self, answer: Answer, request_signature: bytes) -> None:
        """Raises UntrustedAnswerError unless our node gave this answer to that request."""
        try:
            found = verify_answer(
                self.node.public_key,
                status=answer.status,
                headers=answer.headers,
                body=answer.content,
                request_signature=request_signature,
            )
        except SignatureError as error:
            _log.error("an answer from %s is not of the node %s: %s", self.node.url, self.node.name, error)
            raise UntrustedAnswerError(str(error)) from error
        # Whole seconds: the middle of the one that the node named.
        self.skew_ms = found.created * 1000 + 500 - self._clock.wall_ms()

    def _correct_clock(self, answer: Answer) -> bool:
        """Take the node's time for signing, if that is what it asks for."""
        try:
            problem = msgspec.json.decode(answer.content, type=Problem)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return False
        if problem.type != CLOCK_PROBLEM or not problem.hub_time_ms:
            return False
        self._offset_ms = problem.hub_time_ms - self._clock.wall_ms()
        self.skew_ms = self._offset_ms
        _log.warning("the node's clock is %d ms off ours; requests are signed with its time", self.skew_ms)
        return True


def unsigned_line(
    timeout_s: float, transport: Any = None, *, url: str = "", ca: str = ""
) -> "httpx.AsyncClient":
    """For questions that prove themselves (enrolments), and whose answers do."""
    import httpx  # noqa: PLC0415

    return httpx.AsyncClient(timeout=timeout_s, **_options(url, ca, transport))


def _options(url: str, ca: str, transport: Any) -> dict[str, Any]:
    return {
        "trust_env": False,  # a proxy of the environment has no business between machine and node
        "headers": {"Accept-Encoding": "identity"},  # the digest is over the bytes as sent
        # TLS keeps the talk secret; who talks is what the signatures say. Its context costs 30 ms to make.
        **(
            {"transport": transport}
            if transport
            else {"verify": _tls(ca) if url.startswith("https:") else False}
        ),
    }


@lru_cache(maxsize=4)
def _tls(ca: str) -> ssl.SSLContext:
    """A context that trusts the machine's authorities, or only those in the file `ca` (PEM). Raises OSError."""
    return ssl.create_default_context(cafile=ca or None)


async def ask_unsigned(client: "httpx.AsyncClient", url: str, path: str, body: bytes) -> Answer:
    """POST some JSON, signed by nobody; believe nothing of the answer."""
    headers = {"content-type": "application/json"}
    request = client.build_request("POST", url.rstrip("/") + path, content=body, headers=headers)
    return msgspec.structs.replace(await _send(client, request), unread=True)


async def _send(client: "httpx.AsyncClient", request: "httpx.Request") -> Answer:
    """Send a request; its answer whole, within its limit, believed by nobody yet."""
    response = await client.send(request, stream=True)
    try:
        content = await _whole(response)
    finally:
        await response.aclose()
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, content)


async def _whole(response: "httpx.Response") -> bytes:
    """The body as sent. One that does not end is cut off: whoever gives it is no node of ours."""
    if response.is_stream_consumed:  # a transport that holds the answer whole
        return response.content
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > ANSWER_MAX_BYTES:
            raise UntrustedAnswerError(f"the answer is over {ANSWER_MAX_BYTES} bytes")
    return bytes(content)


def expect(answer: Answer) -> None:
    """Raise PauseError for whatever is no success."""
    if answer.status == 200:
        return
    if answer.status in {429, 503}:
        raise PauseError("busy", wait_ms=retry_after_ms(answer.headers.get("retry-after", "")))
    if answer.status >= 500:
        raise PauseError("busy")
    _log.warning("refused: %d %s", answer.status, answer.content[:300].decode(errors="replace"))
    raise PauseError("refused")


def is_silence(error: BaseException) -> bool:
    """Whether this is the network's doing, as happens every day."""
    import httpx  # noqa: PLC0415

    return isinstance(error, (OSError, httpx.TransportError))
