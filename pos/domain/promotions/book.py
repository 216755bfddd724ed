"""A book of promotions: their order, and which of them a line can touch at all."""

import datetime as dt
import itertools
from collections.abc import Collection, Iterable, Mapping
from operator import attrgetter
from typing import Final

from pos.domain.promotions.answer import Application, Evaluated, Used
from pos.domain.promotions.conditions import holds, uses_allowed
from pos.domain.promotions.given import Left, Priced
from pos.domain.promotions.kinds import Tally, apply
from pos.domain.promotions.reach import Reach
from pos.domain.promotions.rows import Promotion
from pos.domain.promotions.units import Run, runs_of

__all__ = ["Book", "evaluate"]

_NOTHING: Final = Evaluated()
_N: Final = attrgetter("n")
_MEMORY_MAX: Final = 20_000


class Book:
    """Promotions, prepared once for many carts. Raises ValueError where two have one id."""

    def __init__(self, promotions: Iterable[Promotion]) -> None:
        rows = list(promotions)
        ids = [row.id for row in rows]
        if len(set(ids)) != len(ids):
            raise ValueError(f"a promotion is given twice: {sorted({i for i in ids if ids.count(i) > 1})}")
        self.promotions = tuple(
            sorted((row for row in rows if row.active), key=lambda row: (-row.priority, row.id))
        )
        self._reach = tuple(Reach(row) for row in self.promotions)
        self._by_sku: dict[str, list[int]] = {}
        self._by_department: dict[int, list[int]] = {}
        self._everywhere: list[int] = []
        for at, reach in enumerate(self._reach):
            if reach.everywhere:
                self._everywhere.append(at)
            else:
                for sku in reach.skus:
                    self._by_sku.setdefault(sku, []).append(at)
                for department in reach.departments:
                    self._by_department.setdefault(department, []).append(at)
        self._touching: dict[tuple[str, int], tuple[int, ...]] = {}

    def touches(self, line: Priced) -> bool:
        """Whether any promotion selects the line, on whatever conditions."""
        return bool(self._of(line.sku, line.department))

    def evaluate(
        self,
        lines: Iterable[Priced],
        *,
        moment: dt.datetime,
        groups: Collection[str],
        coupons: Mapping[str, int],
        left: Mapping[str, Left],
    ) -> Evaluated:
        """What the promotions take off the lines; see `evaluate`."""
        touched = self._touched(lines)
        if not touched:
            return _NOTHING
        work: dict[int, list[list[Run]] | None] = {}
        for line in touched:
            runs: list[Run] | None = None
            for at in self._of(line.sku, line.department):
                if at not in work:
                    work[at] = [] if holds(self.promotions[at], moment, groups, coupons) else None
                found = work[at]
                if found is not None:
                    if runs is None:
                        runs = runs_of(line)
                    found.append(runs)
        made: list[Application] = []
        used: list[Used] = []
        for at in sorted(work):
            found = [runs for runs in work[at] or () if runs]
            if found:
                row = self.promotions[at]
                budget = left.get(row.id)
                tally = Tally(row, uses_allowed(row, coupons, budget), budget.minor if budget else None)
                apply(tally, found, self._parts(at, touched))
                if tally.uses:
                    made += tally.made
                    used.append(Used(row.id, tally.uses, tally.minor))
        return Evaluated(tuple(made), tuple(used)) if made else _NOTHING

    def _touched(self, lines: Iterable[Priced]) -> list[Priced]:
        """The lines that any promotion selects, by number."""
        if self._everywhere:
            found = list(lines)
        else:
            skus, departments = self._by_sku, self._by_department
            found = [line for line in lines if line.sku in skus or line.department in departments]
        if any(one.n >= two.n for one, two in itertools.pairwise(found)):
            found.sort(key=_N)
            if any(one.n == two.n for one, two in itertools.pairwise(found)):
                raise ValueError("a line number is given twice")
        return found

    def _parts(self, at: int, lines: list[Priced]) -> list[set[int]]:
        """The numbers of the lines that each part of a mix selects."""
        return [
            {line.n for line in lines if part(line.sku, line.department)} for part in self._reach[at].parts
        ]

    def _of(self, sku: str, department: int) -> tuple[int, ...]:
        """The places of the promotions that select such a line, in their order."""
        found = self._touching.get((sku, department))
        if found is None:
            near = {
                *self._everywhere,
                *self._by_sku.get(sku, ()),
                *self._by_department.get(department, ()),
            }
            found = tuple(at for at in sorted(near) if self._reach[at](sku, department))
            if len(self._touching) >= _MEMORY_MAX:
                self._touching.clear()
            self._touching[(sku, department)] = found
        return found


def evaluate(
    lines: Iterable[Priced],
    promotions: Iterable[Promotion],
    *,
    moment: dt.datetime,
    groups: Collection[str],
    coupons: Mapping[str, int],
    left: Mapping[str, Left],
) -> Evaluated:
    """What the promotions take off the lines, by the rule of docs/promotions.md.

    `moment` is the local time of the sale's first line, `groups` are the customer's, `coupons` says how often each
    was presented, `left` what remains of budgets by promotion. Who prices many carts keeps a `Book`.
    """
    return Book(promotions).evaluate(lines, moment=moment, groups=groups, coupons=coupons, left=left)
