"""What became of a payment at a terminal or a payment service, and the tender that holds it."""

from typing import Final

import msgspec

from pos.card_facts import PaymentIntent
from pos.domain.card import CardPaper, CardResult
from pos.domain.card_rules import Verdict
from pos.domain.tender import Tender

__all__ = ["BESIDE", "LINK_KIND", "ZVT", "Approved", "Settled", "tender_of"]

ZVT: Final = "zvt"
LINK_KIND: Final = "pay-link"
"""The tender of a payment at a payment service."""
BESIDE: Final = frozenset({"preauth", "book", "release", "tip"})
"""Kinds that have their own sentences: "not paid, take the money again" would be wrong of them."""


class Settled(msgspec.Struct, frozen=True):
    """What became of a payment, as its function is told. `verdict` is there where the terminal was asked."""

    outcome: str
    result: CardResult | None = None
    code: int | None = None
    verdict: Verdict | None = None


class Approved(msgspec.Struct, frozen=True):
    """A payment that a terminal approved, or a person stated."""

    intent: PaymentIntent
    result: CardResult | None
    paper: tuple[CardPaper, ...] = ()

    @property
    def minor(self) -> int:
        """What was really charged: a terminal may approve less, or add a tip."""
        asked = self.intent.amount_minor
        return asked if self.result is None or self.result.amount_minor is None else self.result.amount_minor

    @property
    def tip_minor(self) -> int:
        return (self.result.tip_minor or 0) if self.result is not None else 0


def tender_of(approved: Approved, *, sign: int = 1) -> Tender:
    """The tender that holds a payment; `sign` -1 where money went back."""
    minor, result = sign * approved.minor, approved.result
    number = "" if result is None or result.receipt_no is None else f"{result.receipt_no:04}"
    intent = approved.intent
    if intent.provider != ZVT and result is not None:
        number = result.reference
    return Tender(
        "card" if intent.provider == ZVT else LINK_KIND,
        minor,
        minor,
        0,
        intent.currency,
        number,
        payment=intent.payment_id,
        card=result,
        paper=approved.paper,
    )
