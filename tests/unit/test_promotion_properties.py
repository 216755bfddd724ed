"""What holds for every cart and every set of promotions."""

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pos.domain.promotions import (
    KINDS,
    Book,
    Evaluated,
    Left,
    Part,
    Pricer,
    Promotion,
    PromotionLine,
    Selection,
    evaluate,
)
from tests.unit.promotion_samples import FRIDAY

SKUS = ("A", "B", "C", "D")
MANY = settings(max_examples=100, deadline=None)


@st.composite
def lines(draw: st.DrawFn) -> list[PromotionLine]:
    made = []
    for n in draw(st.lists(st.integers(1, 40), unique=True, max_size=8)):
        sku, department = draw(st.sampled_from(SKUS)), draw(st.integers(1, 3))
        unit = draw(st.sampled_from((0, 1, 2, 33, 99, 100, 100, 250, 1999)))
        if draw(st.integers(0, 4)):
            count = draw(st.integers(1, 12))
            made.append(PromotionLine(n, sku, department, Decimal(count), "pc", unit, unit * count))
        else:
            grams = draw(st.integers(1, 3000))
            quantity = Decimal(grams).scaleb(-3)
            made.append(PromotionLine(n, sku, department, quantity, "kg", unit, (unit * grams + 500) // 1000))
    return made


SELECTIONS = st.builds(
    Selection,
    skus=st.lists(st.sampled_from(SKUS), max_size=2).map(tuple),
    departments=st.lists(st.integers(1, 3), max_size=2).map(tuple),
    without_skus=st.lists(st.sampled_from(SKUS), max_size=1).map(tuple),
)
AMOUNTS = st.sampled_from((1, 7, 20, 99, 100, 150, 500))
PERCENTS = st.sampled_from((Decimal("0.5"), Decimal(10), Decimal("33.3"), Decimal(50), Decimal(100)))


@st.composite
def promotions(draw: st.DrawFn) -> list[Promotion]:
    made = []
    for number in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(KINDS))
        fields: dict[str, Any] = {}
        if kind == "percent":
            fields["percent"] = draw(PERCENTS)
        elif kind == "amount":
            fields["amount_minor"] = draw(AMOUNTS)
        elif kind == "fixed-price":
            fields["price_minor"] = draw(AMOUNTS)
        elif kind == "n-for-m":
            fields["n"] = draw(st.integers(1, 5))
            fields["m"] = draw(st.integers(0, fields["n"] - 1))
        elif kind == "n-for-price":
            fields |= {"n": draw(st.integers(1, 5)), "price_minor": draw(AMOUNTS)}
        elif kind == "mix":
            parts = st.lists(st.builds(Part, st.integers(1, 3), SELECTIONS), min_size=1, max_size=3)
            fields["parts"] = tuple(draw(parts))
            fields |= draw(
                st.one_of(
                    st.fixed_dictionaries({"price_minor": AMOUNTS}),
                    st.fixed_dictionaries({"percent": PERCENTS}),
                    st.fixed_dictionaries({"amount_minor": AMOUNTS}),
                )
            )
        else:
            fields["min_minor"] = draw(AMOUNTS)
            if draw(st.booleans()):
                fields["percent"] = draw(PERCENTS)
            else:
                fields |= {"amount_minor": draw(AMOUNTS), "each": draw(st.booleans())}
        made.append(
            Promotion(
                id=f"P{number}",
                text="Aktion",
                kind=kind,
                selection=draw(SELECTIONS),
                priority=draw(st.integers(0, 2)),
                combinable=draw(st.booleans()),
                per_sale=draw(st.integers(0, 3)),
                **fields,
            )
        )
    return made


LEFT = st.dictionaries(
    st.sampled_from(("P0", "P1", "P2")),
    st.builds(Left, uses=st.none() | st.integers(0, 3), minor=st.none() | st.integers(0, 300)),
)


def price(sold: list[PromotionLine], rows: list[Promotion], left: dict[str, Left]) -> Evaluated:
    return evaluate(sold, rows, moment=FRIDAY, groups=(), coupons={}, left=left)


def shares_of(result: Evaluated) -> Counter[int]:
    sums: Counter[int] = Counter()
    for made in result.applications:
        for share in made.shares:
            sums[share.n] += share.minor
    return sums


@MANY
@given(lines(), promotions(), LEFT)
def test_no_line_falls_below_0_and_every_share_is_above_it(
    sold: list[PromotionLine], rows: list[Promotion], left: dict[str, Left]
) -> None:
    result = price(sold, rows, left)
    totals = {line.n: line.total_minor for line in sold}
    assert all(minor <= totals[n] for n, minor in shares_of(result).items())
    for made in result.applications:
        numbers = [share.n for share in made.shares]
        assert numbers == sorted(set(numbers))
        assert numbers
        assert all(share.minor > 0 for share in made.shares)


@MANY
@given(lines(), promotions(), LEFT)
def test_uses_and_sums_agree_with_the_applications_and_keep_to_their_limits(
    sold: list[PromotionLine], rows: list[Promotion], left: dict[str, Left]
) -> None:
    result = price(sold, rows, left)
    uses = Counter(made.promotion for made in result.applications)
    minor: Counter[str] = Counter()
    for made in result.applications:
        minor[made.promotion] += sum(share.minor for share in made.shares)
    assert {used.promotion: (used.uses, used.minor) for used in result.used} == {
        name: (uses[name], minor[name]) for name in uses
    }
    for one in rows:
        budget = left.get(one.id, Left())
        assert not one.per_sale or uses[one.id] <= one.per_sale
        assert budget.uses is None or uses[one.id] <= budget.uses
        assert budget.minor is None or minor[one.id] <= budget.minor


@MANY
@given(lines(), promotions(), LEFT, st.randoms(use_true_random=False))
def test_the_order_in_which_promotions_and_lines_are_given_changes_nothing(
    sold: list[PromotionLine], rows: list[Promotion], left: dict[str, Left], chance: Any
) -> None:
    expected = price(sold, rows, left)
    chance.shuffle(rows)
    chance.shuffle(sold)
    assert price(sold, rows, left) == expected


@MANY
@given(lines(), promotions(), st.booleans())
def test_a_book_and_a_pricer_that_saw_every_scan_say_what_a_new_book_says(
    sold: list[PromotionLine], rows: list[Promotion], in_order: bool
) -> None:
    if in_order:
        sold.sort(key=lambda line: line.n)
    book, pricer = Book(rows), Pricer(Book(rows))
    moments = (FRIDAY, FRIDAY + dt.timedelta(days=1))
    for moment in moments:
        for count in range(len(sold) + 1):
            cart = sold[:count]
            expected = evaluate(cart, rows, moment=moment, groups=(), coupons={}, left={})
            assert book.evaluate(cart, moment=moment, groups=(), coupons={}, left={}) == expected
            assert pricer.evaluate(cart, moment=moment, groups=(), coupons={}, left={}) == expected
        cart = sold[1:]  # the first line was removed
        assert pricer.evaluate(cart, moment=moment, groups=(), coupons={}, left={}) == evaluate(
            cart, rows, moment=moment, groups=(), coupons={}, left={}
        )


@MANY
@given(lines(), promotions(), LEFT)
def test_promotions_that_reach_no_line_change_nothing(
    sold: list[PromotionLine], rows: list[Promotion], left: dict[str, Left]
) -> None:
    book = Book(rows)
    touched = [line for line in sold if book.touches(line)]
    given_: dict[str, Any] = {"moment": FRIDAY, "groups": (), "coupons": {}, "left": left}
    assert book.evaluate(touched, **given_) == book.evaluate(sold, **given_)


@MANY
@given(st.integers(1, 5), st.integers(1, 30), st.sampled_from((1, 3, 99, 100)), promotions())
def test_a_line_of_many_pieces_costs_what_as_many_lines_of_one_piece_cost(
    department: int, count: int, unit: int, rows: list[Promotion]
) -> None:
    """Percent is by line, so it is left out; for all others a line's units are on their own."""
    rows = [one for one in rows if one.kind != "percent"]
    together = [PromotionLine(1, "A", department, Decimal(count), "pc", unit, unit * count)]
    apart = [PromotionLine(n, "A", department, Decimal(1), "pc", unit, unit) for n in range(1, count + 1)]
    whole, single = price(together, rows, {}), price(apart, rows, {})
    assert whole.used == single.used
    assert sum(shares_of(whole).values()) == sum(shares_of(single).values())
