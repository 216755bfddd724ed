"""From a cart and its payment to the fact that is kept: the sale as one document, sums stored."""

import msgspec

from pos.domain.cart import Cart, Line, pieces, tax_totals, total_minor
from pos.facts import CartAbandoned, Sale, SaleLine, SaleTax, SaleTender

__all__ = ["SaleContext", "abandoned", "sale_of"]

_CASES = {"deposit": "Pfand"}


class SaleContext(msgspec.Struct, frozen=True):
    """What a sale holds beside its cart and its tenders. Times are wall-clock milliseconds."""

    number: int
    business_day: str
    cash_session: str
    operator: str
    tendered_ms: int
    completed_ms: int
    offset_min: int
    currency: str
    link: str
    language: str
    demo: bool
    software: str


def sale_of(cart: Cart, tenders: tuple[SaleTender, ...], context: SaleContext) -> Sale:
    """The sale. By construction: taxes' gross = total = tenders' amounts; an assertion guards each."""
    total = total_minor(cart)
    taxes = tuple(
        SaleTax(tax.code, tax.key, tax.percent, tax.gross_minor, tax.net_minor, tax.vat_minor)
        for tax in tax_totals(cart)
    )
    assert sum(tax.gross_minor for tax in taxes) == total, "taxes sum to the total"
    assert all(tax.net_minor + tax.vat_minor == tax.gross_minor for tax in taxes), "net + VAT = gross"
    assert sum(tender.amount_minor for tender in tenders) == total, "tenders sum to the total"
    assert all(tender.given_minor - tender.change_minor == tender.amount_minor for tender in tenders), (
        "given - change = amount"
    )
    return Sale(
        cart_id=cart.cart_id,
        number=context.number,
        business_day=context.business_day,
        cash_session=context.cash_session,
        operator=context.operator,
        started_ms=cart.opened_ms,
        tendered_ms=context.tendered_ms,
        completed_ms=context.completed_ms,
        offset_min=context.offset_min,
        lines=tuple(_line(line, context.operator) for line in cart.lines),
        tenders=tenders,
        taxes=taxes,
        total_minor=total,
        pieces=pieces(cart),
        currency=context.currency,
        link=context.link,
        language=context.language,
        demo=context.demo,
        software=context.software,
    )


def abandoned(
    cart: Cart, *, business_day: str, operator: str, ended_ms: int, offset_min: int
) -> CartAbandoned:
    """A cart given up, with every line it ever had."""
    return CartAbandoned(
        cart_id=cart.cart_id,
        business_day=business_day,
        operator=operator,
        started_ms=cart.opened_ms,
        ended_ms=ended_ms,
        offset_min=offset_min,
        lines=tuple(_line(line, operator) for line in cart.lines),
    )


def _line(line: Line, operator: str) -> SaleLine:
    voided = line.voided
    return SaleLine(
        n=line.n,
        text=line.text,
        unit_minor=line.unit_minor,
        total_minor=line.total_minor,
        tax=line.tax_code,
        percent=line.tax_percent,
        at_ms=line.added.at_ms,
        qty=line.quantity,
        kind=line.kind,
        case=_CASES.get(line.kind, "Umsatz"),
        unit=line.unit,
        gtin=line.gtin,
        sku="" if line.sku == line.gtin else line.sku,
        code=line.code,
        source="" if line.source == "scanner" else line.source,
        department=line.department,
        price_source=line.price_source,
        list_minor=line.list_minor,
        parent=line.parent,
        min_age=line.min_age,
        open_reason=line.open_reason,
        by="" if line.added.by == operator else line.added.by,
        voided_ms=None if voided is None else voided.at_ms,
        voided_by="" if voided is None or voided.by == operator else voided.by,
    )
