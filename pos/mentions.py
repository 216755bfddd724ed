"""What a fact mentions, by which it is found again: the receipt whose lines came back, a voucher, a serial number."""

from collections.abc import Iterator
from typing import Final

from pos.domain.refund import DEPOSIT, NO_RECEIPT
from pos.facts import Fact
from pos.order_facts import OrderHandedOver
from pos.sale_facts import Sale
from pos.transfer_facts import TransferGivenUp, TransferOffered, TransferReceived

__all__ = ["KINDS", "mentions_of", "receipt_key"]

KINDS: Final = (
    "receipt",
    "serial",
    "slip",
    "voucher",
    "without-receipt",
    "account",
    "invoice",
    "transfer",
    "order",
)
"""receipt: another receipt or order that it takes back from, gives back the payment of, voids or re-tenders (`receipt_key`);
serial: an article's serial number; slip: a deposit slip; voucher: a gift card or credit, by its number; without-receipt: a
return without a receipt, or from elsewhere while nobody could say what is left, by the business day; account: a customer who
pays later; invoice: its own number as an invoice; transfer: a credit transfer, by its reference; order: an order of the hub,
by its id."""

_VOUCHERS: Final = frozenset({"gift-card", "credit", "voucher"})
_TRANSFERS: Final = frozenset({"bank-transfer-qr", "transfer"})


def receipt_key(till: str, epoch: int, number: int, store: str = "") -> str:
    """By which a receipt is mentioned; `store` where it is not this till's own. As pos.domain.line.Origin.receipt."""
    return f"{store}{'/' if store else ''}{till}-{epoch}-{number}"


def mentions_of(fact: Fact) -> Iterator[tuple[str, str]]:
    """Kind and key of each thing that this fact mentions; removed lines mention nothing."""
    if isinstance(fact, TransferGivenUp | TransferOffered | TransferReceived):
        yield ("transfer", fact.reference)
    if isinstance(fact, OrderHandedOver):
        yield ("order", fact.order_id)
    if not isinstance(fact, Sale) or fact.training:
        return
    seen = set()
    for reference in fact.references:
        if reference.number and reference.till:
            seen.add(
                ("receipt", receipt_key(reference.till, reference.epoch, reference.number, reference.store))
            )
        if reference.kind == "order" and reference.external:
            seen.add(("order", reference.external))
    for line in fact.lines:
        if line.voided_ms is not None:
            continue
        if line.origin is not None and line.origin.receipt:
            seen.add(("receipt", line.origin.receipt))
        if line.origin is not None and (line.origin.offline or not line.origin.receipt):
            seen.add(("without-receipt", fact.business_day))
        if line.order and line.kind == "down-payment" and line.qty < 0:
            seen.add(("order", line.order))
        if line.serial:
            kind = {"voucher": "voucher", "deposit": "slip"}.get(line.kind, "serial")
            seen.add((kind, line.serial))
    for tender in fact.tenders:
        if tender.kind in _VOUCHERS and tender.reference:
            seen.add(("voucher", tender.reference))
        if tender.kind == "on-account" and tender.reference:
            seen.add(("account", tender.reference))
        if tender.kind in _TRANSFERS and tender.reference:
            seen.add(("transfer", tender.reference))
    for entry in fact.given_back:
        seen |= {("receipt", key) for key in entry.receipts if key not in {DEPOSIT, NO_RECEIPT}}
    if fact.invoice:
        seen.add(("invoice", fact.invoice))
    yield from sorted(seen)
