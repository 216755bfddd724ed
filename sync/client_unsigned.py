"""Until tills are enrolled: an unsigned line to the hub. Hands facts up, brings changes down, never gives up.

One task. While the line stands, facts above the acknowledged cursor go up in order, one batch in flight; a
lost answer costs nothing, as the same batch again is an acknowledgement too. The cursor moves only to a
number whose hash is our own. While it is down, the task tries again with growing, random pauses. Nothing
here ever holds up a sale: the till only kicks, and hears by HubReported how things stand.

Problems, as HubReported names them: "" none, "fork" (the hub holds another fact under one of our numbers;
sending has stopped), "gap" (the hub lacks facts that this till no longer has), "stuck" (connected, but the
queue has not shrunk for a minute; the line is built anew), "refused" (the hub does not take our messages or
does not let us in), "busy" (it asked us to wait), "too-large" (one fact is too large for it), "journal" (our
own facts cannot be read).
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from pos.domain.commands import HubReported
from pos.facts import StoredFact
from pos.ports import Clock, FactSource, Ids, Memory, Submit
from sync.links import TOKEN_BYTES, mint_link
from sync.wire import (
    BATCH_MAX_BYTES,
    BATCH_MAX_FACTS,
    Ack,
    Batch,
    Changes,
    Fork,
    Gap,
    Hello,
    Problem,
    ShopInfo,
    Welcome,
    decode_answer,
    encode_batch,
    encode_json,
)

if TYPE_CHECKING:
    import httpx

__all__ = ["HubClient"]

_T = TypeVar("_T")

COALESCE_MS: Final = 200
BACKOFF_FIRST_MS: Final = 500
BACKOFF_MAX_MS: Final = 60_000
RETRY_AFTER_MAX_MS: Final = 300_000
HEARTBEAT_S: Final = 30.0
WATCHDOG_MS: Final = 60_000
REQUEST_S: Final = 30.0
ANSWER_MAX_BYTES: Final = 64 * 1024 * 1024
CHANGES_LIMIT: Final = 500
_SCOPE: Final = "chain"

_KEY: Final = "hub.link_key"
_URL: Final = "hub.public_url"
_CURSOR: Final = "hub.cursor"
_CHANGES: Final = f"hub.changes.{_SCOPE}"

_log = logging.getLogger("tresen.hub-client")


class _PauseError(Exception):
    """The hub answered, but this session ends. `wait_ms` 0: the pause is what the back-off says."""

    def __init__(self, problem: str, wait_ms: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.wait_ms = wait_ms


class HubClient:
    """Implements pos.ports.Hub. `run` is the task; `load` may be awaited before it, so that links work at once.

    `epoch` says which epoch the till writes now. `apply_changes` gets records and their cursor, and may be
    handed the same ones again. `sleep` and `transport` (an httpx transport) are for tests and simulations.
    """

    def __init__(
        self,
        url: str,
        *,
        store: str,
        till: str,
        epoch: Callable[[], int],
        source: FactSource,
        memory: Memory,
        clock: Clock,
        ids: Ids,
        submit: Submit,
        apply_changes: Callable[[list[dict[str, Any]], int], Awaitable[None]] | None = None,
        shop: ShopInfo | None = None,
        software: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transport: Callable[[], Any] | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._store = store
        self._till = till
        self._epoch = epoch
        self._source = source
        self._memory = memory
        self._clock = clock
        self._ids = ids
        self._submit = submit
        self._apply_changes = apply_changes
        self._shop = shop
        self._software = software
        self._sleep = sleep
        self._transport = transport
        self._loaded = False
        self._link_key = b""
        self.public_url = ""
        self._cursor = (1, 0)
        self._changes_cursor = 0
        self._kicked = asyncio.Event()
        self._forked = False
        self._limit = BATCH_MAX_FACTS
        self._failures = 0
        self._greeted = False
        self._progress_ms = clock.mono_ms()
        self._reported: HubReported | None = None

    # The port

    def kick(self) -> None:
        self._kicked.set()

    def receipt_link(self) -> str:
        if not self._link_key:
            return ""
        return mint_link(self._store, self._ids.token(TOKEN_BYTES), self._link_key)

    async def load(self) -> None:
        """What earlier runs remembered: the store's link key, the hub's public address, the cursors."""
        self._link_key = await self._memory.get(_KEY) or b""
        self.public_url = (await self._memory.get(_URL) or b"").decode()
        if text := await self._memory.get(_CURSOR):
            epoch, _, seq = text.decode().partition(":")
            self._cursor = (int(epoch), int(seq))
        self._changes_cursor = int(await self._memory.get(_CHANGES) or b"0")
        self._loaded = True

    async def run(self) -> None:
        """Keep the line up until cancelled; survives everything else."""
        while True:
            wait_ms = 0
            self._greeted = False
            try:
                if not self._loaded:
                    await self.load()
                await self._session()
            except _PauseError as pause:
                wait_ms = pause.wait_ms + self._jitter(pause.wait_ms // 4)
                self._report(online=True, problem=pause.problem)
            except Exception as error:  # noqa: BLE001 - the line must come back whatever happened
                if _is_silence(error):
                    _log.info("the hub does not answer: %s", error)
                else:
                    _log.error("the line to the hub broke", exc_info=error)
                self._broken()
            await self._sleep(max(wait_ms, self._backoff_ms()) / 1000)

    # One session: from a connection to the next

    async def _session(self) -> None:
        import httpx  # noqa: PLC0415 - 60 ms that the first frame does not pay

        options: dict[str, Any] = {"transport": self._transport()} if self._transport else {}
        async with httpx.AsyncClient(
            base_url=self._url,
            timeout=httpx.Timeout(10.0, connect=5.0),
            trust_env=False,  # a proxy of the environment has no business between till and hub
            **options,
        ) as line:
            await self._hello(line)
            self._greeted = True
            beat_ms = None
            while True:
                self._kicked.clear()
                await self._send_all(line)  # facts first: nothing that comes down may hold them up
                self._failures = 0
                self._report(online=True, problem="fork" if self._forked else "")
                if beat_ms is None or self._clock.mono_ms() - beat_ms >= HEARTBEAT_S * 1000:
                    beat_ms = self._clock.mono_ms()
                    await self._beat(line)
                    await self._fetch_changes(line)
                if not await self._wait():
                    beat_ms = None

    async def _wait(self) -> bool:
        """Until there is news (True) or a heartbeat is due; a burst of kicks becomes one."""
        kicked = asyncio.ensure_future(self._kicked.wait())
        due = asyncio.ensure_future(self._sleep(HEARTBEAT_S))
        try:
            await asyncio.wait((kicked, due), return_when=asyncio.FIRST_COMPLETED)
        finally:
            kicked.cancel()
            due.cancel()
        if not self._kicked.is_set():
            return False
        await self._sleep(self._jitter(COALESCE_MS) / 1000)
        return True

    async def _hello(self, line: "httpx.AsyncClient") -> None:
        message = Hello(self._store, self._till, self._epoch(), self._software, self._shop)
        response = await _in_time(
            _ask(
                line,
                "PUT",
                f"/v1/tills/{self._store}/{self._till}",
                content=encode_json(message),
                headers={"Content-Type": "application/json"},
            )
        )
        _expect(response)
        welcome = msgspec.json.decode(response.content, type=Welcome)
        if welcome.link_key != self._link_key:
            await self._memory.put(_KEY, welcome.link_key)
            self._link_key = welcome.link_key
        if welcome.public_url != self.public_url:
            await self._memory.put(_URL, welcome.public_url.encode())
            self.public_url = welcome.public_url
        await self._compare(welcome)

    async def _compare(self, welcome: Welcome) -> None:
        """Start where the hub stands: behind us after a restored hub, ahead after a lost memory of ours."""
        theirs = (welcome.acked_epoch, welcome.acked_seq)
        self._forked = False
        if not welcome.acked_epoch:
            await self._move((1, 0))
            return
        ours = await self._source.hash_at(*theirs)
        if ours == welcome.acked_hash:
            await self._move(theirs)
        elif ours is not None:
            self._fork(*theirs)
        elif welcome.acked_epoch < self._epoch():  # written by the machine that this one replaced
            await self._move(theirs)
        elif theirs < self._cursor:
            raise _PauseError("gap")
        else:
            self._fork(*theirs)

    # Facts up

    async def _send_all(self, line: "httpx.AsyncClient") -> None:
        """Send until nothing is left or a fork stops it."""
        rewound_to: tuple[int, int] | None = None
        while not self._forked:
            facts = await self._next_facts()
            if not facts:
                self._progress_ms = self._clock.mono_ms()
                return
            answer, count = await self._send(line, facts)
            if isinstance(answer, Ack):
                await self._acknowledged(answer)
            elif isinstance(answer, Gap):
                target = (facts[0].epoch, answer.expected_seq - 1)
                if target == rewound_to:  # it asks for what it was just sent, or for what we no longer have
                    raise _PauseError("gap" if facts[0].seq > answer.expected_seq else self._stalled())
                rewound_to = target
                await self._move(target)
            elif isinstance(answer, Fork):
                self._fork(facts[0].epoch, answer.seq)
            else:
                self._split(count)

    async def _next_facts(self) -> Sequence[StoredFact]:
        """The next facts of one epoch."""
        try:
            facts = await _in_time(self._source.read_after(*self._cursor, self._limit))
        except Exception as error:
            _log.exception("facts cannot be read")
            raise _PauseError("journal") from error
        return [fact for fact in facts if fact.epoch == facts[0].epoch]

    async def _send(
        self, line: "httpx.AsyncClient", facts: Sequence[StoredFact]
    ) -> tuple[Ack | Gap | Fork | Problem, int]:
        """Send the facts, or as many as a batch may hold. Returns the answer and the number sent."""
        first = facts[0]
        previous = await self._source.hash_at(first.epoch, first.seq - 1)
        if previous is None:
            previous = await self._source.hash_at(first.epoch, 0)
        if previous is None:
            raise _PauseError("journal")
        while True:
            batch = Batch(self._store, self._till, first.epoch, first.seq, previous, tuple(facts))
            content, raw_bytes = encode_batch(batch)
            if raw_bytes <= BATCH_MAX_BYTES or len(facts) == 1:
                break
            facts = facts[: max(1, len(facts) // 2)]
        response = await _in_time(
            _ask(
                line,
                "POST",
                f"/v1/tills/{self._store}/{self._till}/facts",
                content=content,
                headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
            )
        )
        if response.status_code not in {200, 409, 413}:
            _expect(response)
        answer = decode_answer(response.status_code, response.content)
        if isinstance(answer, Problem) and answer.status != 413:
            raise _PauseError("refused")
        return answer, len(facts)

    async def _acknowledged(self, ack: Ack) -> None:
        """Move the cursor, if what the hub holds is what we wrote."""
        if not await self._is_ours(ack.epoch, ack.acked_seq, ack.acked_hash):
            self._fork(ack.epoch, ack.acked_seq)
            return
        if (ack.epoch, ack.acked_seq) <= self._cursor:
            raise _PauseError(self._stalled())
        self._progress_ms = self._clock.mono_ms()
        self._failures = 0
        self._limit = min(BATCH_MAX_FACTS, self._limit * 2)
        await self._move((ack.epoch, ack.acked_seq))
        self._report(online=True)

    async def _is_ours(self, epoch: int, seq: int, hash_: bytes) -> bool:
        return await self._source.hash_at(epoch, seq) == hash_

    async def _move(self, cursor: tuple[int, int]) -> None:
        """Remember how far the hub holds our facts. Losing this is harmless: they are sent again."""
        if cursor != self._cursor:
            self._cursor = cursor
            await self._memory.put(_CURSOR, f"{cursor[0]}:{cursor[1]}".encode())

    def _split(self, count: int) -> None:
        """413: try with half as many."""
        if count == 1:
            raise _PauseError("too-large")
        self._limit = count // 2

    def _fork(self, epoch: int, seq: int) -> None:
        _log.error("fork: the hub holds another fact at %d/%d; sending stops", epoch, seq)
        self._forked = True
        self._report(online=True, problem="fork")

    def _stalled(self) -> str:
        """The progress watchdog's word: "stuck" once the queue has not shrunk for a minute."""
        return "stuck" if self._clock.mono_ms() - self._progress_ms > WATCHDOG_MS else ""

    def _broken(self) -> None:
        """No answer. Where the hub greeted us but then takes nothing, that is stuck, not offline."""
        if not self._greeted:
            self._progress_ms = self._clock.mono_ms()
        stalled = self._stalled()
        self._report(online=bool(stalled), problem=stalled)

    # Changes down

    async def _fetch_changes(self, line: "httpx.AsyncClient") -> None:
        if self._apply_changes is None:
            return
        while True:
            response = await _in_time(
                _ask(
                    line,
                    "GET",
                    "/v1/changes",
                    params={"scope": _SCOPE, "after": self._changes_cursor, "limit": CHANGES_LIMIT},
                )
            )
            _expect(response)
            answer = msgspec.json.decode(response.content, type=Changes)
            if answer.head < self._changes_cursor:  # a hub restored from a copy counts anew
                await self._moved_changes(0)
                continue
            if not answer.changes:
                return
            try:
                await self._apply_changes(
                    [msgspec.to_builtins(change) for change in answer.changes], answer.cursor
                )
            except Exception:  # noqa: BLE001 - logged; what comes down must not stop what goes up
                _log.exception("changes %d to %d could not be applied", self._changes_cursor, answer.cursor)
                return
            await self._moved_changes(answer.cursor)
            if answer.cursor >= answer.head:
                return

    async def _moved_changes(self, cursor: int) -> None:
        self._changes_cursor = cursor
        await self._memory.put(_CHANGES, str(cursor).encode())

    # How things stand

    async def _beat(self, line: "httpx.AsyncClient") -> None:
        _expect(await _in_time(_ask(line, "GET", "/v1/health")))

    def _report(self, *, online: bool, problem: str = "") -> None:
        """Tell the till, if it is news."""
        epoch, seq = self._cursor
        news = HubReported(online, epoch, seq, problem)
        if news != self._reported:
            self._reported = news
            self._submit(news)

    def _backoff_ms(self) -> int:
        """Full jitter: anything up to a bound that doubles with each failure."""
        bound = min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS << min(self._failures, 7))
        self._failures += 1
        return max(BACKOFF_FIRST_MS // 5, self._jitter(bound))

    def _jitter(self, bound_ms: int) -> int:
        return int.from_bytes(self._ids.token(4), "big") * bound_ms >> 32


async def _in_time(awaitable: Awaitable[_T]) -> _T:
    async with asyncio.timeout(REQUEST_S):
        return await awaitable


class _Answer(msgspec.Struct, frozen=True):
    """What the hub answered, whole and within its limit."""

    status_code: int
    headers: Any
    content: bytes


async def _ask(line: "httpx.AsyncClient", method: str, path: str, **options: Any) -> _Answer:
    """One request. An answer that does not end is cut off: whoever gives it is no hub of ours."""
    content = bytearray()
    async with line.stream(method, path, **options) as response:
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > ANSWER_MAX_BYTES:
                _log.error("the answer to %s is over %d bytes", path, ANSWER_MAX_BYTES)
                raise _PauseError("refused")
    return _Answer(response.status_code, response.headers, bytes(content))


def _expect(response: _Answer) -> None:
    """Raise _PauseError for whatever is no success."""
    status = response.status_code
    if status == 200:
        return
    if status in {429, 503}:
        raise _PauseError("busy", wait_ms=_retry_after_ms(response.headers.get("retry-after", "")))
    if status >= 500:
        raise _PauseError("busy")
    _log.warning("the hub refused: %d %s", status, response.content[:300].decode(errors="replace"))
    raise _PauseError("refused")


def _retry_after_ms(text: str) -> int:
    """Seconds only (RFC 9110, 10.2.3 knows dates too: then the back-off decides)."""
    return min(int(text) * 1000, RETRY_AFTER_MAX_MS) if text.isascii() and text.isdigit() else 0


def _is_silence(error: Exception) -> bool:
    """Whether this is the network's doing, as happens every day."""
    httpx = sys.modules.get("httpx")
    return isinstance(error, OSError) or (httpx is not None and isinstance(error, httpx.TransportError))
