"""Which prices change when, what a kilogram costs, and the label on paper."""

import asyncio
import datetime as dt
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from pos.catalogue.changes import apply_changes
from pos.catalogue.feed import ArticleChanged, Change, DatedPrice
from pos.catalogue.schema import CATALOGUE_FILE
from pos.domain.article import Article, Deposit
from pos.domain.lowest import Lowest
from pos.domain.shelf_label import PriceChange, base_price, fingerprint, price_said
from pos.resources import texts
from pos.till.stock.label_paper import label_document
from receipts.escpos import compose_document
from tests.simulators.paper import Interpreter, Receipt, read_codes
from tests.simulators.paper.profile import PROFILES as PAPERS
from tests.unit.catalogue_shop import open_reader
from tests.unit.receipt_samples import PROFILES, SHOP

DAY = dt.date(2026, 11, 23)
LAST_WEEK, YESTERDAY, TOMORROW = (DAY + dt.timedelta(days) for days in (-7, -1, 1))
MILK = Article("M", "Milch 1 l", "B", 139, gtin="4000000000013", content=Decimal(1), content_unit="l")


def feed(state: Path, *changes: Change) -> None:
    apply_changes(state, list(changes))


def dated(*prices: tuple[int, dt.date | None, dt.date | None]) -> ArticleChanged:
    return ArticleChanged(MILK, (), tuple(DatedPrice(*price) for price in prices))


def changes(
    state: Path, first: dt.date, last: dt.date
) -> list[tuple[int | None, int | None, dt.date | None]]:
    async def look() -> list[tuple[int | None, int | None, dt.date | None]]:
        with open_reader(state / CATALOGUE_FILE, DAY) as reader:
            found = await reader.price_changes(first, last)
            return [(one.old_minor, one.article.price_minor, one.until) for one in found]

    return asyncio.run(look())


def test_a_price_with_a_day_changes_on_that_day_and_no_other(tmp_path: Path) -> None:
    feed(tmp_path, dated((139, None, None), (119, DAY, TOMORROW)))
    assert changes(tmp_path, YESTERDAY, YESTERDAY) == []
    assert changes(tmp_path, DAY, DAY) == [(139, 119, TOMORROW)]
    assert changes(tmp_path, TOMORROW, TOMORROW) == []
    after = TOMORROW + dt.timedelta(1)
    assert changes(tmp_path, after, after) == [(119, 139, None)]  # the offer is over
    assert changes(tmp_path, YESTERDAY, after) == []  # and in sum nothing changed


def test_an_article_that_is_new_has_no_price_before(tmp_path: Path) -> None:
    feed(tmp_path, dated((139, DAY, None)))
    assert changes(tmp_path, LAST_WEEK, DAY) == [(None, 139, None)]


def test_a_price_without_a_day_leaves_the_one_before(tmp_path: Path) -> None:
    async def look() -> list[tuple[int | None, int | None, dt.date | None]]:
        with open_reader(tmp_path / CATALOGUE_FILE, DAY) as reader:
            return [(one.old_minor, one.article.price_minor, one.day) for one in await reader.repriced()]

    plain = ArticleChanged(MILK)
    feed(tmp_path, plain)
    feed(tmp_path, plain)  # the same again is no change
    assert asyncio.run(look()) == []
    feed(tmp_path, ArticleChanged(Article("M", "Milch 1 l", "B", 149)))
    assert asyncio.run(look()) == [(139, 149, None)]
    feed(tmp_path, plain)
    assert asyncio.run(look()) == [(149, 139, None)]


@pytest.mark.parametrize(
    ("price", "unit", "content", "content_unit", "expected"),
    [
        (139, "pc", "1", "l", (139, "l")),
        (59, "pc", "150", "g", (393, "kg")),  # 393.33
        (249, "pc", "0.25", "kg", (996, "kg")),
        (100, "pc", "7.5", "g", None),  # below 10 g
        (100, "pc", "10", "g", (10000, "kg")),
        (105, "pc", "700", "ml", (150, "l")),
        (299, "kg", None, "", (299, "kg")),
        (3, "g", None, "", (3000, "kg")),
        (500, "pc", "2", "m2", (250, "m2")),
        (500, "pc", "6", "pc", None),
        (500, "pc", None, "", None),
        (500, "pc", "0", "kg", None),
        (None, "kg", None, "", None),
    ],
)
def test_what_one_kilogram_litre_or_metre_costs(
    price: int | None, unit: str, content: str | None, content_unit: str, expected: tuple[int, str] | None
) -> None:
    amount = Decimal(content) if content is not None else None
    article = Article("A", "a", "B", price, unit=unit, content=amount, content_unit=content_unit)
    assert base_price(article) == expected


def on_paper(change: PriceChange, name: str, language: str = "de") -> Receipt:
    profile = PROFILES[name]
    judge = Interpreter(PAPERS[str(profile.columns)], strict=True)
    document = label_document(change, texts(language), language, "EUR", DAY)
    judge.feed(compose_document(document, SHOP, profile))
    judge.finish()
    return judge.receipts[0]


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_label_says_all_it_must_on_every_printer(name: str) -> None:
    water = Article(
        "S7", "Mineralwasser classic 6 x 1,5 l", "A", 399, gtin="4000000000075",
        deposit=Deposit("P", "Pfand", 150, "A"), content=Decimal(9), content_unit="l",
    )  # fmt: skip
    paper = on_paper(PriceChange(water, 499, DAY, TOMORROW), name)
    text = " ".join(" ".join(row.text for row in paper.lines).split())
    for part in (
        "Mineralwasser classic 6 x 1,5 l",
        "3,99",
        "Grundpreis je 1 l 0,44 EUR",
        "zuzüglich Pfand 1,50 EUR",
    ):
        assert part in text
    assert "gültig bis 24.11.2026" in text
    assert "Art. S7" in text
    assert not any(row.wrapped for row in paper.lines)
    price = next(row for row in paper.lines if "3,99" in row.text)
    assert price.double_height
    assert read_codes(paper.image()) == {"zbar": {water.gtin}, "zxing": {water.gtin}}


@pytest.mark.parametrize("name", ["epson-80", "epson-80-42", "epson-58"])
def test_a_long_name_is_cut_at_a_word_and_the_price_is_whole(name: str) -> None:
    text = "Schokolade mit ganzen Haselnüssen und Karamell, fair gehandelt, Großpackung 5 x 100 g"
    paper = on_paper(PriceChange(Article("1", text, "B", 123_456, gtin="96385074")), name)
    rows = [row.text.strip() for row in paper.lines if row.text.strip()]
    assert "..." in " ".join(rows)
    assert "fair" not in " ".join(rows) or "fair gehandelt" not in " ".join(rows)
    assert any("1234,56" in row.replace(".", "").replace(" ", "") for row in rows)
    assert read_codes(paper.image())["zxing"] == {"96385074"}


def test_an_article_without_a_gtin_has_a_label_without_bars() -> None:
    paper = on_paper(PriceChange(Article("A 1", "Blumen", "B", 500)), "epson-80")
    assert read_codes(paper.image()) == {"zbar": set(), "zxing": set()}
    assert any("Art. A 1" in row.text for row in paper.lines)


MARCHED_DOWN = Lowest(139, 99, 0, None, offer=True)


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_reduction_names_the_lowest_price_of_30_days_and_counts_from_it(name: str) -> None:
    cheap = msgspec.structs.replace(MILK, price_minor=99)
    for lowest, language, said in (
        (MARCHED_DOWN, "de", "-28 % Niedrigster Preis der letzten 30 Tage: 1,39 EUR"),
        (MARCHED_DOWN, "en", "-28 % Lowest price of the last 30 days: 1.39 EUR"),
        (msgspec.structs.replace(MARCHED_DOWN, known_from=LAST_WEEK), "de", "-28 % Niedrigster Preis seit 16.11.2026: 1,39 EUR"),
        (msgspec.structs.replace(MARCHED_DOWN, minor=100, price_minor=100), "de", "Niedrigster Preis der letzten 30 Tage: 1,00 EUR"),
    ):  # fmt: skip
        paper = on_paper(PriceChange(cheap, 150, DAY, TOMORROW, lowest), name, language)
        text = " ".join(" ".join(row.text for row in paper.lines).split())
        assert said in text
        assert ("%" in text) == ("%" in said)
        assert "1,50" not in text, "the price before is not the lowest one"
        assert not any(row.wrapped for row in paper.lines)


def test_a_label_with_another_lowest_price_is_another_label() -> None:
    plain = PriceChange(MILK, 150, DAY)
    one, other = (
        msgspec.structs.replace(plain, lowest=Lowest(minor, 139, 0, None, offer=True)) for minor in (149, 159)
    )
    assert len({fingerprint(plain), fingerprint(one), fingerprint(other)}) == 3
    assert price_said(fingerprint(one)) == 139
