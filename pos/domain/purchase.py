"""Purchases as the hub tells them: what was bought anywhere, what of it can still come back, and how it was paid."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from pos.domain.returns import Taken

__all__ = [
    "PREPAID",
    "Announced",
    "AnnouncedLine",
    "Held",
    "HeldLine",
    "Hold",
    "HowPaid",
    "PaidBy",
    "PlanRow",
    "Purchase",
    "PurchaseLine",
    "PurchaseList",
    "PurchaseRow",
    "how_paid",
    "hub_counts",
    "taken_by",
]

PREPAID: Final = "prepaid"
"""The kind of tender that stands for a payment service's part: no money of the till's."""


class PurchaseRow(msgspec.Struct, frozen=True):
    """One purchase that was found. `source` "till": a receipt (`store`, `till`, `epoch`, `number`); "order": an order
    (`order_id`; `number` is what people call it, `external` the channel's name for it).
    """

    source: str
    store: str = ""
    till: str = ""
    epoch: int = 0
    number: int = 0
    order_id: str = ""
    external: str = ""
    sold_ms: int = 0
    total_minor: int = 0
    customer: str = ""
    lines_text: str = ""


class PurchaseList(msgspec.Struct, frozen=True):
    sales: tuple[PurchaseRow, ...]


class PurchaseLine(msgspec.Struct, frozen=True):
    """A line and what is left of it: neither came back nor is kept for somebody's return. Amounts are gross minor units."""

    n: int
    text: str
    qty: Decimal
    pay_minor: int
    left_qty: Decimal
    left_minor: int
    sku: str = ""
    gtin: str = ""
    unit: str = "pc"
    tax: str = ""
    kind: str = "article"
    parent: int | None = None
    serial: str = ""
    seller: str = ""


class PaidBy(msgspec.Struct, frozen=True):
    """One way it was paid: at a till (`provider` "till"), or at a payment service that gives it back itself."""

    provider: str
    kind: str
    amount_minor: int
    refundable_minor: int
    reference: str = ""


class AnnouncedLine(msgspec.Struct, frozen=True):
    n: int
    qty: Decimal
    reason: str = ""


class Announced(msgspec.Struct, frozen=True):
    """What the customer said would come back; nothing is kept for it."""

    announcement_id: str
    code: str = ""
    lines: tuple[AnnouncedLine, ...] = ()


class Purchase(PurchaseRow, frozen=True):
    """A purchase with its lines. `sale` is the fact of a till's sale as JSON; empty for an order."""

    currency: str = "EUR"
    lines: tuple[PurchaseLine, ...] = ()
    tenders: tuple[PaidBy, ...] = ()
    announced: tuple[Announced, ...] = ()
    voided: bool = False
    sale: msgspec.Raw = msgspec.Raw(b"null")


class HeldLine(msgspec.Struct, frozen=True):
    n: int
    qty: Decimal
    worth_minor: int


class PlanRow(msgspec.Struct, frozen=True):
    """How a part goes back: `where` is "till" or "provider"."""

    provider: str
    kind: str
    amount_minor: int
    where: str
    reference: str = ""


class Held(msgspec.Struct, frozen=True):
    """What the hub keeps for a return until `until_ms`, by its own clock."""

    return_id: str
    state: str
    until_ms: int
    lines: tuple[HeldLine, ...] = ()
    total_minor: int = 0
    plan: tuple[PlanRow, ...] = ()


class HowPaid(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tender's kind and reference, what of it can still be given back, and the payment service that does."""

    kind: str
    left_minor: int
    reference: str = ""
    provider: str = ""


class Hold(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a purchase that the open cart takes back, as the hub keeps it for this till.

    `receipt` is that of the lines' origin, `shown` what people call it, `lines` are those of the cart. `until_ms` is by the
    hub's clock: then it lapses. `return_id` is empty where the hub was not heard. `looked_ms`: when it was last looked after
    before paying.
    """

    receipt: str
    lines: tuple[int, ...] = ()
    return_id: str = ""
    key: str = ""
    until_ms: int = 0
    paid: tuple[HowPaid, ...] = ()
    shown: str = ""
    looked_ms: int = 0


def hub_counts(purchase: Purchase) -> dict[int, Taken]:
    """What is gone of each line, as the hub knows."""
    return {
        line.n: Taken(
            line.qty - max(Decimal(0), line.left_qty),
            min(line.pay_minor, line.pay_minor - max(0, line.left_minor)),
        )
        for line in purchase.lines
    }


def taken_by(here: Mapping[int, Taken], hub: Mapping[int, Taken]) -> dict[int, Taken]:
    """Line by line whoever knows of more that is gone: this till of what it did since, the hub of what others did."""
    none = Taken()
    both = {}
    for n in here.keys() | hub.keys():
        mine, others = here.get(n, none), hub.get(n, none)
        both[n] = mine if mine.quantity > others.quantity else others
    return both


def how_paid(tenders: Sequence[PaidBy], order_id: str) -> tuple[HowPaid, ...]:
    """As refunds look at it: a payment service's parts of an order are one way, named by it; a till's sale as the till has it."""
    ways: dict[tuple[str, str], HowPaid] = {}
    for tender in tenders:
        elsewhere = bool(order_id) and tender.provider not in {"", "till"}
        kind, reference = (PREPAID, order_id) if elsewhere else (tender.kind, tender.reference)
        before = ways.get((kind, reference))
        providers = [before.provider] if before is not None and before.provider else []
        if elsewhere and tender.provider not in providers:
            providers.append(tender.provider)
        ways[kind, reference] = HowPaid(
            kind,
            max(0, tender.refundable_minor) + (before.left_minor if before is not None else 0),
            reference,
            ", ".join(providers),
        )
    return tuple(ways.values())
