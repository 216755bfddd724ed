"""Means of payment: what was given, what went back, what counts towards the sale; and what a shop takes."""

import datetime as dt
from decimal import Decimal
from typing import Final, Literal

import msgspec

from pos.domain.card import CardPaper, CardResult
from pos.domain.rounding import OFF, RoundingProfile
from pos.domain.transfer import CreditorAccount

__all__ = ["KINDS", "Foreign", "ForeignRate", "Tender", "TenderRules"]

KINDS: Final = ("cash", "card", "voucher", "foreign", "account", "invoice", "transfer", "link")
"""What a shop may take; each is a key."""


class Foreign(msgspec.Struct, frozen=True, omit_defaults=True):
    """Cash of another currency as it was given, in its minor units. `rate`: units of the sale's currency for one of it."""

    currency: str
    given_minor: int
    rate: Decimal


class Tender(msgspec.Struct, frozen=True, omit_defaults=True):
    """One means of payment. `amount_minor` counts towards the sale: `given_minor` less `change_minor`.

    `kind` is "cash", "card-manual" (a stand-alone terminal), "gift-card", "credit" (store credit), "on-account",
    "invoice", "foreign", "voucher", "bank-transfer-qr" (its money is still to come) "transfer" (its money was seen), "prepaid" (paid for the order that `reference` names, before) or
    "pay-link" (a payment service's; `reference` is its own id of the payment). What is paid out is negative. `reference` is the terminal's receipt number, or the
    number of the card, credit or invoice, or the customer's. `foreign` cash counts whole: what goes back for it is a
    "cash" of its own, with nothing given; so the sum of "cash" is what home currency came into the drawer. `balance_minor`
    is what was left on a card or credit after it. Kind "card" is a terminal's on a line: `payment` is the payment's id, `card`
    what the terminal said of it, `paper` the receipts that it wanted. `cash_session` is the insert into which a part in
    cash fell, where that is not the sale's. `hold` is what the hub keeps of a gift card for this sale.
    """

    kind: str
    amount_minor: int
    given_minor: int
    change_minor: int = 0
    currency: str = "EUR"
    reference: str = ""
    foreign: Foreign | None = None
    balance_minor: int | None = None
    payment: str = ""
    card: CardResult | None = None
    paper: tuple[CardPaper, ...] = ()
    cash_session: str = ""
    hold: str = ""


class ForeignRate(msgspec.Struct, frozen=True):
    """`rate` units of the shop's currency are given for one of `currency`; set on `day`."""

    currency: str
    rate: Decimal
    day: dt.date


class TenderRules(msgspec.Struct, frozen=True):
    """What the shop decided. `taken` are words of KINDS.

    `card_number`: is the receipt number of a stand-alone terminal asked for ("none", "ask", "required")? `cashback_max_minor`:
    how much cash a card may pay out with a purchase, 0 for none. `account_limit_minor`: how much a customer may owe.
    `counter_minutes`: how long the last sale may be paid otherwise, or voided, by one key. `transfer_to`: whose account a
    scanned transfer goes to; None: there are none. `transfer_release`: goods go when a person has seen the money ("wait"), or
    before it, on a person's word ("word"). `card_merchant_slip`: the shop's copy of each card receipt is printed too; what must be
    printed or signed always is. `voucher_offline_max_minor`: how much of a card this till takes while the hub is silent.
    """

    taken: tuple[str, ...] = KINDS
    rounding: RoundingProfile = OFF
    foreign: tuple[ForeignRate, ...] = ()
    card_number: Literal["none", "ask", "required"] = "ask"
    tips: bool = True
    cashback_max_minor: int = 0
    account_limit_minor: int = 20_000
    voucher_max_minor: int = 50_000
    voucher_offline_max_minor: int = 5_000
    counter_minutes: int = 30
    transfer_to: CreditorAccount | None = None
    transfer_release: Literal["wait", "word"] = "wait"
    card_merchant_slip: bool = False
