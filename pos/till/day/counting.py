"""Counting a drawer: blind, one denomination after the other. What was counted is kept at each step, and gone on with."""

from collections.abc import Generator, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from pos.cash_facts import CashCounted
from pos.days import OpenSession
from pos.domain.drawer import Pieces, counted_minor, denominations, read_pieces
from pos.domain.foreign_cash import ForeignCount, read_foreign, to_count
from pos.domain.question import Option, Question
from pos.resources import texts
from pos.storage_ports import JournalUnavailableError
from pos.till.desk import Desk
from pos.till.ledger import Ledger
from pos.words import amount

__all__ = ["COUNT_KEPT", "Counted", "Counting", "kept_counts"]

COUNT_KEPT: Final = "cash.count"
"""Memory key of the count that is under way."""
FOREIGN_KEPT: Final = "cash.count-foreign"
"""The same of other currencies, which are counted after it."""

_ALL: Final = frozenset({"=", "."})
_BACK: Final = frozenset({"-", "<"})


class _Kept(msgspec.Struct, frozen=True):
    """A count under way: whose drawer, and what is known of it so far."""

    session: str
    pieces: tuple[Pieces, ...] = ()


class _KeptForeign(msgspec.Struct, frozen=True):
    """As `_Kept`, of other currencies."""

    session: str
    foreign: tuple[ForeignCount, ...] = ()


_Form = TypeVar("_Form", _Kept, _KeptForeign)


class Counted(msgspec.Struct, frozen=True):
    """What was found in a drawer. `told_minor`: the home currency's sum, where it is known without its pieces."""

    pieces: tuple[Pieces, ...]
    foreign: tuple[ForeignCount, ...] = ()
    told_minor: int | None = None

    @property
    def counted_minor(self) -> int:
        return counted_minor(self.pieces) if self.told_minor is None else self.told_minor

    @property
    def any(self) -> bool:
        """Was anything of it counted?"""
        return any(one.pieces for one in self.pieces) or bool(self.foreign)


class Counting:
    """Asks for the pieces of each denomination. Only what was typed is shown, never what is expected."""

    def __init__(self, desk: Desk, ledger: Ledger) -> None:
        self._desk = desk
        self._ledger = ledger

    def count_all(self, session: OpenSession) -> Generator[Any, Any, Counted]:
        """All of a session's drawer: the home currency, then each other one that the shop takes, or that lies there."""
        pieces = yield from self.count(session.session)
        known = (one.currency for one in session.foreign)
        currencies = to_count(self._desk.setup.tenders.foreign, known)
        foreign = (yield from self._foreign(session.session, currencies)) if currencies else ()
        return Counted(pieces, foreign)

    def _foreign(
        self, session: str, currencies: Sequence[str]
    ) -> Generator[Any, Any, tuple[ForeignCount, ...]]:
        """A sum or pieces of each; nothing typed is none."""
        kept: Sequence[ForeignCount] = yield kept_foreign(self._desk, session)
        known = {one.currency: one for one in kept if one.currency in currencies}
        desk = self._desk
        while True:
            for currency in currencies:
                while currency not in known:
                    answer = yield Question(
                        "count-foreign",
                        "text",
                        fields={"currency": currency},
                        empty=True,
                        rows=self._foreign_rows(known.values()),
                        scans="refuse",
                    )
                    text = answer or "0"
                    found = read_foreign(text, currency, digits_are_cents=desk.setup.digits_are_cents)
                    if found is None:
                        desk.warn("not-foreign-cash", text=text[:20])
                        continue
                    known[currency] = found
                    yield self._keep_foreign(session, tuple(known.values()))
            counted = tuple(known[currency] for currency in currencies)
            answer = yield Question(
                "count-done",
                options=(Option("right", word="ask.count-right"), Option("back", word="ask.count-back")),
                rows=self._foreign_rows(counted),
                scans="refuse",
            )
            if answer == "right":
                return counted
            known = {}

    def _foreign_rows(self, counted: Iterable[ForeignCount]) -> tuple[tuple[str, str], ...]:
        return tuple((one.currency, amount(one.counted_minor, self._language)) for one in counted)

    def count(self, session: str) -> Generator[Any, Any, tuple[Pieces, ...]]:
        """A flow's part: yields questions, returns what lies in the drawer."""
        known: dict[int, int] = {}
        kept = yield kept_count(self._desk, session)
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

    async def _keep(self, session: str, known: dict[int, int]) -> None:
        await self._put(COUNT_KEPT, msgspec.json.encode(_Kept(session, _pieces(known, zeros=True))))

    async def _keep_foreign(self, session: str, foreign: tuple[ForeignCount, ...]) -> None:
        await self._put(FOREIGN_KEPT, msgspec.json.encode(_KeptForeign(session, foreign)))

    async def forget(self) -> None:
        await self._put(COUNT_KEPT, b"")
        await self._put(FOREIGN_KEPT, b"")

    async def _put(self, key: str, value: bytes) -> None:
        """The count goes on where this fails; it is only not safe from a cut."""
        if self._desk.world.memory is not None:
            try:
                await self._desk.world.memory.put(key, value)
            except JournalUnavailableError:
                return

    async def write(self, session: str, found: Counted, recount: int, *, complete: bool = True) -> None:
        """Keep a count as a fact."""
        desk = self._desk
        counted = CashCounted(
            session,
            desk.operator_id(),
            desk.world.clock.wall_ms(),
            desk.offset_min(),
            found.pieces,
            found.counted_minor,
            complete=complete,
            recount=recount,
            foreign=found.foreign,
        )
        await self._ledger.append([counted], None)
        await self.forget()

    @property
    def _language(self) -> str:
        return self._desk.language


def _pieces(known: dict[int, int], *, zeros: bool = False) -> tuple[Pieces, ...]:
    ordered = sorted(known.items(), reverse=True)
    return tuple(Pieces(value, pieces) for value, pieces in ordered if pieces or zeros)


async def kept_counts(desk: Desk, session: str) -> Counted:
    """How far a count of this session had come."""
    return Counted(await kept_count(desk, session), await kept_foreign(desk, session))


async def kept_count(desk: Desk, session: str) -> tuple[Pieces, ...]:
    """What is known of this session's count; nothing where none is under way, or another's."""
    kept = await _kept(desk, COUNT_KEPT, _Kept)
    return kept.pieces if kept is not None and kept.session == session else ()


async def kept_foreign(desk: Desk, session: str) -> tuple[ForeignCount, ...]:
    """The same of other currencies."""
    kept = await _kept(desk, FOREIGN_KEPT, _KeptForeign)
    return kept.foreign if kept is not None and kept.session == session else ()


async def _kept(desk: Desk, key: str, form: type[_Form]) -> _Form | None:
    raw = await desk.world.memory.get(key) if desk.world.memory is not None else None
    if not raw:
        return None
    try:
        return msgspec.json.decode(raw, type=form)
    except msgspec.MsgspecError:
        return None
