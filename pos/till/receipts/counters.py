"""Counter-documents: a receipt's tenders taken back and others put in their place, or the whole receipt taken back.

The receipt itself stays as it is. Pure: from sales to the sale that turns one of them.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from pos.domain.line import Discount
from pos.domain.tender import Tender
from pos.sale_facts import Reference, Sale, SaleLine, SaleTax
from pos.till.settlement import SaleContext

__all__ = [
    "COUNTERS",
    "account_paid",
    "is_counter",
    "negated",
    "retender_of",
    "standing_tenders",
    "tip_of",
    "void_of",
]

COUNTERS: Final = frozenset({"retender", "void"})


def is_counter(sale: Sale) -> bool:
    return any(reference.kind in COUNTERS for reference in sale.references)


def negated(tender: Tender) -> Tender:
    """What takes this tender back. Of foreign cash the very notes go back."""
    foreign = tender.foreign
    if foreign is not None:
        foreign = msgspec.structs.replace(foreign, given_minor=-foreign.given_minor)
    return Tender(
        tender.kind,
        -tender.amount_minor,
        -tender.amount_minor,
        0,
        tender.currency,
        tender.reference,
        foreign,
    )


def standing_tenders(sale: Sale, later: Iterable[Sale]) -> tuple[Tender, ...]:
    """By what a receipt is paid now: its own tenders, and those that later documents put in their place."""
    standing = [_plain(tender) for tender in sale.tenders]
    for counter in later:
        if not any(reference.kind == "retender" for reference in counter.references):
            continue
        for tender in map(_plain, counter.tenders):
            taken_back = next((one for one in standing if negated(one) == negated(negated(tender))), None)
            if taken_back is not None:
                standing.remove(taken_back)
            else:
                standing.append(tender)
    return tuple(standing)


def _plain(tender: Tender) -> Tender:
    """Without what was given and went back, and into which insert: that is over."""
    return msgspec.structs.replace(
        tender, given_minor=tender.amount_minor, change_minor=0, balance_minor=None, cash_session=""
    )


def void_of(
    sale: Sale, back: Sequence[Tender], reference: Reference, cart_id: str, context: SaleContext
) -> Sale:
    """The whole receipt with the sign turned, under a number of its own. `back` take back the tenders that stand."""
    return msgspec.structs.replace(
        _counter(sale, reference, cart_id, context),
        lines=tuple(_negated_line(line) for line in sale.lines if line.voided_ms is None),
        tenders=tuple(back),
        taxes=tuple(
            SaleTax(tax.code, tax.key, tax.percent, -tax.gross_minor, -tax.net_minor, -tax.vat_minor)
            for tax in sale.taxes
        ),
        total_minor=-sale.total_minor,
        pieces=-sale.pieces,
        rounding_minor=sum(tender.amount_minor for tender in back) + sale.total_minor + sale.tip_minor,
        tip_minor=-sale.tip_minor,
        given_back=tuple(
            msgspec.structs.replace(entry, worth_minor=-entry.worth_minor, amount_minor=-entry.amount_minor)
            for entry in sale.given_back
        ),
    )


def retender_of(
    sale: Sale,
    back: Sequence[Tender],
    new: Sequence[Tender],
    reference: Reference,
    cart_id: str,
    context: SaleContext,
) -> Sale:
    """No line and nothing sold: the tenders that stand are taken back (`back`), the new ones put in their place."""
    tenders = (*back, *new)
    return msgspec.structs.replace(
        _counter(sale, reference, cart_id, context),
        tenders=tenders,
        rounding_minor=sum(tender.amount_minor for tender in tenders),
    )


def account_paid(tenders: tuple[Tender, ...], cart_id: str, context: SaleContext) -> Sale:
    """What a customer owed is paid: nothing is sold, other tenders come in the place of the last, the account's."""
    sale = _document(cart_id, context, context.currency, context.language, tenders, tenders[-1].reference)
    return msgspec.structs.replace(sale, rounding_minor=sum(tender.amount_minor for tender in tenders))


def tip_of(tender: Tender, reference: Reference, cart_id: str, context: SaleContext) -> Sale:
    """A tip that came after its receipt, by card: nothing is sold, and no tax is in it."""
    document = _document(cart_id, context, context.currency, context.language, (tender,), "")
    return msgspec.structs.replace(document, references=(reference,), tip_minor=tender.amount_minor)


def _counter(sale: Sale, reference: Reference, cart_id: str, context: SaleContext) -> Sale:
    document = _document(cart_id, context, sale.currency, sale.language, (), sale.customer)
    return msgspec.structs.replace(document, references=(reference,), staff=sale.staff)


def _document(
    cart_id: str,
    context: SaleContext,
    currency: str,
    language: str,
    tenders: tuple[Tender, ...],
    customer: str,
) -> Sale:
    """A sale in which nothing is sold."""
    return Sale(
        cart_id=cart_id,
        number=context.number,
        business_day=context.business_day,
        cash_session=context.cash_session,
        operator=context.operator,
        started_ms=context.tendered_ms,
        tendered_ms=context.tendered_ms,
        completed_ms=context.completed_ms,
        offset_min=context.offset_min,
        lines=(),
        tenders=tenders,
        taxes=(),
        total_minor=0,
        pieces=0,
        currency=currency,
        link=context.link,
        language=language,
        demo=context.demo,
        approvals=context.approvals,
        software=context.software,
        customer=customer,
    )


def _negated_line(line: SaleLine) -> SaleLine:
    discounts: tuple[Discount, ...] = tuple(
        msgspec.structs.replace(discount, amount_minor=-discount.amount_minor) for discount in line.discounts
    )
    return msgspec.structs.replace(
        line, qty=-line.qty, total_minor=-line.total_minor, discounts=discounts, source="counter"
    )
