"""The real till as its program wires it, in this process, with a card terminal on a real line and real time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from pos.bootstrap import OpenTill, create_till, open_till
from pos.domain import commands as c
from pos.domain.article import Article
from pos.settings import Settings, load_settings
from tests.simulators.terminal import Setup, Terminal, Timing
from tests.simulators.terminal.links import Link
from tests.simulators.terminal.server import PtyPort, TcpPort

__all__ = ["PIN", "LocalTerminal", "article", "on_line", "opened_with", "prepare", "until"]

PIN = "4711"
QUICK: Final = Timing(card_s=0.001, pin_s=0.001, host_s=0.001, step_s=0.001)


class LocalTerminal(Terminal):
    """Knows all lines that it ever had, so that each can be closed."""

    def __init__(self, setup: Setup | None = None) -> None:
        super().__init__(setup, timing=QUICK)
        self.lines: list[Link] = []

    def attach(self, link: Link) -> None:
        self.lines.append(link)
        super().attach(link)


def prepare(state: Path, card: str, **devices: Any) -> Settings:
    """A fresh till whose settings name a card terminal. Articles come from `article`."""
    settings = load_settings(state)
    create_till(state, settings, "k1", "Kim", PIN)
    changed = msgspec.structs.replace(settings.devices, card=(card,), **devices)
    return msgspec.structs.replace(settings, devices=changed)


@contextlib.asynccontextmanager
async def opened_with(
    state: Path, settings: Settings, before: Callable[[OpenTill], None] = lambda _: None
) -> AsyncIterator[OpenTill]:
    """The till and all that runs beside it, somebody signed in. `before` is called before anything runs."""
    async with open_till(state, settings) as opened:
        before(opened)
        running = [asyncio.create_task(make(), name=name) for name, make in opened.tasks()]
        try:
            await opened.till.handle(c.SignIn("Kim", PIN))
            yield opened
            await opened.till.settle()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


@contextlib.asynccontextmanager
async def on_line(terminal: LocalTerminal, transport: str, folder: Path) -> AsyncIterator[str]:
    """The terminal, switched on and plugged in; gives its address for the till."""
    port = TcpPort(terminal) if transport == "tcp" else PtyPort(terminal, folder / "terminal")
    terminal.start()
    await port.plug()
    try:
        yield (
            f"tcp:127.0.0.1:{port.port}" if isinstance(port, TcpPort) else f"serial:{port.path}?baud=115200"
        )
    finally:
        terminal.stop()
        await port.unplug()
        for line in terminal.lines:
            line.cut()
        for _ in range(3):  # a connection is closed when the loop comes round
            await asyncio.sleep(0)


async def until(holds: Callable[[], bool], what: Callable[[], object] = lambda: "") -> None:
    """Let everything run until it holds; the limit is for what hangs."""
    for _ in range(15_000):
        if holds():
            return
        await asyncio.sleep(0.002)
    raise AssertionError(f"it never came: {what()}")


def article(minor: int) -> Article:
    return Article(sku=f"A{minor}", gtin="", text="Artikel", tax_code="A", price_minor=minor, department=1)
