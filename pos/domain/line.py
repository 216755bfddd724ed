"""One line of a cart: what is sold, or taken back, at which price, less which discounts."""

import datetime as dt
from decimal import Decimal
from typing import Final

import msgspec

__all__ = ["NOTHING_SAID", "Discount", "Line", "Mark", "Origin", "Particulars"]


class Mark(msgspec.Struct, frozen=True):
    """Who did something, and when (wall clock, milliseconds since 1970 UTC)."""

    at_ms: int
    by: str


class Discount(msgspec.Struct, frozen=True, omit_defaults=True):
    """A share of a discount on one line. `amount_minor` is what it takes off (negative on a line taken back).

    `source` is who gave it: "promotion" (`code` is its id), "manual", "staff", "mark-down". `by` and `approved` are
    operators, where a person gave it or had to agree. On a line taken back, and on what is sold in its place, `of` is the
    source of what came off then: it counts there, so that a promotion and what returns take of it add up to what was given.
    """

    code: str
    text: str
    amount_minor: int
    reason: str = ""
    source: str = ""
    by: str = ""
    approved: str = ""
    of: str = ""


class Origin(msgspec.Struct, frozen=True, omit_defaults=True):
    """The line of another receipt, or of an order, that is taken back, and why. Without a receipt all names are empty.

    `rule` decides what may be done: "exchange", "withdrawal", "defect" or "recall". `gift`: found by a gift receipt, so it
    is exchanged or credited, never paid out. `store` is the receipt's where it is not this till's own; `order` the hub's id of
    an order, whose line `n` it is and whose number is `number`. `offline`: taken from elsewhere while nobody could say what is left of it; `n` is 0 where
    not even its lines were known.
    """

    till: str = ""
    epoch: int = 0
    number: int = 0
    n: int = 0
    rule: str = "exchange"
    reason: str = ""
    damaged: bool = False
    approved: str = ""
    gift: bool = False
    store: str = ""
    order: str = ""
    offline: bool = False

    @property
    def receipt(self) -> str:
        """What it comes back from, as mentions and paths name it: `3-1-20417`, of another store `cgn/3-1-20417`, of an order
        `order:ID`; empty where there is no receipt.
        """
        if self.order:
            return f"order:{self.order}"
        if not self.number:
            return ""
        return f"{self.store}{'/' if self.store else ''}{self.till}-{self.epoch}-{self.number}"


class Particulars(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a code says of the goods that it stands on, as their line keeps it.

    `unit_minor` is the label's price per `unit` (empty: the article's); None: the catalogue's price holds. `list_minor`
    is then the catalogue's, where it is another one per the same unit.
    """

    unit_minor: int | None = None
    unit: str = ""
    list_minor: int | None = None
    serial: str = ""
    batch: str = ""
    best_before: dt.date | None = None


NOTHING_SAID: Final = Particulars()


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a cart.

    `n` never changes and is never given twice. `kind` is "article", "deposit" (belongs to line `parent`; of its own it
    is one that is taken back), "return" (negative, of `origin`), "voucher" (a gift card or voucher that is sold) or
    "open" (a code that is not sold yet: no price, no tax, total 0). Amounts are gross minor units; `total_minor` is
    `quantity` x `unit_minor`, rounded once, and counts less its `discounts`. `list_minor` is the catalogue's price
    where another one was taken. `price_source` is "catalogue", "asked", "open", "label", "override", "origin" or
    "order"; `price_list` the list that a catalogue's price is from, empty for the article's own. A "down-payment" is money for goods that come later (positive), or is taken back when they leave (negative).
    `fulfil`: it is not taken along but collected ("collect") or sent ("deliver") later, by the hub's order `order`.
    """

    n: int
    kind: str
    text: str
    quantity: Decimal
    unit_minor: int
    total_minor: int
    added: Mark
    source: str = ""
    code: str = ""
    gtin: str | None = None
    sku: str = ""
    unit: str = "pc"
    department: int = 0
    tax_code: str = ""
    tax_percent: Decimal = Decimal(0)
    tax_key: int = 0
    price_source: str = "catalogue"
    list_minor: int | None = None
    parent: int | None = None
    min_age: int = 0
    open_reason: str = ""
    voided: Mark | None = None
    discounts: tuple[Discount, ...] = ()
    origin: Origin | None = None
    serial: str = ""
    batch: str = ""
    best_before: dt.date | None = None
    seller: str = ""
    options: tuple[str, ...] = ()
    reason: str = ""
    approved: str = ""
    fulfil: str = ""
    order: str = ""
    price_list: str = ""

    @property
    def live(self) -> bool:
        return self.voided is None

    @property
    def pay_minor(self) -> int:
        """What is paid for it: its price less its discounts."""
        return self.total_minor - sum(discount.amount_minor for discount in self.discounts)
