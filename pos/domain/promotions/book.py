"""A book of promotions: their order, and which of them a line can touch at all."""

import datetime as dt
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Final

import msgspec

from pos.domain.promotions.answer import Application, Evaluated, Used
from pos.domain.promotions.conditions import holds, uses_allowed
from pos.domain.promotions.given import Left, Priced
from pos.domain.promotions.kinds import Tally, apply
from pos.domain.promotions.reach import Reach
from pos.domain.promotions.rows import Promotion
from pos.domain.promotions.units import Run, runs_of

__all__ = ["NOTHING", "Book", "Case", "evaluate", "gather"]

NOTHING: Final = Evaluated()
_N: Final = attrgetter("n")
_MEMORY_MAX: Final = 20_000


class Case(msgspec.Struct, frozen=True):
    """What stands around a cart: the local moment of its first line, the customer's groups, coupons and budgets."""

    moment: dt.datetime
    groups: Collection[str]
    coupons: Mapping[str, int]
    left: Mapping[str, Left]


class _Bucket(msgspec.Struct, eq=False):
    """Lines that the same promotions select, by number, and what is left of them to take."""

    lines: list[Priced] = []
    runs: list[list[Run]] = []


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
        self._places = {row.id: at for at, row in enumerate(self.promotions)}
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

    def place_of(self, promotion: str) -> int:
        """Where an active promotion stands in `promotions`."""
        return self._places[promotion]

    def touches(self, line: Priced) -> bool:
        """Whether any promotion selects the line, on whatever conditions."""
        return bool(self.touching(line.sku, line.department))

    def touching(self, sku: str, department: int) -> tuple[int, ...]:
        """The places in `promotions` of those that select such a line."""
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

    def touched(self, lines: Iterable[Priced]) -> list[Priced]:
        """The lines that promotions may select, by number; ValueError where two have one number."""
        if self._everywhere:
            found = list(lines)
        else:
            skus, departments = self._by_sku, self._by_department
            if not skus and not departments:
                return []
            found = [line for line in lines if line.sku in skus or line.department in departments]
        if not found:
            return found
        numbers = [line.n for line in found]
        if any(one >= two for one, two in itertools.pairwise(numbers)):
            if len(set(numbers)) != len(numbers):
                raise ValueError("a line number is given twice")
            found.sort(key=_N)
        return found

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
        touched = self.touched(lines)
        if not touched:
            return NOTHING
        return gather(self.work(touched, Case(moment, groups, coupons, left)))

    def work(self, lines: Sequence[Priced], case: Case) -> list[tuple[int, Tally]]:
        """What each promotion that was used did, by its place in `promotions`. `lines` come by number."""
        done: list[tuple[int, Tally]] = []
        untaken = True
        for at, buckets in sorted(self._buckets(lines).items()):
            row = self.promotions[at]
            if not any(bucket.runs for bucket in buckets):
                continue
            if not holds(row, case.moment, case.groups, case.coupons):
                continue
            budget = case.left.get(row.id)
            tally = Tally(row, uses_allowed(row, case.coupons, budget), budget.minor if budget else None)
            runs = buckets[0].runs
            if len(buckets) > 1:
                runs = sorted((runs for bucket in buckets for runs in bucket.runs), key=_first_n)
            apply(tally, runs, self._parts(at, buckets), untaken=untaken)
            if tally.uses:
                untaken = untaken and not row.combinable
                done.append((at, tally))
                for bucket in buckets:
                    bucket.runs = [runs for runs in bucket.runs if runs]
        return done

    def _buckets(self, lines: Sequence[Priced]) -> dict[int, list[_Bucket]]:
        """The buckets that each promotion finds its lines in, by its place in `promotions`."""
        by_places: dict[tuple[int, ...], _Bucket] = {}
        touching = self._touching
        for line in lines:
            places = touching.get((line.sku, line.department))
            if places is None:
                places = self.touching(line.sku, line.department)
            runs = runs_of(line) if places else None
            if runs:
                bucket = by_places.get(places)
                if bucket is None:
                    bucket = by_places[places] = _Bucket()
                bucket.lines.append(line)
                bucket.runs.append(runs)
        found: dict[int, list[_Bucket]] = {}
        for places, bucket in by_places.items():
            for at in places:
                found.setdefault(at, []).append(bucket)
        return found

    def _parts(self, at: int, buckets: Sequence[_Bucket]) -> list[set[int]]:
        """The numbers of the lines that each part of a mix selects."""
        return [
            {line.n for bucket in buckets for line in bucket.lines if part(line.sku, line.department)}
            for part in self._reach[at].parts
        ]


def _first_n(runs: Sequence[Run]) -> int:
    return runs[0].n


def gather(done: Iterable[tuple[int, Tally]]) -> Evaluated:
    """One answer of what promotions did, in their order."""
    made: list[Application] = []
    used: list[Used] = []
    for _, tally in done:
        made += tally.made
        used.append(Used(tally.row.id, tally.uses, tally.minor))
    return Evaluated(tuple(made), tuple(used)) if made else NOTHING


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
