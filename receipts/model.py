"""The receipt as data: what every rendering (text, ESC/POS, HTML) shows, decided once.

Contents by § 6 KassenSichV as far as they exist without a fiscal device: name and address, date, start
and end, quantity and kind, amount and tax per rate, the till's serial number, amount per payment kind.
"""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import msgspec

from pos.brand import ShopBrand
from pos.domain.card_slip import customer_lines
from pos.domain.discounts import saved_minor
from pos.domain.tender import Tender
from pos.sale_facts import Reference, Sale, SaleLine
from receipts import formats
from receipts.words import LANGUAGES, word

__all__ = [
    "Receipt",
    "ReceiptDiscount",
    "ReceiptLine",
    "ReceiptReference",
    "ReceiptTax",
    "ReceiptTender",
    "Shop",
    "TooLongError",
    "branded",
    "build",
]

_SHOWN = 4
_REFERENCES = frozenset({"void", "retender", "return", "return-order", "tip"})
_BACK = {"cash": "paid-out", "prepaid": "prepaid-back"}


class TooLongError(Exception):
    """A receipt has more lines than this form can hold."""


class Shop(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who sells: what the law wants on a receipt, and the shop's own words.

    `address` is one line each; the footers hold their lines with line breaks between. `brand` is the name that customers know,
    where it is another one; `contact` stands at the end.
    """

    name: str
    address: tuple[str, ...] = ()
    tax_number: str = ""
    country: str = "DE"
    currency: str = "EUR"
    footer_de: str = ""
    footer_en: str = ""
    brand: str = ""
    contact: tuple[str, ...] = ()


def branded(shop: Shop, brand: ShopBrand, *, with_name: bool = True) -> Shop:
    """The shop as its brand shows it: its closing lines take the place of the shop's own, in each language that has some."""
    return msgspec.structs.replace(
        shop,
        footer_de="\n".join(brand.closing_de) or shop.footer_de,
        footer_en="\n".join(brand.closing_en) or shop.footer_en,
        brand=brand.name if with_name and brand.name != shop.name else "",
        contact=brand.contact,
    )


class ReceiptDiscount(msgspec.Struct, frozen=True):
    """What a discount takes off its line; `amount_minor` is positive."""

    text: str
    amount_minor: int


class ReceiptLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One printed line. `indented`: a deposit under its article. `tax` is the code's letter.

    `notes` stand under it: the price that it had before, its serial number.
    """

    text: str
    quantity: Decimal
    unit: str
    unit_minor: int
    total_minor: int
    tax: str
    indented: bool = False
    gtin: str = ""
    discounts: tuple[ReceiptDiscount, ...] = ()
    notes: tuple[str, ...] = ()


class ReceiptTax(msgspec.Struct, frozen=True):
    """The sums of one tax code, minor units: gross = net + vat."""

    code: str
    percent: Decimal
    net_minor: int
    vat_minor: int
    gross_minor: int


class ReceiptTender(msgspec.Struct, frozen=True, omit_defaults=True):
    """One means of payment: what counts towards the sale, what was given, what went back.

    `reference` is a terminal's receipt number or a customer's; of a gift card or credit its end alone, for the whole
    number is money. `balance_minor` is what was left on it. `foreign_*`: other currency as it was given, and its rate.
    `slip` are the lines of the customer's card receipt.
    """

    kind: str
    amount_minor: int
    given_minor: int
    change_minor: int
    currency: str
    reference: str = ""
    balance_minor: int | None = None
    foreign_currency: str = ""
    foreign_minor: int = 0
    foreign_rate: Decimal | None = None
    slip: tuple[str, ...] = ()


class ReceiptReference(msgspec.Struct, frozen=True):
    """Another receipt that this one is about; `kind` as in pos.sale_facts.Reference."""

    kind: str
    number: str


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """A whole receipt. `number` is `till-epoch-number`, `till` the till's serial number `till-epoch`.

    Times are local with their offset. `link` is empty where the till has no link to give. `saved_minor` is what all
    discounts took off; `promotions` sums up those that stand under several lines.
    """

    shop: Shop
    number: str
    till: str
    issued: dt.datetime
    started: dt.datetime
    ended: dt.datetime
    operator: str
    lines: tuple[ReceiptLine, ...]
    total_minor: int
    currency: str
    taxes: tuple[ReceiptTax, ...]
    tenders: tuple[ReceiptTender, ...]
    pieces: int
    language: str
    link: str = ""
    caption: str = ""
    demo: bool = False
    training: bool = False
    copy: bool = False
    footers: tuple[str, ...] = ()
    rounding_minor: int = 0
    tip_minor: int = 0
    references: tuple[ReceiptReference, ...] = ()
    saved_minor: int = 0
    promotions: tuple[ReceiptDiscount, ...] = ()
    invoice: str = ""
    buyer: tuple[str, ...] = ()

    @property
    def marks(self) -> tuple[str, ...]:
        """What must be seen at the top and at the bottom of every rendering."""
        flags = (("demo", self.demo), ("training", self.training), ("copy", self.copy))
        return tuple(word(key, self.language) for key, on in flags if on)


def build(
    sale: Sale,
    shop: Shop,
    *,
    till: str,
    epoch: int,
    public_url: str,
    copy: bool,
    language: str,
    buyer: tuple[str, ...] = (),
) -> Receipt:
    """The receipt of a sale in a language. Removed lines are left out, all sums are the stored ones."""
    chosen = language if language in LANGUAGES else "de"
    footer = shop.footer_en if chosen == "en" else shop.footer_de
    link = _link(sale.link, public_url)
    ended = _local(sale.completed_ms, sale.offset_min)
    return Receipt(
        shop=shop,
        number=f"{till}-{epoch}-{'T' if sale.training else ''}{sale.number}",
        till=f"{till}-{epoch}",
        issued=ended,
        started=_local(sale.started_ms, sale.offset_min),
        ended=ended,
        operator=sale.operator,
        lines=tuple(_lines(sale, chosen)),
        total_minor=sale.total_minor,
        currency=sale.currency,
        taxes=tuple(
            ReceiptTax(tax.code, tax.percent, tax.net_minor, tax.vat_minor, tax.gross_minor)
            for tax in sale.taxes
        ),
        tenders=tuple(_tender(tender, chosen) for tender in sale.tenders),
        rounding_minor=sale.rounding_minor,
        invoice=sale.invoice,
        buyer=buyer,
        tip_minor=sale.tip_minor,
        references=tuple(
            ReceiptReference(reference.kind, _named(reference))
            for reference in sale.references
            if reference.number and reference.kind in _REFERENCES
        ),
        pieces=sale.pieces,
        language=chosen,
        link=link,
        caption=word("caption", chosen) if link else "",
        demo=sale.demo,
        training=sale.training,
        copy=copy,
        saved_minor=saved_minor(line for line in sale.lines if line.voided_ms is None),
        promotions=_over_lines(sale),
        footers=tuple(line for line in (*footer.splitlines(), *shop.contact) if line.strip()),
    )


def _named(reference: Reference) -> str:
    """As people know it: another store's receipt with that store's name, an order by its number."""
    if not reference.till:
        return str(reference.number)
    store = f"{reference.store}/" if reference.store else ""
    return f"{store}{reference.till}-{reference.epoch}-{reference.number}"


def _tender(tender: Tender, language: str) -> ReceiptTender:
    slip = customer_lines(tender, language)
    secret = tender.kind in {"gift-card", "credit", "pay-link"} and len(tender.reference) > _SHOWN
    foreign = tender.foreign
    return ReceiptTender(
        kind=_BACK.get(tender.kind, tender.kind) if tender.amount_minor < 0 else tender.kind,
        amount_minor=tender.amount_minor,
        given_minor=tender.given_minor,
        change_minor=tender.change_minor,
        currency=tender.currency,
        reference=f"...{tender.reference[-_SHOWN:]}"
        if secret
        else ""
        if slip or tender.kind == "prepaid"
        else tender.reference,
        balance_minor=tender.balance_minor,
        slip=slip,
        foreign_currency="" if foreign is None else foreign.currency,
        foreign_minor=0 if foreign is None else foreign.given_minor,
        foreign_rate=None if foreign is None else foreign.rate,
    )


def _lines(sale: Sale, language: str) -> Iterator[ReceiptLine]:
    """Live lines in order, each deposit directly under its article."""
    live = [line for line in sale.lines if line.voided_ms is None]
    numbers = {line.n for line in live}
    children: dict[int, list[SaleLine]] = {}
    for line in live:
        if line.parent is not None and line.parent in numbers:
            children.setdefault(line.parent, []).append(line)
    for line in live:
        if line.parent is None or line.parent not in numbers:
            yield _line(line, language, indented=False)
            for child in children.get(line.n, ()):
                yield _line(child, language, indented=True)


def _over_lines(sale: Sale) -> tuple[ReceiptDiscount, ...]:
    """Promotions with shares on several lines, in the order in which they appear: what each took off in all."""
    shares: dict[str, list[ReceiptDiscount]] = {}
    for line in sale.lines:
        for part in line.discounts if line.voided_ms is None else ():
            if part.source == "promotion":
                shares.setdefault(part.code, []).append(ReceiptDiscount(part.text, part.amount_minor))
    return tuple(
        ReceiptDiscount(found[0].text, sum(share.amount_minor for share in found))
        for found in shares.values()
        if len(found) > 1
    )


def _line(line: SaleLine, language: str, *, indented: bool) -> ReceiptLine:
    return ReceiptLine(
        text=line.text,
        quantity=line.qty,
        unit=line.unit,
        unit_minor=line.unit_minor,
        total_minor=line.total_minor,
        tax=line.tax,
        indented=indented,
        gtin=line.gtin or "",
        discounts=tuple(ReceiptDiscount(part.text, part.amount_minor) for part in line.discounts),
        notes=tuple(_notes(line, language)),
    )


def _notes(line: SaleLine, language: str) -> Iterator[str]:
    is_another = line.price_source == "override" or line.price_list
    if is_another and line.list_minor is not None and line.list_minor > line.unit_minor:
        yield f"{word('instead-of', language)} {formats.amount(line.list_minor, language)}"
    if line.kind == "return" or (line.kind == "deposit" and line.origin is not None):
        yield word("taken-back", language)
    elif line.price_source == "origin":
        yield word("in-exchange", language)
    if line.fulfil:
        yield word("deliver-later" if line.fulfil == "deliver" else "collect-later", language)
    if line.serial and line.kind in {"article", "return"}:
        yield f"{word('serial', language)} {line.serial}"


def _local(at_ms: int, offset_min: int) -> dt.datetime:
    zone = dt.timezone(dt.timedelta(minutes=offset_min))
    return dt.datetime.fromtimestamp(at_ms // 1000, tz=zone).replace(microsecond=at_ms % 1000 * 1000)


def _link(link: str, public_url: str) -> str:
    """The full address: the sale holds a token, a path, or already an address."""
    if not link or link.startswith(("https://", "http://")):
        return link
    path = link if link.startswith("/") else f"/r/{link}"
    return public_url.rstrip("/") + path
