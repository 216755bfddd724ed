"""The way money goes back: as it came, and no more by any way than came by it."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

__all__ = ["Payback", "paid_back", "payback_of", "plan"]

CASH_KINDS = frozenset({"cash", "foreign"})


class Payback(msgspec.Struct, frozen=True):
    """What a cart gives back, by the ways in which it may go; all minor units, positive.

    `by_kind`: at most so much the way it was paid, in the order of the tenders. `free_minor` may go any way that somebody
    agrees to; what is owed beyond it (a gift's) is never paid out, only credited.
    """

    by_kind: Mapping[str, int]
    free_minor: int

    @property
    def cash_minor(self) -> int:
        """What may be paid out in cash without asking anybody."""
        return self.by_kind.get("cash", 0)


def paid_back(
    paid: Iterable[tuple[str, int]], earlier: Iterable[tuple[Sequence[tuple[str, int]], int, int]]
) -> dict[str, int]:
    """What is left of each kind of tender of one receipt.

    `paid` are its tenders (kind, amount), with those of re-tenders. `earlier` are the returns before: their tenders, what
    this receipt's lines were worth in them, and what all their returned lines were worth. All amounts as they were stored.
    """
    left: dict[str, int] = {}
    for kind, amount in paid:
        name = "cash" if kind in CASH_KINDS else kind
        left[name] = left.get(name, 0) + amount
    for tenders, own, whole in earlier:
        for kind, amount in tenders:
            name = "cash" if kind in CASH_KINDS else kind
            if amount < 0 and whole > 0:
                left[name] = left.get(name, 0) - (-amount * own // whole)
    return {kind: amount for kind, amount in left.items() if amount > 0}


def payback_of(
    receipts: Iterable[tuple[Mapping[str, int], int]], *, cash_minor: int, free_minor: int
) -> Payback:
    """`receipts`: what is left of each kind, and what comes back of it now; `cash_minor`: deposits; `free_minor`: all but gifts."""
    by_kind: dict[str, int] = {"cash": cash_minor} if cash_minor else {}
    for left, worth in receipts:
        for kind, amount in left.items():
            by_kind[kind] = by_kind.get(kind, 0) + min(amount, worth)
    return Payback(by_kind, free_minor)


def plan(owed_minor: int, payback: Payback, ways: Iterable[str]) -> dict[str, int]:
    """What goes back by which way as it was paid, cash last; it may come to less than is owed."""
    known = {*ways, "cash"}
    kinds = [kind for kind in payback.by_kind if kind in known and kind != "cash"]
    rest = min(owed_minor, payback.free_minor)
    shares = {}
    for kind in (*kinds, "cash"):
        share = min(rest, payback.by_kind.get(kind, 0))
        if share > 0:
            shares[kind] = share
            rest -= share
    return shares
