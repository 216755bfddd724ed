"""Money that goes back: a cart that comes to less than nothing is paid out, one that comes to nothing is ended.

It goes back the way it came: cash for what was paid in cash and for deposits, a card's part on its terminal, a gift card's
onto it. Other ways are added by the parts that know them (`ways`, `named`). Cash for what was paid otherwise needs a right.
"""

from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from typing import Any, Final

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain.cart import Cart
from pos.domain.payment import rest_minor
from pos.domain.question import Option, Question
from pos.domain.refund import (
    GivenBack,
    Part,
    Share,
    as_paid,
    free_minor,
    in_coins,
    shares_of,
)
from pos.domain.rights import Approval, Size, declare
from pos.domain.rounding import cash_due
from pos.domain.tender import Tender
from pos.storage_ports import JournalUnavailableError
from pos.till.checkout import Checkout
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.receipts.paid_with import PaidWith
from pos.till.sale.selling import Selling
from pos.till.sale.told_numbers import terminal_number
from pos.words import amount as words_of

__all__ = ["Refunds", "Way"]

REFUND_CASH: Final = declare("refund-cash", amount=True)
_PAID_LATER: Final = frozenset({"on-account", "invoice"})
"""What came so may not be paid yet: giving credit for it wants somebody's word."""

Way = Callable[[int], Generator[Any, Any, Tender]]
"""Given an amount to give back (positive), asks what it must and returns the tender, its amount negative."""
Named = Callable[[int, str], Awaitable[Tender]]
"""Given an amount and the reference it goes back to: the tender. Nothing is asked."""
Asked = Callable[[int, str], Generator[Any, Any, Tender]]
"""The same, where something is asked or waited for."""
_Chosen = tuple[str, Sequence[Share]]


class Refunds:
    """`ways`, `named`, `asked`: how each kind of tender is given back. "cash" is no way of its own: it is always there.

    `limits`: what a kind can take at most, by its reference.
    """

    def __init__(self, desk: Desk, selling: Selling, checkout: Checkout) -> None:
        self._desk = desk
        self._selling = selling
        self._checkout = checkout
        self.ways: dict[str, Way] = {"card-manual": self._on_the_terminal}
        self.named: dict[str, Named] = {}
        self.asked: dict[str, Asked] = {}
        self.limits: dict[str, Callable[[str], Awaitable[int]]] = {}
        self.handlers: dict[type[c.Command], Callable[[Any], Any]] = {}
        checkout.pay_out = self.pay_out
        self._seen: Cart | None = None
        self._coins: tuple[Cart, int] | None = None

    def foresee(self) -> Coroutine[Any, Any, None] | None:
        """Looks up what the open cart will be paid out in coins, where that follows from what its receipts gave back before."""
        cart = self._selling.cart
        if cart is None or cart is self._seen or self._desk.setup.tenders.rounding.step_minor <= 1:
            return None
        self._seen = cart
        return self._foresee(cart) if rest_minor(cart) < 0 else None

    async def _foresee(self, cart: Cart) -> None:
        owed, paid_with = -rest_minor(cart), PaidWith(self._desk, self.limits)
        try:
            parts = await paid_with.parts(cart)
            shares = as_paid(owed, parts, {*self.ways, *self.named, *self.asked, "cash"})
            if sum(share.worth_minor for share in shares) != owed:
                cash = shares_of(owed, parts, "cash")
            else:
                cash = [share for share in shares if share.source.kind == "cash"]
            before = await paid_with.coins([share.source.receipts[-1] for share in cash])
        except (Refusal, JournalUnavailableError):  # said when it is paid
            return
        coins = in_coins(cash, before, self._desk.setup.tenders.rounding)
        paid_out = sum(entry.amount_minor - entry.worth_minor for entry in coins)
        self._coins = cart, -(owed + paid_out)

    def cash_due(self, cart: Cart) -> int:
        """What the rest of the cart is in coins; negative where it is paid out."""
        if self._coins is not None and self._coins[0] is cart:
            return self._coins[1]
        return cash_due(rest_minor(cart), self._desk.setup.tenders.rounding)[0]

    def pay_out(self, cart: Cart, given_minor: int | None) -> Flow | Coroutine[Any, Any, None]:
        """End a cart of which less than nothing is due. `given_minor`: the amount that was typed, if one was."""
        due = rest_minor(cart)
        assert due < 0, "nothing is to be paid"
        coins = self.cash_due(cart)
        if given_minor is not None and given_minor not in {-due, -coins}:
            raise Refusal("pay-out-exact", amount=-coins)
        return self.by(cart)

    def by(self, cart: Cart, wanted: str = "") -> Flow:
        """End it by the kind that is wanted, or ask: what was paid so is looked up."""
        owed = -rest_minor(cart)
        paid_with = PaidWith(self._desk, self.limits)
        parts: list[Part] = yield paid_with.parts(cart)
        kind, shares = yield from self._chosen(owed, parts, wanted)
        approvals: tuple[Approval, ...] = ()
        if any(_wants_a_word(share.source.kind, kind) for share in shares):
            approvals = approval_of((yield Need(REFUND_CASH, size=Size(owed))))
        by_kind: dict[tuple[str, str], list[Share]] = {}
        for share in shares:
            source = share.source
            way = (kind, "") if kind else (source.kind, source.reference)
            by_kind.setdefault(way, []).append(share)
        tenders, given = list(cart.tenders), []
        cash = [share for (name, _), some in by_kind.items() if name == "cash" for share in some]
        for (name, reference), some in by_kind.items():
            if name == "cash":
                continue
            minor = sum(share.worth_minor for share in some)
            if name in self.asked and not kind:
                tenders.append((yield from self.asked[name](minor, reference)))
            elif name in self.named and not kind:
                tenders.append((yield self.named[name](minor, reference)))
            else:
                tenders.append((yield from self.ways[name](minor)))
            given += [_given(share, name) for share in some]
        if cash:
            before = yield paid_with.coins([share.source.receipts[-1] for share in cash])
            coins = in_coins(cash, before, self._desk.setup.tenders.rounding)
            paid_out = sum(entry.amount_minor for entry in coins)
            given += coins
            if paid_out:
                tenders.append(Tender("cash", -paid_out, -paid_out, currency=self._desk.setup.currency))
        assert self._selling.cart is not None, "a question that the cart outlives is dropped"
        if approvals:
            cart = carts.with_about(cart, approvals=(*cart.about.approvals, *approvals))
        yield self._checkout.complete(
            cart,
            tuple(tenders),
            rounding_minor=sum(entry.worth_minor - entry.amount_minor for entry in given),
            tip_minor=cart.about.tip_minor,
            given_back=tuple(given),
        )

    def _chosen(self, owed: int, parts: Sequence[Part], wanted: str) -> Generator[Any, Any, _Chosen]:
        """The one kind by which it goes back, and what it stands for; no kind: each share as it was paid.

        It is the way it came, or another that is there. One that is alone is not asked for.
        """
        if wanted:
            return wanted, shares_of(owed, parts, wanted)
        choices: dict[str, _Chosen] = {}
        free = free_minor(parts)
        plan = as_paid(min(owed, free), parts, {*self.ways, *self.named, *self.asked, "cash"})
        if sum(share.worth_minor for share in plan) == owed:
            kinds = list(dict.fromkeys(share.source.kind for share in plan))
            if kinds == ["cash"]:
                return "", plan
            choices[kinds[0] if len(kinds) == 1 else "as-paid"] = "", plan
        if free >= owed:
            choices["cash"] = "cash", shares_of(owed, parts, "cash")
        if "credit" in self.ways:
            choices.setdefault("credit", ("credit", shares_of(owed, parts, "credit")))
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
        asked = Question("refund-terminal", "text", rows=shown, scans="refuse")
        number = (yield from terminal_number(self._desk, asked)) or ""
        return Tender(
            "card-manual", -amount, -amount, currency=self._desk.setup.currency, reference=number[:40]
        )


def _wants_a_word(paid: str, kind: str) -> bool:
    """Cash for what was not paid in cash, or credit for what may not be paid yet."""
    return (kind == "cash" != paid) or (kind == "credit" and paid in _PAID_LATER)


def _given(share: Share, kind: str) -> GivenBack:
    source = share.source
    return GivenBack(
        source.receipts, source.kind, kind, share.worth_minor, share.worth_minor, source.reference
    )
