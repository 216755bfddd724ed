"""Counting a drawer: blind, one denomination after the other. What was counted is kept at each step, and gone on with."""

from collections.abc import Generator, Sequence
from typing import Any, Final

import msgspec

from pos.cash_facts import CashCounted
from pos.domain.drawer import Pieces, counted_minor, denominations, read_pieces
from pos.domain.question import Option, Question
from pos.resources import texts
from pos.storage_ports import JournalUnavailableError
from pos.till.desk import Desk
from pos.till.ledger import Ledger
from pos.words import amount

__all__ = ["COUNT_KEPT", "Counting", "kept_count"]

COUNT_KEPT: Final = "cash.count"
"""Memory key of the count that is under way."""

_ALL: Final = frozenset({"=", "."})
_BACK: Final = frozenset({"-", "<"})


class _Kept(msgspec.Struct, frozen=True):
    """A count under way: whose drawer, and what is known of it so far."""

    session: str
    pieces: tuple[Pieces, ...] = ()


class Counting:
    """Asks for the pieces of each denomination. Only what was typed is shown, never what is expected."""

    def __init__(self, desk: Desk, ledger: Ledger) -> None:
        self._desk = desk
        self._ledger = ledger

    def count(self, session: str) -> Generator[Any, Any, tuple[Pieces, ...]]:
        """A flow's part: yields questions, returns what lies in the drawer."""
        known: dict[int, int] = {}
        kept = yield self.kept(session)
        for entry in kept:
            known[entry.value_minor] = entry.pieces
        if known:
            self._desk.warn("count-goes-on", level="info")
        values = denominations(self._desk.setup.currency)
        at = next((place for place, value in enumerate(values) if value not in known), len(values))
        while True:
            while at < len(values):
                step = yield self._question(values[at], known)
                at = self._take(step, at, values, known)
                yield self._keep(session, known)
            answer = yield Question(
                "count-done",
                options=(Option("right", word="ask.count-right"), Option("back", word="ask.count-back")),
                rows=self.rows(known, whole=True),
                scans="refuse",
            )
            if answer == "right":
                return _pieces(known)
            at = 0

    def _question(self, value: int, known: dict[int, int]) -> Question:
        words = texts(self._language)
        has = known.get(value)
        stands = words("ask.count-stands", pieces=has) if has else ""
        return Question(
            "count",
            "text",
            fields={"value": amount(value, self._language), "stands": stands},
            empty=True,
            rows=self.rows(known),
            scans="refuse",
        )

    def _take(self, answer: str | None, at: int, values: Sequence[int], known: dict[int, int]) -> int:
        """Note an answer; the place of the next denomination."""
        value = values[at]
        if answer is None:
            known.setdefault(value, 0)
            return at + 1
        if answer in _BACK:
            return max(0, at - 1)
        if answer in _ALL:
            for rest in values[at:]:
                known.setdefault(rest, 0)
            return len(values)
        pieces = read_pieces(answer, value, values)
        if pieces is None:
            self._desk.warn("not-pieces", text=answer[:20])
            return at
        for entry in pieces:
            known[entry.value_minor] = entry.pieces
        here = {entry.value_minor for entry in pieces}
        return (
            at + 1
            if here == {value}
            else next((place for place, one in enumerate(values) if one not in known), len(values))
        )

    def rows(self, known: dict[int, int], *, whole: bool = False) -> tuple[tuple[str, str], ...]:
        """What was counted so far, as one reads it; `whole` with its sum."""
        language = self._language
        rows = [
            (f"{pieces} × {amount(value, language)}", amount(value * pieces, language))
            for value, pieces in sorted(known.items(), reverse=True)
            if pieces
        ]
        if whole:
            total = sum(value * pieces for value, pieces in known.items())
            rows.append((texts(language)("ask.count-sum"), amount(total, language)))
        return tuple(rows)

    async def kept(self, session: str) -> tuple[Pieces, ...]:
        """How far a count of this session had come."""
        return await kept_count(self._desk, session)

    async def _keep(self, session: str, known: dict[int, int]) -> None:
        if self._desk.world.memory is not None:
            kept = _Kept(session, _pieces(known, zeros=True))
            try:
                await self._desk.world.memory.put(COUNT_KEPT, msgspec.json.encode(kept))
            except JournalUnavailableError:  # the count goes on; it is only not safe from a cut
                return

    async def forget(self) -> None:
        if self._desk.world.memory is not None:
            try:
                await self._desk.world.memory.put(COUNT_KEPT, b"")
            except JournalUnavailableError:
                return

    async def write(
        self, session: str, pieces: tuple[Pieces, ...], recount: int, *, complete: bool = True
    ) -> None:
        """Keep a count as a fact."""
        desk = self._desk
        counted = CashCounted(
            session,
            desk.operator_id(),
            desk.world.clock.wall_ms(),
            desk.offset_min(),
            pieces,
            counted_minor(pieces),
            complete=complete,
            recount=recount,
        )
        await self._ledger.append([counted], None)
        await self.forget()

    @property
    def _language(self) -> str:
        return self._desk.language


def _pieces(known: dict[int, int], *, zeros: bool = False) -> tuple[Pieces, ...]:
    ordered = sorted(known.items(), reverse=True)
    return tuple(Pieces(value, pieces) for value, pieces in ordered if pieces or zeros)


async def kept_count(desk: Desk, session: str) -> tuple[Pieces, ...]:
    """What is known of this session's count; nothing where none is under way, or another's."""
    raw = await desk.world.memory.get(COUNT_KEPT) if desk.world.memory is not None else None
    if not raw:
        return ()
    try:
        kept = msgspec.json.decode(raw, type=_Kept)
    except msgspec.MsgspecError:
        return ()
    return kept.pieces if kept.session == session else ()
