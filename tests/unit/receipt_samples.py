"""Sales for the tests of receipts and printers: a small one with everything in it, and ones of any length."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from pos.domain.line import Discount
from pos.domain.tender import Tender
from pos.sale_facts import Sale, SaleLine, SaleTax
from receipts.model import Receipt, Shop, build
from receipts.profiles import load_profiles

PROFILES = load_profiles(Path(__file__).parents[2] / "config" / "printers.toml")
LINK = "https://bon.example/r/1.kq9Zr0x2Yb7mN4pT8sVw3A.9fX2"
SHOP = Shop(
    "Kaufladen Wolkenkuckuck",
    ("Musterweg 7", "00000 Musterstadt"),
    "DE999999999",
    footer_de="Vielen Dank für Ihren Einkauf!\nDemo-Kasse: kein echter Verkauf.",
    footer_en="Thank you for shopping with us!",
)
SEVEN, NINETEEN = Decimal(7), Decimal(19)


def line(n: int, text: str, total_minor: int, **more: Any) -> SaleLine:
    fields: dict[str, Any] = {"unit_minor": total_minor, "tax": "B", "percent": SEVEN, "at_ms": 0} | more
    return SaleLine(n=n, text=text, total_minor=total_minor, **fields)


_A: dict[str, Any] = {"tax": "A", "percent": NINETEEN, "qty": Decimal(3)}
_SALE = Sale(
    cart_id="cart-1",
    number=20417,
    business_day="2026-11-22",
    cash_session="s1",
    operator="anna",
    started_ms=1_795_352_711_000,
    tendered_ms=1_795_352_851_000,
    completed_ms=1_795_352_851_123,
    offset_min=60,
    lines=(
        line(1, "Äpfel rot, süß", 210, unit_minor=249, qty=Decimal("0.842"), unit="kg"),
        line(2, "Mineralwasser Classic Einweg", 207, unit_minor=69, gtin="4006381333931", **_A),
        line(3, "Zurückgenommen", 100, voided_ms=5, voided_by="anna"),
        line(4, "Bergkäse", 1299, discounts=(Discount("MHD", "Rabatt MHD", 130),)),
        line(5, "Pfand Einweg 0,25", 75, unit_minor=25, kind="deposit", parent=2, **_A),
    ),
    tenders=(Tender("cash", 1661, 5000, 3339),),
    taxes=(SaleTax("A", 1, NINETEEN, 282, 237, 45), SaleTax("B", 2, SEVEN, 1379, 1289, 90)),
    total_minor=1661,
    pieces=5,
    link="1.kq9Zr0x2Yb7mN4pT8sVw3A.9fX2",
    demo=True,
)


def sale(**changes: Any) -> Sale:
    """Weighed goods, a deposit, a removed line and a discount; 16,61 EUR in cash."""
    return msgspec.structs.replace(_SALE, **changes)


def numbered_sale(count: int, number: int = 1) -> Sale:
    """`count` articles whose names tell them apart."""
    lines = tuple(line(n, f"Artikel {number}-{n:03d}", 100) for n in range(1, count + 1))
    total = 100 * count
    return sale(
        lines=lines,
        number=number,
        total_minor=total,
        pieces=count,
        taxes=(SaleTax("B", 2, SEVEN, total, total - total * 7 // 107, total * 7 // 107),),
        tenders=(Tender("cash", total, total),),
    )


def receipt(language: str = "de", *, copy: bool = False, shop: Shop = SHOP, **changes: Any) -> Receipt:
    return build(
        sale(**changes),
        shop,
        till="3",
        epoch=1,
        public_url="https://bon.example/",
        copy=copy,
        language=language,
    )
