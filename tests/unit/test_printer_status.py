"""The printer's answers, told apart from each other and from noise."""

import random

from hypothesis import given
from hypothesis import strategies as st

from drivers.printer.session import process_id
from drivers.printer.status import Answer, Kind, PrinterStatus, StatusParser, apply

FINE = b"\x10\x00\x00\x00"
PAPER_END = b"\x18\x00\x0f\x00"
NO_ANSWERS: list[Answer] = []


def trusting() -> StatusParser:
    parser = StatusParser()
    parser.feed(FINE * 2)
    assert parser.trusted
    parser.feed(FINE * 8)
    return parser


def status_after(parser: StatusParser, data: bytes, status: PrinterStatus | None = None) -> PrinterStatus:
    status = status or PrinterStatus()
    for answer in parser.feed(data):
        status = apply(status, answer)
    return status


def test_a_status_report_names_what_is_wrong() -> None:
    for report, problem in (
        (FINE, ""),
        (PAPER_END, "paper-out"),
        (b"\x38\x00\x00\x00", "cover-open"),
        (b"\x38\x00\x0f\x00", "cover-open"),
        (b"\x18\x09\x00\x00", "cutter"),
        (b"\x18\x40\x00\x00", "offline"),
        (b"\x18\x00\x00\x00", "offline"),
    ):
        assert status_after(trusting(), report).problem == problem
    assert status_after(trusting(), b"\x10\x00\x03\x00").paper_low


def test_real_time_answers_belong_to_their_questions() -> None:
    parser = trusting()
    for question in (1, 2, 3, 4):
        parser.expect_realtime(question)
    status = status_after(parser, bytes((0x1A, 0x16, 0x12, 0x7E)))
    assert (status.offline, status.cover_open, status.paper_out) == (True, True, True)
    assert status.problem == "cover-open"
    for question in (1, 4):
        parser.expect_realtime(question)
    assert status_after(parser, b"\x12\x1e", status) == PrinterStatus(paper_low=True)


def test_answers_nobody_asked_for_are_nobodys() -> None:
    parser = trusting()
    assert parser.feed(b"\x12\x00\x05") == NO_ANSWERS
    assert parser.trusted, "a late answer is no noise"
    parser.expect_realtime(1)
    parser.forget_questions()
    assert parser.feed(b"\x1a") == NO_ANSWERS


def test_a_report_may_come_in_pieces_with_other_answers_between() -> None:
    parser = trusting()
    parser.expect_realtime(1)
    kinds: list[Kind] = []
    for byte in b"\x18\x13\x00\x12\x11\x0c\x00":
        kinds += [answer.kind for answer in parser.feed(bytes((byte,)))]
    assert kinds == [Kind.FLOW, Kind.REALTIME, Kind.FLOW, Kind.REPORT]


def test_process_ids_identities_and_single_answers_are_told_apart() -> None:
    parser = trusting()
    wanted = process_id("job", 1)
    parser.expect_single()
    parser.expect_identity()
    heard = parser.feed(b"\x00" + b"\x37\x22" + wanted + b"\x00" + b"_TM-T88\x00" + PAPER_END)
    assert [(answer.kind, answer.value) for answer in heard] == [
        (Kind.SINGLE, b"\x00"),
        (Kind.PROCESS, wanted),
        (Kind.IDENTITY, b"TM-T88"),
        (Kind.REPORT, PAPER_END),
    ]


@given(st.text(max_size=30), st.integers(0, 1000))
def test_a_process_id_never_looks_like_another_answer(job_id: str, attempt: int) -> None:
    made = process_id(job_id, attempt)
    assert len(made) == 4
    assert all(0x20 <= byte <= 0x7E and byte & 0x93 != 0x12 for byte in made)


@given(st.binary(max_size=40))
def test_eight_bytes_after_garbage_the_truth_is_heard(garbage: bytes) -> None:
    parser = trusting()
    parser.expect_identity()
    parser.feed(garbage + b"\xff")
    answers = parser.feed(PAPER_END + PAPER_END)
    assert [answer for answer in answers if answer.trusted][-1].value == PAPER_END


@given(st.binary(max_size=200), st.lists(st.integers(1, 20)))
def test_it_does_not_matter_how_the_stream_is_cut(data: bytes, cuts: list[int]) -> None:
    whole, pieces = StatusParser(), StatusParser()
    for parser in (whole, pieces):
        parser.expect_single()
        parser.expect_realtime(1)
    heard: list[Answer] = []
    rest = data
    for cut in cuts:
        heard += pieces.feed(rest[:cut])
        rest = rest[cut:]
    assert heard + pieces.feed(rest) == whole.feed(data)


def test_a_million_random_bytes_never_raise_and_never_say_ok() -> None:
    chance = random.Random(20261122)
    parser = StatusParser()
    status = PrinterStatus(offline=True, paper_out=True, cover_open=True)
    wanted = process_id("job", 1)
    fed = 0
    while fed < 1_000_000:
        parser.forget_questions()
        for question in (1, 2, 3, 4):
            parser.expect_realtime(question)
        if not parser.singles_expected:
            parser.expect_single()
        data = chance.randbytes(chance.randrange(1, 64))
        fed += len(data)
        for answer in parser.feed(data):
            status = apply(status, answer)
            assert status.problem, "a wrong ok"
            assert not (answer.kind is Kind.PROCESS and answer.value == wanted)
            assert not (answer.kind is Kind.SINGLE and answer.trusted), "a wrong receipt-is-out"
