"""The receipt in the trade's own format eKaBS (DFKA, 2021), after public samples: docs/customer-pages.md says what is unverified.

Amounts are JSON numbers with two decimals, written from integers. `security` is missing while the till has no fiscal device.
"""

import re
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from receipts import formats
from receipts.model import Receipt, ReceiptLine, ReceiptTax, ReceiptTender, Shop
from receipts.words import tender_name, word

__all__ = ["receipt_ekabs"]

VERSION: Final = "0.0.1"
_CENT: Final = Decimal("0.01")
_COUNTRIES: Final = {
    "AT": "AUT", "BE": "BEL", "BG": "BGR", "CH": "CHE", "CY": "CYP", "CZ": "CZE", "DE": "DEU", "DK": "DNK",
    "EE": "EST", "ES": "ESP", "FI": "FIN", "FR": "FRA", "GR": "GRC", "HR": "HRV", "HU": "HUN", "IE": "IRL",
    "IT": "ITA", "LI": "LIE", "LT": "LTU", "LU": "LUX", "LV": "LVA", "MT": "MLT", "NL": "NLD", "PL": "POL",
    "PT": "PRT", "RO": "ROU", "SE": "SWE", "SI": "SVN", "SK": "SVK",
}  # fmt: skip
_POSTAL: Final = re.compile(r"(?:[A-Z]{1,2}-)?(\d{4,5})\s+(.+)")


def receipt_ekabs(receipt: Receipt) -> bytes:
    """UTF-8 JSON. A receipt that is none (demo, training) says so in `type` and in `misc.notice`."""
    document = {
        "version": VERSION,
        "type": "TRAINING" if receipt.training else "DEMO" if receipt.demo else "RECEIPT",
        "cash_register": {"serial_number": receipt.till},
        "head": _head(receipt),
        "data": {
            "currency": receipt.currency,
            "full_amount_incl_vat": _units(receipt.total_minor),
            "payment_types": [_payment(tender, receipt) for tender in receipt.tenders],
            "vat_amounts": [_vat(tax) for tax in receipt.taxes],
            "lines": _lines(receipt),
        },
        "misc": {
            "footer_text": "\n".join(receipt.footers),
            "notice": list(receipt.marks),
            "rounding": _units(receipt.rounding_minor),
            "tip": _units(receipt.tip_minor),
            "additional_receipts": [
                {"kind": reference.kind, "number": reference.number} for reference in receipt.references
            ],
        },
    }
    return msgspec.json.Encoder(decimal_format="number").encode(document)


def _head(receipt: Receipt) -> dict[str, Any]:
    shop = receipt.shop
    name = f"{shop.tax_number or shop.name}/{receipt.number}"
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        "number": receipt.number,
        "date": receipt.issued.isoformat(timespec="seconds"),
        "seller": {
            "name": shop.name,
            "tax_number": shop.tax_number,
            "tax_exemption": False,
            "address": _address(shop),
        },
        "buyer": None,
        "buyer_text": "\n".join(receipt.buyer),
    }


def _address(shop: Shop) -> dict[str, str]:
    """Our lines are free text: the last one that begins with a postal code names the town, what stands before it the street."""
    street, postal_code, city = "\n".join(shop.address), "", ""
    for at, line in reversed(list(enumerate(shop.address))):
        found = _POSTAL.fullmatch(line.strip())
        if found is not None:
            postal_code, city = found.groups()
            street = "\n".join(shop.address[:at])
            break
    country = _COUNTRIES.get(shop.country.upper(), shop.country)
    return {"street": street, "postal_code": postal_code, "city": city, "country_code": country}


def _payment(tender: ReceiptTender, receipt: Receipt) -> dict[str, Any]:
    payment: dict[str, Any] = {
        "name": tender_name(tender.kind, receipt.language),
        "amount": _units(tender.amount_minor),
    }
    if tender.foreign_currency:
        payment["foreign_amount"] = _units(tender.foreign_minor)
        payment["foreign_currency"] = tender.foreign_currency
    return payment


def _vat(tax: ReceiptTax) -> dict[str, Decimal]:
    return {
        "percentage": tax.percent,
        "incl_vat": _units(tax.gross_minor),
        "excl_vat": _units(tax.net_minor),
        "vat": _units(tax.vat_minor),
    }


def _lines(receipt: Receipt) -> list[dict[str, Any]]:
    """Lines at what was paid for them; their net sums to the rate's net, to the cent."""
    nets: dict[int, int] = {}
    for tax in receipt.taxes:
        places = [at for at, line in enumerate(receipt.lines) if line.tax == tax.code]
        paid = [_paid(receipt.lines[at]) for at in places]
        nets |= dict(zip(places, _shares(tax.net_minor, paid), strict=True))
    percents = {tax.code: tax.percent for tax in receipt.taxes}
    return [_line(line, nets.get(at), percents, receipt) for at, line in enumerate(receipt.lines)]


def _line(
    line: ReceiptLine, net_minor: int | None, percents: dict[str, Decimal], receipt: Receipt
) -> dict[str, Any]:
    paid = _paid(line)
    item: dict[str, Any] = {
        "quantity": line.quantity,
        "quantity_measure": formats.unit_name(line.unit, receipt.language),
        "price_per_unit": _units(line.unit_minor),
    }
    if line.gtin:
        item["gtin"] = line.gtin
    found: dict[str, Any] = {"text": line.text, "item": item, "vat_amounts": []}
    if net_minor is not None:
        found["vat_amounts"] = [
            {"percentage": percents[line.tax], "incl_vat": _units(paid), "excl_vat": _units(net_minor)}
        ]
    if line.discounts:
        found["discounts"] = [
            {"text": part.text or word("discount", receipt.language), "amount": _units(part.amount_minor)}
            for part in line.discounts
        ]
    return found


def _paid(line: ReceiptLine) -> int:
    return line.total_minor - sum(part.amount_minor for part in line.discounts)


def _shares(whole: int, parts: Sequence[int]) -> list[int]:
    """`whole` in proportion to `parts`; each share is what the sum so far has grown by, so that they sum to it."""
    every = sum(parts)
    if every == 0:
        return [*([0] * (len(parts) - 1)), whole] if parts else []
    shares, given, seen = [], 0, 0
    for part in parts:
        seen += part
        due = whole * seen // every
        shares.append(due - given)
        given = due
    return shares


def _units(minor: int) -> Decimal:
    return minor * _CENT
