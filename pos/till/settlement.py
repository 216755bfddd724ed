"""From a cart to the fact that is kept, sums stored; and from a parked cart's fact to the cart again."""

from collections.abc import Iterator

import msgspec

from pos.cart_facts import CartAbandoned, CartParked, TaxKey
from pos.domain.cart import Cart, Line, Mark, cart_of, pieces, tax_totals, total_minor
from pos.domain.order_cart import DOWN
from pos.domain.phone_cart import waiting
from pos.domain.refund import GivenBack
from pos.domain.rights import Approval
from pos.domain.tender import Tender
from pos.sale_facts import Reference, Sale, SaleLine, SaleTax

__all__ = ["SaleContext", "abandoned", "cart_again", "line_again", "parked", "sale_of"]

_CASES = {"deposit": "Pfand", "voucher": "MehrzweckgutscheinKauf"}


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
    rounding_minor: int = 0
    tip_minor: int = 0
    references: tuple[Reference, ...] = ()
    approvals: tuple[Approval, ...] = ()
    given_back: tuple[GivenBack, ...] = ()


def sale_of(cart: Cart, tenders: tuple[Tender, ...], context: SaleContext) -> Sale:
    """The sale. By construction: taxes' gross = total = tenders' amounts less rounding and tip; an assertion guards each."""
    total = total_minor(cart)
    taxes = tuple(
        SaleTax(tax.code, tax.key, tax.percent, tax.gross_minor, tax.net_minor, tax.vat_minor)
        for tax in tax_totals(cart)
    )
    assert sum(tax.gross_minor for tax in taxes) == total, "taxes sum to the total"
    assert all(tax.net_minor + tax.vat_minor == tax.gross_minor for tax in taxes), "net + VAT = gross"
    owed = total + context.rounding_minor + context.tip_minor
    assert sum(tender.amount_minor for tender in tenders) == owed, "tenders sum to what was owed"
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
        tenders=tuple(
            msgspec.structs.replace(tender, cash_session="")
            if tender.cash_session == context.cash_session
            else tender
            for tender in tenders
        ),
        taxes=taxes,
        total_minor=total,
        pieces=pieces(cart),
        currency=context.currency,
        link=context.link,
        language=context.language,
        demo=context.demo,
        software=context.software,
        references=tuple(dict.fromkeys((*context.references, *_returns_in(cart), *_phone_cart_of(cart)))),
        approvals=tuple(dict.fromkeys((*cart.about.approvals, *context.approvals))),
        rounding_minor=context.rounding_minor,
        tip_minor=context.tip_minor,
        customer=cart.about.customer,
        staff=cart.about.staff,
        coupons=cart.about.coupons,
        promotions=cart.about.promotions,
        given_back=context.given_back,
    )


def _returns_in(cart: Cart) -> Iterator[Reference]:
    """The receipts and orders whose lines come back in this cart, and what the hub keeps for it."""
    for line in cart.lines:
        origin = line.origin
        if not line.live or origin is None:
            continue
        if origin.order:
            yield Reference("return-order", number=origin.number, external=origin.order)
        elif origin.number:
            yield Reference("return", origin.till, origin.epoch, origin.number, store=origin.store)
    live = {line.n for line in cart.lines if line.live}
    for hold in cart.about.holds:
        if hold.return_id and live.intersection(hold.lines):
            yield Reference("return-hold", external=hold.return_id)


def _phone_cart_of(cart: Cart) -> Iterator[Reference]:
    """The phone's cart that this sale closes; "basket-rest": what it left of it goes back to the phone."""
    phone_cart = cart.about.phone_cart
    if phone_cart is not None:
        yield Reference("basket", external=phone_cart.basket_id)
        if waiting(phone_cart.expected, cart.lines):
            yield Reference("basket-rest", external=phone_cart.basket_id)


def abandoned(
    cart: Cart,
    *,
    business_day: str,
    operator: str,
    ended_ms: int,
    offset_min: int,
    approvals: tuple[Approval, ...] = (),
    reason: str = "void",
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
        reason=reason,
        approvals=(*cart.about.approvals, *approvals),
    )


def parked(
    cart: Cart,
    *,
    business_day: str,
    operator: str,
    parked_ms: int,
    offset_min: int,
    currency: str,
    note: str,
    follows: str = "",
    travels: bool = False,
) -> CartParked:
    """A cart set aside, with all that `cart_again` needs."""
    keys = {(line.tax_code, line.tax_percent): line.tax_key for line in cart.lines if line.tax_code}
    fact = CartParked(
        cart_id=cart.cart_id,
        business_day=business_day,
        operator=operator,
        started_ms=cart.opened_ms,
        parked_ms=parked_ms,
        offset_min=offset_min,
        lines=tuple(_line(line, operator) for line in cart.lines),
        tax_keys=tuple(TaxKey(code, percent, key) for (code, percent), key in sorted(keys.items())),
        total_minor=total_minor(cart),
        pieces=pieces(cart),
        currency=currency,
        note=note,
        opened_by="" if cart.operator == operator else cart.operator,
        tenders=cart.tenders,
        about=cart.about,
        follows=follows,
        travels=travels,
    )
    assert cart_again(fact, cart.cart_id) == cart, "a parked cart comes back as it was"
    return fact


def cart_again(fact: CartParked, cart_id: str) -> Cart:
    """The very cart that was parked, line by line, under another id."""
    keys = {(entry.code, entry.percent): entry.key for entry in fact.tax_keys}
    lines = tuple(
        line_again(line, fact.operator, keys.get((line.tax, line.percent), 0)) for line in fact.lines
    )
    return cart_of(cart_id, fact.started_ms, fact.opened_by or fact.operator, lines, fact.tenders, fact.about)


def line_again(line: SaleLine, operator: str, tax_key: int) -> Line:
    """The line of a cart that a stored one was; `operator` is the sale's, `tax_key` the export's number for its rate."""
    voided = None if line.voided_ms is None else Mark(line.voided_ms, line.voided_by or operator)
    return Line(
        n=line.n,
        kind=line.kind,
        text=line.text,
        quantity=line.qty,
        unit_minor=line.unit_minor,
        total_minor=line.total_minor,
        added=Mark(line.at_ms, line.by or operator),
        source=line.source or "scanner",
        code=line.code,
        gtin=line.gtin,
        sku=line.sku or line.gtin or "",
        unit=line.unit,
        department=line.department,
        tax_code=line.tax,
        tax_percent=line.percent,
        tax_key=tax_key,
        price_source=line.price_source,
        list_minor=line.list_minor,
        parent=line.parent,
        min_age=line.min_age,
        open_reason=line.open_reason,
        voided=voided,
        discounts=line.discounts,
        origin=line.origin,
        serial=line.serial,
        batch=line.batch,
        best_before=line.best_before,
        seller=line.seller,
        options=line.options,
        reason=line.reason,
        approved=line.approved,
        fulfil=line.fulfil,
        order=line.order,
        price_list=line.price_list,
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
        case=_case_of(line),
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
        discounts=line.discounts,
        origin=line.origin,
        serial=line.serial,
        batch=line.batch,
        best_before=line.best_before,
        seller=line.seller,
        options=line.options,
        reason=line.reason,
        approved=line.approved,
        fulfil=line.fulfil,
        order=line.order,
        price_list=line.price_list,
    )


def _case_of(line: Line) -> str:
    """The business case (DSFinV-K, GV_TYP); what is taken back is its sale with negative amounts."""
    if line.kind == DOWN:
        return "Anzahlungsaufloesung" if line.quantity < 0 else "Anzahlungseinstellung"
    if line.kind == "deposit" and line.quantity < 0:
        return "PfandRueckzahlung"
    return _CASES.get(line.kind, "Umsatz")
