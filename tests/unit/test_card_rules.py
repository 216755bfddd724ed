"""What a terminal's words mean for a payment: every branch, and that nothing but an approval of ours is ever an approval."""

import datetime as dt

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pos.domain.card import CardAnswer, CardEnd, CardMark, CardRequest, CardResult
from pos.domain.card_rules import compare, judge, outcome
from pos.domain.events import Message
from pos.resources import read_words, texts
from pos.words import message_text

REQUEST = CardRequest("p", "sale", 1_299)
REVERSAL = CardRequest("p", "reversal", 1_299, receipt_no=42)
BEFORE = CardMark(41, 141, 241, "1122", "142000")
BEGUN = dt.datetime(2026, 11, 22, 14, 30, tzinfo=dt.UTC)
OURS = CardResult(
    0, 1_299, "EUR", "T1", receipt_no=42, trace_no=142, turnover_no=242, date="1122", time="143010"
)


def result(**changes: object) -> CardResult:
    return msgspec.structs.replace(OURS, **changes)


def judged(found: CardResult | None, *heard: CardResult, **more: object) -> tuple[str, str]:
    answer = CardAnswer("result", found) if found is not None else CardAnswer("no-status")
    kept: dict[str, object] = {"before": BEFORE, "known": (BEFORE,), "request": REQUEST} | more
    verdict = judge(
        kept["request"],  # type: ignore[arg-type]
        kept["before"],  # type: ignore[arg-type]
        "T1",
        BEGUN,
        heard,
        answer,
        kept["known"],  # type: ignore[arg-type]
    )
    return verdict.outcome, verdict.rule


@pytest.mark.parametrize(
    ("codes", "by", "code", "expected"),
    [
        ((0,), "completion", None, "approved"),
        ((0x6C,), "completion", None, "declined"),
        ((), "completion", None, "unknown"),
        ((None,), "completion", None, "unknown"),
        ((55, 0), "completion", None, "approved"),
        ((0, 5), "completion", None, "declined"),
        ((0,), "abort", 0x6C, "reversed"),
        ((5,), "abort", 5, "declined"),
        ((), "abort", 0x6C, "declined"),
        ((), "refused", 0x83, "declined"),
        ((0,), "unknown", None, "unknown"),
        ((5,), "unknown", None, "unknown"),
        ((), "unknown", None, "unknown"),
    ],
)
def test_how_a_conversation_ends(
    codes: tuple[int | None, ...], by: str, code: int | None, expected: str
) -> None:
    results = [result(code=each) for each in codes]
    assert outcome(REQUEST, results, CardEnd(by, code)) == expected  # type: ignore[arg-type]


def test_what_is_reversed_already_is_reversed() -> None:
    assert outcome(REVERSAL, [result(code=0xB4)], CardEnd("completion")) == "approved"
    assert outcome(REVERSAL, [], CardEnd("abort", 0xB4)) == "approved"
    assert outcome(REQUEST, [], CardEnd("abort", 0xB4)) == "declined"


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (None, CardMark(1), "newer"),
        (CardMark(41), CardMark(41), "same"),
        (CardMark(41), CardMark(42), "newer"),
        (CardMark(9_999), CardMark(1), "newer"),
        (CardMark(42), CardMark(41), "older"),
        (CardMark(41, 141), CardMark(41, 142), "newer"),
        (CardMark(41, 141), CardMark(42, 140), "unclear"),
        (CardMark(trace_no=999_999), CardMark(trace_no=1), "newer"),
        (CardMark(41), CardMark(trace_no=7), "unclear"),
        (CardMark(41, date="1122", time="100000"), CardMark(41, date="1122", time="100001"), "unclear"),
        (CardMark(41, date="1122", time="100000"), CardMark(41), "same"),
    ],
)
def test_which_transaction_is_newer(before: CardMark | None, now: CardMark, expected: str) -> None:
    assert compare(before, now) == expected


def test_the_last_transaction_is_ours() -> None:
    assert judged(OURS) == ("approved", "ours")
    assert judged(OURS, OURS) == ("approved", "ours")
    assert judged(result(amount_minor=None, currency="")) == ("approved", "ours")
    assert judged(result(amount_minor=1_499, tip_minor=200)) == ("approved", "ours")


def test_the_last_transaction_is_the_one_before() -> None:
    before = result(receipt_no=41, trace_no=141, turnover_no=241, time="142000")
    assert judged(before) == ("declined", "watermark")
    assert judged(before, OURS) == ("reversed", "watermark"), "it was heard, and is not kept"
    older = result(receipt_no=40, trace_no=140, turnover_no=240, time="141500")
    known = (CardMark(40, 140, 240, "1122", "141500"), BEFORE)
    assert judged(older, known=known) == ("declined", "watermark")


def test_a_terminal_without_a_transaction_did_not_charge_where_it_never_had_one() -> None:
    def nothing(before: CardMark | None) -> str:
        return judge(REQUEST, before, "T1", BEGUN, (), CardAnswer("nothing"), ()).outcome

    assert nothing(None) == "declined"
    assert nothing(BEFORE) == "unknown", "it had one, and forgot it: a person looks"


def test_a_terminal_that_took_it_back_itself() -> None:
    taken = result(receipt_no=43, trace_no=143, turnover_no=243, original_trace_no=142)
    assert judged(taken, OURS) == ("reversed", "reversed")
    assert judged(taken) == ("reversed", "reversed"), (
        "only what the till asked since can have been taken back"
    )
    other = result(receipt_no=43, trace_no=143, turnover_no=243, original_trace_no=140)
    assert judged(other)[0] == "unknown"


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"amount_minor": 500}, "amount"),
        ({"currency": "CHF"}, "amount"),
        ({"terminal_id": "T2"}, "terminal"),
        ({"receipt_no": 40, "trace_no": 140, "turnover_no": 240}, "other"),
        ({"receipt_no": None, "trace_no": None, "turnover_no": None, "date": "", "time": ""}, "no-counter"),
        ({"code": None}, "no-status"),
    ],
)
def test_what_does_not_fit_is_for_a_person(changes: dict[str, object], rule: str) -> None:
    assert judged(result(**changes)) == ("unknown", rule)


def test_another_transaction_than_the_one_that_was_heard_is_for_a_person() -> None:
    later = result(receipt_no=43, trace_no=143, turnover_no=243)
    assert judged(later, OURS) == ("unknown", "other")


def test_silence_and_an_answer_without_a_status_decide_nothing() -> None:
    assert judged(None) == ("unknown", "no-status")
    silent = judge(REQUEST, BEFORE, "T1", BEGUN, (OURS,), CardAnswer("silent"), (BEFORE,))
    assert (silent.outcome, silent.rule) == ("unknown", "silent")


def test_a_declined_one_of_ours_is_declined() -> None:
    assert judged(result(code=0x6C)) == ("declined", "declined")
    assert judged(result(code=0x6C), OURS) == ("declined", "declined"), "marked as declined by the terminal"


def test_time_alone_tells_where_there_are_no_counters() -> None:
    bare: dict[str, object] = {"receipt_no": None, "trace_no": None, "turnover_no": None}
    before = CardMark(date="1122", time="142000")
    kept = {"before": before, "known": (before,)}
    assert judged(result(**bare), **kept) == ("approved", "ours")
    assert judged(result(**bare, time="142801"), **kept) == ("approved", "ours"), "two minutes of doubt"
    assert judged(result(**bare, time="142700"), **kept) == ("unknown", "other")
    assert judged(result(**bare, time=""), **kept)[0] == "unknown"


def test_the_turn_of_the_year_does_not_make_it_old() -> None:
    begun = dt.datetime(2026, 12, 31, 23, 59, 50, tzinfo=dt.UTC)
    before = CardMark(date="1231", time="120000")
    found = CardResult(0, 1_299, terminal_id="T1", date="0101", time="000005")
    verdict = judge(REQUEST, before, "T1", begun, (), CardAnswer("result", found), (before,))
    assert verdict.outcome == "approved"


_numbers = st.one_of(st.none(), st.integers(1, 9_999))
_results = st.builds(
    CardResult,
    code=st.one_of(st.none(), st.sampled_from([0, 0, 0, 5, 0x6C, 0xB4])),
    amount_minor=st.one_of(st.none(), st.sampled_from([1_299, 1_299, 500])),
    currency=st.sampled_from(["", "EUR", "CHF"]),
    terminal_id=st.sampled_from(["", "T1", "T2"]),
    receipt_no=_numbers,
    trace_no=_numbers,
    turnover_no=_numbers,
    original_trace_no=st.one_of(st.none(), st.integers(1, 9_999)),
    date=st.sampled_from(["", "1122", "1121", "9999"]),
    time=st.sampled_from(["", "143010", "120000", "xx"]),
)


@settings(max_examples=600, deadline=None)
@given(
    found=_results,
    heard=st.lists(_results, max_size=2),
    before=st.one_of(st.none(), st.builds(CardMark, _numbers, _numbers, _numbers)),
)
def test_an_approval_is_only_ever_a_new_approved_one_of_the_right_amount(
    found: CardResult, heard: list[CardResult], before: CardMark | None
) -> None:
    verdict = judge(
        REQUEST, before, "T1", BEGUN, heard, CardAnswer("result", found), () if before is None else (before,)
    )
    if verdict.outcome == "approved":
        assert found.code == 0
        assert found.amount_minor in {None, 1_299}
        assert found.currency in {"", "EUR"}
        assert found.terminal_id in {"", "T1"}
        assert not found.original_trace_no
    if found.code == 0 and found.terminal_id == "T2":
        assert verdict.outcome == "unknown"


def test_money_in_the_messages_of_cards_is_money() -> None:
    for language in ("de", "en"):
        words = texts(language)
        for code in read_words(language)["message"]:
            if code.startswith("card-") and "{amount}" in words(f"message.{code}"):
                assert message_text(Message(code, {"amount": 1_299}), words).count("1299") == 0, code
