"""The customer's page at each moment of a sale; nothing in it is ever anything but text."""

import re
from decimal import Decimal

import msgspec
import pytest

from pos.customer_page import LINES_MAX, STYLE, page, picture
from pos.domain import commands as c
from pos.resources import texts
from pos.view import TillView
from tests.tui.fakes import APPLES, BUTTER, MILK, UNKNOWN, WATER, YOGHURT, Shop, run

IDLE = ("Laden & Söhne", "Herzlich willkommen")
EVIL = '<script>alert(1)</script>"&'


def shown(shop: Shop, qr: str = "", language: str = "de") -> str:
    return picture(shop.till.view, texts(language), IDLE, qr)


def read(html: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_a_sale_from_welcome_to_change_and_code() -> None:
    async def body() -> None:
        shop = Shop()
        await shop.open(signed_in=False)
        assert read(shown(shop)) == "Kasse geschlossen"
        await shop.till.handle(c.SignIn("Kim", "4711"))
        assert read(shown(shop)) == "Laden &amp; Söhne Herzlich willkommen"
        shop.scan(MILK)
        shop.till.submit(c.SetQuantity(Decimal(3)))
        shop.scan(YOGHURT)
        shop.till.submit(c.SetQuantity(Decimal("0.842")))
        shop.scan(APPLES, WATER, BUTTER)
        shop.till.submit(c.VoidLast())
        said = read(shown(shop))
        assert "Bio-Vollmilch 3,8 % 1 l 1,39" in said
        assert "Joghurt Erdbeere 150 g 3 × 0,59 1,77" in said
        assert "Äpfel Elstar 0,842 kg × 2,49 2,10" in said
        assert "Pfand 0,25" in said
        assert "Butter" not in said, "what was taken back is not in the cart"
        assert "Summe 6,40 EUR" in said
        await shop.till.handle(c.PayCash(1000))
        assert read(shown(shop)) == "Bezahlt 6,40 EUR Rückgeld 3,60 EUR"
        assert "<svg" in shown(shop, qr="<svg></svg>")
        assert "mit dem Handy" in read(shown(shop, qr="<svg></svg>"))
        assert "Change 3.60 EUR" in read(shown(shop, language="en"))
        assert "Kim" not in shown(shop), "nobody's name is on it"

    run(body)


def test_what_is_not_sold_yet_has_no_price_and_shows_no_code() -> None:
    async def body() -> None:
        shop = Shop()
        await shop.open()
        shop.scan(UNKNOWN)
        assert UNKNOWN not in shown(shop)
        assert "Einen Moment, bitte" in read(shown(shop))

    run(body)


def test_no_text_of_an_article_or_a_shop_is_ever_markup() -> None:
    async def body() -> None:
        shop = Shop()
        await shop.open()
        shop.scan(MILK)
        view = shop.till.view
        evil = msgspec.structs.replace(view.lines[0], text=EVIL, unit="<b>")
        bad = msgspec.structs.replace(view, lines=(evil,), currency=EVIL)
        words = texts("de")
        for html in (
            picture(bad, words, IDLE),
            picture(TillView("ready", "1", "s"), words, (EVIL, EVIL)),
            page("", words, EVIL),
        ):
            assert "<script>" not in html
            assert "<b>" not in re.sub(r"<b>[-0-9]", "", html)

    run(body)


def test_a_long_cart_sends_its_newest_lines_only() -> None:
    async def body() -> None:
        shop = Shop()
        await shop.open()
        shop.scan(*[MILK] * 200, YOGHURT)
        html = shown(shop)
        assert html.count("<li") == LINES_MAX
        assert html.count("newest") == 1
        assert len(html) < 10_000
        assert "Joghurt" in html.rpartition("<li")[2]

    run(body)


def test_training_is_unmistakable() -> None:
    view = TillView("ready", "1", "s", training=True)
    assert "Training: kein Verkauf" in read(picture(view, texts("de"), IDLE))


@pytest.mark.parametrize(
    ("ink", "paper"),
    re.findall(r"color: (#\w+); background: (#\w+)|background: (#\w+); color: (#\w+)", STYLE)
    and [("#111", "#fff"), ("#333", "#fff")],
)
def test_ink_and_paper_contrast_as_wcag_asks_for_at_its_best(ink: str, paper: str) -> None:
    """At least 7 to 1."""

    def light(colour: str) -> float:
        channels = [int(digit * 2, 16) / 255 for digit in colour[1:]]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    assert (light(paper) + 0.05) / (light(ink) + 0.05) >= 7
    assert set(re.findall(r"(?<!-)color: (#\w+)", STYLE)) <= {"#111", "#333", "#fff"}
