"""The printer's driver against a printer made of memory: each receipt once, or a question to the cashier."""

import asyncio
import datetime as dt
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from drivers.printer.addresses import open_line
from drivers.printer.printer import EscPosPrinter
from drivers.printer.session import PrinterTraits, Timing
from drivers.printer.transports import Line, TcpLine
from drivers.printer.usb import UsbLine
from pos.device_ports import CashDrawer, JobState, PrintJob, ReceiptPrinter
from pos.domain.article import Article
from pos.domain.commands import Command, DeviceReported
from pos.domain.shelf_label import PriceChange
from pos.resources import texts
from pos.system import SystemClock, ThreadWorker
from pos.till.stock.label_paper import label_document
from receipts.escpos import compose, compose_document, drawer_pulse, prepare
from receipts.model import build
from tests.contract.memory_spool import CrashError, MemorySpool
from tests.contract.usbip_client import PipelinedBackend
from tests.simulators.paper.codes import read_codes
from tests.simulators.paper.printer import PaperPrinter
from tests.simulators.paper.servers import PtyServer, TcpServer, UsbServer
from tests.unit.receipt_samples import LINK, PROFILES, SHOP, numbered_sale, sale

QUICK = Timing(poll_s=0.25, answer_s=0.3, stall_s=0.4, hang_s=1.0, barrier_s=1.5, misses=3)
PERSONALITIES = [("full", "epson-80"), ("clone", "generic-80"), ("silent", "generic-80")]


@pytest.fixture(scope="module", autouse=True)
def _library() -> None:
    prepare()


def composed(job: PrintJob, profile: str) -> bytes:
    if job.document is not None:
        return compose_document(job.document, SHOP, PROFILES[profile])
    assert job.sale is not None, "receipts are printed here"
    made = build(
        job.sale, SHOP, till="3", epoch=1, public_url="https://bon.example", copy=job.copy, language="de"
    )
    return compose(made, PROFILES[profile])


class Rig:
    """A till's view of one printer: the driver, its spool, and everything it reported."""

    def __init__(self, line: Line, profile: str, store: MemorySpool | None = None, **more: Any) -> None:
        self.news: list[DeviceReported] = []
        self.store = store or MemorySpool()
        self._worker = ThreadWorker("compose")
        chosen = PROFILES[profile]
        self.printer = EscPosPrinter(
            line,
            PrinterTraits(profile, chosen.barrier, chosen.status_back, drawer_pulse(chosen)),
            self.store,
            composed,
            self._hear,
            self._worker,
            SystemClock(),
            **({"timing": QUICK} | more),
        )
        self._task: asyncio.Task[None] | None = None
        self._heard = asyncio.Event()

    def _hear(self, command: Command) -> None:
        assert isinstance(command, DeviceReported)
        self.news.append(command)
        self._heard.set()

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self.printer.run())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.crash()

    async def crash(self) -> None:
        """End as a killed process does: nothing is said, nothing is saved."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        self._worker.close()

    def print(self, job_id: str, made: Any = None) -> None:
        self.printer.submit(PrintJob(job_id, made if made is not None else sale()))

    async def until(self, done: Callable[[], object], timeout_s: float = 4.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not done():  # noqa: ASYNC110 - the printer lives in a thread without events
                await asyncio.sleep(0.01)

    async def shows(self, *wanted: str, timeout_s: float = 2.0) -> None:
        await self.until(lambda: self.shown == wanted, timeout_s)

    async def state(self, job_id: str, *states: JobState, timeout_s: float = 4.0) -> None:
        await self.until(lambda: job_id in self.store.rows and self.store.state(job_id) in states, timeout_s)

    def asked(self, job_id: str) -> int:
        """How often the cashier was asked about a job."""
        return len([news for news in self.news if (news.job_id, news.job_state) == (job_id, "unknown")])

    @property
    def shown(self) -> tuple[str, str]:
        news = [one for one in self.news if one.device == "printer" and not one.job_id]
        return (news[-1].state, news[-1].detail) if news else ("", "")


def lines_on(paper: PaperPrinter) -> list[str]:
    return re.findall(r"Artikel \d+-\d{3}", "\n".join(receipt.text for receipt in paper.receipts))


def originals(paper: PaperPrinter, number: int) -> int:
    """Complete receipts of a number that bear no mark of a copy."""
    return len([text for text in numbered(paper, number) if "KOPIE" not in text and "SUMME" in text])


def numbered(paper: PaperPrinter, number: int) -> list[str]:
    """Cut receipts that bear a number."""
    texts = [receipt.text for receipt in paper.cut_receipts]
    return [text for text in texts if re.search(rf"3-1-{number}\b", text)]


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(body, 30))


@asynccontextmanager
async def tcp(
    personality: Any = "full", profile: str = "epson-80", store: MemorySpool | None = None, **paper_is: Any
) -> AsyncIterator[tuple[PaperPrinter, Rig]]:
    columns = str(PROFILES[profile].columns)
    with (
        PaperPrinter(columns, personality=personality, **paper_is) as paper,
        TcpServer(paper) as server,
    ):
        async with Rig(TcpLine("127.0.0.1", server.port), profile, store) as rig:
            await rig.until(lambda: rig.shown[0] == "ready")
            yield paper, rig


# -- all is well


@pytest.mark.parametrize(("personality", "profile"), PERSONALITIES)
@pytest.mark.parametrize("way", ["tcp", "pty", "usb"])
def test_a_receipt_comes_out_whole_over_every_line(way: str, personality: Any, profile: str) -> None:
    async def body() -> None:
        columns = str(PROFILES[profile].columns)
        async with AsyncExitStack() as stack:
            paper = stack.enter_context(PaperPrinter(columns, personality=personality))
            line: Line
            if way == "tcp":
                line = open_line(
                    f"tcp://127.0.0.1:{stack.enter_context(TcpServer(paper)).port}", ThreadWorker
                )
            elif way == "pty":
                server = stack.enter_context(PtyServer(paper))
                line = open_line(f"serial:{server.path}?baud=115200&flow=rtscts", ThreadWorker)
            else:
                usb = stack.enter_context(UsbServer(paper))
                backend = PipelinedBackend("127.0.0.1", usb.port)
                line = UsbLine(usb.VENDOR, usb.PRODUCT, ThreadWorker, backend=backend)
            rig = await stack.enter_async_context(Rig(line, profile))
            await rig.until(lambda: rig.shown[0] == "ready")
            assert rig.printer.open()
            rig.print("a")
            wanted = JobState.SENT if personality == "silent" else JobState.CONFIRMED
            await rig.state("a", wanted)
            await asyncio.to_thread(paper.wait_receipts, 1)
            (receipt,) = paper.cut_receipts
            assert paper.violations == []
            assert "DEMO - kein Beleg" in receipt.text
            assert [pulse.pin for pulse in paper.pulses] == [2]
            assert rig.shown == ("ready", "unverified" if personality == "silent" else "")
            assert bytes(paper.received).index(rig.printer.traits.pulse) < bytes(paper.received).index(
                b"DEMO"
            )
            if way == "tcp":
                assert read_codes(receipt.image()) == {"zbar": {LINK}, "zxing": {LINK}}

    run(body())


def test_a_plain_file_is_appended_to_and_proves_nothing(tmp_path: Path) -> None:
    async def body() -> None:
        path = tmp_path / "paper"
        async with Rig(open_line(f"file:{path}", ThreadWorker), "epson-80") as rig:
            rig.print("a")
            rig.print("b", sale(number=2))
            await rig.state("b", JobState.SENT)
            assert rig.shown == ("ready", "unverified")
        assert path.read_bytes() == composed(PrintJob("a", sale()), "epson-80") + composed(
            PrintJob("b", sale(number=2)), "epson-80"
        )

    run(body())


def test_a_job_given_twice_prints_once() -> None:
    async def body() -> None:
        async with tcp() as (paper, rig):
            receipts: ReceiptPrinter = rig.printer
            drawer: CashDrawer = rig.printer
            assert drawer.open()
            receipts.submit(PrintJob("a", sale()))
            rig.print("a")
            await rig.state("a", JobState.CONFIRMED)
            rig.print("a")
            rig.print("b", sale(number=2))
            await rig.state("b", JobState.CONFIRMED)
            assert (originals(paper, 20417), originals(paper, 2)) == (1, 1)
            assert len(paper.cut_receipts) == 2

    run(body())


# -- paper, cover, knife


@pytest.mark.parametrize(("personality", "profile"), PERSONALITIES[:2])
def test_paper_out_in_the_middle_goes_on_and_no_line_comes_twice(personality: Any, profile: str) -> None:
    async def body() -> None:
        async with tcp(personality, profile) as (paper, rig):
            paper.paper_end_after(18)
            rig.print("a", numbered_sale(18))
            await rig.shows("fault", "paper-out", timeout_s=2.0)
            rig.print("b", numbered_sale(3, 2))
            await asyncio.sleep(QUICK.hang_s + 0.3)
            assert not rig.printer.open(), "a printer that stopped opens nothing"
            assert rig.store.state("a") is JobState.SENT, "waiting for paper is no trouble"
            paper.set(paper="ok")
            await rig.state("a", JobState.CONFIRMED)
            await rig.state("b", JobState.CONFIRMED)
            expected = [f"Artikel 1-{n:03d}" for n in range(1, 19)] + [
                f"Artikel 2-{n:03d}" for n in (1, 2, 3)
            ]
            assert lines_on(paper) == expected
            assert rig.asked("a") == 0
            assert rig.shown == ("ready", "")

    run(body())


@pytest.mark.parametrize(("personality", "profile"), PERSONALITIES[:2])
def test_paper_out_among_shelf_labels_loses_none_and_prints_none_twice(
    personality: Any, profile: str
) -> None:
    async def body() -> None:
        async with tcp(personality, profile) as (paper, rig):
            paper.paper_end_after(6)
            for n in range(4):
                change = PriceChange(Article(f"L{n}", f"Artikel 1-{n:03d}", "B", 139, gtin="4000000000013"))
                label = label_document(change, texts("de"), "de", "EUR", dt.date(2026, 11, 23))
                rig.printer.submit(PrintJob(f"label {n}", None, document=label))
            await rig.shows("fault", "paper-out", timeout_s=2.0)
            assert len(lines_on(paper)) < 4
            paper.set(paper="ok")
            for n in range(4):
                await rig.state(f"label {n}", JobState.CONFIRMED)
            assert lines_on(paper) == [f"Artikel 1-{n:03d}" for n in range(4)]
            assert [rig.asked(f"label {n}") for n in range(4)] == [0, 0, 0, 0]

    run(body())


@pytest.mark.parametrize(("personality", "profile"), PERSONALITIES[:2])
def test_each_trouble_has_its_own_word_and_the_waiting_receipt_prints_after_it(
    personality: Any, profile: str
) -> None:
    troubles: tuple[tuple[dict[str, Any], str], ...] = (
        ({"cover_open": True}, "cover-open"),
        ({"paper": "end"}, "paper-out"),
        ({"cutter_error": True}, "cutter"),
        ({"overheated": True}, "offline"),
    )

    async def body() -> None:
        async with tcp(personality, profile) as (paper, rig):
            for number, (trouble, word) in enumerate(troubles if personality == "full" else troubles[:2]):
                job_id = f"job{number}"
                paper.set(**trouble)
                await rig.shows("fault", word)
                rig.print(job_id, sale(number=number))
                await rig.state(job_id, JobState.QUEUED)
                paper.set(cover_open=False, paper="ok", cutter_error=False, overheated=False)
                await rig.state(job_id, JobState.CONFIRMED)
                assert originals(paper, number) == 1
            paper.set(paper="near-end")
            await rig.shows("ready", "paper-low")
            rig.print("low")
            await rig.state("low", JobState.CONFIRMED)

    run(body())


def test_a_clone_that_stops_with_a_full_buffer_cannot_say_why_so_the_cashier_is_asked_once() -> None:
    async def body() -> None:
        async with tcp("clone", "generic-80", buffer_bytes=512) as (paper, rig):
            paper.paper_end_after(12)
            rig.print("a", numbered_sale(18))
            await rig.shows("fault", "busy")
            await rig.state("a", JobState.UNKNOWN)
            paper.set(paper="ok")
            await rig.shows("ready", "", timeout_s=8.0)
            await asyncio.sleep(0.2)
            assert rig.asked("a") == 1
            assert lines_on(paper) == [f"Artikel 1-{n:03d}" for n in range(1, 19)]

    run(body())


def test_a_cutter_that_jammed_works_again_once_someone_was_at_the_cover() -> None:
    async def body() -> None:
        async with tcp() as (paper, rig):
            paper.set(cutter_error=True)
            await rig.shows("fault", "cutter")
            await asyncio.sleep(3 * QUICK.poll_s)
            assert paper.status.cutter_error, "no blade moves while a hand may be in it"
            paper.set(cover_open=True)
            await rig.shows("fault", "cover-open")
            paper.set(cover_open=False)
            await rig.shows("ready", "")

    run(body())


def test_a_silent_printer_is_never_said_to_be_out_of_paper() -> None:
    async def body() -> None:
        async with tcp("silent", "generic-80") as (paper, rig):
            for n in range(3):
                rig.print(f"job{n}", sale(number=n))
            await rig.state("job2", JobState.SENT)
            await asyncio.to_thread(paper.wait_receipts, 3)
            assert {news.detail for news in rig.news} <= {"", "unverified"}
        async with Rig(TcpLine("127.0.0.1", 1), "generic-80", rig.store) as later:
            await later.until(lambda: rig.store.state("job2") is JobState.DROPPED)
            assert [news for news in later.news if news.job_state] == [], "nobody is asked about them"

    run(body())


# -- the line breaks


@pytest.mark.parametrize("choice", ["printed", "again", "code-only", "other-printer"])
def test_power_off_in_the_middle_asks_once_and_does_what_is_answered(choice: str) -> None:
    async def body() -> None:
        async with tcp(speed_mm_s=800) as (paper, rig):
            paper.power_off_after(700)
            rig.print("a", numbered_sale(30))
            await rig.state("a", JobState.UNKNOWN)
            assert rig.asked("a") == 1
            await rig.shows("absent", "unreachable", timeout_s=2.0)
            assert not rig.printer.open()
            paper.power_on()
            await rig.shows("ready", "", timeout_s=4.0)
            rig.print("b", numbered_sale(2, 2))
            await rig.state("b", JobState.CONFIRMED)
            assert originals(paper, 1) == 0, "nothing is sent a second time unasked"
            assert rig.asked("a") == 1
            rig.printer.decide("a", choice)
            if choice == "again":
                await rig.state("a", JobState.CONFIRMED)
                copies = numbered(paper, 1)
                assert len(copies) == 1
                assert "KOPIE" in copies[0]
            elif choice == "other-printer":
                await asyncio.sleep(0.2)
                assert rig.store.state("a") is JobState.UNKNOWN, "there is no other one"
            else:
                ended = JobState.CONFIRMED if choice == "printed" else JobState.DROPPED
                await rig.state("a", ended)
            assert originals(paper, 1) == 0

    run(body())


def test_the_other_printer_takes_a_waiting_original_and_a_marked_copy_of_an_unknown_one() -> None:
    async def body() -> None:
        store = MemorySpool()
        with PaperPrinter("32") as second, TcpServer(second) as server:
            async with (
                Rig(TcpLine("127.0.0.1", server.port), "epson-58", store, name="printer:2") as other,
                tcp(store=store) as (paper, rig),
            ):
                rig.printer._other = other.printer
                paper.power_off_after(400)
                rig.print("a", numbered_sale(20))
                await rig.state("a", JobState.UNKNOWN)
                rig.print("b", numbered_sale(2, 2))
                await rig.state("b", JobState.QUEUED)
                rig.printer.decide("a", "other-printer")
                rig.printer.decide("b", "other-printer")
                await rig.state("b", JobState.CONFIRMED)
                await rig.state("a", JobState.CONFIRMED)
                paper.power_on()
                await rig.shows("ready", "", timeout_s=4.0)
                await asyncio.sleep(0.3)
                assert (originals(paper, 1), originals(paper, 2)) == (0, 0)
                assert (originals(second, 1), originals(second, 2)) == (0, 1)
                assert "KOPIE" in numbered(second, 1)[0]

    run(body())


@pytest.mark.parametrize("way", ["tcp", "pty"])
def test_a_printer_that_comes_later_prints_what_waits_by_itself_once(way: str) -> None:
    async def body() -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            PaperPrinter("48") as paper,
            TcpServer(paper) as tcp_server,
            PtyServer(paper, Path(folder) / "printer") as pty_server,
        ):
            paper.power_off()
            address = f"tcp://127.0.0.1:{tcp_server.port}" if way == "tcp" else f"serial:{folder}/printer"
            assert pty_server is not None
            async with Rig(open_line(address, ThreadWorker), "epson-80") as rig:
                await rig.shows("absent", "unreachable", timeout_s=4.0)
                rig.print("a")
                await rig.state("a", JobState.QUEUED)
                assert not rig.printer.open(), "a pulse is never kept for later"
                paper.power_on()
                await rig.state("a", JobState.CONFIRMED, timeout_s=3.0)
                paper.power_off()
                await rig.shows("absent", "unreachable", timeout_s=1.0)
                paper.power_on()
                await rig.shows("ready", "", timeout_s=4.0)
                await asyncio.sleep(0.3)
                assert originals(paper, 20417) == 1
                assert len(paper.cut_receipts) == 1
                assert paper.pulses == []

    run(body())


def test_a_usb_printer_pulled_out_and_put_back_prints_what_waits() -> None:
    async def body() -> None:
        with PaperPrinter("48") as paper, UsbServer(paper) as usb:
            line = UsbLine(
                usb.VENDOR, usb.PRODUCT, ThreadWorker, backend=PipelinedBackend("127.0.0.1", usb.port)
            )
            async with Rig(line, "epson-80") as rig:
                await rig.shows("ready", "", timeout_s=4.0)
                await asyncio.to_thread(usb.unplug)
                await rig.shows("absent", "unreachable", timeout_s=1.5)
                rig.print("a")
                await rig.state("a", JobState.QUEUED)
                await asyncio.to_thread(usb.plug)
                await rig.state("a", JobState.CONFIRMED)
                assert originals(paper, 20417) == 1

    run(body())


def test_a_serial_port_held_by_another_program_is_named() -> None:
    async def body() -> None:
        with PaperPrinter("48") as paper, PtyServer(paper) as server:
            first = open_line(f"serial:{server.path}", ThreadWorker)
            await first.open()
            async with Rig(open_line(f"serial:{server.path}", ThreadWorker), "epson-80") as rig:
                await rig.shows("fault", "held")
                first.close()
                await rig.shows("ready", "", timeout_s=4.0)

    run(body())


def test_a_printer_that_closed_the_line_before_the_first_byte_costs_no_question() -> None:
    async def body() -> None:
        with PaperPrinter("48") as paper, TcpServer(paper) as server:
            line = TcpLine("127.0.0.1", server.port)
            await line.open()
            await asyncio.to_thread(paper.power_off)
            async with asyncio.timeout(10):
                while not line._peer_is_gone():  # noqa: ASYNC110 - the kernel tells nobody
                    await asyncio.sleep(0.01)
            with pytest.raises(Exception, match="unreachable"):
                await line.write(b"receipt", 1.0)
            assert line.written == 0
            assert not line.write_now(b"pulse")
            line.close()

    run(body())


# -- it hangs


@pytest.mark.parametrize("when", ["idle", "printing"])
def test_a_hanging_printer_is_named_within_two_seconds_and_no_receipt_is_lost(when: str) -> None:
    async def body() -> None:
        longest_ms = 0.0

        async def heartbeat() -> None:
            nonlocal longest_ms
            loop = asyncio.get_running_loop()
            before = loop.time()
            while True:
                await asyncio.sleep(0.005)
                now = loop.time()
                longest_ms, before = max(longest_ms, (now - before) * 1000 - 5), now

        async with tcp(buffer_bytes=256) as (paper, rig):
            if when == "idle":
                paper.stop_reading()
            beat = asyncio.create_task(heartbeat())
            if when == "printing":
                rig.print("z", numbered_sale(30, 9))
                await rig.until(lambda: len(paper.received) > 300)
                paper.stop_reading()
            await rig.shows("fault", "busy", timeout_s=2.0)
            rig.print("a", numbered_sale(2, 1))
            await rig.state("a", JobState.QUEUED)
            assert not rig.printer.open()
            if when == "printing":
                await rig.state("z", JobState.UNKNOWN)
                assert rig.asked("z") == 1
            paper.resume_reading()
            await rig.state("a", JobState.CONFIRMED, timeout_s=8.0)
            beat.cancel()
            assert originals(paper, 1) == 1
            assert longest_ms < 900, "a loop that waits for a device stops for as long as it hangs"

    run(body())


# -- the process dies


@pytest.mark.parametrize("writes", range(1, 5))
def test_killed_between_any_two_steps_no_receipt_is_lost_or_doubled_unmarked(writes: int) -> None:
    """1 saved, 2 sending, 3 sent, 4 confirmed: the write number `writes` is the last one that happens."""

    async def body() -> None:
        store = MemorySpool()
        store.crash_after = writes
        async with tcp(store=store) as (paper, rig):
            rig.print("a", numbered_sale(5))
            await asyncio.sleep(0.25)
            await rig.crash()
            stored = store.state("a")
            out = originals(paper, 1)
            store.crash_after = None
            port = int(rig.printer._session._line.address.rsplit(":", 1)[1])
            async with Rig(TcpLine("127.0.0.1", port), "epson-80", store) as again:
                await again.until(lambda: again.shown[0] == "ready")
                await asyncio.sleep(0.25)
                if stored is JobState.QUEUED:
                    assert out == 0, "what is still queued never left"
                    await again.state("a", JobState.CONFIRMED)
                elif stored is JobState.CONFIRMED:
                    assert out == 1
                    assert again.asked("a") == 0
                else:
                    assert again.asked("a") == 1
                    assert originals(paper, 1) == out, "nothing goes by itself"
                    again.printer.decide("a", "again")
                    await again.state("a", JobState.CONFIRMED)
                    assert "KOPIE" in paper.cut_receipts[-1].text
                assert originals(paper, 1) <= 1
                assert len(paper.cut_receipts) >= 1, "the receipt is out, as original or as copy"

    run(body())


def test_the_memory_spool_really_crashes() -> None:
    async def body() -> None:
        store = MemorySpool()
        store.crash_after = 0
        with pytest.raises(CrashError):
            await store.put("a", b"", b"")

    run(body())


# -- addresses


def test_addresses_are_understood_or_explained() -> None:
    made = {
        address: open_line(address, ThreadWorker)
        for address in (
            "file:/dev/usb/lp0",
            "tcp://printer:9100",
            "serial:/dev/ttyUSB0?baud=115200&flow=rtscts",
        )
    }
    assert [line.address for line in made.values()] == [
        "file:/dev/usb/lp0",
        "tcp://printer:9100",
        "serial:/dev/ttyUSB0",
    ]
    assert open_line("usb:04b8:0202", ThreadWorker).address == "usb:04b8:0202"
    for wrong in (
        "",
        "lp0",
        "usb:zz:1",
        "usb:1",
        "serial:/dev/x?speed=3",
        "serial:/dev/x?flow=yes",
        "tcp://",
    ):
        with pytest.raises(ValueError, match=r"address|knows"):
            open_line(wrong, ThreadWorker)
