"""Promotions: each kind and their order, with the arithmetic beside it."""

import itertools
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from pos.domain.cart import Line, Mark
from pos.domain.promotions import Book, Evaluated, Part, PromotionLine, Selection, Used
from tests.unit.promotion_samples import AN_AMOUNT, FRIDAY, off, pieces, price, row, shares, weighed

# Kinds


def test_percent_is_rounded_once_for_each_line_not_for_each_piece() -> None:
    # 3 x 105 = 315, 10 % of it 31.5, half up 32; by piece it would be 3 x 11 = 33. 0.486 kg for 631: 63.1, so 63.
    result = price(
        [pieces(1, 105, 3), weighed(2, "0.486", 1299, 631)], row(kind="percent", percent=Decimal(10))
    )
    assert shares(result) == [{1: 32}, {2: 63}]
    assert result.used == (Used("P", 2, 95),)


def test_percent_is_exact_before_it_is_rounded() -> None:
    # 12.5 % of 100 = 12.5 -> 13; 33.3333 % of 150 = 49.99995 -> 50; 0.4 % of 100 = 0.4 -> nothing.
    assert off(price([pieces(1, 100)], row(kind="percent", percent=Decimal("12.5")))) == {1: 13}
    assert off(price([pieces(1, 150)], row(kind="percent", percent=Decimal("33.3333")))) == {1: 50}
    assert price([pieces(1, 100)], row(kind="percent", percent=Decimal("0.4"))) == Evaluated()


def test_an_amount_comes_off_each_piece_but_no_piece_falls_below_0() -> None:
    # 30 off 3 pieces of 50, and 20 off one of 20; the dearest first.
    result = price([pieces(1, 20), pieces(2, 50, 3)], row(kind="amount", amount_minor=30))
    assert shares(result) == [{2: 30}, {2: 30}, {2: 30}, {1: 20}]


def test_an_amount_comes_off_a_weighed_line_once() -> None:
    assert shares(price([weighed(1, "2.5", 200, 500)], row(kind="amount", amount_minor=30))) == [{1: 30}]


def test_a_fixed_price_holds_by_piece_and_by_measure() -> None:
    # 129 - 99 = 30 each; 89 is cheaper already. 0.486 kg at 999: 485.514 -> 486, 631 - 486 = 145.
    lines = [pieces(1, 129, 2), pieces(2, 89), weighed(3, "0.486", 1299, 631)]
    assert shares(price(lines[:2], row(kind="fixed-price", price_minor=99))) == [{1: 30}, {1: 30}]
    assert shares(price(lines[2:], row(kind="fixed-price", price_minor=999))) == [{3: 145}]


def test_a_fixed_price_passes_over_a_dear_piece_that_gains_nothing() -> None:
    # The piece of 900 costs less than 999, 0.5 kg for 600 costs 499.5 -> 500 at that price: 100 off.
    lines = [pieces(1, 900), weighed(2, "0.5", 1200, 600)]
    assert shares(price(lines, row(kind="fixed-price", price_minor=999, per_sale=1))) == [{2: 100}]


def test_three_for_two_gives_the_cheapest_of_each_three_dearest_first() -> None:
    # Best first 500, 400, 300 | 200, 100: 300 off 1200 -> 125, 100, 75; two are left over.
    lines = [pieces(1, 100), pieces(2, 200), pieces(3, 300), pieces(4, 400), pieces(5, 500)]
    assert shares(price(lines, row(kind="n-for-m", n=3, m=2))) == [{3: 75, 4: 100, 5: 125}]


def test_three_for_two_of_one_line_of_eight() -> None:
    # Twice 3 of 8 at 100: 100 off each time, 34 + 33 + 33.
    assert shares(price([pieces(1, 100, 8)], row(kind="n-for-m", n=3, m=2))) == [{1: 100}, {1: 100}]


def test_two_for_none_gives_both() -> None:
    assert shares(price([pieces(1, 150, 2)], row(kind="n-for-m", n=2, m=0))) == [{1: 300}]


def test_three_for_a_price_spreads_by_largest_remainder() -> None:
    # 299 + 249 + 199 = 747, for 500: 247 off. 247 x 299/747 = 98.87, x 249 = 82.33, x 199 = 65.80:
    # floors 98 + 82 + 65 = 245, two remainders: .87 and .80 -> 99, 82, 66.
    lines = [pieces(1, 299), pieces(2, 249), pieces(3, 199)]
    assert shares(price(lines, row(kind="n-for-price", n=3, price_minor=500))) == [{1: 99, 2: 82, 3: 66}]


def test_equal_remainders_go_to_the_line_with_the_lower_number() -> None:
    # 100 off three times 100: 33.3 each, the cent to line 2.
    lines = [pieces(9, 100), pieces(2, 100), pieces(5, 100)]
    assert shares(price(lines, row(kind="n-for-price", n=3, price_minor=200))) == [{2: 34, 5: 33, 9: 33}]


def test_n_for_a_price_ends_where_the_price_is_no_gain() -> None:
    # 300 + 200 = 500 for 350: 150 off (90, 60); the next two cost 200 together.
    lines = [pieces(1, 300), pieces(2, 200), pieces(3, 100, 2)]
    assert shares(price(lines, row(kind="n-for-price", n=2, price_minor=350))) == [{1: 90, 2: 60}]


def test_weighed_goods_and_fractions_of_pieces_are_not_counted_as_pieces() -> None:
    half = PromotionLine(2, "A2", 0, Decimal("1.5"), "pc", 100, 150)
    lines = [weighed(1, "3", 100, 300), half, pieces(3, 100, 2)]
    assert price(lines, row(kind="n-for-m", n=3, m=2)) == Evaluated()
    assert price(lines, row(kind="n-for-price", n=3, price_minor=1)) == Evaluated()
    assert price(lines, row(kind="mix", parts=(Part(3),), price_minor=1)) == Evaluated()


def test_a_quantity_written_with_a_point_is_whole() -> None:
    line = PromotionLine(1, "A", 0, Decimal("3.000"), "pc", 100, 300)
    assert shares(price([line], row(kind="n-for-m", n=3, m=2))) == [{1: 100}]


def test_a_menu_of_parts_for_a_price() -> None:
    # Burger 450 + 2 of drinks 200, 180 = 830 for 700: 130 off. 130 x 450/830 = 70.48, 31.33, 28.19 -> 71, 31, 28.
    # The second burger finds only one drink.
    menu = row(
        kind="mix",
        price_minor=700,
        parts=(Part(1, Selection(departments=(1,))), Part(2, Selection(departments=(2,)))),
    )
    lines = [
        pieces(1, 450, 2, department=1),
        pieces(2, 180, department=2),
        pieces(3, 200, department=2),
        pieces(4, 150, department=2),
    ]
    assert shares(price(lines, menu)) == [{1: 71, 2: 28, 3: 31}]


def test_parts_that_share_goods_choose_in_their_order() -> None:
    # Part 1 takes the best of all (400), part 2 needs department 1 and takes 300; 50 % of 700 = 350: 200, 150.
    # Then part 1 takes 200 (department 1), and part 2 finds nothing.
    both = row(kind="mix", percent=Decimal(50), parts=(Part(1), Part(1, Selection(departments=(1,)))))
    lines = [pieces(1, 300, department=1), pieces(2, 400), pieces(3, 200, department=1)]
    assert shares(price(lines, both)) == [{1: 150, 2: 200}]


def test_a_greedy_part_may_leave_the_next_one_empty() -> None:
    both = row(kind="mix", amount_minor=50, parts=(Part(1), Part(1, Selection(departments=(1,)))))
    assert price([pieces(1, 300, department=1), pieces(2, 200)], both) == Evaluated()


def test_a_mix_of_an_amount_repeats_within_its_own_selection() -> None:
    # 60 off 100 + 100 twice, 30 each; department 2 is not selected.
    mix = row(kind="mix", amount_minor=60, parts=(Part(2),), selection=Selection(departments=(1,)))
    lines = [pieces(1, 100, 4, department=1), pieces(2, 900, 2, department=2)]
    assert shares(price(lines, mix)) == [{1: 60}, {1: 60}]


def test_a_mix_takes_off_at_most_what_it_costs() -> None:
    assert shares(price([pieces(1, 20, 2)], row(kind="mix", amount_minor=60, parts=(Part(2),)))) == [{1: 40}]


def test_two_parts_of_one_line_are_one_share() -> None:
    # 2 + 1 pieces of 100 for 250: 50 off, 17 + 17 + 16; three times in 9 pieces.
    mix = row(kind="mix", price_minor=250, parts=(Part(2), Part(1)))
    assert shares(price([pieces(1, 100, 9)], mix)) == [{1: 50}] * 3


def test_a_threshold_is_reached_exactly_or_not_at_all() -> None:
    # 20 % of 1000 = 200, over 400 (weighed) and 2 x 300: 80 and 120.
    lines = [weighed(1, "0.4", 1000, 400), pieces(2, 300, 2)]
    fifth: Mapping[str, Any] = {"kind": "threshold", "percent": Decimal(20)}
    assert shares(price(lines, row(min_minor=1000, **fifth))) == [{1: 80, 2: 120}]
    assert price(lines, row(min_minor=1001, **fifth)) == Evaluated()


def test_a_threshold_for_each_counts_how_often_it_is_reached() -> None:
    # 2,590 holds 1,000 twice: 2 x 150 = 300, once without `each`. One use either way.
    lines = [pieces(1, 2590)]
    amount: Mapping[str, Any] = {"kind": "threshold", "min_minor": 1000, "amount_minor": 150}
    assert price(lines, row(each=True, **amount)).used == (Used("P", 1, 300),)
    assert price(lines, row(**amount)).used == (Used("P", 1, 150),)


def test_a_threshold_takes_off_at_most_the_sum() -> None:
    assert off(price([pieces(1, 100)], row(kind="threshold", min_minor=50, amount_minor=900))) == {1: 100}


def test_999_pieces_are_333_times_three_for_two() -> None:
    result = price([pieces(1, 100, 999)], row(kind="n-for-m", n=3, m=2))
    assert result.used == (Used("P", 333, 33_300),)
    assert len(result.applications) == 333


# Order


def test_the_higher_priority_goes_first_then_the_lower_id_by_code_point() -> None:
    rows = [row("b", **AN_AMOUNT, combinable=True), row("a", **AN_AMOUNT, combinable=True)]
    rows += [row("Z", **AN_AMOUNT, combinable=True), row("x", **AN_AMOUNT, combinable=True, priority=1)]
    for given in itertools.permutations(rows):
        assert [used.promotion for used in price([pieces(1, 100)], *given).used] == ["x", "Z", "a", "b"]


def test_combinable_promotions_take_from_what_is_left() -> None:
    # 100 - 10 = 90, 10 % of 90 = 9.
    both = (
        row("a", **AN_AMOUNT, combinable=True),
        row("b", kind="percent", percent=Decimal(10), combinable=True),
    )
    assert shares(price([pieces(1, 100)], *both)) == [{1: 10}, {1: 9}]


def test_one_that_is_not_combinable_closes_what_it_takes() -> None:
    both = (row("a", **AN_AMOUNT, selection=Selection(skus=("A1",))), row("b", **AN_AMOUNT, combinable=True))
    assert shares(price([pieces(1, 100), pieces(2, 100)], *both)) == [{1: 10}, {2: 10}]


def test_one_that_is_not_combinable_leaves_what_was_taken_from() -> None:
    # a took from one of three pieces; b finds the other two.
    both = (row("a", **AN_AMOUNT, combinable=True, per_sale=1), row("b", kind="percent", percent=Decimal(50)))
    assert shares(price([pieces(1, 100, 3)], *both)) == [{1: 10}, {1: 100}]


def test_units_whose_own_share_is_0_are_taken_all_the_same() -> None:
    # 1 off 100 + 2: all of it falls on the first, yet b finds neither.
    a = row("a", kind="n-for-price", n=2, price_minor=101, combinable=True)
    both = (a, row("b", kind="amount", amount_minor=2))
    assert shares(price([pieces(1, 100), pieces(2, 2)], *both)) == [{1: 1}]


def test_a_unit_that_was_taken_at_no_share_is_not_its_neighbour_at_the_same_price() -> None:
    # 1 off 100 + one of three pieces at 2, all of it on the first; b finds the other two pieces.
    a = row("a", kind="n-for-price", n=2, price_minor=101, combinable=True)
    both = (a, row("b", kind="amount", amount_minor=1))
    assert shares(price([pieces(1, 100), pieces(2, 2, 3)], *both)) == [{1: 1}, {2: 1}, {2: 1}]


def test_a_promotion_that_gains_nothing_leaves_its_units_to_the_next() -> None:
    both = (row("a", kind="fixed-price", price_minor=100), row("b", **AN_AMOUNT))
    assert shares(price([pieces(1, 100)], *both)) == [{1: 10}]


def test_pieces_that_are_free_take_part_in_nothing_any_more() -> None:
    # a gives one of two away; three for 100 then finds only 1 + 1 pieces, which cost 150.
    a = row("a", kind="amount", amount_minor=100, per_sale=1, combinable=True)
    b = row("b", kind="n-for-price", n=3, price_minor=100, combinable=True)
    assert shares(price([pieces(1, 100, 2), pieces(2, 50)], a, b)) == [{1: 100}]
    assert price([pieces(1, 0, 3)], b) == Evaluated()


def test_later_promotions_see_each_piece_at_its_own_price() -> None:
    # a: 100 off 3 x 100 -> 66, 67, 67. b, 10 off the one dearest piece: it is at place 1; then c, to 60 for each:
    # 67 - 60 = 7, 66 - 60 = 6, and 57 stays.
    a = row("a", kind="n-for-m", n=3, m=2, combinable=True)
    b = row("b", **AN_AMOUNT, per_sale=1, combinable=True)
    c = row("c", kind="fixed-price", price_minor=60, combinable=True)
    assert shares(price([pieces(1, 100, 3)], a, b, c)) == [{1: 100}, {1: 10}, {1: 7}, {1: 6}]


# What goes in and out


def test_an_application_names_its_promotion_and_text_and_its_lines_in_order() -> None:
    lines = [pieces(3, 500), pieces(1, 100), pieces(2, 0)]
    made = price(lines, row(kind="threshold", min_minor=1, percent=Decimal(50))).applications[0]
    assert (made.promotion, made.text) == ("P", "Aktion P")
    assert [(share.n, share.minor) for share in made.shares] == [(1, 50), (3, 250)]


def test_a_line_of_the_cart_is_priced_as_it_is() -> None:
    line = Line(1, "article", "Milch", Decimal(3), 100, 300, Mark(0, "1"), sku="A1", department=4)
    book = Book([row(kind="n-for-m", n=3, m=2, selection=Selection(departments=(4,)))])
    result = book.evaluate([line], moment=FRIDAY, groups=(), coupons={}, left={})
    assert shares(result) == [{1: 100}]


def test_the_same_line_number_or_promotion_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="line number is given twice"):
        price([pieces(1, 100), pieces(1, 100)], row(**AN_AMOUNT))
    with pytest.raises(ValueError, match=r"promotion is given twice: \['P'\]"):
        Book([row(**AN_AMOUNT), row(**AN_AMOUNT, active=False)])


def test_a_book_remembers_nothing_of_the_cart_before() -> None:
    book = Book([row(**AN_AMOUNT, selection=Selection(departments=(1,)), per_sale=1)])
    given: Mapping[str, Any] = {"moment": FRIDAY, "groups": (), "coupons": {}, "left": {}}
    carts = [
        [pieces(1, 100, department=1)],
        [pieces(1, 100, department=2)],
        [pieces(1, 100, department=1), pieces(2, 300, department=1)],
        [pieces(1, 100, department=1), pieces(2, 300, department=2)],
        [],
    ]
    for lines in [*carts, *reversed(carts)]:
        assert book.evaluate(lines, **given) == price(lines, *book.promotions)
