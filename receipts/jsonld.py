"""The receipt as schema.org sees it (Invoice with its Order), for programs that read pages: mail clients, expense tools."""

from typing import Any, Final

import msgspec

from receipts.model import Receipt, ReceiptLine

__all__ = ["receipt_jsonld"]

LINES_MAX: Final = 40
"""Longer receipts name their sums only: the page is for a phone."""


def receipt_jsonld(receipt: Receipt) -> str:
    """JSON that may stand in a page's script element: `<`, `>` and `&` are written as escapes."""
    seller: dict[str, Any] = {
        "@type": "Store",
        "@id": "#seller",
        "name": receipt.shop.name,
        "address": ", ".join(receipt.shop.address),
    }
    if receipt.shop.tax_number:
        seller["vatID" if receipt.shop.tax_number[:2].isalpha() else "taxID"] = receipt.shop.tax_number
    order: dict[str, Any] = {
        "@type": "Order",
        "orderNumber": receipt.number,
        "orderDate": receipt.issued.isoformat(timespec="seconds"),
        "seller": {"@id": "#seller"},
        "price": _price(receipt.total_minor),
        "priceCurrency": receipt.currency,
    }
    if len(receipt.lines) <= LINES_MAX:
        order["acceptedOffer"] = [_offer(line, receipt.currency) for line in receipt.lines]
    invoice = {
        "@context": "https://schema.org",
        "@type": "Invoice",
        "identifier": receipt.number,
        "provider": seller,
        "paymentStatus": "https://schema.org/PaymentComplete",
        "totalPaymentDue": {
            "@type": "MonetaryAmount",
            "value": _price(receipt.total_minor),
            "currency": receipt.currency,
        },
        "referencesOrder": order,
    }
    text = msgspec.json.encode(invoice).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _offer(line: ReceiptLine, currency: str) -> dict[str, Any]:
    paid = line.total_minor - sum(part.amount_minor for part in line.discounts)
    item = {"@type": "Product", "name": line.text}
    if line.gtin:
        item["gtin"] = line.gtin
    return {
        "@type": "Offer",
        "itemOffered": item,
        "price": _price(paid),
        "priceCurrency": currency,
        "eligibleQuantity": {
            "@type": "QuantitativeValue",
            "value": str(line.quantity),
            "unitText": line.unit,
        },
    }


def _price(minor: int) -> str:
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02d}"
