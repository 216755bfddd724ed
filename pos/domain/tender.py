"""Means of payment: what was given, what went back, what counts towards the sale."""

from decimal import Decimal

import msgspec

__all__ = ["Foreign", "Tender"]


class Foreign(msgspec.Struct, frozen=True, omit_defaults=True):
    """Cash of another currency as it was given, in its minor units. `rate`: units of the sale's currency for one of it."""

    currency: str
    given_minor: int
    rate: Decimal


class Tender(msgspec.Struct, frozen=True, omit_defaults=True):
    """One means of payment. `amount_minor` counts towards the sale: `given_minor` less `change_minor`.

    `kind` is "cash", "card-manual" (a stand-alone terminal), "gift-card", "credit" (store credit), "on-account",
    "invoice", "foreign" or "voucher". What is paid out is negative. `reference` is the terminal's receipt number, or the
    number of the card, credit or invoice.
    """

    kind: str
    amount_minor: int
    given_minor: int
    change_minor: int = 0
    currency: str = "EUR"
    reference: str = ""
    foreign: Foreign | None = None
