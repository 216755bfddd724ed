"""A card terminal that stands beside the till, alone: a person types the amount there and says here what came of it."""

from collections.abc import Generator
from typing import Any, Final

import msgspec

from pos.domain import cart as carts
from pos.domain.cart import Cart, Tender
from pos.domain.payment import Paid
from pos.domain.question import Option, Question
from pos.till.desk import Desk
from pos.till.sale.selling import Selling
from pos.till.sale.told_numbers import terminal_number
from pos.words import amount

__all__ = ["StandAlone", "lacks_number"]

_APPROVED: Final = (Option("yes", word="ui.approved"), Option("no", word="ui.not-approved"))
_NUMBER_MAX: Final = 30


def lacks_number(tender: Tender) -> bool:
    return tender.kind == "card-manual" and not tender.reference


class StandAlone:
    """`pay`, then `number`: each a part of a function that asks. A terminal on a line has the same two."""

    def __init__(self, desk: Desk, selling: Selling) -> None:
        self._desk = desk
        self._selling = selling

    def pay(self, cart: Cart, paid: Paid) -> Generator[Any, Any, Cart | None]:
        """The cart with these payments, kept; None where the terminal did not approve. The first of `paid` is the card's."""
        if not (yield from self.approved(paid.tenders[0].amount_minor)):
            return None
        for tender in paid.tenders:
            cart = carts.add_tender(cart, tender)
        self._selling.keep(cart)
        return cart

    def approved(self, minor: int) -> Generator[Any, Any, bool]:
        """Did the terminal approve this amount? Negative: it went back."""
        code = "card-approved" if minor > 0 else "card-refunded"
        answer = yield Question(
            "card-training" if self._desk.training else code,
            options=_APPROVED,
            fields={"amount": amount(abs(minor), self._desk.language)},
            scans="refuse",
        )
        return bool(answer == "yes")

    def stated(self, minor: int) -> Generator[Any, Any, str | None]:
        """Where no cart keeps what was approved: approval and number are one question. The number; None: not approved."""
        wanted = self._desk.setup.tenders.card_number
        if wanted == "none" or self._desk.training:
            return "" if (yield from self.approved(minor)) else None
        typed: str | None = yield Question(
            "card-approved-number",
            "text",
            fields={"amount": amount(minor, self._desk.language)},
            empty=wanted == "ask",
            scans="refuse",
        )
        return (typed or "")[:_NUMBER_MAX]

    def number(self, cart: Cart) -> Generator[Any, Any, Cart]:
        """The cart with the receipt number of the terminal at each payment by card, where the shop wants it.

        The payment is kept already: whoever leaves here goes on with the card key.
        """
        wanted = self._desk.setup.tenders.card_number
        if wanted == "none":
            return cart
        missing = [at for at, tender in enumerate(cart.tenders) if lacks_number(tender)]
        for at in missing if wanted == "required" else missing[-1:]:
            question = Question("card-number", "text", empty=wanted == "ask", scans="refuse")
            typed = yield from terminal_number(self._desk, question)
            if typed is None:
                continue
            marked = msgspec.structs.replace(cart.tenders[at], reference=typed[:_NUMBER_MAX])
            tenders = (*cart.tenders[:at], marked, *cart.tenders[at + 1 :])
            cart = msgspec.structs.replace(cart, tenders=tenders)
            self._selling.keep(cart)
        return cart
