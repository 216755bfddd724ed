"""The card terminal on TCP: what a till hears, what it must not do, and what the cards were charged in the end."""

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from tests.simulation.virtual import VirtualLoop, run_virtual
from tests.simulators.terminal import FAULTS, Act, Personality, Setup, Step, Terminal
from tests.simulators.terminal.cards import CARDS
from tests.simulators.terminal.steps import Script
from tests.simulators.terminal.till import REGISTER, ScriptedTill, connected

T = TypeVar("T")
PERSONALITIES: tuple[Personality, ...] = ("auto-reverse", "keep", "mark-declined")
REPEAT = "0620050000000303"
ENQUIRE = "050103000000"
BOTH_BITS_AND_LINES = "060006000000BE0978"


def command(control: str, data: str = "") -> str:
    return f"{control}{len(data) // 2:02X}{data}"


def pay(minor: int, more: str = "") -> str:
    return command("0601", f"04{minor:012d}490978{more}")


def pay_knowing(minor: int, receipt: str) -> str:
    """With the last receipt number that the till knows."""
    return pay(minor, "06" + command("", command("1F1F", receipt)))


def in_time(work: Callable[[Terminal, VirtualLoop], Coroutine[Any, Any, T]], **setup: Any) -> T:
    """Run against a terminal that has just been switched on, in virtual time."""
    script: Script | None = setup.pop("script", None)

    async def main(loop: VirtualLoop) -> T:
        begin = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)
        terminal = Terminal(
            Setup(**setup), script=script, clock=lambda: begin + dt.timedelta(seconds=loop.time())
        )
        terminal.start()
        try:
            return await work(terminal, loop)
        finally:
            terminal.stop()

    return run_virtual(main)


async def registered(terminal: Terminal, how: str = REGISTER) -> ScriptedTill:
    _, till = connected(terminal)
    await till.run(how)
    till.heard.clear()
    return till


def controls(heard: list[str]) -> list[str]:
    return [message[:4] for message in heard]


def results(heard: list[str]) -> list[int]:
    """The result codes of the statuses."""
    found = []
    for message in heard:
        if message.startswith("040F"):
            begin = 10 if message[4:6] == "FF" else 6
            assert message[begin : begin + 2] == "27"
            found.append(int(message[begin + 2 : begin + 4], 16))
    return found


def test_a_payment_goes_through_all_its_steps_and_the_card_is_charged_once() -> None:
    async def work(terminal: Terminal, loop: VirtualLoop) -> None:
        till = await registered(terminal)
        heard = await till.run(pay(1250))
        assert controls(heard) == ["8000", "04FF", "04FF", "04FF", "040F", "06D3", "06D3", "060F"]
        assert results(heard) == [0]
        assert [(charge.minor, charge.state) for charge in terminal.bank.charges] == [(1250, "charged")]
        assert terminal.memory.pending is None
        assert terminal.violations == []
        assert 3 < loop.time() < 10

    in_time(work)


def test_a_till_that_wants_lines_gets_lines_and_one_that_wants_none_gets_none() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal, BOTH_BITS_AND_LINES)
        heard = await till.run(pay(1250))
        lines = [message for message in heard if message.startswith("06D1")]
        assert len(lines) > 20
        assert sum(message.startswith("06D10181") for message in lines) == 2
        heard = await (await registered(terminal, "060006000000380978")).run(pay(1250))
        assert controls(heard) == ["8000", "04FF", "04FF", "04FF", "040F", "060F"]
        assert terminal.violations == []

    in_time(work)


def test_repeat_receipt_obeys_its_service_byte_and_says_when_there_is_nothing() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)
        assert (await till.run(REPEAT))[-1] == "061E0183"
        paid = await till.run(pay(1250))
        said = await till.run(REPEAT)
        assert controls(said) == ["8000", "040F", "060F"]
        assert said[1] in paid
        assert controls(await till.run("0620050000000301")) == ["8000", "040F", "06D3", "06D3", "060F"]
        assert controls(await till.run("0620050000000302")) == ["8000", "060F"]
        assert controls(await till.run("062003000000")) == ["8000", "06D3", "06D3", "060F"]
        assert terminal.violations == []

    in_time(work)


def _lose_the_status_answer(step: Step) -> Act:
    return Act.CUT if step.message == "8000 to 040F" and step.command == "0601" else Act.PASS


@pytest.mark.parametrize("shows", ["it", "before"])
def test_auto_reverse_takes_the_charge_back_and_says_so_meanwhile(shows: str) -> None:
    async def work(terminal: Terminal, loop: VirtualLoop) -> None:
        till = await registered(terminal)
        terminal.script = None
        before = (await till.run(pay(300)))[4]
        terminal.script = _lose_the_status_answer
        heard = await till.run(pay(1250))
        assert results(heard) == [0]
        assert terminal.bank.net_minor == 1550
        till = await registered(terminal)
        said = await till.run(ENQUIRE)
        assert controls(said) == ["8000", "04FF", "060F"]
        assert said[1] == "04FF0105"
        assert said[2].endswith("9C")
        assert controls(await till.run(REPEAT)) == ["849C"]
        await asyncio.sleep(5)
        assert (await till.run(ENQUIRE))[-1].endswith("00")
        (status,) = [message for message in await till.run(REPEAT) if message.startswith("040F")]
        if shows == "it":
            assert "37000002" in status
        else:
            assert status == before
        assert terminal.bank.net_minor == 300
        assert terminal.violations == []

    in_time(work, shows=shows)


def test_a_missing_answer_to_a_receipt_is_a_missing_acknowledgement_too() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)
        till.answers["06D3"] = ""
        assert results(await till.run(pay(1250))) == [0]
        await asyncio.sleep(20)
        assert terminal.bank.net_minor == 0
        assert terminal.bank.charges[0].why == "automatic reversal"

    in_time(work)


def test_keep_lets_the_charge_stand_and_shows_it() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)
        heard = await till.run(pay(1250))
        till = await registered(terminal)
        said = await till.run(REPEAT)
        assert said[1] == heard[4]
        assert terminal.bank.net_minor == 1250

    in_time(work, personality="keep", script=_lose_the_status_answer)


def test_keep_takes_the_last_one_back_when_the_next_order_is_one_receipt_behind() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)
        await till.run(pay_knowing(300, ""))
        await till.run(pay_knowing(400, "0001"))
        assert terminal.bank.net_minor == 700
        await till.run(pay_knowing(500, "0001"))
        assert [charge.state for charge in terminal.bank.charges] == ["charged", "void", "charged"]
        await till.run(pay_knowing(600, "0001"))
        assert terminal.bank.net_minor == 300 + 500 + 600
        assert terminal.violations == []
        await till.run(pay_knowing(700, "0000"))
        assert any("1F1F says 0" in wrong for wrong in terminal.violations)

    in_time(work, personality="keep")


def test_mark_declined_shows_it_declined_and_nothing_is_charged() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)
        await till.run(pay(1250))
        assert terminal.bank.net_minor == 0
        till = await registered(terminal)
        assert results(await till.run(REPEAT)) == [5]

    in_time(work, personality="mark-declined", script=_lose_the_status_answer)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (command("0607"), "unknown"),
        (command("06C0", "0502"), "unknown"),
        (command("0601", "04000000001250" + "22F0F5" + "1234"), "longer than the message"),
        (command("0601", "04000000001250" + "22F0F2" + "1234"), "a card number from the till"),
        (command("0601", "04000000001250" + "23F0F2" + "1234"), "track 2 from the till"),
        (command("0601", "04000000001250" + "0E2912"), "an expiry date from the till"),
        (command("0601", "04000000001250" + "06051F08021234"), "card data in tag 1F08"),
        (command("0601", "490978"), "field 04 is missing"),
        (command("0601", "04000000000000"), "an amount of nothing"),
        (command("0601", "0400000000125A"), "no decimal number"),
        (command("0601", "04000000001250" * 2), "stands there twice"),
        (command("0601", "04000000001250" + "870001"), "field 87 has no place here"),
        (command("0601", "04000000001250" + "0600" + "490978"), "tags do not stand at the end"),
        (command("0630", "000000"), "field 87 is missing"),
        (command("0650"), "the password is missing"),
        (command("0650", "111111"), "a wrong password"),
        (command("0600", "000000" + "8E" + "0978"), "does not control payments"),
        (command("0600", "000000" + "9E" + "0978"), "does not control administration"),
    ],
)
def test_what_a_till_may_not_send_is_recorded_and_charges_nothing(order: str, reason: str) -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)
        await till.send(order)
        assert await till.next(10) is not None
        assert any(reason in wrong for wrong in terminal.violations), terminal.violations
        assert terminal.bank.charges == []

    in_time(work)


def test_a_payment_without_registration_is_refused_also_after_a_new_connection() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        await registered(terminal)
        assert terminal.violations == []
        till = connected(terminal)[1]
        assert await till.run(pay(1250)) == ["846B00"]
        assert terminal.violations == ["0601: 0601 without registration"]

    in_time(work)


def test_while_the_terminal_is_master_only_answers_and_an_abort_may_come() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)
        await till.send(pay(1250))
        await till.next()
        await till.next()
        await till.send("800000")
        await till.send(pay(1250))
        assert await till.next() == bytes.fromhex("849C00")
        assert terminal.violations == ["0601: 0601 while the terminal is master"]

    in_time(work)


def test_an_abort_ends_the_wait_for_a_card_and_is_refused_once_the_bank_is_asked() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)

        async def abort_at(status: str) -> list[str]:
            begin = len(till.heard)
            await till.send(pay(1250))
            sent = False
            while True:
                message = await till.next()
                assert message is not None
                text = message.hex().upper()
                if text[:2] in ("04", "06"):
                    await till.send("800000")
                if text == status and not sent:
                    sent = True
                    await till.send("06B000")
                if text[:4] in ("060F", "061E"):
                    return till.heard[begin:]

        heard = await abort_at("04FF010A")
        assert controls(heard) == ["8000", "04FF", "8000", "040F", "061E"]
        assert results(heard) == [0x6C]
        assert terminal.bank.charges == []
        heard = await abort_at("04FF0104")
        assert "848300" in heard
        assert results(heard) == [0]
        assert terminal.bank.net_minor == 1250
        assert terminal.violations == []

    in_time(work)


def test_a_refused_status_takes_the_charge_back_and_is_recorded() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)
        till.answers["040F"] = "846600"
        assert (await till.run(pay(1250)))[-1].startswith("061E")
        assert terminal.bank.net_minor == 0
        assert terminal.violations == ["0601: 8466 to a status: the charge is taken back"]

    in_time(work)


def _expected() -> dict[int, tuple[list[int], str, int]]:
    """By cents: result codes, the last message's control, what a payment of 10 euros and these cents leaves on the card."""
    good = ([0], "060F")
    return {
        5: ([5], "060F", 0),
        6: ([5], "061E", 0),
        7: ([], "060F", 1007),
        8: (*good, 1008),
        9: (*good, 1009),
        10: (*good, 1010),
        11: (*good, 1011),
        13: (*good, 1013),
        14: (*good, 507),
        15: (*good, 1116),
        16: (*good, 1016),
        17: ([0], "061E", 0),
        18: ([0x37, 0], "060F", 1018),
        19: (*good, 1019),
        20: (*good, 1020),
        21: (*good, 1121),
        22: ([0x6C], "061E", 0),
        24: ([0, 0], "060F", 1024),
        25: ([], "849C", 0),
        26: ([], "846B", 0),
        27: ([], "060F", 0),
        28: (*good, 1028),
    }


@pytest.mark.parametrize("cents", sorted(_expected()))
def test_each_fault_is_as_its_table_says(cents: int) -> None:
    codes, end, left = _expected()[cents]

    async def work(terminal: Terminal, loop: VirtualLoop) -> None:
        till = await registered(terminal)
        heard = await till.run(pay(1000 + cents))
        assert results(heard) == codes
        assert heard[-1][:4] == end
        assert terminal.bank.net_minor == left
        assert terminal.violations == []
        assert (loop.time() > 240) == (cents == 11)

    in_time(work)


def test_every_fault_of_the_table_is_tested() -> None:
    assert set(FAULTS) - set(_expected()) == {12, 23, 99}


def test_faults_that_end_the_line_leave_it_to_the_personality() -> None:
    async def work(terminal: Terminal, loop: VirtualLoop) -> None:
        for cents in (23, 99):
            till = await registered(terminal)
            assert results(await till.run(pay(1000 + cents))) == []
        till = await registered(terminal)
        begin = loop.time()
        await till.send(pay(1012))
        assert await till.next() == bytes.fromhex("800000")
        with pytest.raises(TimeoutError):
            await till.next(55)
        assert terminal.bank.net_minor == 1023 + 1099
        await asyncio.sleep(10)
        assert loop.time() - begin < 100
        assert (await till.run(ENQUIRE))[-1].endswith("00")

    in_time(work, personality="keep")


def test_the_cents_of_a_fault_show_in_the_bytes() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)

        async def heard(minor: int) -> str:
            return "|".join(await till.run(pay(minor)))

        card = CARDS[0].number
        assert card in await heard(1019)
        assert card not in await heard(1000)
        assert "C46E646C6572" not in await heard(1000)
        assert "48C44E444C4552" in await heard(1008)  # HÄNDLER in Latin-1
        assert "06041F070101" in await heard(1009)
        assert "040F022700" in await heard(1010)
        assert "04FF020A05" in await heard(1011)
        assert "1F3606000000000101" in await heard(1015)
        assert "1F370103" in await heard(1016)

    in_time(work)


def test_reversal_refund_reservation_and_tip_move_the_money_they_say() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)
        await till.run(pay(1000))
        heard = await till.run(command("0630", "000000" + "870001"))
        assert results(heard) == [0]
        assert any("37000001" in message for message in heard)
        assert terminal.bank.net_minor == 0
        assert (await till.run(command("0630", "000000" + "870001")))[-1] == "061E01B4"
        assert (await till.run(command("0630", "000000" + "870999")))[-1] == "061E01B5"
        await till.run(command("0631", "000000" + "04000000000400" + "490978"))
        assert terminal.bank.net_minor == -400
        heard = await till.run(command("0622", "04000000005000" + "490978"))
        assert results(heard) == [0]
        assert terminal.bank.net_minor == -400
        assert (await till.run("06230387FFFF"))[-1] == "061E04B8870004"
        await till.run(command("0624", "870004" + "04000000003000"))
        assert terminal.bank.net_minor == 2600
        assert (await till.run("06230387FFFF"))[-1] == "061E04B887FFFF"
        await till.run(command("0622", "04000000002000" + "490978"))
        await till.run(command("0625", "870006"))
        await till.run(pay(700))
        await till.run(command("060C", "04000000000100" + "870008"))
        assert terminal.bank.net_minor == 2600 + 800
        assert terminal.violations == []

    in_time(work)


def test_the_end_of_day_counts_the_batch_by_brand_and_begins_a_new_one() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)
        await till.run(pay(1000))
        terminal.customer.card = 1
        await till.run(pay(200))
        await till.run(pay(300))
        await till.run(command("0630", "000000" + "870003"))
        heard = await till.run(command("0650", "000000"))
        (status,) = [message for message in heard if message.startswith("040F")]
        assert status.startswith("040F492700" + "04000000001200")
        assert "60F0F5F3" + "0001" + "0004" + "01000000000200" + "00" * 7 + "01000000001000" in status
        assert (await till.run(command("0630", "000000" + "870001")))[-1] == "061E01B5"
        heard = await till.run(command("0650", "000000"))
        assert any("60F0F5F3" + "00" * 53 in message for message in heard)

    in_time(work)


def test_receipt_and_trace_numbers_begin_anew_after_their_last() -> None:
    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        terminal.memory.next_receipt, terminal.memory.next_trace = 9999, 999_999
        till = await registered(terminal)
        await till.run(pay(1000))
        await till.run(pay(1000))
        assert [(tx.receipt, tx.trace) for tx in terminal.memory.stored] == [(9999, 999_999), (1, 1)]

    in_time(work)


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_a_terminal_without_power_finishes_by_its_personality_when_it_comes_back(
    personality: Personality,
) -> None:
    def script(step: Step) -> Act:
        return Act.POWER if step.message == "06D3 merchant" else Act.PASS

    async def work(terminal: Terminal, _: VirtualLoop) -> None:
        till = await registered(terminal)
        assert results(await till.run(pay(1000))) == [0]
        assert not terminal.on
        assert terminal.bank.net_minor == 1000
        terminal.script = None
        terminal.start()
        await asyncio.sleep(10)
        assert terminal.bank.net_minor == (1000 if personality == "keep" else 0)
        terminal.stop(forget=True)
        terminal.start()
        till = await registered(terminal)
        assert (await till.run(REPEAT))[-1] == "061E0183"

    in_time(work, personality=personality, script=script)


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_wherever_the_line_is_cut_the_card_is_charged_once_or_not_at_all(personality: Personality) -> None:
    """At each step, in either direction; the terminal answers afterwards, and its memory fits what the card was charged."""
    outcomes: list[tuple[int, list[int]]] = []

    async def work(terminal: Terminal, _: VirtualLoop) -> bool:
        till = await registered(terminal)
        await till.run(pay(1000))
        await asyncio.sleep(30)
        hit = struck[0]
        terminal.script = None
        charged = terminal.bank.net_minor
        assert charged in (0, 1000)
        assert sum(charge.state == "charged" for charge in terminal.bank.charges) <= 1
        till = await registered(terminal)
        shown = results(await till.run(REPEAT))
        assert terminal.violations == []
        outcomes.append((charged, shown))
        return hit

    for number in range(40):
        struck = [False]

        def script(step: Step, number: int = number, struck: list[bool] = struck) -> Act:
            if step.command == "0601" and step.number == number:
                struck[0] = True
                return Act.CUT
            return Act.PASS

        if not in_time(work, personality=personality, script=script):
            break
    assert number == 16
    assert {charged for charged, *_ in outcomes} == {0, 1000}
