"""What promotions make of shelf labels, beside a slow look at every article on every day."""

import datetime as dt
import random
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from pos.domain.article import Article
from pos.domain.promotions import Promotion, Selection
from pos.domain.shelf_label import PriceChange
from pos.domain.shelf_offers import Offers

BEGAN = dt.date(2026, 11, 1)
DAY = dt.timedelta(days=1)
MILK = Article("M", "Milch 1 l", "B", 200)


def day(n: int) -> dt.date:
    return BEGAN + n * DAY


def off(percent: int, first: int | None, last: int | None, **more: Any) -> Promotion:
    return Promotion(
        "p", "Milchwoche", "percent", Selection(skus=("M",)), percent=Decimal(percent),
        valid_from=None if first is None else day(first), valid_to=None if last is None else day(last),
        **more,
    )  # fmt: skip


def slow_price(article: Article, rows: list[Promotion], on: dt.date) -> int:
    """One row after the other by its priority; each takes what it says off what the ones before left of the piece."""
    minor, closed = article.price_minor or 0, False
    for row in sorted(rows, key=lambda one: (-one.priority, one.id)):
        named = article.sku in row.selection.skus or not row.selection.skus
        begun = row.valid_from is None or row.valid_from <= on
        over = row.valid_to is not None and row.valid_to < on
        asks = row.coupon or row.groups or row.weekdays or row.per_sale or row.time_from or row.budget_uses
        touched = minor != article.price_minor
        if not named or not begun or over or asks or closed or (touched and not row.combinable):
            continue
        if row.kind == "percent":
            assert row.percent is not None
            taken = int(minor * row.percent / 100 + Decimal("0.5"))
        elif row.kind == "amount":
            taken = min(row.amount_minor or 0, minor)
        else:
            taken = max(0, minor - (row.price_minor or 0))
        if taken:
            minor -= taken
            closed = not row.combinable
    return minor


def some_rows(chance: random.Random, skus: list[str]) -> list[Promotion]:
    rows = []
    for n in range(chance.randint(1, 5)):
        first, last = sorted((chance.randint(0, 9), chance.randint(0, 9)))
        made: Mapping[str, Any] = chance.choice(
            (
                {"kind": "percent", "percent": Decimal(chance.choice((10, 15, 33)))},
                {"kind": "amount", "amount_minor": chance.choice((1, 50, 5000))},
                {"kind": "fixed-price", "price_minor": chance.choice((1, 99, 150))},
            )
        )
        asks: Mapping[str, Any] = chance.choice(
            (*[{}] * 5, {"coupon": "C"}, {"groups": ("g",)}, {"weekdays": (1, 2)}, {"per_sale": 1}, {"budget_uses": 3})
        )  # fmt: skip
        rows.append(
            Promotion(
                id=f"p{n}", text="Aktion", selection=Selection(skus=tuple(chance.sample(skus, 2))),
                priority=chance.randint(0, 2), combinable=chance.random() < 0.4,
                valid_from=chance.choice((None, day(first))), valid_to=chance.choice((None, day(last))),
                **made, **asks,
            )
        )  # fmt: skip
    return rows


def test_the_list_of_a_day_is_what_a_look_at_every_article_finds() -> None:
    found = 0
    for seed in range(400):
        chance = random.Random(seed)
        shelf = {f"A{n}": Article(f"A{n}", "Ware", "B", chance.randint(1, 999)) for n in range(5)}
        rows = some_rows(chance, list(shelf))
        offers = Offers(rows)
        for n in range(-1, 12):
            first, last = day(n), day(n + chance.choice((0, 0, 3)))
            listed = offers.changes((), [shelf[sku] for sku in offers.turning(first, last)], first, last)
            seen = {one.article.sku: (one.old_minor, one.article.price_minor) for one in listed}
            wanted = {
                sku: (slow_price(one, rows, first - DAY), slow_price(one, rows, last))
                for sku, one in shelf.items()
            }
            assert seen == {sku: pair for sku, pair in wanted.items() if pair[0] != pair[1]}, (seed, n)
            found += len(seen)
    assert found > 1_000


def test_a_label_says_since_when_and_until_when_the_promotion_holds() -> None:
    offers = Offers([off(25, 3, 9)])
    (begins,) = offers.changes((), [MILK], day(3), day(3))
    assert (begins.old_minor, begins.article.price_minor, begins.day, begins.until) == (
        200,
        150,
        day(3),
        day(9),
    )
    (ends,) = offers.changes((), [MILK], day(10), day(10))
    assert (ends.old_minor, ends.article.price_minor, ends.day, ends.until) == (150, 200, day(10), None)


def test_a_price_of_the_articles_own_that_changes_meanwhile_is_felt_through_the_promotion() -> None:
    own = PriceChange(MILK, 160, day(5), day(7))
    (one,) = Offers([off(25, 3, 9)]).changes([own], [], day(5), day(5))
    assert (one.old_minor, one.article.price_minor, one.day, one.until) == (120, 150, day(5), day(7))


@pytest.mark.parametrize(
    "asks",
    [{"coupon": "C"}, {"groups": ("staff",)}, {"weekdays": (1,)}, {"per_sale": 1}, {"time_from": dt.time(8), "time_to": dt.time(10)},
     {"budget_uses": 9}, {"budget_minor": 900}, {"active": False}],
)  # fmt: skip
def test_what_not_everybody_gets_for_each_piece_is_on_no_label(asks: dict[str, Any]) -> None:
    offers = Offers([off(25, 3, 9, **asks)])
    assert offers.turning(day(3), day(3)) == ()
    assert offers.price(MILK, day(4)) == (200, None, None)
