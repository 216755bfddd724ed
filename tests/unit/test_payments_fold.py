"""What the facts say of payments: open until an end is stated, held until a sale holds them, sums by terminal."""

from pos.card_facts import PaymentEnded, PaymentIntent, PaymentResult, TerminalClosed, TerminalMet
from pos.cart_facts import CartResumed
from pos.domain.card import CardMark, CardResult
from pos.domain.tender import Tender
from pos.facts import Fact
from pos.payments import Payments, follow_payments
from tests.unit.receipt_samples import sale

TENDER_ID = "p1"
MET = TerminalMet("1", "T1", CardMark(41), 0, 60)


def intent(payment_id: str = TENDER_ID, kind: str = "sale", minor: int = 500, of: str = "") -> PaymentIntent:
    return PaymentIntent(payment_id, "c1", kind, minor, "EUR", "zvt", "1", "kim", "2026-11-22", 0, 60, of=of)


def said(code: int, receipt: int, payment_id: str = TENDER_ID, how: str = "terminal") -> PaymentResult:
    result = CardResult(code, 500, terminal_id="T1", receipt_no=receipt, brand="girocard")
    return PaymentResult(payment_id, result, 0, 60, how)


def ended(outcome: str, payment_id: str = TENDER_ID, by: str = "completion") -> PaymentEnded:
    result = CardResult(0, 500, brand="girocard") if outcome == "approved" else None
    return PaymentEnded(payment_id, outcome, by, "kim", 0, 60, result=result)


def after(*facts: Fact) -> Payments:
    payments = Payments()
    for fact in facts:
        payments = follow_payments(payments, fact, 1)
    return payments


def test_a_payment_is_open_until_its_end_is_stated() -> None:
    payments = after(MET, intent(), said(0, 42))
    assert [one.intent.payment_id for one in payments.open] == [TENDER_ID]
    assert payments.at("1") is not None
    assert payments.find(TENDER_ID).known == (CardMark(41),)  # type: ignore[union-attr]
    assert follow_payments(payments, ended("declined"), 1).open == ()


def test_an_approved_part_is_held_until_a_sale_holds_it() -> None:
    payments = after(MET, intent(), said(0, 42), ended("approved"))
    assert [one.cart_id for one in payments.held] == ["c1"]
    resumed = CartResumed("c1", "c2", "2026-11-22", "kim", 0, 60)
    payments = follow_payments(payments, resumed, 1)
    assert payments.held_for("c2")
    sold = sale(tenders=(_tender(),))
    payments = follow_payments(payments, sold, 1)
    assert payments.held == ()
    assert payments.terminal("1").sums == (("girocard", 1, 500),)  # type: ignore[union-attr]


def test_a_sale_that_holds_an_open_payment_ends_it_and_counts_it_once() -> None:
    payments = after(MET, intent(), said(0, 42), sale(tenders=(_tender(),)))
    assert (payments.open, payments.held) == ((), ())
    assert payments.terminal("1").sums == (("girocard", 1, 500),)  # type: ignore[union-attr]


def test_a_reversal_lets_go_of_what_was_held() -> None:
    payments = after(
        MET,
        intent(),
        ended("approved"),
        intent("p2", "reversal", of=TENDER_ID),
        ended("approved", "p2"),
    )
    assert payments.held == ()
    assert payments.terminal("1").sums == (("girocard", 2, 0),)  # type: ignore[union-attr]


def test_what_a_person_stated_is_watched_until_the_terminals_day_is_closed() -> None:
    payments = after(MET, intent(), ended("unpaid", by="operator"))
    assert payments.terminal("1").watched == (TENDER_ID,)  # type: ignore[union-attr]
    closed = TerminalClosed("1", "T1", "kim", "2026-11-22", 0, 60)
    assert follow_payments(payments, closed, 1).terminal("1").watched == ()  # type: ignore[union-attr]


def test_what_is_met_anew_keeps_what_was_known_and_another_terminal_does_not() -> None:
    payments = after(MET, intent(), said(0, 42), ended("approved"))
    again = follow_payments(payments, TerminalMet("1", "T1", CardMark(42), 0, 60), 2).terminal("1")
    assert again is not None
    assert {mark for mark, _ in again.known} == {CardMark(41), CardMark(42)}
    other = follow_payments(payments, TerminalMet("1", "T9", CardMark(7), 0, 60), 2).terminal("1")
    assert other is not None
    assert [mark for mark, _ in other.known] == [CardMark(7)]


def test_what_the_terminal_was_asked_is_no_word_of_the_payment_itself() -> None:
    payments = after(MET, intent(), said(0, 41, how="query"))
    assert payments.find(TENDER_ID).results == ()  # type: ignore[union-attr]


def _tender() -> Tender:

    return Tender("card", 500, 500, payment=TENDER_ID)
