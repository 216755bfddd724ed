"""Line displays on real ptys, against simulators that refuse what the manual does not give."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from drivers.display import LineDisplay, PortAddressError, read_display_address
from drivers.display.ports import report
from drivers.display.protocols import PROTOCOLS, cells
from pos.domain.commands import Command, DeviceReported
from pos.system import SystemClock
from tests.simulators import display as simulator

WAYS = [("cd5220", False), ("esc-pos", False), ("ba63", False), ("ba63", True)]
PICTURE = ("Äpfel süß Öl Ü ß  1,99", "Summe           1,99")
SHOWN = (PICTURE[0][:20], PICTURE[1])


class Rig:
    def __init__(self, link: Path, protocol: str, *, hid: bool = False) -> None:
        self.news: list[DeviceReported] = []
        self.server = simulator.DisplayServer(simulator.LineDisplay(protocol, hid=hid), link)
        kind = "hid" if hid else "serial"
        line = "?parity=N" if protocol == "ba63" and not hid else ""  # a pty knows no parity
        self.display = LineDisplay(f"{kind}:{link}{line}", protocol, self._hear, SystemClock())

    def _hear(self, command: Command) -> None:
        assert isinstance(command, DeviceReported)
        self.news.append(command)

    @property
    def state(self) -> str:
        return self.news[-1].state if self.news else ""

    @property
    def rows(self) -> tuple[str, str]:
        return self.server.display.rows

    async def until(self, done: Callable[[], object], timeout_s: float = 2.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not done():  # noqa: ASYNC110 - the display lives in a thread
                await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def running(tmp_path: Path, protocol: str, *, hid: bool = False) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path / "display", protocol, hid=hid)
    task = asyncio.create_task(rig.display.run())
    try:
        yield rig
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        rig.server.close()


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(body, 20))


@pytest.mark.parametrize(("protocol", "hid"), WAYS)
def test_a_picture_is_shown_with_its_umlauts_and_no_byte_is_refused(
    protocol: str, hid: bool, tmp_path: Path
) -> None:
    async def body() -> None:
        async with running(tmp_path, protocol, hid=hid) as rig:
            rig.display.show(PICTURE)
            await rig.until(lambda: rig.rows == SHOWN)
            rig.display.show(("kurz", ""))
            await rig.until(lambda: rig.rows == ("kurz", ""))
            assert not rig.server.display.refused
            assert rig.state == "ready"

    run(body())


@pytest.mark.parametrize(("protocol", "hid"), WAYS)
def test_pulled_at_any_byte_it_is_told_and_shows_the_newest_picture_when_it_is_back(
    protocol: str, hid: bool, tmp_path: Path
) -> None:
    async def body() -> None:
        async with running(tmp_path, protocol, hid=hid) as rig:
            rig.display.show(PICTURE)
            await rig.until(lambda: rig.rows == SHOWN)
            for count in (1, 2, 3, 4, 7, 23, 24, 40):
                before = len(rig.news)
                rig.server.unplug_after(count)
                rig.display.show((f"neu {count}", "x" * 20))
                await rig.until(lambda: any(news.state == "absent" for news in rig.news[before:]))  # noqa: B023
                rig.display.show((f"danach {count}", "Summe"))
                rig.server.plug()
                await rig.until(lambda: rig.rows == (f"danach {count}", "Summe"))  # noqa: B023
            assert not rig.server.display.refused

    run(body())


def test_many_pictures_cost_ten_a_second_and_the_last_one_wins(tmp_path: Path) -> None:
    """Counted, not timed: whoever shows a picture never waits, and pictures nobody could read are left out."""

    async def body() -> None:
        async with running(tmp_path, "cd5220") as rig:
            await rig.until(lambda: rig.state == "ready")
            await rig.until(lambda: rig.server.display.received >= 50)
            before = rig.server.display.received
            for number in range(500):
                rig.display.show((f"Artikel {number}", ""))
            await rig.until(lambda: rig.rows == ("Artikel 499", ""))
            assert rig.server.display.received - before <= 2 * 2 * 24

    run(body())


def test_noise_from_the_line_changes_nothing(tmp_path: Path) -> None:
    async def body() -> None:
        noise = random.Random(7)
        async with running(tmp_path, "esc-pos") as rig:
            rig.display.show(PICTURE)
            await rig.until(lambda: rig.rows == SHOWN)
            for number in range(40):
                rig.server.send(noise.randbytes(noise.randrange(1, 200)))
                rig.display.show((str(number), ""))
            await rig.until(lambda: rig.rows == ("39", ""))
            assert {news.state for news in rig.news} <= {"opening", "ready"}

    run(body())


def test_a_display_that_takes_no_data_is_named_and_shows_again_later(tmp_path: Path) -> None:
    async def body() -> None:
        async with running(tmp_path, "cd5220") as rig:
            await rig.until(lambda: rig.state == "ready")
            shows = rig.display._show

            async def stuck(*_: Any) -> None:
                raise TimeoutError

            write = shows._port.write
            shows._port.write = stuck  # type: ignore[method-assign,assignment]
            rig.display.show(("a", "b"))
            await rig.until(lambda: rig.state == "fault")
            shows._port.write = write  # type: ignore[method-assign]
            await rig.until(lambda: rig.rows == ("a", "b"))

    run(body())


@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_any_text_is_twenty_columns_of_printable_bytes(protocol: str) -> None:
    chance = random.Random(protocol)
    for _ in range(400):
        text = "".join(
            chr(chance.choice((chance.randrange(0x250), chance.randrange(0x11000)))) for _ in range(30)
        )
        shown = simulator.LineDisplay(protocol)
        for row in PROTOCOLS[protocol].picture(text, text[::-1], ""):
            shown.feed(row)
        assert not shown.refused, text
        assert all(len(row) <= 20 for row in shown.rows)


def test_what_a_page_lacks_has_a_likeness_and_never_a_question_mark() -> None:
    assert cells("€ „Käse“ – Crème ŝ", "cp437") == b'E "K\x84se" - Cr\x8ame s  '
    assert cells("€", "cp858") == b"\xd5".ljust(20)
    assert b"?" not in cells("\u65e5\u672c \x1b@\r", "cp858")


def test_a_message_fits_one_report() -> None:
    for row in PROTOCOLS["ba63"].picture("x" * 40, "y" * 40, ""):
        assert len(report(row)) == 33


@pytest.mark.parametrize(
    ("address", "protocol"),
    [
        ("usb:/dev/x", "cd5220"),
        ("serial:", "cd5220"),
        ("hid:/dev/hidraw0", "cd5220"),
        ("serial:/dev/x?baud=1", "cd5220"),
        ("serial:/dev/x?page=9", "cd5220"),
        ("serial:/dev/x?colour=red", "ba63"),
        ("serial:/dev/x?page=437", "ba63"),
        ("serial:/dev/x?parity=Q", "ba63"),
    ],
)
def test_a_wrong_address_says_what_is_wrong(address: str, protocol: str) -> None:
    with pytest.raises(PortAddressError, match=r"it must be|no option"):
        read_display_address(address, protocol)
