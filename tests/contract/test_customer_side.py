"""Display and page on a real till: they follow it, and whatever happens to them costs the till nothing."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec

from pos.customer_side import CustomerSide
from pos.domain import commands as c
from pos.settings import load_settings
from pos.system import SystemClock
from tests.contract.test_customer_screen import free_port
from tests.simulators.display import DisplayServer, LineDisplay
from tests.tui.fakes import LINK, MILK, Shop


class Rig:
    def __init__(self, **devices: Any) -> None:
        settings = load_settings(environ={})
        settings = msgspec.structs.replace(
            settings,
            devices=msgspec.structs.replace(settings.devices, **devices),
            shop=msgspec.structs.replace(settings.shop, name="Laden Muster"),
        )
        self.shop = Shop()
        self.side = CustomerSide(settings, self.shop.till.submit, SystemClock(), lambda _: LINK)

    @contextlib.asynccontextmanager
    async def running(self) -> Any:
        await self.shop.open()
        self.shop.till.subscribe(self.side.heard)
        self.side.watch(lambda: self.shop.till.view)
        tasks = [asyncio.create_task(run()) for _, run in self.side.tasks]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def until(self, done: Any) -> None:
        async with asyncio.timeout(3):
            while not done():  # noqa: ASYNC110 - the display lives in a thread
                await asyncio.sleep(0.005)


async def get(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.decode()


def test_a_sale_is_on_the_display_and_on_the_page_and_the_code_comes_by_itself(tmp_path: Path) -> None:
    async def body() -> None:
        port = free_port()
        server = DisplayServer(LineDisplay("cd5220"), tmp_path / "display")
        rig = Rig(display=f"serial:{server.path}", customer_screen=f"127.0.0.1:{port}")
        async with rig.running():
            view = rig.shop.till
            await rig.until(lambda: view.view.customer_screen.state == "ready" == view.view.display.state)
            await rig.until(lambda: server.display.rows == ("Laden Muster", "Herzlich willkommen"))
            rig.shop.scan(MILK)
            await rig.until(lambda: server.display.rows == ("Bio-Vollmilch 3 1,39", "Summe           1,39"))
            assert "Bio-Vollmilch 3,8 % 1 l" in await get(port)
            await view.handle(c.PayCash(200))
            await rig.until(lambda: server.display.rows == ("Summe           1,39", "Rückgeld        0,61"))
            await rig.until(lambda: rig.side._code[1])
            assert "<svg" in await get(port)
        server.close()

    asyncio.run(asyncio.wait_for(body(), 20))


def test_with_every_device_of_the_customers_gone_each_scan_is_a_line_at_once(tmp_path: Path) -> None:
    """Counted, not timed: the line is there before anything of the customer's side has run."""

    async def body() -> None:
        rig = Rig(display=f"serial:{tmp_path / 'nowhere'}", customer_screen="192.0.2.1:8090")
        async with rig.running():
            view = rig.shop.till
            await rig.until(
                lambda: view.view.display.state == "absent" and view.view.customer_screen.state == "fault"
            )
            for count in range(1, 51):
                rig.shop.scan(MILK)
                assert len(view.view.lines) == count
            rig.side._words = None  # type: ignore[assignment]  # a bug in what the customer sees
            rig.shop.scan(MILK)
            await asyncio.sleep(0)
            rig.shop.scan(MILK)
            await view.handle(c.PayCash())
            assert len(rig.shop.journal.sales) == 1

    asyncio.run(asyncio.wait_for(body(), 20))


def test_an_address_that_makes_no_sense_is_told_as_a_fault_and_the_till_sells() -> None:
    async def body() -> None:
        rig = Rig(display="usb:somewhere", customer_screen="nowhere")
        async with rig.running():
            view = rig.shop.till.view
            assert (view.display.state, view.customer_screen.state) == ("fault", "fault")
            assert not rig.side.wanted
            rig.shop.scan(MILK)
            assert len(rig.shop.till.view.lines) == 1

    asyncio.run(asyncio.wait_for(body(), 20))
