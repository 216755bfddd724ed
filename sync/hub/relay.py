"""A relay at work: the hub program in a shop, with a hub above it.

Three things go on beside the API for tills. Facts go up as the tills sealed them, each till's in order, many tills
by turns; what the hub acknowledges is kept as it signed it. Changes come down with the hub's numbers and stamps.
And wishes that only the hub may grant are passed on and answered at once. Nothing is held in memory but where
sending stands: a hub that is away for weeks costs nothing here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from pos.ports import Clock, Ids
from sync.hub import changes, exceptions, mirror, upstream
from sync.hub.changes import Cursor
from sync.hub.database import Database
from sync.hub.upstream import MAIN
from sync.identity import Identity, Node
from sync.keys import verify
from sync.line import Answer, Line, UntrustedAnswerError, ask_unsigned, expect, is_silence, unsigned_line
from sync.pace import Backoff, PauseError
from sync.wire import (
    BATCH_MAX_FACTS,
    Ack,
    Batch,
    Changes,
    Feed,
    Fork,
    Gap,
    Hello,
    Problem,
    Welcome,
    ack_bytes,
    decode_answer,
    encode_batch,
    encode_json,
)

__all__ = ["Relay"]

LOOK_S: Final = 30.0
HELLO_MS: Final = 300_000
HELD_MS: Final = 60_000
AWAY_MS: Final = 10_000
WAIT_S: Final = 25
QUICK_MS: Final = 1_000
PASS_ON_S: Final = 10.0
CHANGES_LIMIT: Final = 500
SCOPES_AT_ONCE: Final = 200
Run = tuple[str, int, bytes]
"""Facts that follow one another: till, epoch, and the branch in quarantine or MAIN."""

_log = logging.getLogger("tresen.relay")


class Relay:
    """`run` is a task of the node's. `transport` makes what stands in for the network (tests, simulations).

    `told_url` hears where the hub shows receipts; `keys_changed`, that keys of machines came from it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        identity: Identity,
        *,
        told_url: Callable[[str], None],
        keys_changed: Callable[[], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transport: Callable[[], Any] | None = None,
    ) -> None:
        node = identity.node("hub")
        assert node is not None
        self.identity = identity
        self._node: Node = node
        self._store = identity.store
        self._database = database
        self._clock = clock
        self._ids = ids
        self._told_url = told_url
        self._keys_changed = keys_changed
        self._sleep = sleep
        self._transport = transport
        self._kicked = asyncio.Event()
        # Where sending stands beyond what is acknowledged: runs that the hub keeps aside.
        self._sent: dict[Run, int] = {}
        self._forked: set[Run] = set()
        self._held_until: dict[Run, int] = {}
        self._greeted_ms: dict[str, int] = {}
        self._run: str | None = None  # which start of the hub's it was that greeted us
        self._doubt = False
        self._limit = BATCH_MAX_FACTS
        self._silent_since_ms: int | None = None

    @property
    def hub_away(self) -> bool:
        """Whether the hub has been silent for a while."""
        since = self._silent_since_ms
        return since is not None and self._clock.mono_ms() - since >= AWAY_MS

    def is_forked(self, till: str, epoch: int) -> bool:
        """Whether the hub keeps what this till writes in this epoch aside."""
        return (till, epoch, MAIN) in self._forked

    def kick(self) -> None:
        """Facts have come. Returns at once."""
        self._kicked.set()

    async def run(self) -> None:
        """Up and down, each on its own line, until cancelled; survives everything else."""
        tasks = [
            asyncio.create_task(self._keep(self._up), name="relay-up"),
            asyncio.create_task(self._keep(self._down), name="relay-down"),
        ]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def pass_on(
        self,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Answer | None:
        """A question that only the hub can answer; None if it cannot be reached."""
        try:
            async with self._line() as line:
                return await line.ask(method, path, query=query, body=body, timeout_s=PASS_ON_S)
        except UntrustedAnswerError:
            return None
        except Exception as error:
            if is_silence(error):
                return None
            raise

    async def carry(self, path: str, body: bytes) -> Answer | None:
        """A question that proves itself, and so does its answer: both are carried unread. None: no answer."""
        transport = self._transport() if self._transport is not None else None
        try:
            async with unsigned_line(PASS_ON_S, transport, url=self._node.url, ca=self._node.ca) as line:
                return await ask_unsigned(line, self._node.url, path, body)
        except UntrustedAnswerError:
            return None
        except Exception as error:
            if is_silence(error):
                return None
            raise

    async def look_above(self, cursor: Cursor, limit: int) -> Changes | None:
        """What the hub says to a reader who is ahead of this mirror; None if it does not answer."""
        query = mirror.query_of([cursor], limit, 0)
        answer = await self.pass_on("GET", "/v1/changes", query=query)
        if answer is None or answer.status != 200:
            return None
        return msgspec.json.decode(answer.content, type=Feed).scopes[0]

    async def _keep(self, session: Callable[[Line, Backoff], Awaitable[None]]) -> None:
        """One line, built anew whenever it breaks, with pauses that grow."""
        backoff = Backoff(self._ids)
        while True:
            wait_ms = 0
            try:
                async with self._line() as line:
                    await session(line, backoff)
            except PauseError as pause:
                wait_ms = pause.wait_ms
                _log.warning("the hub: %s", pause.problem or "nothing moved")
            except UntrustedAnswerError as error:
                _log.error("whoever answers at %s is not the hub: %s", self._node.url, error)
            except Exception as error:  # noqa: BLE001 - the line must come back whatever happened
                if is_silence(error):
                    _log.info("the hub does not answer: %s", error)
                else:
                    _log.error("the line to the hub broke", exc_info=error)
            if self._silent_since_ms is None:
                self._silent_since_ms = self._clock.mono_ms()
            await self._sleep(max(wait_ms, backoff.next_ms()) / 1000)

    def _line(self) -> Line:
        transport = self._transport() if self._transport is not None else None
        return Line(
            self._node,
            self.identity,
            clock=self._clock,
            ids=self._ids,
            transport=transport,
        )

    # Facts up

    async def _up(self, line: Line, backoff: Backoff) -> None:
        self._run, self._doubt = None, True
        while True:
            self._kicked.clear()
            if self._doubt:  # the hub may have been restored: how does it stand, and what did it keep aside?
                self._doubt = False
                self._greeted_ms.clear()
                self._sent.clear()
                self._held_until.clear()
            await self._greet(line)
            while not self._doubt and await self._turn(line):
                backoff.reset()
            backoff.reset()
            await self._wait()

    async def _wait(self) -> None:
        kicked = asyncio.ensure_future(self._kicked.wait())
        due = asyncio.ensure_future(self._sleep(LOOK_S))
        try:
            await asyncio.wait((kicked, due), return_when=asyncio.FIRST_COMPLETED)
        finally:
            kicked.cancel()
            due.cancel()

    async def _greet(self, line: Line) -> None:
        """Ask the hub how it stands with the store and with each of its tills, now and then."""
        now_ms = self._clock.mono_ms()
        tills = await self._database.read("", upstream.tills_of, self._store)
        for till in (self.identity.machine, *tills):
            greeted_ms = self._greeted_ms.get(till)
            if greeted_ms is not None and now_ms - greeted_ms < HELLO_MS:
                continue
            hello = await self._database.read("", upstream.hello_of, self._store, till)
            await self._hello(line, hello)
            self._greeted_ms[till] = now_ms

    async def _hello(self, line: Line, hello: Hello) -> None:
        answer = await line.ask("PUT", f"/v1/tills/{hello.store}/{hello.till}", body=encode_json(hello))
        expect(answer)
        self._silent_since_ms = None
        welcome = msgspec.json.decode(answer.content, type=Welcome)
        if welcome.upstream is not None and not self._signed(welcome.upstream, hello.till):
            raise UntrustedAnswerError("a welcome without the hub's acknowledgement")
        self._heard(welcome.run)
        self._told_url(welcome.public_url)
        await self._database.run(
            f"{hello.store}/{hello.till}", upstream.welcomed, hello.store, hello.till, welcome
        )

    def _heard(self, run: str, *, reset: bool = False) -> None:
        """A hub that started anew, or whose changes are others, may hold less than it acknowledged."""
        if reset or self._run not in {None, run}:
            self._doubt = True
            self._kicked.set()
        self._run = run

    async def _turn(self, line: Line) -> bool:
        """One batch of each till, its oldest epoch first. False if nothing moved."""
        moved = False
        served: set[str] = set()
        for todo in await self._database.read("", upstream.todo, self._store):
            run = (todo.till, todo.epoch, todo.branch)
            after = max(todo.acked, self._sent.get(run, 0))
            if todo.till in served or after >= todo.head or self._is_held(run):
                continue
            served.add(todo.till)
            batch = await self._database.read(
                f"{self._store}/{todo.till}", upstream.read_next, self._store, todo, after, self._limit
            )
            moved = (batch is not None and await self._send(line, batch, run)) or moved
        return moved

    def _is_held(self, run: Run) -> bool:
        return self._clock.mono_ms() < self._held_until.get(run, 0)

    def _hold(self, run: Run) -> bool:
        """Leave this run alone for a while; the others go on."""
        self._held_until[run] = self._clock.mono_ms() + HELD_MS
        return False

    async def _send(self, line: Line, batch: Batch, run: Run) -> bool:
        """One batch, as it was sealed. True if something moved."""
        content, _ = encode_batch(batch)
        response = await line.ask(
            "POST", f"/v1/tills/{batch.store}/{batch.till}/facts", body=content, gzipped=True
        )
        answer = decode_answer(response.status, response.content)
        last = batch.facts[-1].seq
        match answer:
            case Ack():
                return await self._acknowledged(batch, run, answer)
            case Gap():
                return await self._rewind(batch, run, answer)
            case Fork():
                if run not in self._forked:
                    self._forked.add(run)
                    _log.error("fork: the hub holds other facts in epoch %d of till %s", run[1], run[0])
                    await self._note(batch)
                self._sent[run] = last
                return True
            case Problem(type="urn:tresen:problem:revoked"):
                self._sent[run] = last
                return True
            case Problem(status=413) if len(batch.facts) > 1:
                self._limit = max(1, len(batch.facts) // 2)
                return True
        if response.status in {400, 403, 413}:
            _log.error("the hub does not take facts of till %s, epoch %d: %s", run[0], run[1], answer)
            return self._hold(run)
        expect(response)
        raise PauseError("refused")

    async def _acknowledged(self, batch: Batch, run: Run, ack: Ack) -> bool:
        """Keep the hub's word. It may hold more than we do: the till spoke to it while we were away."""
        if not self._signed(ack, batch.till) or ack.epoch != batch.epoch:
            raise UntrustedAnswerError("an acknowledgement without the hub's signature")
        last = batch.facts[-1].seq
        if ack.acked_seq < last:
            raise PauseError("the hub acknowledged less than it was sent")
        self._limit = BATCH_MAX_FACTS
        kept = run[2] == MAIN and await self._database.run(
            f"{batch.store}/{batch.till}", upstream.acknowledged, ack, last
        )
        if not kept:
            self._sent[run] = last
        return True

    async def _rewind(self, batch: Batch, run: Run, gap: Gap) -> bool:
        """The hub lacks facts before these: it was restored, or they never came to us."""
        forth = gap.expected_seq >= batch.first_seq or run[2] != MAIN
        self._sent.pop(run, None)
        if forth or not await self._database.run(
            f"{batch.store}/{batch.till}", upstream.rewind,
            batch.store, batch.till, batch.epoch, gap.expected_seq - 1,
        ):  # fmt: skip
            _log.warning(
                "the hub lacks facts of till %s, epoch %d from %d on",
                batch.till,
                batch.epoch,
                gap.expected_seq,
            )
            return self._hold(run)
        return True

    def _signed(self, ack: Ack, till: str) -> bool:
        whose = (ack.store, ack.till) == (self._store, till)
        return whose and verify(self._node.public_key, ack.signature, ack_bytes(ack))

    async def _note(self, batch: Batch) -> None:
        await self._database.run(
            f"{batch.store}/{batch.till}",
            exceptions.note, batch.store, "upstream", f"{batch.till}/{batch.epoch}",
            till=batch.till, epoch=batch.epoch, seq=batch.first_seq,
            detail="the hub holds other facts under these numbers, and keeps ours aside",
            now_ms=self._clock.wall_ms(),
        )  # fmt: skip

    # Changes down

    async def _down(self, line: Line, backoff: Backoff) -> None:
        while True:
            asked_ms = self._clock.mono_ms()
            cursors = await self._database.read("", mirror.cursors, self._store)
            count = 0
            wait_s = WAIT_S if len(cursors) <= SCOPES_AT_ONCE else 0
            for start in range(0, len(cursors), SCOPES_AT_ONCE):
                count += await self._fetch(line, cursors[start : start + SCOPES_AT_ONCE], wait_s)
            backoff.reset()
            if not count and self._clock.mono_ms() - asked_ms < QUICK_MS:
                await self._sleep(1.0)  # a hub that does not hold its answers back

    async def _fetch(self, line: Line, asked: list[Cursor], wait_s: int) -> int:
        query = mirror.query_of(asked, CHANGES_LIMIT, wait_s)
        answer = await line.ask("GET", "/v1/changes", query=query, timeout_s=wait_s + 15.0)
        expect(answer)
        self._silent_since_ms = None
        feed = msgspec.json.decode(answer.content, type=mirror.Answer)
        parts = feed.scopes
        self._heard(feed.run, reset=any(part.reset for part in parts))
        count = await self._database.run(
            changes.CHAIN, mirror.take, self._store, parts, self._clock.wall_ms()
        )
        if count:
            self._keys_changed()
            self.kick()  # there may be tills that the hub has not been asked about
        return count
