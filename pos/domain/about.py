"""What is known of a whole cart beside its lines: for whom, by whom, and what was agreed to."""

from decimal import Decimal

import msgspec

from pos.domain.phone_cart import PhoneCart
from pos.domain.pickup import Handing
from pos.domain.purchase import Hold
from pos.domain.rights import Approval
from pos.domain.used import Used

__all__ = ["About", "Reduction"]


class Reduction(msgspec.Struct, frozen=True, omit_defaults=True):
    """A discount that a person gave, as a rule: what it takes off which line follows from the lines, until the cart ends.

    `n` is its line, 0 the whole cart. It takes `percent` off, or `amount_minor` where `percent` is 0. `source` is "manual" or
    "staff"; `by` gave it, `approved` agreed. `text` stands on the receipt.
    """

    source: str
    text: str
    n: int = 0
    percent: Decimal = Decimal(0)
    amount_minor: int = 0
    reason: str = ""
    by: str = ""
    approved: str = ""


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """`customer` and `groups` (of customers) are references; `staff` is the operator who buys; `seller` sells the lines to come.

    `coupons` are the codes that were scanned, one entry each time. `age` is the age that was looked at and passed.
    `approvals` are those of its lines. `gift`: a receipt without prices is wanted too. `tip_minor` is paid
    over the total. `buyer` is a reference: an invoice is wanted for them. `promotions` are those that take something
    off now, and how often. `phone_cart` is what a customer brought on a phone. `reductions` are the discounts that people gave, in their order.
    `handing`: orders that are handed over with its payment. `holds`: what the hub keeps of purchases whose goods come back.
    """

    customer: str = ""
    groups: tuple[str, ...] = ()
    staff: str = ""
    seller: str = ""
    coupons: tuple[str, ...] = ()
    age: int = 0
    approvals: tuple[Approval, ...] = ()
    gift: bool = False
    tip_minor: int = 0
    buyer: str = ""
    promotions: tuple[Used, ...] = ()
    reductions: tuple[Reduction, ...] = ()
    phone_cart: PhoneCart | None = None
    handing: tuple[Handing, ...] = ()
    holds: tuple[Hold, ...] = ()
