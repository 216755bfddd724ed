"""Paying in parts: whatever the order and the means, the tenders sum to what is owed, and change is cash."""

import datetime as dt
import random
from decimal import Decimal

import pytest

from pos.domain import payment
from pos.domain.cart import Cart, Line, Mark, add_tender, cart_of, total_minor, with_about
from pos.domain.rounding import OFF, PROFILES, RoundingProfile
from pos.domain.tender import ForeignRate

DOLLAR = ForeignRate("USD", Decimal("0.9217"), dt.date(2026, 11, 20))
YEN = ForeignRate("JPY", Decimal("0.0061"), dt.date(2026, 11, 20))


def cart(total: int, tip: int = 0) -> Cart:
    line = Line(1, "article", "Milk", Decimal(1), total, total, Mark(0, "1"), tax_code="B")
    return with_about(cart_of("c", 0, "1", (line,)), tip_minor=tip)


def taken(of: Cart, paid: payment.Paid) -> Cart:
    for tender in paid.tenders:
        of = add_tender(of, tender)
    return of


def one_step(of: Cart, rng: random.Random, profile: RoundingProfile) -> payment.Paid:
    rest = payment.rest_minor(of)
    amount = rng.randint(1, max(1, rest))
    match rng.randrange(6):
        case 0:
            return payment.cash(of, None, profile, "EUR")
        case 1:
            step = profile.step_minor
            return payment.cash(of, rng.randint(1, rest + 500) // step * step or step, profile, "EUR")
        case 2:
            return payment.exactly(of, "gift-card", None, "EUR", reference="X", most=amount)
        case 3:
            return payment.foreign(of, rng.randint(100, 5_000), rng.choice((DOLLAR, YEN)), profile, "EUR")
        case 4:
            return payment.cash_out(
                of, "card-manual", rest + rng.randint(1, 180) * profile.step_minor, 900, "EUR", profile
            )
    return payment.exactly(of, "card-manual", amount, "EUR")


@pytest.mark.parametrize("profile", [OFF, PROFILES["CH"]])
def test_any_split_sums_to_total_rounding_and_tip_and_change_is_never_negative(
    profile: RoundingProfile,
) -> None:
    rng = random.Random(7)
    for _ in range(1_500):
        of = cart(rng.randint(1, 9_999), rng.choice((0, 0, 150)))
        for _ in range(50):
            try:
                paid = one_step(of, rng, profile)
            except payment.PayError:
                continue
            of = taken(of, paid)
            assert all(t.given_minor - t.change_minor == t.amount_minor for t in of.tenders)
            assert all(t.change_minor >= 0 for t in of.tenders)
            assert all(t.kind == "cash" for t in of.tenders if t.change_minor)
            if paid.done:
                owed = total_minor(of) + of.about.tip_minor + paid.rounding_minor
                assert sum(t.amount_minor for t in of.tenders) == owed
                assert abs(paid.rounding_minor) <= profile.step_minor // 2
                break
            assert payment.rest_minor(of) > 0
            assert not payment.overpaid(of)
            assert paid.rounding_minor == 0
        else:
            pytest.fail("it is paid at last")


def test_only_cash_may_be_more_than_what_is_left() -> None:
    of = cart(1_000)
    assert payment.cash(of, 2_000, OFF, "EUR").tenders[0].change_minor == 1_000
    for kind in ("card-manual", "gift-card", "on-account"):
        with pytest.raises(payment.PayError, match="only-cash-over"):
            payment.exactly(of, kind, 1_001, "EUR")


def test_only_what_cash_settles_is_rounded() -> None:
    of = cart(1_243)
    profile = PROFILES["CH"]
    assert payment.cash(of, None, profile, "EUR").rounding_minor == 2
    assert payment.exactly(of, "card-manual", None, "EUR").rounding_minor == 0
    part = taken(of, payment.exactly(of, "card-manual", 1_000, "EUR"))
    rest = payment.cash(part, None, profile, "EUR")
    assert (rest.tenders[0].amount_minor, rest.rounding_minor) == (245, 2)
    with pytest.raises(payment.PayError, match="not-in-coins"):
        payment.cash(of, 1_243, profile, "EUR")


def test_a_cent_that_no_coin_pays_ends_the_sale_without_cash() -> None:
    of = taken(cart(1_002), payment.exactly(cart(1_002), "card-manual", 1_000, "EUR"))
    paid = payment.cash(of, None, PROFILES["CH"], "EUR")
    assert (paid.tenders, paid.done, paid.rounding_minor) == ((), True, -2)


def test_cash_with_a_purchase_is_limited() -> None:
    of = cart(2_347)
    card, out = payment.cash_out(of, "card-manual", 4_347, 2_000, "EUR", OFF).tenders
    assert (card.amount_minor, out.amount_minor, out.change_minor) == (4_347, -2_000, 2_000)
    with pytest.raises(payment.PayError, match="cashback-too-much"):
        payment.cash_out(of, "card-manual", 4_348, 2_000, "EUR", OFF)


def test_cash_that_is_paid_out_for_a_card_is_there_in_coins() -> None:
    of = cart(2_347)
    with pytest.raises(payment.PayError, match="cashback-in-coins") as refused:
        payment.cash_out(of, "card-manual", 4_349, 5_000, "EUR", PROFILES["CH"])
    assert refused.value.fields["wanted"] == 4_347
    assert payment.cash_out(of, "card-manual", 4_347, 5_000, "EUR", PROFILES["CH"]).rounding_minor == 0


def test_what_is_paid_already_takes_no_cash() -> None:
    of = taken(cart(1_000), payment.exactly(cart(1_000), "card-manual", None, "EUR"))
    assert payment.cash(of, None, OFF, "EUR") == payment.Paid((), done=True)
    with pytest.raises(payment.PayError, match="nothing-left-to-take"):
        payment.cash(of, 500, OFF, "EUR")


def test_foreign_cash_counts_whole_and_the_change_is_home_cash() -> None:
    of = cart(1_000)
    due = payment.foreign_due(of, DOLLAR)
    assert due == 1_085
    assert payment.foreign(of, due - 2, DOLLAR, OFF, "EUR").done is False
    notes, back = payment.foreign(of, 2_000, DOLLAR, OFF, "EUR").tenders
    assert (notes.kind, notes.amount_minor, notes.change_minor) == ("foreign", 1_843, 0)
    assert notes.foreign is not None
    assert (notes.foreign.given_minor, notes.foreign.rate) == (2_000, DOLLAR.rate)
    assert (back.kind, back.amount_minor, back.change_minor) == ("cash", -843, 843)


def test_quick_amounts_are_the_next_round_ones() -> None:
    assert payment.quick_amounts(2_347) == (2_347, 2_350, 2_400, 2_500, 3_000, 4_000, 5_000, 10_000)
    assert payment.quick_amounts(0) == ()
