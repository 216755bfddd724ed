"""Prices one cart scan by scan: what a scan cannot have changed is not computed again.

Promotions that reach no common line cannot feel each other. So the lines fall into islands, and a scan concerns one.
"""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter

import msgspec

from pos.domain.promotions.answer import Evaluated
from pos.domain.promotions.book import NOTHING, Book, Case, gather
from pos.domain.promotions.conditions import holds
from pos.domain.promotions.given import Left, Priced
from pos.domain.promotions.kinds import Tally

__all__ = ["Pricer"]


class _Island(msgspec.Struct, eq=False):
    """Lines that share promotions, by number; the places of these promotions, and what they did."""

    lines: list[Priced] = []
    places: set[int] = set()
    done: list[tuple[int, Tally]] = []


class Pricer:
    """A book and the cart that was priced last. Its answers are those of the book.

    Cheap where the cart is the last one with lines added at its end; any other cart is priced from the beginning.
    Lines are never changed: another one takes a line's place.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self._case: Case | None = None
        self._lines: tuple[Priced, ...] = ()
        self._last_n = -1
        self._home: dict[int, _Island] = {}
        self._holding: dict[int, bool] = {}
        self._answer = NOTHING

    def evaluate(
        self,
        lines: Sequence[Priced],
        *,
        moment: dt.datetime,
        groups: Collection[str],
        coupons: Mapping[str, int],
        left: Mapping[str, Left],
    ) -> Evaluated:
        """What the promotions take off the lines; as `Book.evaluate`, which it is measured by."""
        sold = tuple(lines)
        case = Case(moment, tuple(groups), dict(coupons), dict(left))
        before = len(self._lines)
        if case != self._case or sold[:before] != self._lines:
            self._forget()
            before = 0
        added = self.book.touched(sold[before:])
        if added and added[0].n <= self._last_n:
            self._forget()
            added = self.book.touched(sold)
        self._case, self._lines = case, sold
        dirty = [island for island in map(self._add, added) if island is not None]
        if dirty:
            self._answer = self._compute(dirty, case)
        return self._answer

    def _forget(self) -> None:
        self._lines, self._last_n, self._answer = (), -1, NOTHING
        self._home.clear()
        self._holding.clear()

    def _compute(self, dirty: list[_Island], case: Case) -> Evaluated:
        """Price the islands that changed and join the answers; an island that went up in another one is passed over."""
        for island in {id(island): island for island in dirty}.values():
            if island.places:
                island.done = self.book.work(island.lines, case)
        islands = {id(island): island for island in self._home.values()}.values()
        return gather(sorted((one for island in islands for one in island.done), key=itemgetter(0)))

    def _add(self, line: Priced) -> _Island | None:
        """Put a line, the last by number, on the island of its promotions; None where no promotion holds."""
        self._last_n = line.n
        places = [at for at in self.book.touching(line.sku, line.department) if self._holds(at)]
        if not places:
            return None
        homes = {id(home): home for at in places if (home := self._home.get(at)) is not None}
        island, *others = homes.values() or [_Island()]
        for other in others:
            island.lines = sorted(island.lines + other.lines, key=lambda each: each.n)
            island.places |= other.places
            other.places = set()
        island.places.update(places)
        island.lines.append(line)
        for at in island.places if others else places:
            self._home[at] = island
        return island

    def _holds(self, at: int) -> bool:
        found = self._holding.get(at)
        if found is None:
            case, row = self._case, self.book.promotions[at]
            assert case is not None, "a case is set before lines are added"
            found = holds(row, case.moment, case.groups, case.coupons)
            self._holding[at] = found
        return found
