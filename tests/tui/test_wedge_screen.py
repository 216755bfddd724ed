"""A scanner that types into the terminal, in every state of the screen; and hands, that must not wait for it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual import events
from textual._xterm_parser import XTermParser
from textual.driver import Driver

from drivers.scanner.wedge import WedgeDetector
from pos.domain import commands as c
from pos.domain.events import Message
from pos.tui.keypad import teach_parser
from pos.tui.wedge import ECHO_MS
from tests.tui.fakes import BREAD, BROKEN, BUTTER, MILK, PIN, UNKNOWN, WATER, Screen, Shop, opened, run

CR = "\r"
F9, F12, PAD_TIMES = "\x1b[20~", "\x1b[24~", "\x1bOj"


def parsed(sent: str) -> list[events.Event]:
    teach_parser()
    return [event for event in XTermParser().feed(sent) if isinstance(event, events.Event)]


async def handled(driver: Driver) -> None:
    """Until all that was sent before is handled: what is sent last goes the same way."""
    done = asyncio.Event()
    driver.send_message(events.Callback(done.set))
    await done.wait()


class Hand:
    """Time by hand: keys at chosen moments, and the screen's timers in between."""

    def __init__(self) -> None:
        self.now_ms = 5_000_000
        self.screen: Screen
        self._timers: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def later(self, delay_ms: int, act: Callable[[], None]) -> Callable[[], None]:
        self._count += 1
        timer = (self.now_ms + delay_ms, self._count, act)
        self._timers.append(timer)
        return lambda: self._timers.remove(timer) if timer in self._timers else None

    async def wait(self, ms: int) -> None:
        until_ms = self.now_ms + ms
        while due := sorted(timer for timer in self._timers if timer[0] <= until_ms):
            self._timers.remove(due[0])
            self.now_ms = due[0][0]
            due[0][2]()
            await self.handled()
        self.now_ms = until_ms
        await self.handled()

    def send(self, event: events.Event) -> None:
        event.time = self.now_ms / 1000
        driver = self.screen.app._driver
        assert driver is not None
        driver.send_message(event)

    async def type(self, sent: str, gap_ms: int) -> None:
        """Key after key; the last one has been handled, and no time has passed since."""
        for at, event in enumerate(parsed(sent)):
            if at:
                await self.wait(gap_ms)
            self.send(event)
            await self.handled()

    async def handled(self) -> None:
        """Until all that was sent is handled and drawn."""
        assert self.screen.app._driver is not None
        await handled(self.screen.app._driver)
        for _ in range(5):  # a search and a payment need a few turns of the loop
            await asyncio.sleep(0)

    async def burst(self, sent: str, gap_ms: int = 2) -> None:
        """Keys that came while the loop did something else: it sees them all at once, with their times."""
        for event in parsed(sent):
            self.send(event)
            self.now_ms += gap_ms
        await self.handled()

    async def scan(self, code: str, gap_ms: int = 2) -> None:
        await self.type(code + CR, gap_ms)


class Table:
    """The screen, the hand before it, and what came of both."""

    def __init__(self, screen: Screen, hand: Hand, sounds: list[str], given: list[c.Command]) -> None:
        self.screen = screen
        self.hand = hand
        self.sounds = sounds
        self.given = given

    @property
    def scans(self) -> list[str]:
        return [command.code for command in self.given if isinstance(command, c.Scan)]

    @property
    def entry(self) -> str:
        return self.screen.app._controls._entry.text


@asynccontextmanager
async def table(shop: Shop | None = None, **options: Any) -> AsyncIterator[Table]:
    shop = shop or Shop()
    hand, sounds, given = Hand(), list[str](), list[c.Command]()
    submit = shop.till.submit

    def noted(command: c.Command) -> None:
        given.append(command)
        submit(command)

    async with opened(
        shop, wedge=WedgeDetector(), timer=hand.later, sounds=sounds.append, **options
    ) as screen:
        hand.screen = screen
        shop.till.submit = noted  # type: ignore[method-assign]
        screen.app._controls._submit = noted
        yield Table(screen, hand, sounds, given)
        await hand.wait(1_000)
        assert not screen.app._keys._held


@pytest.mark.parametrize("gap_ms", [0, 1, 2, 5, 20, 25])
def test_a_scan_is_sold_and_never_types(gap_ms: int) -> None:
    async def case() -> None:
        async with table() as at:
            shown = []
            for event in parsed(MILK + CR):
                at.hand.send(event)
                await at.hand.handled()
                shown.append(at.screen.row(" > "))
                await at.hand.wait(gap_ms)
            assert at.given == [c.Scan(MILK, "scanner:wedge")]
            assert set(shown) == {" > _"}
            assert at.screen.row("Bio-Vollmilch").endswith("1,39")
            assert at.sounds == ["ok"]

    run(case)


def test_a_bluetooth_scanner_with_uneven_gaps_leaves_no_trace() -> None:
    async def case() -> None:
        async with table() as at:
            gaps = [11, 41, 8, 41, 19, 11, 55, 15, 31, 34, 11, 19, 22]
            for gap_ms, event in zip([0, *gaps], parsed(MILK + CR), strict=True):
                await at.hand.wait(gap_ms)
                at.hand.send(event)
                await at.hand.handled()
            assert at.scans == [MILK]
            assert at.entry == ""
            assert at.screen.row(" > ") == " > _"

    run(case)


def test_two_scans_back_to_back_are_two() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.burst(MILK + CR + BUTTER + CR)
            await at.hand.scan(MILK)
            await at.hand.scan(BREAD, 1)
            assert at.scans == [MILK, BUTTER, MILK, BREAD]
            assert at.entry == ""

    run(case)


def test_a_scan_while_the_pin_is_asked_types_nothing_and_is_refused_aloud() -> None:
    async def case() -> None:
        async with table(signed_in=False) as at:
            await at.hand.scan(MILK)
            assert "Wer arbeitet" in at.screen.text, "a digit of a scan chooses nobody"
            await at.hand.type("1", 0)
            await at.hand.wait(500)
            await at.hand.type(PIN[:2], 150)
            await at.hand.wait(300)
            await at.hand.scan(MILK, 5)
            assert at.screen.app._controls.local.pin == PIN[:2]
            assert "Nicht verkauft: bitte zuerst anmelden." in at.screen.text
            assert at.sounds == ["blocked", "blocked"]
            await at.hand.wait(300)
            await at.hand.type(PIN[2:] + CR, 150)
            assert "Kim" in at.screen.text.splitlines()[0]

    run(case)


def test_a_pin_typed_by_hand_shows_its_stars_in_time() -> None:
    async def case() -> None:
        async with table(signed_in=False) as at:
            await at.hand.type("1", 0)
            await at.hand.wait(500)
            await at.hand.type("4", 0)
            await at.hand.wait(ECHO_MS)
            assert at.screen.row("PIN *_")
            assert at.screen.app._controls.local.pin == ""
            assert "4" not in repr(at.screen.app._controls.local)
            await at.hand.wait(100)
            assert at.screen.row("PIN *_")
            assert at.screen.app._controls.local.pin == "4"

    run(case)


@pytest.mark.parametrize("key", ["f1", "f9"])
def test_a_scan_answers_no_dialog_and_is_sold(key: str) -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.scan(BUTTER)
            await at.screen.press(key)
            at.screen.shop.clock.ms += 1_000
            await at.hand.scan(MILK)
            assert at.given == [c.Scan(BUTTER, "scanner:wedge"), c.Scan(MILK, "scanner:wedge")]
            assert at.screen.row("Bio-Vollmilch").startswith("   2")

    run(case)


def test_a_scan_is_no_answer_to_a_question() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.scan(BUTTER)
            await at.screen.press("f9")
            await at.hand.wait(500)
            await at.hand.type("5", 0)
            await at.hand.wait(500)
            assert "Den ganzen Verkauf (1 Teil) stornieren?" in at.screen.text
            await at.hand.scan("5" * 3 + MILK)
            await at.hand.scan(MILK)
            assert at.screen.row("Butter")
            assert at.screen.row("Bio-Vollmilch")
            assert not at.screen.app._till.view.second_step

    run(case)


def test_a_scan_while_results_are_listed_and_after_paying_is_sold() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.type("butter" + CR, 120)
            assert "Suche „butter“" in at.screen.text
            await at.hand.scan(MILK)
            assert at.screen.row("Bio-Vollmilch").startswith("   1")
            await at.screen.press("f12")
            await at.screen.settled()
            assert "RÜCKGELD" in at.screen.text
            await at.hand.scan(BREAD)
            assert at.screen.row("Vollkornbrot").startswith("   1")
            assert at.scans == [MILK, BREAD]

    run(case)


def test_a_scan_while_a_department_is_asked_is_no_department() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.scan(UNKNOWN)
            await at.hand.wait(500)
            await at.hand.type("250", 120)
            await at.screen.press("f3")
            assert "Welche Warengruppe?" in at.screen.text
            await at.hand.scan(MILK)
            assert at.screen.row("Bio-Vollmilch")
            assert at.screen.row(f"nicht verkauft: {UNKNOWN}")

    run(case)


@pytest.mark.parametrize("gap_ms", [100, 150, 400])
def test_a_number_typed_by_hand_is_typed(gap_ms: int) -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.type(MILK, gap_ms)
            assert at.given == []
            await at.hand.wait(61)
            assert at.entry == MILK
            await at.hand.type(CR, 0)
            assert at.given == [c.EnterCode(MILK)]
            assert at.screen.row("Bio-Vollmilch")

    run(case)


def test_each_digit_typed_by_hand_is_shown_before_the_next() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.scan(MILK)
            await at.hand.wait(500)
            for so_far, meaning in (("2", "0,02"), ("20", "0,20"), ("200", "2,00"), ("2000", "20,00")):
                await at.hand.type(so_far[-1], 0)
                await at.hand.wait(ECHO_MS)
                assert at.screen.row(f"> {so_far}_").endswith(meaning)
                await at.hand.wait(100 - ECHO_MS)
            assert at.entry == "2000"

    run(case)


def test_what_is_only_shown_does_nothing_yet() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.type("3*", 20)
            await at.hand.wait(ECHO_MS)
            assert at.screen.row("> 3_")
            assert at.given == []
            await at.hand.wait(100)
            assert [type(command) for command in at.given] == [c.SetQuantity]
            assert at.screen.row("> _").endswith("3 x ...")

    run(case)


def test_a_key_that_chooses_is_not_shown_as_text() -> None:
    async def case() -> None:
        async with table(signed_in=False) as at:
            await at.hand.type("a", 0)
            await at.hand.wait(ECHO_MS)
            assert at.screen.row("> a_")
            await at.hand.wait(100)
            await at.hand.type("\x7f", 0)
            await at.hand.type("1", 0)
            await at.hand.wait(ECHO_MS)
            assert at.screen.row("> _")
            await at.hand.wait(100)
            await at.hand.type(PIN + CR, 150)
            await at.hand.type(F9, 0)
            await at.hand.wait(100)
            await at.hand.type("9", 0)
            await at.hand.wait(ECHO_MS)
            assert at.screen.row("> _")

    run(case)


def test_a_shown_digit_that_was_a_scan_after_all_is_taken_back() -> None:
    async def case() -> None:
        async with table() as at:
            for gap_ms, event in zip([0, 40, *[20] * 12], parsed(MILK + CR), strict=True):
                await at.hand.wait(gap_ms)
                at.hand.send(event)
                await at.hand.handled()
            assert at.scans == [MILK]
            assert at.screen.row(" > ") == " > _"
            await at.screen.pause()
            assert at.screen.painted() == at.screen.text

    run(case)


def test_a_key_held_down_is_typed_and_flows() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.type("0", 0)
            await at.hand.wait(500)
            await at.hand.type("0" * 20, 30)
            assert len(at.entry) >= 15
            await at.hand.type(CR, 30)
            assert at.given == [c.EnterCode("0" * 21)]

    run(case)


def test_a_code_with_a_wrong_check_digit_is_one_message_and_sells_nothing() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.scan(BROKEN)
            assert at.given == [c.Scan(BROKEN, "scanner:wedge")]
            assert f"Code {BROKEN} ist beschädigt: nicht verkauft." in at.screen.text
            assert at.sounds == ["blocked"]
            assert at.screen.app._till.view.pieces == 0
            assert at.entry == ""

    run(case)


def test_digits_then_cash_pay_the_amount_however_fast() -> None:
    async def case() -> None:
        for gap_ms in (5, 40, 100):
            async with table() as at:
                await at.hand.scan(MILK)
                await at.hand.wait(500)
                await at.hand.type("2000" + F12, gap_ms)
                await at.screen.settled()
                assert at.given[1:] == [c.PayCash(2000)]
                assert at.screen.row("Bar gegeben").endswith("20,00")

    run(case)


def test_the_pads_operators_keep_their_place_among_digits() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.burst("\x1bOs" + PAD_TIMES)
            await at.hand.scan(MILK)
            assert at.screen.row("3 x  Bio-Vollmilch")

    run(case)


def test_the_pads_plus_pays_without_waiting() -> None:
    async def case() -> None:
        for plus in ("\x1bOk", "\x1b[57413;;43u"):
            async with table() as at:
                await at.hand.scan(MILK)
                await at.hand.wait(500)
                await at.hand.burst("\x1bOr0" + plus, 10)
                assert at.given[1:] == [c.PayCash(20)]

    run(case)


def test_a_touch_does_not_overtake_keys() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.scan(MILK)
            await at.hand.wait(500)
            await at.hand.type("2000", 10)
            at.screen.app._touched("key:cash")
            await at.screen.pause()
            assert at.given[1:] == [c.PayCash(2000)]

    run(case)


def test_enter_alone_does_nothing() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.scan(MILK)
            before = at.screen.text
            await at.hand.wait(500)
            await at.hand.type(CR * 10, 30)
            await at.hand.type("\n\r\n", 5)
            assert at.scans == [MILK]
            assert not at.screen.shop.journal.sales
            assert at.screen.text == before

    run(case)


def test_a_paste_is_typed_behind_the_keys_before_it_and_is_never_a_scan() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.type("9", 0)
            at.hand.send(events.Paste(f"{MILK}\r\n"))
            await at.screen.pause()
            assert at.entry == f"9{MILK}"
            assert at.given == []

    run(case)


def test_the_separator_of_a_gs1_code_stays_in_it() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.scan("]C1010400000000001310AB\x1d21X", 3)
            kitty = "]C1010400000000001310AB\x1b[93;5u21X\r"
            await at.hand.burst(kitty)
            assert at.scans == ["]C1010400000000001310AB\x1d21X"] * 2
            assert at.entry == ""

    run(case)


def test_letters_and_control_characters_do_nothing_of_their_own() -> None:
    async def case() -> None:
        async with table(demo_ctrl_c=True) as at:
            await at.hand.scan("LOT-4711/x*+pP")
            assert at.scans == ["LOT-4711/x*+pP"]
            assert at.screen.app.is_running
            assert not at.screen.shop.printer.jobs

    run(case)


def test_switched_off_every_key_is_typed_at_once() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.type(MILK)
            assert screen.app._controls._entry.text == MILK

    run(case)


def test_keys_are_judged_by_when_they_came_however_long_the_loop_stood_still() -> None:
    """On the loop's real timers: the first key is handled, then nothing for 300 ms, while the others come."""

    async def case() -> None:
        for sent, gap_ms, typed in ((MILK + CR, 15, ""), ("1234567", 90, "1234567")):
            async with opened(wedge=WedgeDetector()) as screen:
                driver = screen.app._driver
                assert driver is not None
                begun_s = time.monotonic()
                for at, event in enumerate(parsed(sent)):
                    event.time = begun_s + at * gap_ms / 1000
                    driver.send_message(event)
                    if at == 0:
                        await handled(driver)
                        time.sleep(0.3)  # noqa: ASYNC251 - the loop stands still, as under a slow disk
                await asyncio.sleep(0.1)
                await screen.pause()
                assert [line.source for line in screen.app._till.view.lines] == ["scanner:wedge"] * (
                    not typed
                )
                assert screen.app._controls._entry.text == typed

    run(case)


def test_a_timer_that_rings_late_lets_the_keys_go_first_that_came_before_it() -> None:
    async def case() -> None:
        async with table() as at:
            first, *others = parsed(MILK + CR)
            at.hand.send(first)
            await at.hand.handled()
            await at.hand.wait(52)
            for event in others:
                at.hand.send(event)
                at.hand.now_ms += 15
            ((_, _, ring),) = [timer for timer in at.hand._timers if timer[0] < at.hand.now_ms]
            ring()
            await at.hand.handled()
            assert at.scans == [MILK]

    run(case)


def test_while_a_payment_is_written_a_scan_waits_for_the_next_sale_and_keys_do_nothing() -> None:
    async def case() -> None:
        async with table() as at:
            shop = at.screen.shop
            await at.hand.scan(MILK)
            shop.journal.gate = asyncio.Event()
            await at.screen.pilot.press("f12")
            assert at.screen.app._till.view.state == "paying"
            assert "Die Zahlung wird gespeichert" in at.screen.text
            for event in parsed(BREAD + CR):
                at.hand.send(event)
            keys = (
                "f12",
                "delete",
                "f3",
                "f9",
                "6",
                "enter",
                "backspace",
                "f2",
                "tab",
                "escape",
                "kp_multiply",
            )
            await at.screen.pilot.press(*keys)
            at.screen.app._touched("key:cash")
            at.screen.app._touched("key:functions")
            await at.screen.pilot.pause()
            assert at.given == [c.Scan(MILK, "scanner:wedge"), c.PayCash(), c.Scan(BREAD, "scanner:wedge")]
            assert at.sounds == ["ok", *["blocked"] * 3], "cash twice is silent, what is refused is not"
            shop.journal.gate.set()
            await at.screen.settled()
            assert [sale.total_minor for sale in shop.journal.sales] == [139]
            assert at.screen.app._till.view.state == "selling"
            assert at.screen.row("Vollkornbrot").startswith("   1")

    run(case)


def test_an_amount_typed_ahead_while_a_payment_is_written_is_kept_and_pays_nothing() -> None:
    async def case() -> None:
        async with table() as at:
            shop = at.screen.shop
            await at.hand.scan(MILK)
            await at.hand.wait(500)
            shop.journal.gate = asyncio.Event()
            await at.screen.pilot.press("f12")
            for digit in "50*":
                at.hand.send(parsed(digit)[0])
                at.hand.now_ms += 100
            await at.screen.pilot.press("f12")
            shop.journal.gate.set()
            await at.screen.settled()
            assert len(shop.journal.sales) == 1
            assert at.entry == "50"

    run(case)


def test_a_scan_behind_a_payment_that_fails_is_refused_aloud() -> None:
    async def case() -> None:
        from pos.storage_ports import JournalUnavailableError

        async with table() as at:
            shop = at.screen.shop
            await at.hand.scan(MILK)
            shop.journal.gate = asyncio.Event()
            shop.journal.broken = JournalUnavailableError("disk-full", "", stored=None)
            await at.screen.pilot.press("f12")
            for event in parsed(WATER + CR):
                at.hand.send(event)
            await at.screen.pilot.pause()
            shop.journal.gate.set()
            await at.screen.settled()
            assert at.screen.app._till.view.pieces == 1
            assert at.sounds[-1] == "blocked"
            assert not shop.journal.sales

    run(case)


def test_an_alarm_sounds_every_two_seconds_until_the_next_command() -> None:
    async def case() -> None:
        async with table() as at:
            await at.hand.scan(MILK)
            await at.hand.scan(UNKNOWN)
            assert at.sounds == ["ok", "unknown"]
            await at.hand.wait(1_999)
            assert at.sounds == ["ok", "unknown"]
            await at.hand.wait(4_001)
            assert at.sounds == ["ok", *["unknown"] * 4]
            at.screen.shop.till.submit(c.DeviceReported("printer", "fault", "paper-out"))
            at.screen.shop.till.submit(c.HubReported(online=False, acked_epoch=1, acked_seq=0))
            await at.hand.type("12", 150)
            await at.hand.wait(1_850)
            assert at.sounds == ["ok", *["unknown"] * 5], "news and typing are no command"
            await at.screen.press("escape", "escape")
            await at.hand.wait(10_000)
            assert at.sounds == ["ok", *["unknown"] * 5]
            await at.screen.press("f12")
            await at.hand.wait(4_000)
            assert at.sounds[6:] == ["blocked"] * 3
            await at.hand.scan(MILK)
            await at.hand.wait(10_000)
            assert at.sounds[9:] == ["ok"]

    run(case)


def test_an_alarm_that_was_acted_on_is_not_raised_again_by_news() -> None:
    async def case() -> None:
        from pos.storage_ports import JournalUnavailableError

        async with table() as at:
            shop = at.screen.shop
            await at.hand.scan(MILK)
            shop.journal.broken = JournalUnavailableError("disk-full", "", stored=None)
            await at.screen.press("f12")
            await at.hand.wait(2_000)
            assert at.sounds == ["ok", "blocked", "blocked"]
            at.screen.shop.clock.ms += 1_000
            await at.screen.press("enter")
            await at.hand.wait(2_000)
            assert at.sounds[3:] == ["blocked", "blocked"], "tried again, and failed again"
            await at.screen.press("escape")
            shop.till.submit(c.DeviceReported("printer", "fault", "paper-out"))
            await at.hand.wait(10_000)
            assert at.sounds[5:] == []

    run(case)


def test_a_till_that_starts_stopped_is_silent_until_someone_tries() -> None:
    async def case() -> None:
        from pos.storage_ports import JournalUnavailableError

        shop = Shop()
        shop.journal.broken = JournalUnavailableError("disk-read-only", "")
        async with table(shop, signed_in=False) as at:
            shop.till._desk.stopped = Message("disk-read-only", {"detail": ""}, "alarm")
            shop.till.submit(c.DeviceReported("printer", "fault", "paper-out"))
            await at.hand.wait(4_000)
            assert at.sounds == []
            shop.clock.ms += 1_000
            await at.screen.press("enter")
            await at.hand.wait(2_000)
            assert at.sounds == ["blocked"] * 2
            await at.screen.press("escape")
            shop.till.submit(c.DeviceReported("printer", "ready"))
            await at.hand.wait(4_000)
            assert at.sounds == ["blocked"] * 2

    run(case)


def test_a_scan_that_could_not_be_stored_sounds_as_what_it_is() -> None:
    async def case() -> None:
        from pos.storage_ports import JournalUnavailableError

        async with table() as at:
            at.screen.shop.state.problem = JournalUnavailableError("disk-full", "")
            await at.hand.scan(MILK)
            await at.hand.wait(2_000)
            assert at.sounds == ["blocked"] * 2

    run(case)
