"""The whole driver over a real socket and a real pty, against the terminal of tests/simulators."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from drivers.card.addresses import read_card_address
from drivers.card.orders import Wishes
from drivers.card.terminal import ZvtTerminal
from pos.domain.card import CardEnd, CardRequest
from pos.system import SystemClock
from tests.simulators.terminal import Setup, Terminal, Timing
from tests.simulators.terminal.server import PtyPort, TcpPort
from tests.unit.card.bench import Desk

QUICK = Timing(card_s=0.01, pin_s=0.01, host_s=0.01)


async def day(address: str, terminal: Terminal, meanwhile: Callable[[], Awaitable[None]]) -> Desk:
    """A payment, a mishap, another payment, the end of day."""
    desk = Desk()
    driver = ZvtTerminal("1", read_card_address(address), lambda _: None, SystemClock(), wishes=Wishes())
    driver.connect(desk)
    running = asyncio.create_task(driver.run())
    try:
        driver.start(CardRequest("A", "sale", 1200))
        assert await desk.wait("ended", within_s=20) == CardEnd("completion")
        await meanwhile()
        driver.start(CardRequest("B", "sale", 800))
        assert await desk.wait("ended", 2, within_s=20) == CardEnd("completion")
        driver.close_day()
        assert (await desk.wait("day", within_s=20)).totals.total_minor == 2000
        assert terminal.bank.net_minor == 2000
        assert [result.code for result in desk.of("result")] == [0, 0]
        assert len(desk.of("paper")) == 4
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return desk


def test_over_a_socket_whose_cable_is_pulled_between_two_payments() -> None:
    async def main() -> None:
        terminal = Terminal(Setup(), timing=QUICK)
        terminal.start()
        port = TcpPort(terminal)
        await port.plug()

        async def pull() -> None:
            await port.unplug()
            await port.plug()

        try:
            await day(f"tcp:127.0.0.1:{port.port}", terminal, pull)
            assert port.connections >= 2
        finally:
            terminal.stop()
            await port.unplug()
        assert terminal.violations == []

    asyncio.run(main())


def test_over_a_pty(tmp_path: Path) -> None:
    async def main() -> None:
        terminal = Terminal(Setup(), timing=QUICK)
        terminal.start()
        port = PtyPort(terminal, tmp_path / "terminal")
        await port.plug()
        try:
            await day(f"serial:{tmp_path / 'terminal'}?baud=115200", terminal, lambda: asyncio.sleep(0))
        finally:
            terminal.stop()
            await port.unplug()
        assert terminal.violations == []

    asyncio.run(main())
