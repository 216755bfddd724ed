"""Facts of what was sold: a completed sale with its lines, taxes and tenders; the stored form is that of pos.facts."""

import datetime as dt
from decimal import Decimal
from typing import Any

import msgspec

from pos.domain.line import Discount, Origin
from pos.domain.refund import GivenBack
from pos.domain.rights import Approval
from pos.domain.tender import Tender
from pos.domain.used import Used

__all__ = [
    "Reference",
    "Sale",
    "SaleLine",
    "SaleTax",
    "counts_for_budgets",
]


class SaleLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a sale, removed ones too (`voided_ms` set, and not in any sum).

    `total_minor` = `qty` x `unit_minor` rounded, less nothing: `discounts` are separate and summed in
    `total_minor` of the sale. `case` is the business case in words of DSFinV-K (GV_TYP). `by` is empty
    where it is the sale's operator. `origin` is the line that a "return" takes back. `reason` and `approved`
    (an operator) belong to a price that was set by hand. The rest is as in pos.domain.line.
    """

    n: int
    text: str
    unit_minor: int
    total_minor: int
    tax: str
    percent: Decimal
    at_ms: int
    qty: Decimal = Decimal(1)
    kind: str = "article"
    case: str = "Umsatz"
    unit: str = "pc"
    gtin: str | None = None
    sku: str = ""
    code: str = ""
    source: str = ""
    department: int = 0
    price_source: str = "catalogue"
    list_minor: int | None = None
    discounts: tuple[Discount, ...] = ()
    parent: int | None = None
    min_age: int = 0
    open_reason: str = ""
    by: str = ""
    voided_ms: int | None = None
    voided_by: str = ""
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
    def pay_minor(self) -> int:
        """What was paid for it: its price less its discounts."""
        return self.total_minor - sum(discount.amount_minor for discount in self.discounts)


class SaleTax(msgspec.Struct, frozen=True):
    """Sums of one tax code: gross = net + vat. `key` is the export's number for the code."""

    code: str
    key: int
    percent: Decimal
    gross_minor: int
    net_minor: int
    vat_minor: int


class Reference(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another receipt or order that this one is about.

    `kind` "retender": this document takes that receipt's tenders back and puts others in their place; "void": it takes
    the whole receipt back; "return": some of its lines; "tip": a tip is added to what was paid. "return-order": some of an
    order's goods come back, `external` is its id and `number` what people call it; "return-hold": what the hub kept for
    this sale under the id `external`. `store` is the receipt's where it is not this till's own.
    """

    kind: str
    till: str = ""
    epoch: int = 0
    number: int = 0
    external: str = ""
    store: str = ""


class Sale(msgspec.Struct, frozen=True, omit_defaults=True):
    """A completed sale, whole. The sum of its taxes' gross = `total_minor`.

    The sum of its tenders' amounts = `total_minor` + `rounding_minor` (cash rounding) + `tip_minor`. `customer` is a
    reference, `staff` the operator who bought as staff, `coupons` what was scanned for a discount. `promotions` says how
    often each was applied and what it took off, for budgets; the shares are discounts of the lines. Counter-documents are
    sales too: their lines, or their tenders, are those of the receipt in `references` with the sign turned. `invoice` is
    its number as an invoice, `buyer` a reference to whom it is addressed. `given_back` says whose payment its returns gave back.
    """

    cart_id: str
    number: int
    business_day: str
    cash_session: str
    operator: str
    started_ms: int
    tendered_ms: int
    completed_ms: int
    offset_min: int
    lines: tuple[SaleLine, ...]
    tenders: tuple[Tender, ...]
    taxes: tuple[SaleTax, ...]
    total_minor: int
    pieces: int
    currency: str = "EUR"
    link: str = ""
    language: str = "de"
    demo: bool = False
    training: bool = False
    references: tuple[Reference, ...] = ()
    approvals: tuple[Approval, ...] = ()
    country: dict[str, Any] = {}
    software: str = ""
    rounding_minor: int = 0
    tip_minor: int = 0
    customer: str = ""
    staff: str = ""
    coupons: tuple[str, ...] = ()
    invoice: str = ""
    buyer: str = ""
    promotions: tuple[Used, ...] = ()
    given_back: tuple[GivenBack, ...] = ()


def counts_for_budgets(sale: Sale) -> bool:
    """Whether its promotions were really given: not in training, and not in a document that counters another one."""
    countering = any(reference.kind in {"retender", "void"} for reference in sale.references)
    return bool(sale.promotions) and not sale.training and not countering
