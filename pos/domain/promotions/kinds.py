"""The seven kinds: each makes its applications on the units that one promotion may take."""

from collections.abc import Callable, Collection, Sequence
from decimal import Decimal
from typing import Final

from pos.domain.promotions.answer import Application, Share
from pos.domain.promotions.conditions import UNLIMITED
from pos.domain.promotions.rows import Promotion
from pos.domain.promotions.units import Pieces, Run, best_first, half_up, settle, spread, spread_evenly, worth

__all__ = ["Tally", "apply"]

# For each part of a mix the numbers of the lines it selects; empty for other kinds.
Parts = Sequence[Collection[int]]
# The discount of one application, from its pieces and what they are worth.
OffOf = Callable[[Pieces, int], int]


class Tally:
    """One promotion at work: what it made, and what it may still make (uses, minor units)."""

    def __init__(self, row: Promotion, uses_left: int, minor_left: int | None) -> None:
        self.row = row
        self.uses = 0
        self.minor = 0
        self.made: list[Application] = []
        self._uses_left = uses_left
        self._minor_left = UNLIMITED if minor_left is None else minor_left
        self.ended = uses_left < 1

    def allow(self, off: int, times: int) -> int:
        """How many of `times` applications of `off` minor units may be made; they count as made.

        Ends the promotion where its uses or its budget end.
        """
        if times >= self._uses_left:
            times, self.ended = self._uses_left, True
        if off * times > self._minor_left:
            times, self.ended = max(self._minor_left // off, 0), True
        self._uses_left -= times
        self._minor_left -= off * times
        self.uses += times
        self.minor += off * times
        return times

    def note(self, shares: tuple[Share, ...], times: int = 1) -> None:
        """Equal applications are one object: they are never changed."""
        application = Application(self.row.id, self.row.text, shares)
        if times == 1:
            self.made.append(application)
        else:
            self.made += [application] * times


def apply(tally: Tally, lines: Sequence[list[Run]], parts: Parts, *, untaken: bool) -> None:
    """Make all applications of the promotion on the runs of the lines it selects, ordered by line number.

    `untaken` says that no run was taken from yet, which spares looking. The runs are changed.
    """
    if tally.ended:
        return
    close = not tally.row.combinable
    open_runs = lines
    if close and not untaken:
        open_runs = [[run for run in runs if not run.taken] for runs in lines]
    _MAKERS[tally.row.kind](tally, open_runs, parts)
    if tally.uses:
        for runs in lines:
            settle(runs, close=close)


def _percent(tally: Tally, lines: Sequence[list[Run]], _: Parts) -> None:
    numerator, denominator = _ratio(tally.row.percent)
    for runs in lines:
        if len(runs) == 1:  # most lines, at half the cost
            run = runs[0]
            off = half_up(run.price * run.count * numerator, denominator)
            if off and tally.allow(off, 1):
                run.cut(spread_evenly(run.count, off), run.count)
                tally.note((Share(run.n, off),))
        else:
            pieces = [(run, run.count) for run in runs]
            whole = worth(pieces)
            off = half_up(whole * numerator, denominator)
            if off and tally.allow(off, 1):
                _take(tally, pieces, off, whole, 1)
        if tally.ended:
            return


def _amount(tally: Tally, lines: Sequence[list[Run]], _: Parts) -> None:
    amount = tally.row.amount_minor or 0
    for run in best_first(run for runs in lines for run in runs):
        _one_by_one(tally, run, min(amount, run.price))
        if tally.ended:
            return


def _fixed_price(tally: Tally, lines: Sequence[list[Run]], _: Parts) -> None:
    fixed = tally.row.price_minor or 0
    for run in best_first(run for runs in lines for run in runs):
        if run.measure is None:
            off = run.price - fixed
        else:
            numerator, denominator = run.measure.as_integer_ratio()
            off = run.price - half_up(fixed * numerator, denominator)
        if off > 0:
            _one_by_one(tally, run, off)
            if tally.ended:
                return


def _one_by_one(tally: Tally, run: Run, off: int) -> None:
    times = tally.allow(off, run.count)
    if times:
        run.cut([(times, off)], times)
        tally.note((Share(run.n, off),), times)


def _n_for_m(tally: Tally, lines: Sequence[list[Run]], _: Parts) -> None:
    n, m = tally.row.n or 0, tally.row.m or 0

    def off(pieces: Pieces, _: int) -> int:
        free, total = n - m, 0
        for run, count in sorted(pieces, key=lambda piece: piece[0].price):
            some = min(count, free)
            total += some * run.price
            free -= some
            if not free:
                break
        return total

    _bundles(tally, [(n, best_first(_countable(lines)))], off)


def _n_for_price(tally: Tally, lines: Sequence[list[Run]], _: Parts) -> None:
    price = tally.row.price_minor or 0
    queue = best_first(_countable(lines))
    _bundles(tally, [(tally.row.n or 0, queue)], lambda _, whole: max(whole - price, 0))


def _mix(tally: Tally, lines: Sequence[list[Run]], parts: Parts) -> None:
    row = tally.row
    countable = best_first(_countable(lines))
    queues = [[run for run in countable if run.n in numbers] for numbers in parts]

    def off(_: Pieces, whole: int) -> int:
        if row.price_minor is not None:
            return max(whole - row.price_minor, 0)
        return _part_of(row, whole)

    _bundles(tally, [(part.count, queue) for part, queue in zip(row.parts, queues, strict=True)], off)


def _threshold(tally: Tally, lines: Sequence[list[Run]], _: Parts) -> None:
    row = tally.row
    pieces = [(run, run.count) for runs in lines for run in runs]
    whole, least = worth(pieces), row.min_minor or 1
    if whole < least:
        return
    off = _part_of(row, whole, whole // least if row.each else 1)
    if off and tally.allow(off, 1):
        _take(tally, pieces, off, whole, 1)


def _bundles(tally: Tally, parts: Sequence[tuple[int, list[Run]]], off_of: OffOf) -> None:
    """Applications of so many units of each part; equal ones that follow each other are made at once."""
    while not tally.ended:
        bundle: dict[Run, int] = {}
        for count, queue in parts:
            if not _fill(bundle, count, queue):
                return
        pieces = sorted(bundle.items(), key=_place) if len(bundle) > 1 else list(bundle.items())
        whole = worth(pieces)
        off = off_of(pieces, whole)
        if not off:
            return
        times = tally.allow(off, min([(run.count - run.used) // count for run, count in pieces]))
        if times:
            _take(tally, pieces, off, whole, times)


def _place(piece: tuple[Run, int]) -> tuple[int, int]:
    return piece[0].n, piece[0].start


def _fill(bundle: dict[Run, int], count: int, queue: list[Run]) -> bool:
    """Add the best `count` units that are free to the bundle; False if there are fewer."""
    while queue and queue[0].used == queue[0].count:
        queue.pop(0)
    for run in queue:
        had = bundle.get(run, 0)
        some = min(run.count - run.used - had, count)
        if some:
            bundle[run] = had + some
            count -= some
        if not count:
            return True
    return False


def _take(tally: Tally, pieces: Pieces, off: int, whole: int, times: int) -> None:
    """Spread `off` over the pieces, and that `times` times over the units that follow in the same runs."""
    sums: dict[int, int] = {}
    for (run, count), cuts in zip(pieces, spread(pieces, off, whole), strict=True):
        run.cut(cuts * times if times > 1 else cuts, count * times)
        minor = 0
        for units, each in cuts:
            minor += units * each
        if minor:
            sums[run.n] = sums.get(run.n, 0) + minor
    tally.note(tuple(Share(n, minor) for n, minor in sums.items()), times)


def _countable(lines: Sequence[list[Run]]) -> list[Run]:
    return [run for runs in lines for run in runs if run.measure is None]


def _part_of(row: Promotion, total: int, times: int = 1) -> int:
    """What a percent or an amount takes off a sum, at most all of it."""
    if row.percent is not None:
        numerator, denominator = _ratio(row.percent)
        return half_up(total * numerator, denominator)
    return min((row.amount_minor or 0) * times, total)


def _ratio(percent: Decimal | None) -> tuple[int, int]:
    numerator, denominator = (percent or Decimal(0)).as_integer_ratio()
    return numerator, denominator * 100


_MAKERS: Final[dict[str, Callable[[Tally, Sequence[list[Run]], Parts], None]]] = {
    "percent": _percent,
    "amount": _amount,
    "fixed-price": _fixed_price,
    "n-for-m": _n_for_m,
    "n-for-price": _n_for_price,
    "mix": _mix,
    "threshold": _threshold,
}
