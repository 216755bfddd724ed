"""Mutations of a till's line to its nodes."""

import contextlib
from typing import Any

import msgspec

from sync import cursors, downlink, line, pace, uplink
from sync.wire import Gap
from tests.simulation.mutating import Patch, mutation

__all__: list[str] = []


@mutation
def cursor_moves_before_the_answer(patch: Patch) -> None:
    def make(original: Any) -> Any:
        async def send(self: Any, wire: Any, facts: Any) -> Any:
            place = (facts[-1].epoch, facts[-1].seq)
            await self.cursor.move(place)
            self._report()
            return await original(self, wire, facts)

        return send

    patch.set(uplink.Uplink, "_send", make)


@mutation
def acknowledged_hash_not_compared(patch: Patch) -> None:
    def make(_original: Any) -> Any:
        async def acknowledged(self: Any, ack: Any, _last: Any) -> None:
            place = (ack.epoch, ack.acked_seq)
            self._moved_on(place)
            await self.cursor.move(place)
            self._report()

        return acknowledged

    patch.set(uplink.Uplink, "_acknowledged", make)

    def trusting(_original: Any) -> Any:
        async def compare(self: Any, welcome: Any) -> None:
            self._standing, self._branch = "ok", 0
            await self.cursor.move((welcome.acked_epoch or 1, welcome.acked_seq))
            self._position = self.cursor.place

        return compare

    patch.set(uplink.Uplink, "_compare", trusting)


@mutation
def gap_skipped(patch: Patch) -> None:
    """A gap is taken for an acknowledgement of what was sent."""

    def make(original: Any) -> Any:
        async def send(self: Any, wire: Any, facts: Any) -> Any:
            answer, count = await original(self, wire, facts)
            if isinstance(answer, Gap):
                self._position = (facts[0].epoch, facts[count - 1].seq)
                raise pace.PauseError("")
            return answer, count

        return send

    patch.set(uplink.Uplink, "_send", make)
    patch.set(uplink.Uplink, "_compare", _never_back)


@mutation
def cursor_not_rewound_after_restore(patch: Patch) -> None:
    patch.set(uplink.Uplink, "_compare", _never_back)


def _never_back(original: Any) -> Any:
    async def compare(self: Any, welcome: Any) -> None:
        kept = self._position
        await original(self, welcome)
        if self._position < kept:
            self._position = kept
            await self.cursor.move(kept)

    return compare


@mutation
def fact_skipped(patch: Patch) -> None:
    """Reading goes on one fact too far."""

    def make(original: Any) -> Any:
        async def next_facts(self: Any) -> Any:
            facts = await original(self)
            return facts[1:] if len(facts) > 20 else facts

        return next_facts

    patch.set(uplink.Uplink, "_next_facts", make)


@mutation
def fork_taken_for_an_end(patch: Patch) -> None:
    """After a fork nothing more is sent."""

    def make(_original: Any) -> Any:
        def begin_branch(self: Any, epoch: int) -> None:
            self._branch = epoch
            raise pace.PauseError("fork", 10**9)

        return begin_branch

    patch.set(uplink.Uplink, "_begin_branch", make)


@mutation
def line_gives_up(patch: Patch) -> None:
    patch.set(pace.Backoff, "next_ms", lambda _original: lambda self: 10 << 40)


@mutation
def backoff_without_end(patch: Patch) -> None:
    """It doubles for ever and is never reset."""

    def next_ms(self: Any) -> int:
        self._failures += 1
        return int(500 << min(self._failures, 30))

    patch.set(pace.Backoff, "next_ms", lambda _original: next_ms)
    patch.set(pace.Backoff, "reset", lambda _original: lambda self: None)


@mutation
def request_without_deadline(patch: Patch) -> None:
    """An answer that trickles in holds the line for ever."""

    def make(original: Any) -> Any:
        async def ask(self: Any, method: str, path: str, **options: Any) -> Any:
            options["timeout_s"] = 10.0**7
            return await original(self, method, path, **options)

        return ask

    patch.set(line.Line, "ask", make)


@mutation
def answers_not_verified(patch: Patch) -> None:
    patch.set(line.Line, "_trust", lambda _original: lambda *_args: None)
    patch.set(cursors.Cursor, "signed", lambda _original: lambda *_args: True)


@mutation
def changes_counted_before_they_are_applied(patch: Patch) -> None:
    def make(original: Any) -> Any:
        async def take(self: Any, news: Any) -> bool:
            if news.changes and news.scope in self._cursors:
                self._cursors[news.scope] = news.next
                await self._memory.put(f"feed.{news.scope}", news.next.encode())
                with contextlib.suppress(Exception):
                    await self._apply([msgspec.to_builtins(change) for change in news.changes], news.next)
                return True
            return bool(await original(self, news))

        return take

    patch.set(downlink.Downlink, "_take", make)
