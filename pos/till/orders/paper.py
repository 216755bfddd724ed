"""Paper about orders: what to pick, what stands on the bag, what the customer takes along."""

import datetime as dt
from decimal import Decimal

from pos.domain.document import Document, DocumentRow
from pos.domain.pickup import Fulfillment, Order, OrderLine, bag_code
from pos.domain.scans import ScanKind, own_code
from pos.order_facts import OrderHandedOver
from pos.resources import texts
from pos.words import amount, day_text, quantity_text

__all__ = ["bag_label", "order_slip", "parcel_label", "pick_list", "slip"]


def bag_label(number: int, text: str, shelf: str, language: str, bag: tuple[int, int] = (1, 1)) -> Document:
    """Big enough to be read from the shelf; its code is scanned at the counter. It names nobody. `bag`: which of how many."""
    words = texts(language)
    rows = (
        DocumentRow(words("receipt.order", number=number), style="mark"),
        DocumentRow(text),
        DocumentRow(words("receipt.order-shelf", shelf=shelf or "-"), style="mark"),
        *([DocumentRow(words("receipt.order-bag", bag=bag[0], bags=bag[1]))] if bag[1] > 1 else []),
        DocumentRow(own_code(ScanKind.PICKUP, bag_code(number)), style="code"),
    )
    return Document(rows, head=False)


def order_slip(
    order: Order, down_minor: int, language: str, *, paid: bool, day: dt.date | None = None
) -> Document:
    """What the customer takes along of an order that was made at the till; its code is scanned at collection."""
    words = texts(language)
    rows = [DocumentRow(words("receipt.order", number=order.number), style="mark")]
    if order.purpose:
        rows.append(DocumentRow(words(f"receipt.order-{order.purpose}"), style="centre"))
    rows.append(DocumentRow(style="rule"))
    rows += [
        DocumentRow(f"{_qty(one, one.qty, language)} x {one.text}", amount(one.pay_minor, language))
        for one in order.lines
    ]
    rows.append(DocumentRow(style="rule"))
    rows.append(DocumentRow(words("receipt.order-total"), amount(order.value_minor, language)))
    if down_minor:
        rows.append(DocumentRow(words("receipt.order-down"), amount(down_minor, language)))
        rest = amount(order.value_minor - down_minor, language)
        rows.append(DocumentRow(words("receipt.order-rest"), rest))
    elif paid:
        rows.append(DocumentRow(words("receipt.order-paid-here")))
    if day is not None:
        rows.append(DocumentRow(words("receipt.order-day"), day_text(day, language)))
    rows.append(DocumentRow(own_code(ScanKind.PICKUP, order.code), style="code"))
    rows.append(DocumentRow(words("receipt.order-code", code=order.code), style="centre"))
    return Document(tuple(rows))


def parcel_label(number: int, carrier: str, tracking: str, url: str, language: str) -> Document:
    """For a parcel: whose it is by number, and where it can be followed. It names nobody."""
    words = texts(language)
    rows = [DocumentRow(words("receipt.order-parcel", number=number), style="mark")]
    rows += [DocumentRow(text, style="centre") for text in (carrier, tracking) if text]
    if url or tracking:
        rows.append(DocumentRow(url or tracking, style="code"))
    return Document(tuple(rows))


def pick_list(order: Order, task: Fulfillment, language: str) -> Document:
    """What is still to be taken from the shelves; scanned afterwards at the till."""
    words = texts(language)
    rows = [
        DocumentRow(words("receipt.order-pick", number=order.number), style="mark"),
        DocumentRow(style="rule"),
    ]
    for one in task.lines:
        left = one.qty - one.short - one.picked
        if left > 0:
            line = order.line(one.n)
            rows.append(DocumentRow(f"[ ] {line.text}", _qty(line, left, language)))
            rows.append(DocumentRow(line.gtin or line.sku))
    rows.append(DocumentRow(style="rule"))
    return Document(tuple(rows), head=False)


def slip(
    order: Order, fact: OrderHandedOver, back_minor: int, names: dict[str, str], language: str
) -> Document:
    """What was handed over without a payment, and what was started for goods that were refused. `names`: articles by sku."""
    words = texts(language)
    rows = [
        DocumentRow(words("receipt.order-handed", number=order.number), style="mark"),
        DocumentRow(style="rule"),
    ]
    for gone in fact.lines:
        rows.append(
            DocumentRow(
                names.get(gone.sku, order.line(gone.n).text), _qty(order.line(gone.n), gone.qty, language)
            )
        )
        if gone.replaces:
            rows.append(DocumentRow(words("receipt.order-replaces", text=order.line(gone.n).text)))
    rows += [
        DocumentRow(
            words("receipt.order-refused", text=order.line(one.n).text),
            _qty(order.line(one.n), one.qty, language),
        )
        for one in fact.refused
    ]
    rows.append(DocumentRow(style="rule"))
    rows.append(DocumentRow(words("receipt.order-paid")))
    if back_minor:
        rows.append(DocumentRow(words("receipt.order-back"), amount(back_minor, language)))
        rows += [
            DocumentRow(f"  {one.provider} {one.reference}"[:60])
            for one in order.payments
            if one.provider not in {"counter", "down-payment"}
        ]
        rows.append(DocumentRow(words("receipt.order-back-not-here")))
    return Document(tuple(rows))


def _qty(line: OrderLine, qty: Decimal, language: str) -> str:
    """So much of a line as people write it, with its measure: 1.250 is more than a thousand in German."""
    return quantity_text(qty, line.unit, language)
