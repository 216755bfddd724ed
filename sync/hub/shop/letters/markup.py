"""What mail programs read: schema.org, as JSON-LD in the HTML part."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from sync.hub.brand import Brand
from sync.hub.shop.letters.shops import Shop

__all__ = ["markup_of"]


def markup_of(what: str, fields: Mapping[str, Any], shop: Shop, brand: Brand, zone: dt.tzinfo) -> Markup:
    """The document as it stands between script tags; empty where there is none."""
    makers = {"Order": _order, "ParcelDelivery": _delivery, "Invoice": _invoice}
    if what not in makers:
        return Markup()
    document = {"@context": "https://schema.org", **makers[what](fields, shop, brand, zone)}
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    # Nothing in it may end the script.
    for sign, escaped in (
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u2028", "\\u2028"),
        ("\u2029", "\\u2029"),
    ):
        text = text.replace(sign, escaped)
    return Markup(text)  # noqa: S704 - escaped above


def _order(fields: Mapping[str, Any], _shop: Shop, brand: Brand, zone: dt.tzinfo) -> dict[str, Any]:
    currency = fields.get("currency", "EUR")
    document: dict[str, Any] = {
        "@type": "Order",
        "merchant": {"@type": "Organization", "name": brand.name},
        "orderNumber": str(fields["order"]),
        "orderStatus": "https://schema.org/"
        + ("OrderCancelled" if fields.get("cancelled") else "OrderProcessing"),
        "acceptedOffer": [
            {
                "@type": "Offer",
                "itemOffered": {"@type": "Product", "name": str(line["name"])},
                "eligibleQuantity": {"@type": "QuantitativeValue", "value": str(line["quantity"])},
                **(
                    {}
                    if line.get("amount_minor") is None
                    else {"price": _amount(line["amount_minor"]), "priceCurrency": currency}
                ),
            }
            for line in fields.get("lines") or ()
        ],
    }
    if fields.get("ordered_ms"):
        document["orderDate"] = _time(fields["ordered_ms"], zone)
    if fields.get("link"):
        document["url"] = fields["link"]
    if fields.get("total_minor") is not None:
        document["price"], document["priceCurrency"] = _amount(fields["total_minor"]), currency
    return document


def _delivery(fields: Mapping[str, Any], shop: Shop, brand: Brand, zone: dt.tzinfo) -> dict[str, Any]:
    document: dict[str, Any] = {
        "@type": "ParcelDelivery",
        "hasDeliveryMethod": "https://schema.org/OnSitePickup",
        "trackingNumber": str(fields["code"]),
        "deliveryAddress": {
            "@type": "PostalAddress",
            "name": shop.name or brand.name,
            "streetAddress": shop.address[0] if shop.address else "",
            "addressLocality": shop.address[-1] if shop.address else "",
        },
        "partOfOrder": {
            "@type": "Order",
            "orderNumber": str(fields["order"]),
            "merchant": {"@type": "Organization", "name": brand.name},
            "orderStatus": "https://schema.org/OrderPickupAvailable",
        },
        "itemShipped": {"@type": "Product", "name": str(fields["order"])},
    }
    if fields.get("deadline_ms"):
        document["expectedArrivalUntil"] = _time(fields["deadline_ms"], zone)
    if fields.get("link"):
        document["trackingUrl"] = fields["link"]
    return document


def _invoice(fields: Mapping[str, Any], _shop: Shop, brand: Brand, _zone: dt.tzinfo) -> dict[str, Any]:
    return {
        "@type": "Invoice",
        "provider": {"@type": "Organization", "name": brand.name},
        "confirmationNumber": str(fields["number"]),
        "paymentStatus": "https://schema.org/PaymentComplete",
        "totalPaymentDue": {
            "@type": "PriceSpecification",
            "price": _amount(fields["total_minor"]),
            "priceCurrency": fields.get("currency", "EUR"),
        },
        "url": fields["link"],
    }


def _amount(minor: int) -> str:
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02}"


def _time(ms: int, zone: dt.tzinfo) -> str:
    return dt.datetime.fromtimestamp(ms / 1000, tz=zone).isoformat(timespec="seconds")
