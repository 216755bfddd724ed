"""The customer's pages: complete, readable, and asking nothing of anybody else."""

import json
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from receipts.html import not_found_page, pending_page, receipt_page
from receipts.json import receipt_json
from receipts.model import Shop
from receipts.qr import matrix, qr_blocks, qr_svg
from tests.simulators.paper.codes import read_codes
from tests.unit.receipt_samples import LINK, SHOP, line, receipt

VOID = {"meta", "br", "link", "img", "input", "hr", "path"}


class Page(HTMLParser):
    """Checks nesting while reading and collects tags and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open, f"not closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] not in (["style"], ["script"]) and data.strip():
            self.words.append(" ".join(data.split()))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def pages(language: str) -> list[str]:
    return [receipt_page(receipt(language)), pending_page(SHOP, language), not_found_page(language)]


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_page_names_its_language_and_asks_nobody_else(language: str) -> None:
    for html in pages(language):
        page = Page(html)
        assert html.startswith("<!DOCTYPE html>\n")
        assert page.all("html") == [{"lang": language}]
        assert len(page.all("title")) == len(page.all("h1")) == len(page.all("main")) == 1
        assert all(script == {"type": "application/ld+json"} for script in page.all("script")), "data only"
        for tag in ("link", "img", "iframe", "form", "object", "base"):
            assert page.all(tag) == []
        assert not re.search(r"url\(|@import|@font-face|\son\w+=|javascript:|document\.", html)
        assert all(not ({"src", "style"} & set(attributes)) for _, attributes in page.tags)
        addresses = [attributes["href"] or "" for _, attributes in page.tags if "href" in attributes]
        assert all(re.fullmatch(r"[\w.-]+\.(pdf|png|json)", address) for address in addresses), addresses
        assert {"name": "referrer", "content": "no-referrer"} in page.all("meta")
        assert len(html.encode()) <= 50_000


@pytest.mark.parametrize(("language", "mark"), [("de", "DEMO - kein Beleg"), ("en", "DEMO - not a receipt")])
def test_a_demo_says_so_first_and_last(language: str, mark: str) -> None:
    words = Page(receipt_page(receipt(language))).words
    assert words[1] == mark, "the first words after the title"
    assert words[-1] == mark
    assert mark not in receipt_page(receipt(language, demo=False))


def test_the_page_holds_what_the_paper_holds() -> None:
    page = Page(receipt_page(receipt()))
    for word in (
        SHOP.name,
        "3-1-20417",
        "Äpfel rot, süß",
        "0,842 kg x 2,49 EUR/kg",
        "Pfand Einweg 0,25",
        "-1,30",
        "16,61 EUR",
        "33,39 EUR",
        "A 19 %",
        "22.11.2026 14:05:11 +01:00",
        "Vielen Dank für Ihren Einkauf!",
    ):
        assert word in page.words, word
    assert "Zurückgenommen" not in " ".join(page.words)
    assert len(page.all("th")) == 7 + len(receipt().lines) + 1 + 2
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.all("th"))


def test_names_cannot_write_html() -> None:
    evil = "<script>alert(1)</script>\"'&"
    made = receipt(lines=(line(1, evil, 100),), operator=evil, shop=Shop(evil, (evil,), evil, footer_de=evil))
    page = Page(receipt_page(made))
    (data,) = re.findall(r"<script[^>]*>(.*?)</script>", receipt_page(made))
    assert json.loads(data)["provider"]["name"] == evil
    assert page.all("script") == [{"type": "application/ld+json"}]
    assert evil in page.words
    assert Page(pending_page(Shop(evil), "de")).all("script") == []


def test_a_receipt_on_its_way_loads_itself_again() -> None:
    page = Page(pending_page(SHOP, "de"))
    assert {"http-equiv": "refresh", "content": "5"} in page.all("meta")
    assert "Ihr Bon ist unterwegs" in page.words
    assert "Your receipt is on its way" in Page(pending_page(SHOP, "en")).words
    assert "Kein Bon unter diesem Link" in Page(not_found_page("xx")).words


def test_every_text_colour_stands_out_from_its_ground() -> None:
    """WCAG 2.2 AA, 1.4.3: 4.5 to 1, in light and in dark."""

    def luminance(colour: str) -> float:
        digits = colour.lstrip("#")
        digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    schemes = re.findall(r":root \{(.*?)\}", not_found_page("de"))
    assert len(schemes) == 3
    for scheme in schemes:
        colours = dict(re.findall(r"--(\w+): (#\w+)", scheme))
        for ink in ("ink", "soft", "mark", "link"):
            for ground in ("paper", "ground"):
                dark, light = sorted((luminance(colours[ink]), luminance(colours[ground])))
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground, scheme)


def test_the_json_is_plain_and_says_demo() -> None:
    plain = json.loads(receipt_json(receipt(copy=True)))
    assert plain["demo"] is True
    assert plain["notice"] == ["DEMO - kein Beleg", "KOPIE"]
    assert (plain["number"], plain["total_minor"], plain["till"]) == ("3-1-20417", 1661, "3-1")
    assert plain["lines"][0]["quantity"] == "0.842"
    assert plain["taxes"][0] == {
        "code": "A",
        "percent": "19",
        "net_minor": 237,
        "vat_minor": 45,
        "gross_minor": 282,
    }
    assert "footer_de" not in plain["shop"]
    assert json.loads(receipt_json(receipt(demo=False)))["demo"] is False


def test_both_scanners_read_the_svg_and_the_half_blocks() -> None:
    rows = matrix(LINK)
    size = len(rows) + 8
    dark = {
        (int(x) + step, int(y))
        for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1", qr_svg(LINK))
        for step in range(int(width))
    }
    drawn = Image.new("L", (size, size), 255)
    for place in dark:
        drawn.putpixel(place, 0)
    both = {"zbar": {LINK}, "zxing": {LINK}}
    assert read_codes(drawn.resize((size * 6, size * 6), Image.Resampling.NEAREST)) == both
    blocks = qr_blocks(LINK)
    wide = len(blocks[0])
    assert wide == len(rows) + 4
    assert {len(row) for row in blocks} == {wide}
    shot = Image.new("L", (wide, 2 * len(blocks)), 0)
    for y, row in enumerate(blocks):
        for x, char in enumerate(row):
            shot.putpixel((x, 2 * y), 255 if char in "█▀" else 0)
            shot.putpixel((x, 2 * y + 1), 255 if char in "█▄" else 0)
    picture = shot.resize((shot.width * 6, shot.height * 6), Image.Resampling.NEAREST)
    assert read_codes(picture) == both
