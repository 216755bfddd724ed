"""A driver in virtual time, the till's side of it, and a terminal whose every byte is given in the test."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from drivers.card.addresses import read_card_address
from drivers.card.orders import Wishes
from drivers.card.talk import Timers
from drivers.card.terminal import ZvtTerminal
from drivers.card.zvt import Apdu, SerialReader, encode, frame
from drivers.card.zvt.serial import Received
from pos.card_ports import NotKeptError, TerminalDay, TerminalSeen, TerminalStatus
from pos.domain.card import CardAnswer, CardEnd, CardPaper, CardRequest, CardResult, CardState
from pos.domain.commands import Command, DeviceReported
from tests.simulation.virtual import SimClock, VirtualLoop, run_virtual
from tests.unit.card.lines import ScriptedStream, hexed

__all__ = ["ACK", "APPROVED", "SALE", "Bench", "Desk", "Peer", "bench", "now", "status"]

ACK = "800000"
TID = "52500041"
SALE = CardRequest("P1", "sale", 1250)


def now() -> float:
    return asyncio.get_running_loop().time()


def apdu(control: str, data: str = "") -> str:
    content = hexed(data)
    return encode(Apdu(int(control, 16), content)).hex().upper()


def status(
    code: str = "00",
    *,
    amount: int = 1250,
    receipt: int = 8,
    trace: int = 17,
    more: str = "",
    date: str = "1122",
) -> str:
    """A 04 0F: result, amount, currency, terminal, trace, time, date, receipt."""
    return apdu(
        "040F",
        f"27{code}04{amount:012d}490978 29{TID} 0B{trace:06d} 0C141500 0D{date} 87{receipt:04d}{more}",
    )


APPROVED = status()
BEFORE = status(amount=500, receipt=7, trace=16)


class Peer(ScriptedStream):
    """The terminal. On a serial line it acknowledges by itself, unless `mute`."""

    def __init__(self, transport: str) -> None:
        super().__init__()
        self.serial = transport == "serial"
        self.mute = False
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self._reader = SerialReader()
        self.on_write = self._take

    def _take(self, data: bytes) -> None:
        if not self.serial:
            self.heard.put_nowait(data.hex().upper())
            return
        for event in self._reader.feed(data):
            if isinstance(event, Received) and not self.mute:
                self.say(b"\x06")
                self.heard.put_nowait(encode(event.apdu).hex().upper())

    def tell(self, message: str) -> None:
        data = hexed(message)
        self.say(frame(data) if self.serial else data)

    async def expect(self, start: str, within_s: float = 100.0) -> str:
        async with asyncio.timeout(within_s):
            found = await self.heard.get()
        assert found.startswith(start), f"{found} instead of {start}"
        return found

    async def ask(self, message: str) -> None:
        """Say something, and be answered with 80 00 00."""
        self.tell(message)
        await self.expect(ACK)

    def forget(self) -> None:
        """What was heard so far is nobody's."""
        while not self.heard.empty():
            self.heard.get_nowait()

    async def nothing(self, for_s: float) -> None:
        """The till says nothing."""
        await asyncio.sleep(for_s)
        assert self.heard.empty(), self.heard.get_nowait()

    async def register(self, tags: str = "", *, needs: str = "00") -> str:
        """Be registered as TID, in euros. `tags` are those it understands."""
        order = await self.expect("0600")
        self.tell(ACK)
        about = f"1F71{len(hexed(tags)):02X}{tags}" if tags else ""
        container = f"06{len(hexed(about)):02X}{about}" if about else ""
        await self.ask(apdu("060F", f"19{needs}29{TID}490978{container}"))
        return order

    async def repeat(self, answer: str = BEFORE) -> str:
        """Be asked for the last transaction. An empty answer: it has none."""
        order = await self.expect("0620")
        self.tell(ACK)
        if answer:
            await self.ask(answer)
            await self.ask("060F00")
        else:
            await self.ask("061E0183")
        return order

    async def poll(self, code: str = "00") -> None:
        """Be asked how it is."""
        await self.expect("0501")
        self.tell(ACK)
        await self.ask(apdu("060F", f"F0F0F0{code}"))

    async def ready(self, tags: str = "") -> None:
        """Registered, met, polled."""
        await self.register(tags)
        await self.repeat()
        await self.poll()

    async def order(self, start: str = "0601") -> str:
        """Accept what is asked."""
        found = await self.expect(start)
        self.tell(ACK)
        return found


class Desk:
    """The till. `events` in their order, each with its time; `keep` may fail or take its time."""

    def __init__(self) -> None:
        self.known: set[tuple[str, str]] = set()
        self.events: list[tuple[float, str, Any]] = []
        self.keep: Callable[[str, Any], Awaitable[None]] | None = None
        self.on_end: Callable[[], None] = lambda: None
        self._news = asyncio.Event()

    def _note(self, what: str, about: Any) -> None:
        self.events.append((now(), what, about))
        self._news.set()

    def of(self, what: str) -> list[Any]:
        return [about for _, kind, about in self.events if kind == what]

    def at(self, what: str) -> list[float]:
        return [at for at, kind, _ in self.events if kind == what]

    async def wait(self, what: str, count: int = 1, within_s: float = 1000.0) -> Any:
        """The last of them."""
        async with asyncio.timeout(within_s):
            while len(self.of(what)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(what)[-1]

    def knows(self, terminal: str, terminal_id: str) -> bool:
        return (terminal, terminal_id) in self.known

    async def seen(self, terminal: str, seen: TerminalSeen) -> None:
        await self._kept("seen", seen)
        self.known.add((terminal, seen.terminal_id))
        self._note("seen", seen)

    async def result(self, payment_id: str, result: CardResult) -> None:
        await self._kept("result", result)
        self._note("result", result)
        self._note("result of", payment_id)

    async def paper(self, payment_id: str, paper: CardPaper) -> None:
        await self._kept("paper", paper)
        self._note("paper", paper)
        self._note("paper of", payment_id)

    async def printed(self, terminal: str, paper: CardPaper) -> None:
        await self._kept("printed", paper)
        self._note("printed", paper)
        self._note("printed by", terminal)

    async def _kept(self, what: str, value: Any) -> None:
        if self.keep is not None:
            await self.keep(what, value)

    def state(self, payment_id: str, state: CardState) -> None:
        del payment_id
        self._note("state", state)

    def ended(self, payment_id: str, end: CardEnd) -> None:
        self._note("ended", end)
        self._note("ended of", payment_id)
        self.on_end()

    def answer(self, payment_id: str, answer: CardAnswer) -> None:
        del payment_id
        self._note("answer", answer)

    def not_cancelled(self, payment_id: str, code: int | None) -> None:
        del payment_id
        self._note("not cancelled", code)

    def day(self, terminal: str, day: TerminalDay) -> None:
        del terminal
        self._note("day", day)

    def status(self, terminal: str, status: TerminalStatus) -> None:
        del terminal
        self._note("status", status)


async def refuse(what: str, value: Any) -> None:
    """A till that can keep no result."""
    del value
    if what == "result":
        raise NotKeptError


class Bench:
    def __init__(self, loop: VirtualLoop, transport: str, **options: Any) -> None:
        self.peer = Peer(transport)
        self.desk = Desk()
        self.reports: list[Command] = []
        self.traced: list[str] = []
        address = options.pop("address", "tcp:terminal" if transport == "tcp" else "serial:/dev/ttyACM0")
        wishes = options.pop("wishes", Wishes())
        if options.pop("trace", False):
            options["trace"] = self.traced.append
        self.terminal = ZvtTerminal(
            "1",
            read_card_address(address),
            self.reports.append,
            SimClock(loop, "till"),
            wishes=wishes,
            open_stream=lambda _address: self.peer,
            timers=options.pop("timers", Timers()),
            **options,
        )
        self.terminal.connect(self.desk)

    @property
    def details(self) -> list[tuple[str, str]]:
        return [
            (report.state, report.detail) for report in self.reports if isinstance(report, DeviceReported)
        ]


def bench(
    play: Callable[[Bench], Awaitable[None]], transport: str = "tcp", *, known: bool = False, **options: Any
) -> Bench:
    """Run the driver against what `play` has the terminal do. `known`: the till has met the terminal before."""

    async def main(loop: VirtualLoop) -> Bench:
        found = Bench(loop, transport, **options)
        if known:
            found.desk.known.add(("1", TID))
        running = asyncio.create_task(found.terminal.run())
        try:
            await play(found)
        finally:
            running.cancel()
        assert loop.faults == []
        return found

    return run_virtual(main)
