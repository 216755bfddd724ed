"""How what comes back was paid: looked up in the journal, along all receipts that one thing was exchanged over."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from pos.domain.cart import Cart, Origin
from pos.domain.purchase import HowPaid
from pos.domain.refund import (
    DEPOSIT,
    GIFT,
    NO_RECEIPT,
    UNKNOWN,
    Coins,
    Limit,
    Part,
    Source,
    given_by,
    paid_by,
    way_of,
)
from pos.domain.tender import Tender
from pos.sale_facts import Sale
from pos.till.desk import Desk
from pos.till.receipts.receipt_book import sale_in

__all__ = ["Paid", "PaidWith", "key_of"]

_DEPTH_MAX: Final = 20
_NO_RECEIPTS: Final = {DEPOSIT: "cash", NO_RECEIPT: UNKNOWN}


def key_of(origin: Origin | None) -> str:
    """The receipt from which something comes back, as paths name it."""
    if origin is None:
        return DEPOSIT
    return origin.receipt or NO_RECEIPT


class Paid(msgspec.Struct, frozen=True):
    """A receipt: what of each way it was paid is not given back yet, and what was taken in exchange for its goods.

    `traded` is by the other receipt and whether it was a gift's: how much of it these goods still stand for. `coins`: what
    was paid out in cash for it.
    """

    left: Mapping[tuple[str, str], int]
    traded: Mapping[tuple[str, bool], int]
    coins: Coins


_NOTHING = Paid({}, {}, Coins())


class PaidWith:
    """One look at the journal; what was read is kept. `limits` are further ones of a kind, by its reference."""

    def __init__(self, desk: Desk, limits: Mapping[str, Callable[[str], Awaitable[int]]]) -> None:
        self._desk = desk
        self._limits = limits
        self._paid: dict[str, Paid] = {}
        self._told: dict[str, tuple[HowPaid, ...]] = {}

    async def parts(self, cart: Cart) -> list[Part]:
        """What comes back in this cart, by receipt. How others' were paid, the hub told when they were kept for it."""
        self._told = {
            hold.receipt: hold.paid for hold in reversed(cart.about.holds)
        }  # told first: nothing kept yet
        down = {n: self._near(one.paid_by[-1]) for one in cart.about.handing if one.paid_by for n in one.down}
        worth: Counter[tuple[str, bool]] = Counter()
        for line in cart.lines:
            if line.live and line.pay_minor < 0:
                key = down.get(line.n) or key_of(line.origin)
                worth[key, line.origin is not None and line.origin.gift] -= line.pay_minor
        return [
            Part(minor, await self._sources((key,), minor, {}, gift=gift))
            for (key, gift), minor in worth.items()
        ]

    async def coins(self, receipts: Sequence[str]) -> dict[str, Coins]:
        """What was paid out so far for these receipts."""
        return {key: (await self.paid(key)).coins for key in receipts if key not in _NO_RECEIPTS}

    async def _sources(
        self, path: tuple[str, ...], worth: int, limits: Mapping[Limit, int], *, gift: bool = False
    ) -> list[Source]:
        """The ways in which the goods of the last receipt of a path were paid."""
        last = path[-1]
        if gift:
            return [Source(path, GIFT, "", {**limits, (last, GIFT, ""): worth})]
        if last in _NO_RECEIPTS:
            return [Source(path, _NO_RECEIPTS[last], "", {**limits, ("-".join(path), "", ""): worth})]
        if not self._is_own(last) and last not in self._told:
            return [Source(path, UNKNOWN, "", {**limits, ("-".join(path), "", ""): worth})]
        paid = await self.paid(last)
        found = []
        for (kind, reference), left in paid.left.items():
            own: dict[Limit, int] = {**limits, (last, kind, reference): left}
            if kind in self._limits:
                own["", kind, reference] = max(0, await self._limits[kind](reference))
            found.append(Source(path, kind, reference, own))
        if len(path) < _DEPTH_MAX:
            for (key, was_gift), left in paid.traded.items():
                further: dict[Limit, int] = {**limits, (last, key, GIFT if was_gift else ""): left}
                found += await self._sources((*path, key), left, further, gift=was_gift)
        return found

    async def paid(self, key: str) -> Paid:
        if key not in self._paid:
            self._paid[key] = await self._look(key)
        return self._paid[key]

    def _near(self, receipt: str) -> str:
        """A receipt as the hub names it (STORE/TILL-EPOCH-NUMBER), as its own store does."""
        return receipt.removeprefix(f"{self._desk.world.journal.head.store}/")

    def _is_own(self, key: str) -> bool:
        return key.rsplit("-", 2)[0] == self._desk.world.journal.head.till

    async def _look(self, key: str) -> Paid:
        """Its own receipts by the till's journal; by no way goes back more than the hub says is left of it."""
        if not self._is_own(key):
            return self._elsewhere(key)
        paid = await self._here(key)
        if paid is _NOTHING:  # sold before this till's journal began
            return self._elsewhere(key)
        told = {_way(way): way.left_minor for way in self._told.get(key, ())}
        if not told:
            return paid
        return msgspec.structs.replace(
            paid, left={way: min(minor, told.get(way, minor)) for way, minor in paid.left.items()}
        )

    def _elsewhere(self, key: str) -> Paid:
        """As the hub told it when it was kept for this cart."""
        left: Counter[tuple[str, str]] = Counter()
        for way in self._told.get(key, ()):
            left[_way(way)] += way.left_minor
        return Paid({way: minor for way, minor in left.items() if minor > 0}, {}, Coins())

    async def _here(self, key: str) -> Paid:
        history = self._desk.world.history
        _, epoch, number = key.rsplit("-", 2)
        sale = sale_in(await history.receipt(int(epoch), int(number))) if history is not None else None
        if history is None or sale is None:
            return _NOTHING
        later = [sale_in(found) for found in await history.mentions("receipt", key)]
        since = [one for one in later if one is not None]
        turned = [one for one in since if any(reference.kind == "retender" for reference in one.references)]
        tenders = [tender for one in (sale, *turned) for tender in one.tenders]
        left = Counter(paid_by(tenders, sum(one.rounding_minor for one in (sale, *turned)), sale.given_back))
        gone: Counter[tuple[str, bool]] = Counter()
        worth = given = 0
        for one in since:
            for entry in one.given_back:
                if entry.receipts[-1] == key:
                    left[entry.paid, entry.reference] -= entry.worth_minor
                    worth += entry.worth_minor if entry.kind == "cash" else 0
                    given += entry.amount_minor if entry.kind == "cash" else 0
                elif key in entry.receipts:
                    at = entry.receipts.index(key) + 1
                    gift = entry.paid == GIFT and at == len(entry.receipts) - 1
                    gone[entry.receipts[at], gift] += entry.worth_minor
            if not one.given_back and one not in turned:
                for way, minor in _by_lines(one, key).items():
                    left[way] -= minor
                    worth += minor if way[0] == "cash" else 0
                    given += minor if way[0] == "cash" else 0
        return Paid(
            {way: minor for way, minor in left.items() if minor > 0},
            {trade: minor - gone[trade] for trade, minor in _traded(sale).items() if minor > gone[trade]},
            Coins(worth, given),
        )


def _way(told: HowPaid) -> tuple[str, str]:
    return way_of(Tender(told.kind, told.left_minor, told.left_minor, reference=told.reference))


def _traded(sale: Sale) -> Counter[tuple[str, bool]]:
    """What came back in a sale and was not given back as money: other goods were taken for it."""
    traded: Counter[tuple[str, bool]] = Counter()
    for line in sale.lines:
        if line.voided_ms is None and line.pay_minor < 0:
            traded[key_of(line.origin), line.origin is not None and line.origin.gift] -= line.pay_minor
    for entry in sale.given_back:
        traded[entry.receipts[0], entry.paid == GIFT and len(entry.receipts) == 1] -= entry.worth_minor
    return traded


def _by_lines(sale: Sale, key: str) -> dict[tuple[str, str], int]:
    """What an older return gave for this receipt, by what its lines were worth."""
    back = [line for line in sale.lines if line.voided_ms is None and line.origin is not None]
    own = [line for line in back if key_of(line.origin) == key]
    return given_by(sale.tenders, -sum(line.pay_minor for line in own), -sum(line.pay_minor for line in back))
