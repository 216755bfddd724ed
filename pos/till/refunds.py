"""Money that goes back: a cart that comes to less than nothing is paid out, one that comes to nothing is ended.

It goes back the way it came: cash for what was paid in cash and for deposits, a card's part on its terminal. Other ways
are added by the parts that know them (`ways`). Cash for what was paid otherwise needs a right.
"""

from collections.abc import Callable, Coroutine, Generator, Iterable
from typing import Any, Final

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain.cart import Cart, Origin
from pos.domain.payment import rest_minor
from pos.domain.question import Option, Question
from pos.domain.refund import Payback, paid_back, payback_of, plan
from pos.domain.rights import Approval, declare
from pos.domain.rounding import cash_refund
from pos.domain.tender import Tender
from pos.mentions import receipt_key
from pos.sale_facts import Sale, SaleLine
from pos.till.checkout import Checkout
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.selling import Selling
from pos.words import amount as words_of

__all__ = ["Refunds", "Way"]

REFUND_CASH: Final = declare("refund-cash")
_PAID_LATER: Final = frozenset({"on-account", "invoice"})
"""What came so may not be paid yet: giving credit for it wants somebody's word."""

Way = Callable[[int], Generator[Any, Any, Tender]]
"""Given an amount to give back (positive), asks what it must and returns the tender, its amount negative."""


class Refunds:
    """`ways`: how each kind of tender is given back. "cash" is no way of its own: it is always there."""

    def __init__(self, desk: Desk, selling: Selling, checkout: Checkout) -> None:
        self._desk = desk
        self._selling = selling
        self._checkout = checkout
        self.ways: dict[str, Way] = {"card-manual": self._on_the_terminal}
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        checkout.pay_out = self.pay_out

    def pay_out(self, cart: Cart, given_minor: int | None) -> Flow | Coroutine[Any, Any, None]:
        """End a cart of which less than nothing is due. `given_minor`: the amount that was typed, if one was."""
        due = rest_minor(cart)
        assert due < 0, "nothing is to be paid"
        if given_minor is not None and given_minor != -due:
            raise Refusal("pay-out-exact", amount=-due)
        return self._give_back(cart, -due)

    def _give_back(self, cart: Cart, owed: int) -> Flow:
        payback: Payback = yield self._payback(cart)
        shares = plan(owed, payback, self.ways)
        if shares != {"cash": owed}:
            shares = yield from self._ask(owed, payback, shares)
        approvals: tuple[Approval, ...] = ()
        later = payback.by_kind.keys() & _PAID_LATER and "credit" in shares
        if later or shares.get("cash", 0) > payback.cash_minor:
            approvals = approval_of((yield Need(REFUND_CASH)))
        tenders, rounding = list(cart.tenders), 0
        for kind, amount in shares.items():
            if kind == "cash":
                coins, difference = cash_refund(0, amount, 0, self._desk.setup.tenders.rounding)
                rounding -= difference
                tenders.append(Tender("cash", -coins, -coins, currency=self._desk.setup.currency))
            else:
                tenders.append((yield from self.ways[kind](amount)))
        assert self._selling.cart is not None, "a question that the cart outlives is dropped"
        if approvals:
            cart = carts.with_about(cart, approvals=(*cart.about.approvals, *approvals))
        yield self._checkout.complete(
            cart, tuple(tenders), rounding_minor=rounding, tip_minor=cart.about.tip_minor
        )

    def _ask(
        self, owed: int, payback: Payback, shares: dict[str, int]
    ) -> Generator[Any, Any, dict[str, int]]:
        """How it goes back: the way it came, or another that is there. One that is alone is not asked for."""
        choices: dict[str, dict[str, int]] = {}
        if sum(shares.values()) == owed:
            choices[next(iter(shares)) if len(shares) == 1 else "as-paid"] = shares
        if payback.free_minor >= owed:
            choices["cash"] = {"cash": owed}
        if "credit" in self.ways:
            choices["credit"] = {"credit": owed}
        if not choices:
            raise Refusal("refund-no-way", amount=owed)
        if len(choices) == 1:
            return next(iter(choices.values()))
        options = tuple(Option(key, word=f"ask.refund-{key}", amount_minor=owed) for key in choices)
        chosen = yield Question("refund", options=options)
        return choices[chosen]

    def _on_the_terminal(self, amount: int) -> Generator[Any, Any, Tender]:
        """A stand-alone terminal: the amount is typed there, and its receipt's number here."""
        shown = ((self._desk.setup.currency, words_of(amount, self._desk.language)),)
        number = yield Question("refund-terminal", "text", rows=shown, scans="refuse")
        return Tender(
            "card-manual", -amount, -amount, currency=self._desk.setup.currency, reference=number[:40]
        )

    async def _payback(self, cart: Cart) -> Payback:
        """By which ways the returned lines of this cart were paid, looked up in the journal."""
        lines = [line for line in cart.lines if line.live and line.pay_minor < 0]
        worth: dict[tuple[str, int, int], int] = {}
        deposits = free = 0
        for line in lines:
            if line.origin is None:
                deposits -= line.pay_minor
                free -= line.pay_minor
                continue
            if not line.origin.gift:
                free -= line.pay_minor
            if line.origin.number and not line.origin.gift:
                key = (line.origin.till, line.origin.epoch, line.origin.number)
                worth[key] = worth.get(key, 0) - line.pay_minor
        receipts = [(await self._left_of(key), amount) for key, amount in worth.items()]
        return payback_of(receipts, cash_minor=deposits, free_minor=free)

    async def _left_of(self, key: tuple[str, int, int]) -> dict[str, int]:
        """What of each kind of tender of a receipt was not given back yet."""
        history = self._desk.world.history
        found = await history.receipt(key[1], key[2]) if history is not None else None
        if history is None or found is None or not isinstance(found.fact, Sale):
            return {}
        paid = [(tender.kind, tender.amount_minor) for tender in found.fact.tenders]
        earlier = []
        for later in await history.mentions("receipt", receipt_key(*key)):
            if not isinstance(later.fact, Sale):
                continue
            tenders = [(tender.kind, tender.amount_minor) for tender in later.fact.tenders]
            if any(reference.kind == "retender" for reference in later.fact.references):
                paid += tenders
                continue
            back = [line for line in later.fact.lines if line.voided_ms is None and line.origin is not None]
            own = [line for line in back if line.origin is not None and receipt_of(line.origin) == key]
            earlier.append((tenders, -pay_of(own), -pay_of(back)))
        return paid_back(paid, earlier)


def receipt_of(origin: Origin) -> tuple[str, int, int]:
    return origin.till, origin.epoch, origin.number


def pay_of(lines: Iterable[SaleLine]) -> int:
    return sum(line.pay_minor for line in lines)
