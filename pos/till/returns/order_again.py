"""An order's goods as the lines of a sale that they were, so that they come back like any others."""

from decimal import Decimal

from pos.domain.line import Discount
from pos.domain.money import round_minor
from pos.domain.purchase import Purchase, PurchaseLine
from pos.sale_facts import Sale, SaleLine
from pos.till.desk import Desk

__all__ = ["sale_of"]


def sale_of(order: Purchase, desk: Desk) -> Sale:
    """It stands in no journal: its lines, what they cost, when it was and what people call it."""
    lines = tuple(_line(line, order, desk) for line in order.lines)
    return Sale(
        cart_id="",
        number=order.number,
        business_day="",
        cash_session="",
        operator="",
        started_ms=order.sold_ms,
        tendered_ms=order.sold_ms,
        completed_ms=order.sold_ms,
        offset_min=desk.offset_min(),
        lines=lines,
        tenders=(),
        taxes=(),
        total_minor=order.total_minor,
        pieces=len(lines),
        currency=order.currency,
    )


def _line(line: PurchaseLine, order: Purchase, desk: Desk) -> SaleLine:
    """At the price of one, rounded up; what that is too much came off."""
    article = desk.world.catalogue.by_sku(line.sku) if line.sku else None
    rate = desk.rate_of(line.tax or (article.tax_code if article is not None else ""))
    unit = -int(-Decimal(line.pay_minor) // line.qty) if line.qty else 0
    total = round_minor(unit * line.qty)
    off = total - line.pay_minor
    return SaleLine(
        n=line.n,
        text=line.text,
        unit_minor=unit,
        total_minor=total,
        tax=rate.code,
        percent=rate.percent,
        at_ms=order.sold_ms,
        qty=line.qty,
        kind=line.kind,
        unit=line.unit,
        gtin=line.gtin or None,
        sku=line.sku,
        department=article.department if article is not None else 0,
        price_source="order",
        discounts=(Discount("order", "", off, source="order"),) if off else (),
        parent=line.parent,
        serial=line.serial,
        seller=line.seller,
    )
