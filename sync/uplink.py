"""One till's line to one node: says hello, compares, sends facts in order, and keeps what the node holds.

The cursor is what the node acknowledged of our own chain. The position is where sending goes on; it is the cursor,
but for a branch that the node keeps aside (a fork, a revoked key), which is sent to its end as well. What was
sent under a revoked key is not sent again for each new fact.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import msgspec

from pos.facts import StoredFact
from pos.ports import Clock, Ids, Worker
from pos.storage_ports import FactSource
from sync.cursors import Cursor, Place
from sync.downlink import Downlink
from sync.epochs import EpochAsker
from sync.identity import Identity, Node
from sync.line import Line, UntrustedAnswerError, expect, is_silence
from sync.pace import IDLE, Backoff, PauseError, Stride, jitter
from sync.wire import (
    BATCH_MAX_BYTES,
    Ack,
    Batch,
    Feed,
    Fork,
    Gap,
    Hello,
    Problem,
    ShopInfo,
    Welcome,
    decode_answer,
    encode_batch,
    encode_json,
    sealed,
)

__all__ = ["Owner", "Uplink"]

COALESCE_MS: Final = 200
LOOK_S: Final = 30.0
HELLO_MS: Final = 300_000
WATCHDOG_MS: Final = 60_000
REVOKED_PAUSE_S: Final = 30.0
SKEW_MS: Final = 120_000
STAND_BY_S: Final = 1.0
REVOKED: Final = "urn:tresen:problem:revoked"

_log = logging.getLogger("tresen.uplink")


class Owner(Protocol):
    """Whose line it is: what the lines of one till share."""

    identity: Identity
    shop: ShopInfo | None
    software: str
    epoch: Callable[[], int]
    source: FactSource
    clock: Clock
    ids: Ids
    worker: Worker
    sleep: Callable[[float], Awaitable[None]]
    transport: Callable[[Node], Any] | None
    downlink: Downlink
    epochs: EpochAsker

    @property
    def stride(self) -> Stride: ...

    def stands_by(self, line: "Uplink") -> bool: ...

    async def welcomed(self, welcome: Welcome) -> None: ...

    async def heard_upstream(self, ack: Ack | None, *, draining: bool = False) -> None: ...

    def heard_of_hub(self, *, away: bool) -> None: ...

    def report(
        self, line: "Uplink", *, online: bool, problem: str = "", skew_ms: int = 0, draining: bool = False
    ) -> None: ...


class Uplink:
    """`run` is a task of the owner's. One batch is in flight at a time."""

    def __init__(self, owner: Owner, node: Node, cursor: Cursor) -> None:
        self.node = node
        self.cursor = cursor
        self.kicked = asyncio.Event()
        self._owner = owner
        self._clock = owner.clock
        self._position: Place = cursor.place
        self._branch = 0  # the epoch whose rest the node keeps aside
        self._aside: Place = (0, 0)  # up to where a revoked key's facts are kept aside
        self._standing = ""
        self._limit = IDLE.facts
        self._last_sent: tuple[Place, bytes] = ((0, 0), b"")
        self._draining = False
        self._backoff = Backoff(owner.ids)
        self._greeted = False
        self.at_rest = False  # all that is to be said is said: it waits for news
        self._skew_ms = 0
        self._run = ""  # which start of the node's it was that greeted us
        self._doubt = False
        now_ms = self._clock.mono_ms()
        self._progress_ms = now_ms
        self._heard_ms = now_ms
        self._hello_ms = now_ms

    def silent_ms(self) -> int:
        """How long this node has not been of any use: not answering, or taking nothing."""
        if self._greeted and not self._stalled():
            return 0
        return self._clock.mono_ms() - self._heard_ms

    async def run(self) -> None:
        """Keep the line up until cancelled; survives everything else."""
        self._heard_ms = self._clock.mono_ms()
        while True:
            if self._owner.stands_by(self):
                await self._owner.sleep(STAND_BY_S)
                continue
            wait_ms = 0
            try:
                await self._session()
            except PauseError as pause:
                wait_ms = pause.wait_ms + jitter(self._owner.ids, pause.wait_ms // 4)
                self._report(problem=pause.problem)
            except UntrustedAnswerError as error:
                _log.error("whoever answers at %s is not the %s: %s", self.node.url, self.node.role, error)
                self._owner.report(self, online=False, problem="untrusted")
            except Exception as error:  # noqa: BLE001 - the line must come back whatever happened
                if is_silence(error):
                    _log.info("the %s does not answer: %s", self.node.role, error)
                else:
                    _log.error("the line to the %s broke", self.node.role, exc_info=error)
                self._broken()
            self.at_rest = False
            if self._greeted:
                self._greeted = False
                self._heard_ms = self._clock.mono_ms()
            await self._owner.sleep(max(wait_ms, self._backoff.next_ms()) / 1000)

    # One session: from a connection to the next

    async def _session(self) -> None:
        owner = self._owner
        transport = owner.transport(self.node) if owner.transport is not None else None
        async with Line(
            self.node, owner.identity, clock=self._clock, ids=owner.ids, transport=transport
        ) as line:
            await self._hello(line)
            self._greeted = True
            up = asyncio.ensure_future(self._up(line))
            down = asyncio.ensure_future(owner.downlink.follow(line, self._heard))
            try:
                await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
                for task in (up, down):
                    if task.done():
                        task.result()
            finally:
                for task in (up, down):
                    task.cancel()
                await asyncio.gather(up, down, return_exceptions=True)

    async def _up(self, line: Line) -> None:
        while True:
            self.kicked.clear()
            self.at_rest = False
            if self._doubt or self._clock.mono_ms() - self._hello_ms >= HELLO_MS:
                await self._hello(line)
            await self._send_all(line)
            await self._epoch_if_needed(line)
            self._backoff.reset()
            self._skew_ms = line.skew_ms
            self._report()
            if self._owner.stands_by(self):
                return
            self.at_rest = not self.kicked.is_set()
            await self._wait()

    async def _wait(self) -> None:
        """Until there is news or it is time to look; a burst of kicks becomes one. A revoked key is not in a hurry."""
        if self._standing == "revoked":
            await self._owner.sleep(REVOKED_PAUSE_S)
            return
        kicked = asyncio.ensure_future(self.kicked.wait())
        due = asyncio.ensure_future(self._owner.sleep(LOOK_S))
        try:
            await asyncio.wait((kicked, due), return_when=asyncio.FIRST_COMPLETED)
        finally:
            kicked.cancel()
            due.cancel()
        if self.kicked.is_set():
            await self._owner.sleep(jitter(self._owner.ids, COALESCE_MS) / 1000)

    # Where both stand

    async def _hello(self, line: Line) -> None:
        owner, identity = self._owner, self._owner.identity
        epoch, seq, hash_ = await owner.source.last()
        message = Hello(identity.store, identity.machine, epoch, owner.software, owner.shop, seq, hash_)
        answer = await line.ask(
            "PUT", f"/v1/tills/{identity.store}/{identity.machine}", body=encode_json(message)
        )
        expect(answer)
        welcome = msgspec.json.decode(answer.content, type=Welcome)
        if welcome.run != self._run:  # it may have been restored from before it kept something aside
            self._aside = (0, 0)
        self._run, self._doubt = welcome.run, False
        self._hello_ms = self._clock.mono_ms()
        await owner.welcomed(welcome)
        await owner.heard_upstream(welcome.upstream)
        self._hub_away(welcome)
        await self._compare(welcome)
        if welcome.has_last and (epoch, seq) > self.cursor.place:  # a copy of this disk sent all of ours
            await self.cursor.move((epoch, seq))
            self._position = self.cursor.place
        if self._standing == "revoked":
            self._position = max(self._position, self._aside)
        else:
            self._aside = (0, 0)

    def _heard(self, feed: Feed) -> None:
        """A node that started anew, or whose changes are others, may have been restored: what does it hold?"""
        self._hub_away(feed)
        if feed.run != self._run or any(changes.reset for changes in feed.scopes):
            self._doubt = True
            self.kicked.set()

    def _hub_away(self, said: Feed | Welcome) -> None:
        if self.node.role == "relay":
            self._owner.heard_of_hub(away=said.hub_away)

    async def _compare(self, welcome: Welcome) -> None:
        """Start where the node stands: behind us after it was restored, ahead after a lost memory of ours."""
        self._standing = welcome.standing
        self._branch = 0
        theirs = (welcome.acked_epoch, welcome.acked_seq)
        if not welcome.acked_epoch:
            await self.cursor.move((1, 0))
            self._position = self.cursor.place
            return
        ours = await self._owner.source.hash_at(*theirs)
        if ours == welcome.acked_hash:
            await self.cursor.move(theirs)
            if self._standing == "fork":  # a relay holds ours; the hub above it does not
                self._begin_branch(self._owner.epoch())
        elif self._standing == "revoked":  # whatever differs, all of ours is kept aside
            if theirs < self.cursor.place:
                await self.cursor.move((welcome.acked_epoch, 0))
        elif ours is not None or self._standing == "fork":
            self._begin_branch(welcome.acked_epoch)
            if (
                theirs < self.cursor.place
            ):  # restored from before it kept our branch aside: all of that epoch again
                await self.cursor.move((welcome.acked_epoch, 0))
        elif welcome.acked_epoch < self._owner.epoch():  # written by the machine that this one replaced
            await self.cursor.move(theirs)
        elif self._standing != "behind" and theirs < self.cursor.place:
            raise PauseError("gap")
        else:
            self._standing = "behind"
        self._position = self.cursor.place

    def _begin_branch(self, epoch: int) -> None:
        """Sending goes on from what the node is known to hold of ours; it keeps the rest aside."""
        if self._branch != epoch:
            _log.error("fork: the %s holds another fact in epoch %d", self.node.role, epoch)
        self._branch = epoch
        self._report()

    async def _epoch_if_needed(self, line: Line) -> None:
        """All of ours is sent. A fork, a restored disk: from here on under numbers of our own."""
        if self._standing == "revoked":
            return
        epochs = self._owner.epochs
        current = self._owner.epoch()
        if self._branch == current:
            await epochs.ask(line, "fork")
        elif self._standing == "behind" or await epochs.restored():
            await epochs.ask(line, "restored")
        else:
            return
        self._standing = "ok"
        self.kicked.set()

    # Facts up

    async def _send_all(self, line: Line) -> None:
        """Send until nothing is left."""
        if self._standing == "behind":  # numbers of ours that are taken: first another epoch
            return
        rewound_to: Place | None = None
        while True:
            facts = await self._next_facts()
            if not facts:
                self._progress_ms = self._clock.mono_ms()
                return
            stride = self._owner.stride
            self._draining = len(facts) >= stride.facts
            answer, count = await self._send(line, facts)
            last = (facts[0].epoch, facts[count - 1].seq)
            match answer:
                case Ack():
                    await self._acknowledged(answer, last)
                case Gap():
                    target = (facts[0].epoch, answer.expected_seq - 1)
                    if target == rewound_to:  # it asks for what it was sent, or for what we no longer have
                        raise PauseError("gap" if facts[0].seq > answer.expected_seq else self._stalled())
                    rewound_to = target
                    await self.cursor.move(target)
                    self._position = target
                case Fork():
                    self._begin_branch(facts[0].epoch)
                    if answer.kept_seq < last[1]:
                        raise PauseError("fork")
                    self._moved_on(last)
                case Problem(type="urn:tresen:problem:revoked"):
                    self._standing = "revoked"
                    self._aside = last
                    self._moved_on(last)
                case Problem():
                    self._split(count)
            if self._draining:
                await self._owner.sleep(stride.pause_s)

    async def _next_facts(self) -> Sequence[StoredFact]:
        """The next facts of one epoch."""
        try:
            limit = min(self._limit, self._owner.stride.facts)
            facts = await self._owner.source.read_after(*self._position, limit)
        except Exception as error:
            _log.exception("facts cannot be read")
            raise PauseError("journal") from error
        return [fact for fact in facts if fact.epoch == facts[0].epoch]

    async def _send(self, line: Line, facts: Sequence[StoredFact]) -> tuple[Ack | Gap | Fork | Problem, int]:
        """Send the facts, or as many as a batch may hold. Returns the answer and the number sent."""
        identity, first = self._owner.identity, facts[0]
        previous = await self._hash_at(first.epoch, first.seq - 1)
        if previous is None:
            raise PauseError("journal")
        content, count = await self._owner.worker.run(_batch_of, identity, previous, facts)
        self._last_sent = (first.epoch, facts[count - 1].seq), facts[count - 1].hash
        response = await line.ask(
            "POST", f"/v1/tills/{identity.store}/{identity.machine}/facts", body=content, gzipped=True
        )
        answer = decode_answer(response.status, response.content)
        if isinstance(answer, Problem) and answer.status != 413 and answer.type != REVOKED:
            expect(response)
            raise PauseError("refused")
        return answer, count

    async def _hash_at(self, epoch: int, seq: int) -> bytes | None:
        """The hash of one of our facts; the last one sent need not be read again."""
        place, hash_ = self._last_sent
        return hash_ if place == (epoch, seq) else await self._owner.source.hash_at(epoch, seq)

    async def _acknowledged(self, ack: Ack, last: Place) -> None:
        """Move the cursor, if what the node holds is what we wrote, and it signs for it."""
        if not self.cursor.signed(ack):
            raise UntrustedAnswerError("an acknowledgement without the node's signature")
        ours = await self._hash_at(ack.epoch, ack.acked_seq)
        if ours != ack.acked_hash:
            if ours is not None:
                self._begin_branch(ack.epoch)
            elif ack.epoch == self._owner.epoch():
                self._standing = "behind"  # it holds what this disk no longer knows of
            self._moved_on(last)
            return
        place = (ack.epoch, ack.acked_seq)
        if place <= self.cursor.place and place <= self._position:
            raise PauseError(self._stalled())
        self._moved_on(place)
        await self.cursor.move(place, ack.hub_time_ms)
        await self._owner.heard_upstream(ack.upstream, draining=self._draining)
        self._report(draining=self._draining)

    def _moved_on(self, place: Place) -> None:
        self._position = place
        self._progress_ms = self._clock.mono_ms()
        self._backoff.reset()
        self._limit = min(IDLE.facts, self._limit * 2)

    def _split(self, count: int) -> None:
        """413: try with half as many."""
        if count == 1:
            raise PauseError("too-large")
        self._limit = count // 2

    # How things stand

    def _stalled(self) -> str:
        """The progress watchdog's word: "stuck" once the queue has not shrunk for a minute."""
        return "stuck" if self._clock.mono_ms() - self._progress_ms > WATCHDOG_MS else ""

    def _broken(self) -> None:
        """No answer. Where the node greeted us but then takes nothing, that is stuck, not offline."""
        if not self._greeted:
            self._progress_ms = self._clock.mono_ms()
        stalled = self._stalled()
        self._owner.report(self, online=bool(stalled), problem=stalled)

    def _report(self, *, problem: str = "", draining: bool = False) -> None:
        """Connected; the worst there is to say about it."""
        if not problem and self._branch:
            problem = "fork"
        if not problem and self._standing in {"behind", "replaced", "revoked"}:
            problem = self._standing
        skew_ms = self._skew_ms if abs(self._skew_ms) > SKEW_MS else 0
        if not problem and skew_ms:
            problem = "clock"
        self._owner.report(self, online=True, problem=problem, skew_ms=skew_ms, draining=draining)


def _batch_of(identity: Identity, previous: bytes, facts: Sequence[StoredFact]) -> tuple[bytes, int]:
    """The sealed batch as it is sent, and how many of the facts are in it. Runs beside the loop that paints."""
    while True:
        first = facts[0]
        batch = Batch(identity.store, identity.machine, first.epoch, first.seq, previous, tuple(facts))
        content, raw_bytes = encode_batch(sealed(batch, identity.key.key_id, identity.key.sign))
        if raw_bytes <= BATCH_MAX_BYTES or len(facts) == 1:
            return content, len(facts)
        facts = facts[: max(1, len(facts) // 2)]
