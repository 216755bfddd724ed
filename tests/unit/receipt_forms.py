"""Each form of a receipt read back by other means than it was written with: what sums does it show?"""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from html.parser import HTMLParser
from io import BytesIO
from random import Random

import msgspec
from pypdf import PdfReader

from pos.domain.line import Discount
from pos.domain.tender import Tender
from pos.sale_facts import SaleTax
from receipts.ekabs import receipt_ekabs
from receipts.html import receipt_page
from receipts.json import receipt_json
from receipts.model import Receipt
from receipts.pdf import receipt_pdf
from receipts.text import render_text
from receipts.words import tender_name, word
from tests.unit.receipt_samples import line, receipt

__all__ = ["READERS", "Sums", "disagreements", "random_receipt", "sums_of"]

_AMOUNT = r"-?\d[\d.,]*[.,]\d\d"


class Sums(msgspec.Struct, frozen=True):
    """In minor units; taxes by letter as net, vat, gross, and what each means of payment counts."""

    total: int
    taxes: tuple[tuple[str, int, int, int], ...]
    tenders: tuple[int, ...]


def random_receipt(seed: int) -> Receipt:
    """Prices, tax codes, discounts, deposits, weights, several tenders; German or English."""
    chance = Random(seed)
    rates = {"A": Decimal(19), "B": Decimal(7)}
    lines = []
    for n in range(1, chance.randint(1, 12) + 1):
        code = chance.choice("AB")
        unit, quantity = chance.randint(1, 200_000), Decimal(chance.randint(1, 5))
        discounts: tuple[Discount, ...] = ()
        if chance.random() < 0.3:
            discounts = (Discount("MHD", "Rabatt MHD", chance.randint(1, unit)),)
        name = f"Artikel {chance.choice(['Käse', 'Brot & Salz', 'Śliwka', 'T-Shirt <M>'])} {n}"
        lines.append(
            line(
                n,
                name,
                unit * int(quantity),
                unit_minor=unit,
                qty=quantity,
                tax=code,
                percent=rates[code],
                discounts=discounts,
            )
        )
    taxes = []
    for key, code in enumerate("AB", 1):
        gross = sum(item.pay_minor for item in lines if item.tax == code)
        if any(item.tax == code for item in lines):
            net = round(gross * 100 / (100 + rates[code]))
            taxes.append(SaleTax(code, key, rates[code], gross, net, gross - net))
    total = sum(tax.gross_minor for tax in taxes)
    card = chance.randint(0, total) if chance.random() < 0.5 else 0
    tenders = [Tender("cash", total - card, total - card + 700, 700)]
    if card:
        tenders.append(Tender("card-manual", card, card, reference=str(chance.randint(1, 9999))))
    return receipt(
        chance.choice(["de", "en"]),
        lines=tuple(lines),
        taxes=tuple(taxes),
        tenders=tuple(tenders),
        total_minor=total,
        number=seed + 1,
        demo=chance.random() < 0.5,
    )


def sums_of(made: Receipt) -> Sums:
    """What the receipt itself says."""
    taxes = tuple((tax.code, tax.net_minor, tax.vat_minor, tax.gross_minor) for tax in made.taxes)
    return Sums(made.total_minor, taxes, tuple(tender.amount_minor for tender in made.tenders))


def disagreements(made: Receipt) -> list[str]:
    """Names of the forms that show other sums than the receipt has."""
    right = sums_of(made)
    return [name for name, read in READERS.items() if read(made) != right]


def _minor(text: str) -> int:
    """`1.234,56` and `1,234.56` alike: the last two digits are the minor ones."""
    sign = -1 if text.startswith("-") else 1
    return sign * int(re.sub(r"\D", "", text))


class _Texts(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._quiet = 0
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._quiet += tag in {"style", "script"}

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in {"style", "script"}

    def handle_data(self, data: str) -> None:
        if not self._quiet and data.strip():
            self.texts.append(" ".join(data.split()))


def _from_html(made: Receipt) -> Sums:
    return _from_texts(_Texts(receipt_page(made)).texts, made)


def _from_pdf(made: Receipt) -> Sums:
    reader = PdfReader(BytesIO(receipt_pdf(made)))
    texts = [row.strip() for page in reader.pages for row in page.extract_text().splitlines()]
    return _from_texts([text for text in texts if text], made)


def _from_texts(texts: list[str], made: Receipt) -> Sums:
    """Pieces of text in reading order: a name, then what belongs to it."""
    at = len(texts) - 1 - texts[::-1].index(word("total", made.language))
    total = _minor(texts[at + 1].split()[0])
    rest = texts[at + 2 :]
    tenders = []
    for tender in made.tenders:
        place = rest.index(tender_name(tender.kind, made.language))
        value = next(text for text in rest[place + 1 :] if text.endswith(tender.currency))
        tenders.append(_minor(value.split()[0]))
    taxes = []
    for place, text in enumerate(rest):
        if re.fullmatch(r"[A-Z] [\d.,]+ ?%", text):
            net, vat, gross = rest[place + 1 : place + 4]
            taxes.append((text[0], _minor(net), _minor(vat), _minor(gross)))
    return Sums(total, tuple(taxes), tuple(tenders))


def _from_json(made: Receipt) -> Sums:
    plain = json.loads(receipt_json(made))
    taxes = tuple(
        (tax["code"], tax["net_minor"], tax["vat_minor"], tax["gross_minor"]) for tax in plain["taxes"]
    )
    return Sums(plain["total_minor"], taxes, tuple(tender["amount_minor"] for tender in plain["tenders"]))


def _from_ekabs(made: Receipt) -> Sums:
    """Rates are told by their percentage; the lines must sum to them as well."""
    data = json.loads(receipt_ekabs(made), parse_float=Decimal, parse_int=Decimal)["data"]
    letters = {tax.percent: tax.code for tax in made.taxes}
    taxes = []
    for tax in data["vat_amounts"]:
        shares = [
            share
            for item in data["lines"]
            for share in item["vat_amounts"]
            if share["percentage"] == tax["percentage"]
        ]
        assert sum(share["incl_vat"] for share in shares) == tax["incl_vat"], "lines and rate, gross"
        assert sum(share["excl_vat"] for share in shares) == tax["excl_vat"], "lines and rate, net"
        net, vat, gross = (int(tax[name] * 100) for name in ("excl_vat", "vat", "incl_vat"))
        taxes.append((letters[tax["percentage"]], net, vat, gross))
    tenders = tuple(int(payment["amount"] * 100) for payment in data["payment_types"])
    return Sums(int(data["full_amount_incl_vat"] * 100), tuple(taxes), tenders)


def _from_paper(made: Receipt) -> Sums:
    rows = [row.rstrip() for row in render_text(made, 48)]
    total = next(row for row in reversed(rows) if row.startswith(f"{word('total', made.language)} EUR"))
    below = rows[rows.index(total) + 1 :]
    tenders = []
    for tender in made.tenders:
        name = re.escape(tender_name(tender.kind, made.language))
        tenders.append(
            next(_minor(found[1]) for row in below if (found := _match(f"{name} +({_AMOUNT})", row)))
        )
    taxes = []
    for row in below:
        found = _match(rf"([A-Z]) [\d.,]+ ?% +({_AMOUNT}) +({_AMOUNT}) +({_AMOUNT})", row)
        if found:
            taxes.append((found[1], _minor(found[2]), _minor(found[3]), _minor(found[4])))
    return Sums(_minor(total.split()[-1]), tuple(taxes), tuple(tenders))


def _match(pattern: str, row: str) -> re.Match[str] | None:
    return re.fullmatch(pattern, row)


READERS: dict[str, Callable[[Receipt], Sums]] = {
    "html": _from_html,
    "pdf": _from_pdf,
    "json": _from_json,
    "ekabs": _from_ekabs,
    "paper": _from_paper,
}
