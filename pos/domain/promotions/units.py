"""Units in runs: neighbouring places of a line that cost the same and were treated alike are kept as one."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from operator import attrgetter, mul
from typing import Final

import msgspec

from pos.domain.promotions.given import Priced

__all__ = ["Pieces", "Run", "best_first", "half_up", "runs_of", "settle", "spread", "spread_evenly", "worth"]

_ONE: Final = Decimal(1)
_PRICE: Final = attrgetter("price")


class Run(msgspec.Struct, eq=False, gc=False):
    """`count` units of line `n` from place `start` on, at `price` minor units each.

    `measure` is the line's quantity where the unit is not countable. `taken`: a promotion took from them. While a
    promotion is computed, `used` units from the front are its own, and `cuts` says what it takes off them:
    (units, minor units each), from the front on.
    """

    n: int
    start: int
    count: int
    price: int
    measure: Decimal | None
    taken: bool = False
    used: int = 0
    cuts: list[tuple[int, int]] | None = None

    def cut(self, cuts: list[tuple[int, int]], used: int) -> None:
        if self.cuts is None:
            self.cuts = cuts
        else:
            self.cuts += cuts
        self.used += used


# Some units of each run, from its front (what is used left out).
Pieces = Sequence[tuple[Run, int]]


def runs_of(line: Priced) -> list[Run]:
    """A line's units at their prices; none where nothing can be taken off."""
    if line.unit == "pc":
        quantity, price = line.quantity, line.unit_minor
        if quantity == _ONE:
            return [Run(line.n, 0, 1, price, None)] if price > 0 else []
        count = int(quantity)
        if count == quantity:
            return [Run(line.n, 0, count, price, None)] if price > 0 and count > 0 else []
    return [Run(line.n, 0, 1, line.total_minor, line.quantity)] if line.total_minor > 0 else []


def best_first(runs: Iterable[Run]) -> list[Run]:
    """Highest current price first; `runs` come by line number and place, and equal ones stay so."""
    return sorted(runs, key=_PRICE, reverse=True)


def worth(pieces: Pieces) -> int:
    whole = 0
    for run, count in pieces:
        whole += run.price * count
    return whole


def half_up(numerator: int, denominator: int) -> int:
    """A fraction of non-negative numbers, in whole minor units."""
    return (2 * numerator + denominator) // (2 * denominator)


def spread(pieces: Pieces, off: int, whole: int) -> list[list[tuple[int, int]]]:
    """Split `off` over units in proportion to their prices: for each piece its cuts, as in `Run.cuts`.

    Largest remainder; equal ones go by line number and place, by which the pieces come. `off` is above 0 and at most
    `whole`, which is what the units are worth.
    """
    if len(pieces) == 1:
        return [spread_evenly(pieces[0][1], off)]
    scaled = [off * run.price for run, _ in pieces]
    bases = [each // whole for each in scaled]
    counts = [count for _, count in pieces]
    more = [0] * len(pieces)
    missing = off - sum(map(mul, bases, counts))
    if missing:
        rests = [each % whole for each in scaled]
        for at in sorted(range(len(pieces)), key=rests.__getitem__, reverse=True):
            more[at] = min(counts[at], missing)
            missing -= more[at]
            if not missing:
                break
    return list(map(_cuts, counts, bases, more))


def spread_evenly(count: int, off: int) -> list[tuple[int, int]]:
    """Split `off` over units that cost the same."""
    if count == 1:
        return [(1, off)]
    return _cuts(count, *divmod(off, count))


def _cuts(count: int, base: int, more: int) -> list[tuple[int, int]]:
    """`count` units less `base` each, the first `more` of them one more."""
    if not more:
        return [(count, base)]
    if more == count:
        return [(count, base + 1)]
    return [(more, base + 1), (count - more, base)]


def settle(runs: list[Run], *, close: bool) -> None:
    """Carry out the cuts in a line's runs: closed units and those at 0 leave, the others cost less and are taken."""
    if len(runs) == 1:
        run = runs[0]
        cuts = run.cuts
        if cuts is None:
            return
        if run.used == run.count and (close or len(cuts) == 1):
            run.price -= cuts[0][1]
            run.taken, run.used, run.cuts = True, 0, None
            if close or not run.price:
                runs.clear()
            return
    if any(run.cuts is not None for run in runs):
        runs[:] = _settled(runs, close=close)


def _settled(runs: list[Run], *, close: bool) -> list[Run]:
    settled: list[Run] = []
    for run in runs:
        start = run.start
        if run.cuts is not None and not close:
            for count, off in run.cuts:
                _join(settled, Run(run.n, start, count, run.price - off, run.measure, taken=True))
                start += count
        if run.count > run.used:
            rest = run.count - run.used
            _join(settled, Run(run.n, run.start + run.used, rest, run.price, run.measure, run.taken))
    return settled


def _join(runs: list[Run], run: Run) -> None:
    """Append a run, to the one before where it goes on with it."""
    if not run.price:
        return
    if runs:
        last = runs[-1]
        if last.price == run.price and last.taken is run.taken and last.start + last.count == run.start:
            last.count += run.count
            return
    runs.append(run)
