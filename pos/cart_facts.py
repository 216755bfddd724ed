"""Facts of carts that ended without a sale, were set aside or went on, and of goods refused for an age; stored as pos.facts says."""

from decimal import Decimal

import msgspec

from pos.domain.about import About
from pos.domain.rights import Approval
from pos.domain.tender import Tender
from pos.sale_facts import SaleLine

__all__ = [
    "AgeRefused",
    "CartAbandoned",
    "CartLeft",
    "CartParked",
    "CartResumed",
    "TaxKey",
]


class CartAbandoned(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cart that ended without a sale: every line it ever had, and who gave it up."""

    cart_id: str
    business_day: str
    operator: str
    started_ms: int
    ended_ms: int
    offset_min: int
    lines: tuple[SaleLine, ...]
    reason: str = "void"
    training: bool = False
    approvals: tuple[Approval, ...] = ()


class TaxKey(msgspec.Struct, frozen=True):
    """The number by which an export knows a tax code at a rate; lines of a sale do not carry it."""

    code: str
    percent: Decimal
    key: int


class CartParked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cart was set aside: it ended under `cart_id`, and everything to go on with it under another is here.

    `operator` parked it, `opened_by` began it (empty: the same). `tax_keys` holds each code and rate of the
    lines once. `follows` is the operator at whose next sign-in it goes on by itself. Lines without a price yet are among `lines`, with kind "open".
    `travels`: once the store's arbiter holds it, it goes on only by a claim, at whichever till of the store.
    """

    cart_id: str
    business_day: str
    operator: str
    started_ms: int
    parked_ms: int
    offset_min: int
    lines: tuple[SaleLine, ...]
    tax_keys: tuple[TaxKey, ...]
    total_minor: int
    pieces: int
    currency: str = "EUR"
    note: str = ""
    opened_by: str = ""
    tenders: tuple[Tender, ...] = ()
    about: About = About()
    follows: str = ""
    travels: bool = False


class CartResumed(msgspec.Struct, frozen=True, omit_defaults=True):
    """The cart parked under `cart_id` goes on at this till, as a new cart: `new_cart_id`.

    A cart that another till parked is here whole, in `taken`; `from_till`, `from_epoch`, `from_seq` is the fact that parked it.
    `claimed_over` is the till whose claim a person set aside for it, `approvals` who agreed.
    """

    cart_id: str
    new_cart_id: str
    business_day: str
    operator: str
    resumed_ms: int
    offset_min: int
    taken: CartParked | None = None
    from_till: str = ""
    from_epoch: int = 0
    from_seq: int = 0
    claimed_over: str = ""
    approvals: tuple[Approval, ...] = ()


class CartLeft(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cart that was parked here went on at another till of the store, `till`, as the store's arbiter told at `heard_ms`.

    `operator` was at the till then; empty: nobody.
    """

    cart_id: str
    till: str
    heard_ms: int
    operator: str = ""


class AgeRefused(msgspec.Struct, frozen=True, omit_defaults=True):
    """Goods were not sold because the customer could not be taken for `min_age`. Nothing of the customer is kept.

    `skus` are the articles that left the cart, one entry a line.
    """

    business_day: str
    cart_id: str
    operator: str
    min_age: int
    at_ms: int
    offset_min: int
    skus: tuple[str, ...]
