"""The customer's page over real sockets: whoever looks gets the newest picture, and nobody can hold the till up."""

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from drivers.customer_screen import LOOKERS_MAX, CustomerScreen, ScreenAddressError, read_screen_address
from pos.customer_page import SCRIPT, STYLE, page, picture
from pos.domain import commands as c
from pos.domain.commands import Command, DeviceReported
from pos.resources import texts
from pos.system import SystemClock
from receipts.qr import qr_svg
from tests.contract.browser import browsing, chromium_is_here
from tests.tui.fakes import LINK, MILK, YOGHURT, Shop

FILES = {"/style.css": ("text/css", STYLE.encode()), "/page.js": ("text/javascript", SCRIPT.encode())}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Rig:
    def __init__(self, port: int) -> None:
        self.port = port
        self.news: list[DeviceReported] = []
        self.screen = CustomerScreen(
            f"127.0.0.1:{port}",
            lambda inside: page(inside, texts("de"), "Laden"),
            FILES,
            self._hear,
            SystemClock(),
        )

    def _hear(self, command: Command) -> None:
        assert isinstance(command, DeviceReported)
        self.news.append(command)

    def show(self, inside: str) -> None:
        self.screen.show(lambda: inside)

    @property
    def state(self) -> str:
        return self.news[-1].state if self.news else ""

    async def until(self, done: Callable[[], object], timeout_s: float = 3.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not done():  # noqa: ASYNC110 - the conditions are many
                await asyncio.sleep(0.005)

    async def ask(self, raw: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(raw)
        answer = b""
        with contextlib.suppress(ConnectionError):
            answer = await asyncio.wait_for(reader.read(), 3)
        writer.close()
        return answer

    async def get(self, path: str, host: str = "localhost") -> bytes:
        return await self.ask(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())

    async def stream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await asyncio.wait_for(reader.readuntil(b"retry: 1000\n\n"), 3)
        return reader, writer


@contextlib.asynccontextmanager
async def running(port: int | None = None) -> AsyncIterator[Rig]:
    rig = Rig(port or free_port())
    task = asyncio.create_task(rig.screen.run())
    try:
        await rig.until(lambda: rig.state == "ready")
        yield rig
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def run(body: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(body, 40))


def test_the_page_and_its_files_are_served_without_a_cookie_or_anything_from_elsewhere() -> None:
    async def body() -> None:
        async with running() as rig:
            rig.show("<p>Äpfel</p>")
            answer = (await rig.get("/?x=1")).decode()
            assert answer.startswith("HTTP/1.1 200 OK")
            assert "<p>Äpfel</p>" in answer
            assert "cookie" not in answer.lower()
            assert "default-src 'none'" in answer
            assert "//" not in answer.partition("<html")[2]
            assert STYLE.encode() in await rig.get("/style.css")
            assert SCRIPT.encode() in await rig.get("/page.js")

    run(body())


def test_the_newest_picture_is_pushed_to_everybody_who_looks() -> None:
    async def body() -> None:
        async with running() as rig:
            rig.show("eins")
            streams = [await rig.stream() for _ in range(3)]
            for reader, _ in streams:
                assert await asyncio.wait_for(reader.readuntil(b"\n\n"), 3) == b"data: eins\n\n"
            rig.show("zwei\ndrei")
            for reader, writer in streams:
                assert await asyncio.wait_for(reader.readuntil(b"\n\n"), 3) == b"data: zwei\ndata: drei\n\n"
                writer.close()

    run(body())


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"405"),
        (b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", b"421"),
        (b"GET / HTTP/1.1\r\n\r\n", b"421"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET ../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404"),
    ],
)
def test_what_is_no_look_at_the_page_is_refused(raw: bytes, status: bytes) -> None:
    async def body() -> None:
        async with running() as rig:
            assert (await rig.ask(raw)).split(b" ")[1] == status

    run(body())


def test_noise_floods_and_dead_pages_leave_the_page_and_the_till_alone() -> None:
    """A page that reads nothing, pages that die, more than may look, and bytes that are no HTTP."""

    async def body() -> None:
        chance = random.Random(4)
        async with running() as rig:
            stuck = [await rig.stream() for _ in range(4)]
            for number in range(300):
                rig.show(f"{number} " + "x" * 20_000)
                if number % 10 == 0:
                    _, writer = await rig.stream()
                    writer.transport.abort()
                    await rig.until(lambda: len(rig.screen._lookers) == len(stuck))
            for _ in range(30):
                _, writer = await asyncio.open_connection("127.0.0.1", rig.port)
                writer.write(chance.randbytes(chance.randrange(1, 20_000)))
                writer.close()
            for _, writer in stuck:
                writer.transport.abort()
            await rig.until(lambda: not rig.screen._lookers)
            idle = [await asyncio.open_connection("127.0.0.1", rig.port) for _ in range(LOOKERS_MAX)]
            await rig.until(lambda: len(rig.screen._lookers) == LOOKERS_MAX)
            assert await rig.get("/") == b"", "one too many is let go at once"
            for _, writer in idle:
                writer.close()
            await rig.until(lambda: not rig.screen._lookers)
            rig.show("da")
            assert b"da" in await rig.get("/")
            assert {news.state for news in rig.news} <= {"opening", "ready"}

    run(body())


def test_a_port_that_is_taken_is_a_fault_and_the_page_comes_when_it_is_free() -> None:
    async def body() -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            rig = Rig(other.getsockname()[1])
            task = asyncio.create_task(rig.screen.run())
            await rig.until(lambda: rig.state == "fault")
        await rig.until(lambda: rig.state == "ready")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(body())


@pytest.mark.parametrize(
    "address", ["", "laden:80", "127.0.0.1:x", "127.0.0.1:0", "127.0.0.1:70000", "http://127.0.0.1"]
)
def test_a_wrong_address_says_what_is_wrong(address: str) -> None:
    with pytest.raises(ScreenAddressError, match="must be"):
        read_screen_address(address)


@pytest.mark.skipif(not chromium_is_here(), reason="no Chromium here")
def test_a_real_browser_shows_what_is_pushed_and_no_old_sum_when_the_till_is_gone(tmp_path: Path) -> None:
    """The page is loaded while the till is idle; the sale, and then the code, come by the stream."""

    async def body() -> None:
        shop = Shop()
        await shop.open()
        words, idle = texts("de"), ("Laden", "Willkommen")
        port = free_port()
        async with browsing(tmp_path / "profile") as browser:
            async with running(port) as rig:
                rig.show(picture(shop.till.view, words, idle))
                await browser.open(f"http://127.0.0.1:{port}/", 1024, 600)
                await browser.until("document.body && document.body.innerText.includes('Willkommen')")
                shop.scan(*[MILK] * 30, YOGHURT)
                rig.show(picture(shop.till.view, words, idle))
                await browser.until("document.body.innerText.includes('Joghurt')")
                newest = "document.querySelector('.newest').getBoundingClientRect()"
                sums = "document.querySelector('.sums').getBoundingClientRect()"
                assert await browser.js(f"{newest}.bottom <= {sums}.top && {newest}.top > 0"), (
                    "it is in sight"
                )
                await shop.till.handle(c.PayCash(5000))
                rig.show(picture(shop.till.view, words, idle, qr_svg(LINK)))
                await browser.until("document.querySelector('svg.qr') !== null")
                for width, height in ((1024, 600), (1920, 1080), (800, 1280), (480, 800)):
                    await browser.size(width, height)
                    inside = (
                        "[...document.querySelectorAll('b, svg')].every(x => { const r = x.getBoundingClientRect();"
                        " return r.left >= 0 && r.right <= innerWidth && r.top >= 0 && r.bottom <= innerHeight })"
                    )
                    assert await browser.js(inside), f"all is in sight at {width}x{height}"
                assert "RÜCKGELD" in (await browser.js("document.body.innerText")).upper()
                assert await browser.js("document.cookie") == ""
            await browser.until("document.getElementById('till').hidden", 12)
            async with running(port) as rig:
                rig.show("<p>wieder da</p>")
                await browser.until("!document.getElementById('till').hidden", 12)
                assert "wieder da" in await browser.js("document.body.innerText")

    run(body())
