"""After a cut: what the driver does until the terminal has said what its last transaction was. And what it does when idle."""

import asyncio
from pathlib import Path

import pytest

from drivers.card.orders import Wishes
from pos.card_ports import NotKeptError, TerminalStatus
from pos.domain.card import CardEnd, CardMark, CardState
from tests.unit.card.bench import (
    ACK,
    APPROVED,
    BEFORE,
    SALE,
    TID,
    Bench,
    Desk,
    apdu,
    bench,
    now,
    refuse,
    status,
)

BOTH = pytest.mark.parametrize("transport", ["tcp", "serial"])
COMPLETION = "060F00"


async def cut(b: Bench, *, after_result: bool = False) -> None:
    """A payment whose end nobody knows."""
    await b.peer.ready()
    b.terminal.start(SALE)
    await b.peer.order()
    if after_result:
        await b.peer.ask(APPROVED)
    b.peer.hang_up()
    assert (await b.desk.wait("ended")).by == "unknown"


# -- first contact


@BOTH
def test_a_terminal_that_nobody_knows_is_asked_for_its_last_transaction_first(transport: str) -> None:
    async def play(b: Bench) -> None:
        b.terminal.start(SALE)
        await b.peer.register()
        order = await b.peer.repeat()
        assert order == apdu("0620", "000000 0303")
        seen = await b.desk.wait("seen")
        assert (seen.terminal_id, seen.currency) == (TID, "EUR")
        assert seen.last == CardMark(7, 16, None, "1122", "141500")
        await b.peer.order("0601")

    bench(play, transport)


def test_a_terminal_without_any_transaction_says_so() -> None:
    async def play(b: Bench) -> None:
        await b.peer.register()
        await b.peer.repeat("")
        assert (await b.desk.wait("seen")).last is None

    bench(play)


def test_a_known_terminal_is_not_asked_again() -> None:
    async def play(b: Bench) -> None:
        await b.peer.register()
        await b.peer.poll()
        assert b.desk.of("seen") == []

    bench(play, known=True)


@pytest.mark.parametrize("answer", ["nothing said", "refused", "no numbers"])
def test_a_terminal_that_does_not_tell_takes_no_payments(answer: str) -> None:
    async def play(b: Bench) -> None:
        b.terminal.start(SALE)
        await b.peer.register()
        await b.peer.expect("0620")
        if answer == "refused":
            b.peer.tell("848300")
        else:
            b.peer.tell(ACK)
            if answer == "no numbers":
                await b.peer.ask(apdu("040F", "2700"))
            await b.peer.ask(COMPLETION)
        await asyncio.sleep(0.2)
        assert b.details[-1] == ("fault", "card-no-repeat")
        b.peer.mute = True
        assert await b.desk.wait("ended") == CardEnd("refused", detail="not-sent")

    assert bench(play).desk.of("seen") == []


def test_what_was_seen_must_be_kept() -> None:
    async def play(b: Bench) -> None:
        async def full(what: str, _value: object) -> None:
            if what == "seen":
                raise NotKeptError

        b.desk.keep = full
        await b.peer.register()
        await b.peer.repeat()
        await asyncio.sleep(0.1)
        assert b.details[-1] == ("fault", "card-not-kept")

    bench(play)


# -- registration


def test_the_registration_has_both_bits_service_byte_and_what_the_till_can_do() -> None:
    async def play(b: Bench) -> None:
        order = await b.peer.register()
        assert order == apdu("0600", "000000 BE 0978 0301 06 13 120140 1A023FFF 2604 0A0206D3 1F7303000000")

    bench(play)


def test_3e_has_the_till_make_the_receipts() -> None:
    async def play(b: Bench) -> None:
        order = await b.peer.register()
        assert order == apdu("0600", "000000 3E 0978 0301 06 12 120140 1A023FFF 2703 140102 1F7303000000")

    bench(play, wishes=Wishes(config="3E", charset="iso8859_2"))


def test_messages_are_numbered_where_the_terminal_says_that_it_knows_that() -> None:
    async def play(b: Bench) -> None:
        await b.peer.register("1F73 1F1F".replace(" ", ""))
        assert (await b.peer.expect("0620")).endswith("1F7303000001")
        b.peer.tell(ACK)
        await b.peer.ask(BEFORE)
        await b.peer.ask(COMPLETION)
        assert (await b.peer.expect("0501")).endswith("1F7303000002")

    bench(play)


def test_a_long_list_of_tags_is_read_and_a_number_in_it_is_not() -> None:
    async def play(b: Bench) -> None:
        await b.peer.register("12141A2627" + "1F1F1F361F371F121F7345")
        await b.peer.poll()
        tags = b.terminal.capabilities.tags
        assert {"1F1F", "1F73", "1A", "45"} <= set(tags)
        b.peer.hang_up()
        await b.peer.register("1F1F4761739001010010")
        assert "9001" not in "".join(b.terminal.capabilities.tags)

    bench(play, known=True)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("848300", ("fault", "card-not-registered")),
        (apdu("841E", "6F0978"), ("fault", "card-currency")),
        ("849C00", ("absent", "card-busy")),
        ("", ("absent", "card-silent")),
        ("hang up", ("absent", "card-one-client")),
    ],
)
def test_why_a_registration_failed_is_said(answer: str, said: tuple[str, str]) -> None:
    async def play(b: Bench) -> None:
        await b.peer.expect("0600")
        if answer == "hang up":
            b.peer.hang_up()
        elif answer:
            b.peer.tell(answer)
        await asyncio.sleep(5.1)
        assert said in b.details

    bench(play)


def test_another_protocol_is_said_at_once() -> None:
    async def play(b: Bench) -> None:
        await b.peer.expect("0600")
        b.peer.say(b"VER 3.0\r\n")
        await asyncio.sleep(0.1)
        assert ("fault", "card-text") in b.details

    bench(play)


# -- looking


@BOTH
def test_a_cut_payment_is_asked_for_and_the_answer_handed_over(transport: str) -> None:
    async def play(b: Bench) -> None:
        await cut(b)
        b.terminal.look("P1")
        asked = now()
        await b.peer.register()
        await b.peer.poll("9C")
        await b.peer.poll("DC")
        assert await b.peer.repeat(APPROVED) == apdu("0620", "000000 0303")
        answer = await b.desk.wait("answer")
        assert answer.found == "result"
        assert (answer.result.receipt_no, answer.result.trace_no, answer.result.code) == (8, 17, 0)
        assert now() - asked < 15
        assert b.desk.of("result") == [], "an answer is no result of the conversation"
        await b.peer.poll()
        assert b.terminal.ready

    states = [state.text for state in bench(play, transport).desk.of("state")]
    assert "waiting" in states
    assert states[-1] == "asking"


@BOTH
def test_a_late_status_is_kept_before_it_is_acknowledged_and_asking_follows(transport: str) -> None:
    async def play(b: Bench) -> None:
        await cut(b)
        b.terminal.look("P1")
        await asyncio.sleep(0.6 if transport == "serial" else 0.3)
        await b.peer.ask(APPROVED)
        await b.peer.ask(apdu("06D1", "81 42656C6567"))
        await b.peer.ask(COMPLETION)
        await b.peer.register()
        await b.peer.poll()
        await b.peer.repeat(APPROVED)
        await b.desk.wait("answer")

    done = bench(play, transport)
    assert [result.code for result in done.desk.of("result")] == [0]
    assert done.desk.of("result of") == ["P1"]
    assert [paper.lines for paper in done.desk.of("paper")] == [("Beleg",)]


def test_a_late_status_that_was_kept_already_is_only_acknowledged() -> None:
    async def play(b: Bench) -> None:
        await cut(b, after_result=True)
        b.terminal.look("P1")
        await asyncio.sleep(0.6)
        await b.peer.ask(APPROVED)
        await b.peer.ask(COMPLETION)
        await b.peer.register()

    assert len(bench(play, "serial").desk.of("result")) == 1


def test_a_late_status_that_cannot_be_kept_is_left_unanswered() -> None:
    async def play(b: Bench) -> None:
        await cut(b)
        b.desk.keep = refuse
        b.terminal.look("P1")
        await asyncio.sleep(0.6)
        b.peer.tell(APPROVED)
        await asyncio.sleep(0.1)
        assert b.peer.heard.empty()
        assert ("absent", "card-not-kept") in b.details

    assert bench(play, "serial").desk.of("answer") == []


def test_late_messages_between_the_questions_are_heard() -> None:
    async def play(b: Bench) -> None:
        await cut(b)
        b.terminal.look("P1")
        await b.peer.register()
        await b.peer.poll("9C")
        await b.peer.ask(APPROVED)
        await b.peer.expect("0501", within_s=3)
        b.peer.tell(ACK)
        await b.peer.ask(status("6C"))
        await b.peer.ask(apdu("060F", "F0F0F000"))
        await b.peer.repeat(APPROVED)
        await b.desk.wait("answer")

    assert [result.code for result in bench(play).desk.of("result")] == [0, 0x6C]


def test_while_it_takes_a_payment_back_that_is_said_and_waited_for() -> None:
    async def play(b: Bench) -> None:
        await cut(b)
        b.terminal.look("P1")
        await b.peer.register()
        await b.peer.expect("0501")
        b.peer.tell(ACK)
        await b.peer.ask(apdu("060F", "F0F0F09C"))
        await b.peer.ask(apdu("04FF", "05"))
        await b.peer.expect("0501")
        b.peer.tell("849C00")
        await b.peer.poll()
        await b.peer.expect("0620")
        b.peer.tell("849C00")
        await b.peer.poll()
        await b.peer.repeat(BEFORE)
        assert (await b.desk.wait("answer")).result.receipt_no == 7

    bench(play)


def test_a_terminal_that_stays_busy_ends_the_look_after_a_minute() -> None:
    async def play(b: Bench) -> None:
        await cut(b)
        b.terminal.look("P1")
        since = now()
        await b.peer.register()
        while now() - since < 58:
            await b.peer.expect("0501", within_s=3)
            b.peer.tell("849C00")
        answer = await b.desk.wait("answer")
        assert (answer.found, answer.detail) == ("silent", "card-busy")
        assert now() - since == pytest.approx(60)
        b.terminal.look("P1")
        b.peer.forget()
        await b.peer.register()
        await b.peer.poll()
        await b.peer.repeat(APPROVED)
        assert (await b.desk.wait("answer", 2)).found == "result"

    bench(play)


def test_a_terminal_that_stays_away_ends_the_look_after_a_minute() -> None:
    async def play(b: Bench) -> None:
        await cut(b)
        since = now()
        b.terminal.look("P1")
        answer = await b.desk.wait("answer")
        assert (answer.found, answer.detail) == ("silent", "card-silent")
        assert now() - since == pytest.approx(60)

    bench(play)


@pytest.mark.parametrize(
    ("code", "polls"), [("00", 1), ("E1", 1), ("DC", 1), ("F0", 3), ("51", 3), ("C2", 3), ("", 3)]
)
def test_a_terminal_that_needs_something_is_asked_all_the_same(code: str, polls: int) -> None:
    async def play(b: Bench) -> None:
        await cut(b)
        b.terminal.look("P1")
        await b.peer.register()
        for _ in range(polls):
            if code:
                await b.peer.poll(code)
            else:
                await b.peer.expect("0501")
                b.peer.tell(ACK)
                await b.peer.ask(COMPLETION)
        await b.peer.repeat(APPROVED)
        assert (await b.desk.wait("answer")).found == "result"

    bench(play)


def test_a_look_whose_link_goes_begins_again_on_the_next() -> None:
    async def play(b: Bench) -> None:
        await cut(b)
        b.terminal.look("P1")
        await b.peer.register()
        await b.peer.expect("0501")
        b.peer.hang_up()
        await b.peer.register()
        await b.peer.poll()
        await b.peer.expect("0620")
        b.peer.tell(ACK)
        await b.peer.ask(APPROVED)
        b.peer.hang_up()
        await b.peer.register()
        await b.peer.poll()
        await b.peer.repeat(APPROVED)
        assert (await b.desk.wait("answer")).found == "result"

    assert len(bench(play).desk.of("answer")) == 1


@BOTH
def test_a_terminal_that_went_while_it_was_asked_is_asked_anew_after_seconds(transport: str) -> None:
    """Nobody on a serial line sees that its power failed."""

    async def play(b: Bench) -> None:
        await cut(b)
        b.terminal.look("P1")
        await b.peer.register()
        await b.peer.poll()
        await b.peer.expect("0620")
        b.peer.tell(ACK)
        silent = now()
        await b.peer.register()
        await b.peer.poll()
        await b.peer.repeat(APPROVED)
        assert (await b.desk.wait("answer")).found == "result"
        assert now() - silent < 15

    bench(play, transport)


def test_a_slow_terminal_is_waited_for_twice_as_long_each_time() -> None:
    async def play(b: Bench) -> None:
        await cut(b)
        b.terminal.look("P1")
        await b.peer.register()
        waits = []
        for _ in range(3):
            await b.peer.poll()
            await b.peer.expect("0620")
            b.peer.tell(ACK)
            began = now()
            await b.peer.expect("0600")
            waits.append(now() - began)
            b.peer.tell(ACK)
            await b.peer.ask(apdu("060F", f"190029{TID}490978"))
        assert [round(wait / waits[0]) for wait in waits] == [1, 2, 4], waits

    bench(play)


def test_what_a_slow_terminal_says_of_its_last_transaction_is_no_result_of_the_payment() -> None:
    """The till gave up the question; the answer, of an older transaction, arrives on the next link."""

    async def play(b: Bench) -> None:
        await cut(b)
        b.terminal.look("P1")
        await asyncio.sleep(6)
        await b.peer.register()
        await b.peer.poll()
        await b.peer.expect("0620")
        b.peer.tell(ACK)
        await b.peer.expect("0600")
        await b.peer.ask(BEFORE)
        b.peer.tell(ACK)
        await b.peer.ask(apdu("060F", f"190029{TID}490978"))
        await b.peer.poll()
        await b.peer.repeat(BEFORE)
        assert (await b.desk.wait("answer")).result.receipt_no == 7

    assert bench(play, "serial").desk.of("result") == []


@pytest.mark.parametrize(
    ("said", "found"),
    [("060F00", "no-status"), (apdu("061E", "A0"), "no-status"), (apdu("061E", "83"), "nothing")],
)
def test_an_answer_without_a_status_says_which(said: str, found: str) -> None:
    async def play(b: Bench) -> None:
        await cut(b)
        b.terminal.look("P1")
        await b.peer.register()
        await b.peer.poll()
        await b.peer.order("0620")
        await b.peer.ask(said)
        assert (await b.desk.wait("answer")).found == found

    bench(play)


def test_an_approval_that_the_terminal_takes_back_while_it_repeats_is_no_answer() -> None:
    async def play(b: Bench) -> None:
        await cut(b)
        b.terminal.look("P1")
        await b.peer.register()
        await b.peer.poll()
        await b.peer.order("0620")
        await b.peer.ask(APPROVED)
        await b.peer.ask(apdu("061E", "B4"))
        assert (await b.desk.wait("answer")).found == "no-status"

    bench(play)


def test_after_a_restart_of_the_till_a_look_is_enough() -> None:
    async def play(b: Bench) -> None:
        b.terminal.look("P0")
        await asyncio.sleep(0.2)
        await b.peer.ask(APPROVED)
        await b.peer.ask(COMPLETION)
        await b.peer.register()
        await b.peer.poll()
        await b.peer.repeat(APPROVED)
        await b.desk.wait("answer")

    assert bench(play, known=True).desk.of("result of") == ["P0"]


# -- idle


def test_an_idle_terminal_is_asked_every_minute_what_it_needs() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        await b.peer.nothing(59)
        await b.peer.poll("F0")
        await b.peer.poll("F0")
        await b.peer.poll("51")
        await b.peer.poll("E0")
        await b.peer.poll("00")
        await asyncio.sleep(1)

    assert bench(play).desk.of("status") == [
        TerminalStatus("none", 0x00),
        TerminalStatus("close-day", 0xF0),
        TerminalStatus("initialise", 0x51),
        TerminalStatus("service", 0xE0),
        TerminalStatus("none", 0x00),
    ]


def test_a_registration_says_what_is_needed() -> None:
    async def play(b: Bench) -> None:
        await b.peer.register(needs="01")
        assert await b.desk.wait("status") == TerminalStatus("initialise")

    bench(play, known=True)


def test_an_idle_terminal_that_falls_silent_is_away_and_comes_back() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        await b.peer.expect("0501")
        await asyncio.sleep(5.1)
        assert b.details[-1] == ("absent", "card-silent")
        await b.peer.register()
        await b.peer.poll()
        assert b.details[-1][0] == "ready"

    bench(play)


def test_a_status_that_nobody_asked_for_is_left_unanswered() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        await asyncio.sleep(1)
        b.peer.tell(APPROVED)
        await asyncio.sleep(0.1)
        assert b.peer.heard.empty()
        assert ("absent", "card-old-payment") in b.details

    assert bench(play).desk.of("result") == []


def test_the_last_status_once_more_is_acknowledged_once_more() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.start(SALE)
        await b.peer.order()
        await b.peer.ask(APPROVED)
        await b.peer.ask(COMPLETION)
        await b.desk.wait("ended")
        await b.peer.ask(APPROVED)
        await b.peer.ask(apdu("0401", "AA261122 0C141500"))

    assert len(bench(play).desk.of("result")) == 1


# -- tag 1F1F


def sync_of(order: str) -> str:
    at = order.find("1F1F")
    return order[at:] if at >= 0 else ""


def test_the_sync_tag_is_only_sent_where_both_want_it_and_never_from_memory() -> None:
    async def pay(b: Bench, receipt: int) -> str:
        count = len(b.desk.of("ended"))
        b.terminal.start(SALE)
        order = await b.peer.order()
        await b.peer.ask(status(receipt=receipt))
        await b.peer.ask(COMPLETION)
        await b.desk.wait("ended", count + 1)
        return sync_of(order)

    async def wanted(b: Bench) -> None:
        await b.peer.ready("1F1F")
        assert await pay(b, 8) == "1F1F00", "nothing is known in this run yet"
        assert await pay(b, 9) == "1F1F020008"
        b.terminal.start(SALE)
        assert sync_of(await b.peer.order()) == "1F1F020009"
        b.peer.hang_up()
        await b.desk.wait("ended", 3)
        await b.peer.register("1F1F")
        await b.peer.poll()
        assert await pay(b, 10) == "1F1F00", "the last one's end was not heard"

    async def not_wanted(b: Bench) -> None:
        await b.peer.ready("1F1F")
        assert await pay(b, 8) == ""
        assert await pay(b, 9) == ""

    async def not_known(b: Bench) -> None:
        await b.peer.ready("1F73")
        assert await pay(b, 8) == ""
        assert await pay(b, 9) == ""

    bench(wanted, wishes=Wishes(sync=True))
    bench(not_wanted)
    bench(not_known, wishes=Wishes(sync=True))


# -- the rest of a day


def test_an_end_of_day_gives_totals_and_its_receipt() -> None:
    sums = "0001 0009 02 000000001750" + "00 000000000000" * 3 + "01 000000000500" + "00 000000000000" * 2
    totals = apdu("040F", f"2700 04000000002250 490978 60 F0F5F3 {sums}")

    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.close_day()
        assert await b.peer.order("0650") == apdu("0650", "000000")
        await b.peer.ask(apdu("06D1", "00 4B61737365"))
        await b.peer.ask(totals)
        await b.peer.ask(apdu("06D1", "81 456E6465"))
        await b.peer.ask(COMPLETION)
        day = await b.desk.wait("day")
        assert day.end == CardEnd("completion")
        assert day.totals.total_minor == 2250
        assert day.totals.brands == (("girocard", 2, 1750), ("visa", 1, 500))
        assert day.totals.receipts == (1, 9)
        assert [(paper.kind, paper.lines) for paper in day.paper] == [("administration", ("Kasse", "Ende"))]

    bench(play)


def test_an_end_of_day_that_is_cut_is_unknown() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.close_day()
        await b.peer.order("0650")
        b.peer.hang_up()
        assert (await b.desk.wait("day")).end == CardEnd("unknown", detail="card-closed")

    bench(play)


@pytest.mark.parametrize(("what", "order"), [("diagnosis", "067000"), ("initialisation", "069303000000")])
def test_service_is_run_and_the_state_told(what: str, order: str) -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.service(what)
        assert await b.peer.order(order[:4]) == order
        await b.peer.ask(apdu("04FF", "0E"))
        await b.peer.ask(apdu("0401", "AA261122 0C141500"))
        await b.peer.ask(COMPLETION)
        await b.peer.poll("00")
        await b.desk.wait("status", 2)
        b.terminal.service(what)
        await b.peer.order(order[:4])
        await b.peer.ask(apdu("061E", "A1"))
        assert await b.desk.wait("status", 3) == TerminalStatus("service", 0xA1)

    bench(play)


def test_receipts_may_be_asked_for_once_more() -> None:
    block = "1F0701 02".replace(" ", "")

    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.receipts("P1")
        assert await b.peer.order("0620") == apdu("0620", "000000 0300")
        await b.peer.ask(apdu("06D3", f"06 11 {block} 25 0B 0704 42656C65 0901 81 0700"))
        await b.peer.ask(COMPLETION)
        assert await b.desk.wait("ended") == CardEnd("completion")

    (paper,) = bench(play).desk.of("paper")
    assert (paper.kind, paper.lines) == ("customer", ("Bele",))


# -- what a terminal prints by itself


@BOTH
def test_what_is_printed_while_nothing_is_asked_is_kept_before_its_last_line_is_acknowledged(
    transport: str,
) -> None:
    async def play(b: Bench) -> None:
        held = asyncio.Event()

        async def keep(what: str, _: object) -> None:
            if what == "printed":
                await held.wait()

        await b.peer.ready()
        b.desk.keep = keep
        await b.peer.ask(apdu("06D1", "00 53756D6D656E"))
        b.peer.tell(apdu("06D1", "81 3132332C3030"))
        await b.peer.nothing(for_s=2)
        assert not b.desk.of("printed")
        held.set()
        await b.peer.expect(ACK)

    done = bench(play, transport)
    (paper,) = done.desk.of("printed")
    assert (paper.kind, paper.lines) == ("administration", ("Summen", "123,00"))
    assert done.desk.of("printed by") == ["1"]
    assert done.desk.of("paper") == []


def test_what_is_printed_and_cannot_be_kept_is_not_acknowledged() -> None:
    async def play(b: Bench) -> None:
        async def keep(what: str, _: object) -> None:
            if what == "printed":
                raise NotKeptError

        await b.peer.ready()
        b.desk.keep = keep
        b.peer.tell(apdu("06D1", "81 53756D6D656E"))
        await b.peer.nothing(for_s=0.5)
        assert ("absent", "card-not-kept") in b.details

    bench(play)


def test_lines_without_an_end_are_a_receipt_when_the_terminal_has_said_no_more() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        await b.peer.ask(apdu("06D1", "00 53756D6D656E"))
        await b.peer.poll()
        await b.desk.wait("printed")

    (paper,) = bench(play).desk.of("printed")
    assert paper.lines == ("Summen",)


def test_what_a_diagnosis_prints_reaches_the_till() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.service("diagnosis")
        await b.peer.order("0670")
        await b.peer.ask(apdu("06D1", "81 4F4B"))
        await b.peer.ask(COMPLETION)
        await b.peer.poll()

    (paper,) = bench(play).desk.of("printed")
    assert paper.lines == ("OK",)


# -- the password


def test_the_password_comes_from_a_file_that_nobody_else_reads(tmp_path: Path) -> None:
    file = tmp_path / "card-password"
    file.write_text("123456\n")
    file.chmod(0o600)

    async def play(b: Bench) -> None:
        assert (await b.peer.expect("0600"))[6:12] == "123456"

    done = bench(play, password_file=file, trace=True)
    assert done.traced
    assert not any("123456" in line for line in done.traced)
    assert not any("123456" in repr(report) for report in done.reports)

    file.chmod(0o644)

    async def refused(b: Bench) -> None:
        await asyncio.sleep(0.1)
        assert b.details[-1] == ("fault", "card-password-open")
        assert b.peer.opened == 0

    bench(refused, password_file=file)
    file.chmod(0o600)
    file.write_text("12345")

    async def wrong(b: Bench) -> None:
        await asyncio.sleep(0.1)
        assert b.details[-1] == ("fault", "card-password-wrong")

    bench(wrong, password_file=file)


# -- the trace


def test_the_trace_names_fields_and_shows_no_card() -> None:
    track = "22 F1F0 4761739001010010 0E 2612"

    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.start(SALE)
        await b.peer.order()
        await b.peer.ask(status(more=track))
        await b.peer.ask(apdu("06D1", "00 34373631203733393020303130312030303130"))
        await b.peer.ask(COMPLETION)
        await b.desk.wait("ended")

    done = bench(play, trace=True)
    text = "\n".join(done.traced)
    assert "authorisation" in text
    assert "amount_minor" in text
    assert "4761739001010010" not in text
    assert "2612" not in text.replace("0010", "")
    assert "4761 7390 0101 0010" not in text
    assert "4761 7390 0101 0010" not in repr(done.desk.events)
    assert bench(play).traced == []


def test_states_of_the_terminal_go_on_at_once_with_its_own_words() -> None:
    async def play(b: Bench) -> None:
        await b.peer.ready()
        b.terminal.start(SALE)
        await b.peer.order()
        told = now()
        await b.peer.ask(apdu("04FF", "FF 06 0B 24 09 07 07 4B61727465 3F3F"))
        assert b.desk.at("state")[-1] == pytest.approx(told)

    assert bench(play).desk.of("state")[-1] == CardState(0xFF, "Karte??")


def test_the_desk_of_these_tests_is_a_desk() -> None:
    from pos.card_ports import CardDesk

    desk: CardDesk = Desk()
    assert desk.knows("1", "x") is False
