"""A payment, step by step, over both links: what is sent, when, and what the till hears of it."""

import asyncio

import pytest

from pos.card_ports import NotKeptError
from pos.domain.card import CardEnd, CardRequest, CardState
from tests.unit.card.bench import (
    ACK,
    APPROVED,
    SALE,
    TID,
    Bench,
    apdu,
    bench,
    now,
    refuse,
    status,
)

BOTH = pytest.mark.parametrize("transport", ["tcp", "serial"])
COMPLETION = "060F00"


async def begun(b: Bench, request: CardRequest = SALE, order: str = "0601") -> str:
    """A terminal that is ready, and a payment that it has accepted."""
    await b.peer.ready()
    b.terminal.start(request)
    return await b.peer.order(order)


# -- the good one


@BOTH
def test_a_payment_goes_its_way(transport: str) -> None:
    async def play(b: Bench) -> None:
        order = await begun(b)
        assert order == apdu("0601", "04000000001250 1940 490978") or order == apdu(
            "0601", "04000000001250 490978 1940"
        )
        assert not b.terminal.ready
        await b.peer.ask(apdu("04FF", "0A"))
        await b.peer.ask(apdu("04FF", "04"))
        await b.peer.ask(APPROVED)
        await b.peer.ask(COMPLETION)
        end = await b.desk.wait("ended")
        assert end == CardEnd("completion")
        assert b.terminal.ready

    done = bench(play, transport)
    (result,) = done.desk.of("result")
    assert (result.code, result.amount_minor, result.currency, result.terminal_id) == (0, 1250, "EUR", TID)
    assert (result.receipt_no, result.trace_no, result.date, result.time) == (8, 17, "1122", "141500")
    assert done.desk.of("result of") == ["P1"]
    states = done.desk.of("state")
    assert states == [
        CardState(text="sent"),
        CardState(0x0A, "insert card"),
        CardState(0x04, "waiting for response from the host"),
    ]
    assert done.desk.of("ended of") == ["P1"]


def test_the_result_is_kept_before_it_is_acknowledged() -> None:
    async def play(b: Bench) -> None:
        async def slowly(what: str, _value: object) -> None:
            if what == "result":
                await asyncio.sleep(3)

        await begun(b)
        b.desk.keep = slowly
        told = now()
        b.peer.tell(APPROVED)
        await b.peer.nothing(2.9)
        await b.peer.expect(ACK)
        assert now() == pytest.approx(told + 3)
        assert b.desk.at("result") == [pytest.approx(told + 3)]
        await b.peer.ask(COMPLETION)
        await b.desk.wait("ended")

    bench(play)


@BOTH
def test_a_result_that_cannot_be_kept_gets_no_answer_and_ends_the_link(transport: str) -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        b.desk.keep = refuse
        b.peer.tell(APPROVED)
        end = await b.desk.wait("ended")
        assert end == CardEnd("unknown", detail="not-kept")
        assert b.peer.heard.empty(), "no 80 00 00, and above all no 84"
        assert b.peer.closed == 1

    assert bench(play, transport).details[-1] == ("absent", "card-not-kept")


def test_a_receipt_that_cannot_be_kept_gets_no_answer_either() -> None:
    async def play(b: Bench) -> None:
        async def no_paper(what: str, _value: object) -> None:
            if what == "paper":
                raise NotKeptError

        await begun(b)
        b.desk.keep = no_paper
        await b.peer.ask(APPROVED)
        b.peer.tell(apdu("06D1", "81 53756D6D65"))
        assert (await b.desk.wait("ended")).by == "unknown"
        assert b.peer.heard.empty()

    bench(play)


# -- what is not paid


@BOTH
def test_declined_and_completed_reports_what_was_said_and_nothing_more(transport: str) -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        await b.peer.ask(status("6C"))
        await b.peer.ask(COMPLETION)
        assert await b.desk.wait("ended") == CardEnd("completion")

    assert [result.code for result in bench(play, transport).desk.of("result")] == [0x6C]


@BOTH
def test_a_completion_without_any_status_reports_no_result(transport: str) -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        await b.peer.ask(COMPLETION)
        assert await b.desk.wait("ended") == CardEnd("completion")

    assert bench(play, transport).desk.of("result") == []


def test_an_abort_after_an_approval_is_reported_as_that() -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        await b.peer.ask(APPROVED)
        await b.peer.ask(apdu("061E", "B4"))
        assert await b.desk.wait("ended") == CardEnd("abort", 0xB4)

    bench(play)


def test_the_last_of_several_results_comes_last() -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        await b.peer.ask(status("37"))
        await b.peer.ask(APPROVED)
        await b.peer.ask(APPROVED)
        await b.peer.ask(COMPLETION)
        await b.desk.wait("ended")

    codes = [result.code for result in bench(play).desk.of("result")]
    assert codes == [0x37, 0x00], "the same status twice is one result"


def test_a_status_that_cannot_be_read_is_kept_and_acknowledged() -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        await b.peer.ask(status(more="C7 0102030405"))
        await b.peer.ask(apdu("040F", "C7 99"))
        await b.peer.ask(apdu("040F"))
        await b.peer.ask(COMPLETION)
        await b.desk.wait("ended")

    first, second, third = bench(play).desk.of("result")
    assert (first.code, first.amount_minor, first.undecoded) == (0, 1250, True)
    assert (second.code, second.undecoded) == (None, True)
    assert third.code is None


@BOTH
@pytest.mark.parametrize(
    ("answer", "code"), [("848300", 0x83), ("849C00", 0x9C), (apdu("841E", "6F0978"), 0x6F)]
)
def test_a_refused_request_never_began(transport: str, answer: str, code: int) -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.start(SALE)
        await b.peer.expect("0601")
        b.peer.tell(answer)
        assert await b.desk.wait("ended") == CardEnd("refused", code)
        assert b.terminal.ready

    bench(play, transport)


def test_84_00_counts_as_an_acceptance() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.start(SALE)
        await b.peer.expect("0601")
        b.peer.tell("840000")
        await b.peer.ask(APPROVED)
        await b.peer.ask(COMPLETION)
        assert await b.desk.wait("ended") == CardEnd("completion")

    bench(play)


def test_a_terminal_that_has_forgotten_us_is_registered_and_asked_once_more() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.start(SALE)
        await b.peer.expect("0601")
        b.peer.tell("846B00")
        await b.peer.register()
        await b.peer.expect("0601")
        b.peer.tell("846B00")
        assert await b.desk.wait("ended") == CardEnd("refused", 0x6B)
        assert b.peer.heard.empty(), "not a third time"

    bench(play)


def test_the_order_that_is_given_once_more_has_the_number_after_the_new_registration() -> None:
    async def play(b: Bench) -> None:
        await b.peer.register("1F73")
        await b.peer.poll()
        b.terminal.start(SALE)
        assert (await b.peer.expect("0601")).endswith("1F7303000002")
        b.peer.tell("846B00")
        await b.peer.register("1F73")
        assert (await b.peer.expect("0601")).endswith("1F7303000001")

    bench(play, known=True)


def test_a_payment_that_ends_because_nobody_is_registered_is_over_and_the_next_one_can_be() -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        await b.peer.ask(apdu("061E", "6B"))
        assert await b.desk.wait("ended") == CardEnd("abort", 0x6B)
        await b.peer.register()
        await b.peer.nothing(1)

    bench(play)


@BOTH
def test_after_a_silence_the_terminal_is_asked_how_it_is_before_the_order(transport: str) -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        await asyncio.sleep(20)
        b.terminal.start(SALE)
        await b.peer.poll()
        await b.peer.order("0601")
        await b.peer.ask(status("6C"))
        await b.peer.ask(COMPLETION)
        await b.desk.wait("ended")

    bench(play, transport)


@BOTH
def test_a_line_that_died_unnoticed_takes_no_order(transport: str) -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        await asyncio.sleep(20)
        b.peer.mute = True
        b.terminal.start(SALE)
        assert await b.desk.wait("ended") == CardEnd("refused", detail="not-sent")

    sent = b"".join(bench(play, transport).peer.bytes_sent)
    assert b"\x06\x01" not in sent.replace(b"\x05\x01", b"")


def test_a_refusal_of_an_order_that_may_have_arrived_twice_proves_nothing() -> None:
    """The first one runs; the second, the repeat of a frame whose acknowledgement was lost, is refused because of it."""

    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.peer.mute = True
        b.terminal.start(SALE)
        await asyncio.sleep(4)
        b.peer.mute = False
        await b.peer.expect("0601")
        b.peer.tell("849C00")
        assert await b.desk.wait("ended") == CardEnd("unknown", detail="mixed-up")

    bench(play, "serial")


def test_a_refusal_from_a_terminal_that_was_talking_proves_nothing() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.start(SALE)
        await b.peer.expect("0601")
        await b.peer.ask(apdu("04FF", "0A"))
        b.peer.tell("849C00")
        assert await b.desk.wait("ended") == CardEnd("unknown", detail="mixed-up")

    bench(play)


# -- timers


@BOTH
def test_no_answer_within_t3_is_unknown_and_nothing_is_sent_again(transport: str) -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.start(SALE)
        await b.peer.expect("0601")
        sent = now()
        end = await b.desk.wait("ended")
        assert end == CardEnd("unknown", detail="no-answer")
        assert now() == pytest.approx(sent + 5.0)
        assert b.peer.closed == 1
        assert b.peer.heard.empty()

    bench(play, transport)


def test_t4_runs_for_180_seconds_and_each_status_begins_it_anew() -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        for _ in range(3):
            await asyncio.sleep(179)
            await b.peer.ask(apdu("04FF", "0A"))
        await asyncio.sleep(179)
        await b.peer.ask(status("37"))
        await b.peer.nothing(179)
        await b.peer.expect("06B0", within_s=1.1)
        since = now()
        assert await b.desk.wait("ended") == CardEnd("unknown", detail="no-end")
        assert now() == pytest.approx(since + 5.0)
        assert b.peer.closed == 1

    bench(play)


def test_a_state_may_grant_minutes_until_the_next() -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        await b.peer.ask(apdu("04FF", "0A 05"))
        await b.peer.nothing(299)
        await b.peer.ask(apdu("04FF", "02"))
        await b.peer.nothing(179)
        await b.peer.ask(APPROVED)
        await b.peer.ask(COMPLETION)
        assert (await b.desk.wait("ended")).by == "completion"

    bench(play)


def test_after_t4_a_terminal_that_stirs_is_still_heard() -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        await b.peer.expect("06B0", within_s=181)
        b.peer.tell(ACK)
        await b.peer.ask(status("6C"))
        await b.peer.ask(apdu("061E", "6C"))
        assert await b.desk.wait("ended") == CardEnd("abort", 0x6C)

    bench(play)


def test_the_prints_do_not_begin_t4_anew() -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        await asyncio.sleep(100)
        await b.peer.ask(apdu("06D1", "00 41"))
        await b.peer.nothing(79)
        await b.peer.expect("06B0", within_s=2)

    bench(play)


# -- cancelling


@BOTH
def test_a_cancel_is_sent_once_and_the_end_awaited(transport: str) -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        await b.peer.ask(apdu("04FF", "0A"))
        b.terminal.cancel()
        b.terminal.cancel()
        await b.peer.expect("06B000")
        b.peer.tell(ACK)
        await b.peer.nothing(20)
        assert b.desk.of("ended") == [], "the terminal still waits, so does the till"
        b.terminal.cancel()
        await b.peer.nothing(1)
        await b.peer.ask(status("6C"))
        await b.peer.ask(apdu("061E", "6C"))
        assert await b.desk.wait("ended") == CardEnd("abort", 0x6C)

    assert CardState(text="cancelling") in bench(play, transport).desk.of("state")


def test_a_result_after_the_cancel_wins() -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        b.terminal.cancel()
        await b.peer.expect("06B0")
        b.peer.tell(ACK)
        await b.peer.ask(APPROVED)
        await b.peer.ask(COMPLETION)
        assert await b.desk.wait("ended") == CardEnd("completion")

    assert [result.code for result in bench(play).desk.of("result")] == [0]


def test_a_cancel_that_is_refused_is_said_and_the_payment_goes_on() -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        b.terminal.cancel()
        await b.peer.expect("06B0")
        b.peer.tell("848300")
        assert await b.desk.wait("not cancelled") == 0x83
        await b.peer.ask(APPROVED)
        await b.peer.ask(COMPLETION)
        assert await b.desk.wait("ended") == CardEnd("completion")

    bench(play)


def test_a_cancel_before_the_acceptance_waits_for_it() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.start(SALE)
        await b.peer.expect("0601")
        b.terminal.cancel()
        await b.peer.nothing(2)
        b.peer.tell(ACK)
        await b.peer.expect("06B0")
        b.peer.tell(ACK)
        await b.peer.ask(apdu("061E", "6C"))
        assert (await b.desk.wait("ended")).by == "abort"

    bench(play)


def test_a_cancel_while_the_terminal_is_away_ends_it_unsent() -> None:
    async def play(b: Bench) -> None:
        b.peer.hang_up()
        b.terminal.start(SALE)
        b.terminal.cancel()
        assert await b.desk.wait("ended") == CardEnd("refused", detail="not-sent")

    bench(play)


# -- the link goes


@BOTH
def test_a_cut_before_the_result_is_unknown(transport: str) -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        b.peer.hang_up()
        assert await b.desk.wait("ended") == CardEnd("unknown", detail="card-closed")

    bench(play, transport)


@BOTH
def test_a_cut_after_an_approval_is_unknown_and_what_was_printed_is_kept(transport: str) -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        await b.peer.ask(APPROVED)
        await b.peer.ask(apdu("06D1", "00 48C3A46E646C6572"))
        b.peer.hang_up()
        assert (await b.desk.wait("ended")).by == "unknown"

    done = bench(play, transport)
    assert [paper.lines for paper in done.desk.of("paper")] == [("Händler",)]
    assert done.desk.events[-2][1] == "ended"


def test_a_terminal_that_is_away_is_waited_for_and_the_payment_then_not_sent() -> None:
    async def play(b: Bench) -> None:
        b.terminal.start(SALE)  # nobody answers the registration
        assert await b.desk.wait("ended") == CardEnd("refused", detail="not-sent")
        assert now() == pytest.approx(12.0)
        assert b.desk.of("state") == [CardState(text="connecting")]

    done = bench(play)
    assert all(data[:2] == b"\x06\x00" for data in done.peer.bytes_sent)


def test_a_status_of_something_older_before_the_acceptance_is_left_unanswered() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.start(SALE)
        await b.peer.expect("0601")
        b.peer.tell(status(receipt=7))
        assert await b.desk.wait("ended") == CardEnd("unknown", detail="mixed-up")
        assert b.peer.heard.empty()

    assert bench(play).desk.of("result") == []


def test_one_thing_at_a_time() -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        b.terminal.start(CardRequest("P2", "sale", 100))
        b.terminal.look("P3")
        b.terminal.close_day()
        await b.desk.wait("day")
        assert b.desk.of("ended") == [CardEnd("refused", detail="busy")]
        assert b.desk.of("ended of") == ["P2"]
        assert b.desk.of("answer")[0].found == "silent"
        assert b.desk.of("day")[0].end == CardEnd("refused", detail="busy")
        assert b.peer.heard.empty()
        await b.peer.ask(APPROVED)
        await b.peer.ask(COMPLETION)
        assert await b.desk.wait("ended", 2) == CardEnd("completion")

    bench(play)


# -- other commands of the terminal


def test_what_a_terminal_may_ask_of_a_till_meanwhile() -> None:
    async def play(b: Bench) -> None:
        await begun(b)
        await b.peer.ask(apdu("0401", "AA261122 0C141500"))
        b.peer.tell(apdu("06D8", "00"))
        await b.peer.expect("848300")
        b.peer.tell(apdu("06D9", "00"))
        await b.peer.expect("848300")
        await b.peer.ask(apdu("0411", "00"))
        await b.peer.ask(APPROVED)
        await b.peer.ask(COMPLETION)
        assert (await b.desk.wait("ended")).by == "completion"

    bench(play)


@pytest.mark.parametrize(
    ("request_", "order"),
    [
        (CardRequest("P", "refund", 300), apdu("0631", "000000 04000000000300 490978")),
        (
            CardRequest("P", "reversal", 300, receipt_no=12),
            apdu("0630", "000000 04000000000300 490978 870012"),
        ),
        (CardRequest("P", "preauth", 300), apdu("0622", "04000000000300 490978 1940")),
        (CardRequest("P", "book", 250, receipt_no=12), apdu("0624", "04000000000250 490978 870012")),
        (CardRequest("P", "reduce", 50, receipt_no=12), apdu("0623", "04000000000050 490978 870012")),
        (CardRequest("P", "release", 300, receipt_no=12), apdu("0625", "000000 870012")),
        (CardRequest("P", "tip", 50, receipt_no=12), apdu("060C", "04000000000050 490978 870012")),
    ],
)
def test_every_kind_has_its_command(request_: CardRequest, order: str) -> None:
    async def play(b: Bench) -> None:
        found = await begun(b, request_, order[:4])
        assert sorted(found[6:]) == sorted(order[6:]), found
        await b.peer.ask(APPROVED)
        await b.peer.ask(COMPLETION)
        assert (await b.desk.wait("ended")).by == "completion"

    bench(play)


@pytest.mark.parametrize(
    "request_",
    [
        CardRequest("P", "reversal", 300),
        CardRequest("P", "sale", 0),
        CardRequest("P", "sale", 10**12),
        CardRequest("P", "sale", 100, "CHF"),
    ],
)
def test_what_cannot_be_said_is_not_sent(request_: CardRequest) -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.start(request_)
        assert await b.desk.wait("ended") == CardEnd("refused", detail="not-sent")
        assert b.peer.heard.empty()
        assert b.terminal.ready

    bench(play)
