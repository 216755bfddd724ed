"""The way money goes back: as it came, and no more by any way than came by it.

What was paid for goods may lie several receipts back: what was taken in exchange was paid with what came back for it. So a
return looks along the receipts to those whose tenders paid, and keeps which of them it gave back (`GivenBack`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from pos.domain.rounding import RoundingProfile, cash_refund, rounded
from pos.domain.tender import Tender

__all__ = [
    "DEPOSIT",
    "GIFT",
    "NO_RECEIPT",
    "UNKNOWN",
    "Coins",
    "GivenBack",
    "Limit",
    "Part",
    "Share",
    "Source",
    "as_paid",
    "free_minor",
    "given_by",
    "in_coins",
    "paid_by",
    "shares_of",
    "way_of",
]

CASH_KINDS: Final = frozenset({"cash", "foreign"})
DEPOSIT: Final = "-"
"""In the place of a receipt's key: empties that came back, always for cash."""
NO_RECEIPT: Final = "?"
"""In the place of a receipt's key: what came back without one."""
UNKNOWN: Final = ""
"""Nobody knows how it was paid."""
GIFT: Final = "gift"
"""Paid by somebody else: it is credited, never paid out."""
_NAMED: Final = frozenset({"gift-card", "on-account", "pay-link", "prepaid"})
_LAST: Final = {"cash": 2, UNKNOWN: 3, GIFT: 4}

Limit = tuple[str, str, str]
"""A name for what several ways have in common: together they give back no more than is left of it."""


class GivenBack(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a return gave back of what one receipt was paid with.

    `receipts` are keys (pos.mentions.receipt_key), from the receipt whose goods came back to the one whose tender `paid`
    (with its `reference`); they are several where goods had been taken in exchange, and end with "-" for empties, "?" where
    there was no receipt. `kind` is the tender by which it went back. `worth_minor` was owed, `amount_minor` was given: cash is rounded.
    Both are positive, and negative in a document that voids the return.
    """

    receipts: tuple[str, ...]
    paid: str
    kind: str
    worth_minor: int
    amount_minor: int
    reference: str = ""


class Source(msgspec.Struct, frozen=True):
    """One way in which goods were paid. `limits` say what it may still give back, minor units: no more than the least of them."""

    receipts: tuple[str, ...]
    kind: str
    reference: str = ""
    limits: Mapping[Limit, int] = {}


class Part(msgspec.Struct, frozen=True):
    """What comes back of one receipt, positive, and how it was paid."""

    worth_minor: int
    sources: Sequence[Source]


class Share(msgspec.Struct, frozen=True):
    """So much of what is owed goes back for this source."""

    source: Source
    worth_minor: int


class Coins(msgspec.Struct, frozen=True):
    """What a receipt's returns were worth that were paid out in cash, unrounded, and what was paid out for them."""

    worth_minor: int = 0
    given_minor: int = 0


def way_of(tender: Tender) -> tuple[str, str]:
    """Kind and reference under which tenders go back together: any cash is cash, and only a card or account has a name."""
    kind = "cash" if tender.kind in CASH_KINDS else tender.kind
    return kind, tender.reference if kind in _NAMED else ""


def paid_by(
    tenders: Iterable[Tender], rounding_minor: int, own: Iterable[GivenBack]
) -> dict[tuple[str, str], int]:
    """What a receipt's goods were paid with, by way. `tenders` and `rounding_minor` are its own with those of re-tenders.

    What it paid out itself for what came back in it (`own`) is no payment. Cash counts as what it was worth before rounding.
    """
    sums: dict[tuple[str, str], int] = {}
    for tender in tenders:
        way = way_of(tender)
        sums[way] = sums.get(way, 0) + tender.amount_minor
    if rounding_minor:
        sums["cash", ""] = sums.get(("cash", ""), 0) - rounding_minor
    for entry in own:
        way = entry.kind, entry.reference if entry.kind in _NAMED else ""
        sums[way] = sums.get(way, 0) + entry.worth_minor
    return {way: minor for way, minor in sums.items() if minor > 0}


def given_by(tenders: Iterable[Tender], own_minor: int, whole_minor: int) -> dict[tuple[str, str], int]:
    """What a return that keeps no `GivenBack` gave for one of its receipts: its tenders by that receipt's part of the whole.

    `own_minor` and `whole_minor`: what this receipt's lines, and all that came back, were worth; negative where it is voided.
    """
    sums: dict[tuple[str, str], int] = {}
    for tender in tenders:
        if whole_minor and (tender.amount_minor < 0) == (whole_minor > 0):
            way = way_of(tender)
            share = abs(tender.amount_minor) * own_minor // whole_minor
            sums[way] = sums.get(way, 0) + (share if whole_minor > 0 else -share)
    return sums


def as_paid(owed_minor: int, parts: Sequence[Part], kinds: Collection[str]) -> list[Share]:
    """What goes back the way it came, by these kinds: a gift card first, cash last. It may come to less than is owed."""
    return _take(owed_minor, parts, kinds)


def shares_of(owed_minor: int, parts: Sequence[Part], kind: str) -> list[Share]:
    """All that is owed goes back by one kind: whose payment it stands for. What was paid so comes first."""
    shares = _take(owed_minor, parts, None, first=kind)
    rest = owed_minor - sum(share.worth_minor for share in shares)
    return [*shares, Share(Source((NO_RECEIPT,), UNKNOWN), rest)] if rest else shares


def free_minor(parts: Sequence[Part]) -> int:
    """What may go back any way that somebody agrees to: all but gifts."""
    free = 0
    for part in parts:
        if any(source.kind == GIFT for source in part.sources):
            others = [source for source in part.sources if source.kind != GIFT]
            free += sum(
                share.worth_minor for share in _take(part.worth_minor, [Part(part.worth_minor, others)], None)
            )
        else:
            free += part.worth_minor
    return free


def _take(
    owed: int, parts: Sequence[Part], kinds: Collection[str] | None, first: str = UNKNOWN
) -> list[Share]:
    def rank(source: Source) -> int:
        if source.kind == first != UNKNOWN:
            return -1
        return _LAST.get(source.kind, 0 if source.kind == "gift-card" else 1)

    left: dict[Limit, int] = {}
    for part in parts:
        for source in part.sources:
            for name, minor in source.limits.items():
                left[name] = min(minor, left.get(name, minor))
    worth = [part.worth_minor for part in parts]
    order = sorted(
        ((rank(source), at, source) for at, part in enumerate(parts) for source in part.sources),
        key=lambda entry: entry[:2],
    )
    shares = []
    for _, at, source in order:
        if kinds is not None and source.kind not in kinds:
            continue
        share = min(owed, worth[at], *(left[name] for name in source.limits))
        if share > 0:
            shares.append(Share(source, share))
            owed -= share
            worth[at] -= share
            for name in source.limits:
                left[name] -= share
    return shares


def in_coins(
    shares: Sequence[Share], before: Mapping[str, Coins], profile: RoundingProfile
) -> list[GivenBack]:
    """Shares that are paid out in cash, in the coins there are.

    `before`: what was paid out so far, by the receipt whose tender it stands for. In the end each receipt gave back in coins
    what its whole worth is in coins, however it was divided.
    """
    paid_out = dict(before)
    given = []
    for share in shares:
        receipt = share.source.receipts[-1]
        coins = paid_out.get(receipt, Coins())
        amount, _ = cash_refund(coins.worth_minor, share.worth_minor, coins.given_minor, profile)
        amount = max(0, rounded(amount, profile))
        paid_out[receipt] = Coins(coins.worth_minor + share.worth_minor, coins.given_minor + amount)
        given.append(
            GivenBack(
                share.source.receipts,
                share.source.kind,
                "cash",
                share.worth_minor,
                amount,
                share.source.reference,
            )
        )
    return given
