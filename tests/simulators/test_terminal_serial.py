"""The card terminal on a serial line: check bytes, T1 and T2, NAK, repeats, duplicates after a lost ACK."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.virtual import VirtualLoop, run_virtual
from tests.simulators.terminal import Act, Pipe, SerialLink, Setup, Step, Terminal, Timing
from tests.simulators.terminal.server import PtyPort, TcpPort
from tests.simulators.terminal.till import REGISTER, ScriptedTill, connected
from tests.simulators.terminal.wire import frame

PAY = "06010A04000000001250490978"
REPEAT = "0620050000000303"


def on_a_wire(
    work: Callable[[Terminal, Pipe, ScriptedTill, VirtualLoop], Coroutine[Any, Any, None]], **setup: Any
) -> None:
    async def main(loop: VirtualLoop) -> None:
        terminal = Terminal(Setup(**setup))
        terminal.start()
        pipe, till = connected(terminal, serial=True)
        await till.run(REGISTER)
        till.heard.clear()
        await work(terminal, pipe, till, loop)
        terminal.stop()

    run_virtual(main)


def wire_of(terminal: Terminal) -> SerialLink:
    assert isinstance(terminal.link, SerialLink)
    return terminal.link


def test_a_payment_on_the_wire_is_a_payment() -> None:
    async def work(terminal: Terminal, _: Pipe, till: ScriptedTill, loop: VirtualLoop) -> None:
        heard = await till.run(PAY)
        assert [message[:4] for message in heard][-4:] == ["040F", "06D3", "06D3", "060F"]
        assert terminal.bank.net_minor == 1250
        assert terminal.violations == []
        assert loop.time() < 10

    on_a_wire(work)


def test_a_lost_acknowledgement_makes_the_till_repeat_and_nothing_happens_twice() -> None:
    async def work(terminal: Terminal, _: Pipe, till: ScriptedTill, loop: VirtualLoop) -> None:
        wire = wire_of(terminal)
        wire.lose_acks = 1
        till.link.on_message = till.inbox.put_nowait
        await till.run(PAY)
        assert wire.duplicates == 1
        assert terminal.bank.net_minor == 1250
        assert len(terminal.bank.charges) == 1

    on_a_wire(work)


@pytest.mark.parametrize("fault", ["garble", "stutter"])
def test_a_bad_frame_is_refused_and_comes_again(fault: str) -> None:
    async def work(terminal: Terminal, _: Pipe, till: ScriptedTill, loop: VirtualLoop) -> None:
        setattr(wire_of(terminal), fault, 2)
        await till.run(PAY)
        assert wire_of(terminal).repeats == 2
        assert terminal.bank.net_minor == 1250

    on_a_wire(work)


def test_after_three_bad_frames_the_terminal_gives_up() -> None:
    async def work(terminal: Terminal, _: Pipe, till: ScriptedTill, loop: VirtualLoop) -> None:
        wire_of(terminal).garble = 3
        await till.send(PAY)
        with pytest.raises(TimeoutError):
            await till.next(20)
        assert wire_of(terminal).repeats == 2
        assert terminal.busy == ""
        assert terminal.bank.charges == []

    on_a_wire(work, goes_on=False)


def test_a_frame_of_the_till_with_a_wrong_check_byte_or_cut_short_is_refused() -> None:
    async def main(loop: VirtualLoop) -> None:
        terminal = Terminal()
        terminal.start()
        pipe = Pipe()
        terminal.attach(SerialLink(pipe.terminal.reader, pipe.terminal.writer))
        whole = frame(bytes.fromhex(REGISTER))

        async def answer(data: bytes) -> bytes:
            pipe.till.writer.write(data)
            await asyncio.sleep(0.5)
            return await pipe.till.reader.read(1)

        assert await answer(whole[:-1] + bytes((whole[-1] ^ 1,))) == b"\x15"
        assert terminal.violations == ["a wrong check byte"]
        assert await answer(whole[:9]) == b"\x15"
        assert await answer(b"\x55" + whole) == b"\x06"
        assert terminal.violations[1:] == ["byte 55 between frames"]
        terminal.stop()

    run_virtual(main)


def test_a_wire_that_is_dead_for_a_while_brings_what_was_repeated_meanwhile() -> None:
    """The status goes out again by T2; the till that hears it then is in time."""

    async def work(terminal: Terminal, _: Pipe, till: ScriptedTill, loop: VirtualLoop) -> None:
        def script(step: Step) -> Act:
            if step.message == "040F":
                wire_of(terminal).dead = True
                loop.call_later(7, setattr, wire_of(terminal), "dead", False)
            return Act.PASS

        terminal.script = script
        heard = await till.run(PAY)
        assert heard[-1] == "060F00"
        assert wire_of(terminal).repeats == 2
        assert terminal.bank.net_minor == 1250

    on_a_wire(work)


def test_a_till_that_starts_anew_on_the_wire_hears_what_the_old_one_left() -> None:
    async def work(terminal: Terminal, pipe: Pipe, till: ScriptedTill, loop: VirtualLoop) -> None:
        await till.send(PAY)
        assert await till.next() == bytes.fromhex("800000")
        await till.next()
        pipe.cut()
        _, again = connected(terminal, serial=True)
        late = await again.next(20)
        assert late is not None
        assert late.hex().upper().startswith(("04FF", "040F"))
        await again.send("800000")
        while late.hex()[:4] != "060f":
            late = await again.next(20)
            assert late is not None
            await again.send("800000")
        assert terminal.bank.net_minor == 1250
        assert terminal.violations == []
        await asyncio.sleep(1)
        assert (await again.run(REPEAT))[-1] == "060F00"

    on_a_wire(work)


def test_on_a_pty_and_on_a_real_socket_a_payment_is_a_payment(tmp_path: Path) -> None:
    quick = Timing(card_s=0.01, pin_s=0.01, host_s=0.01)

    async def over(port: PtyPort | TcpPort) -> list[str]:
        terminal = port.terminal
        terminal.start()
        await port.plug()
        loop = asyncio.get_running_loop()
        if isinstance(port, TcpPort):
            reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
            till = ScriptedTill(Ends(reader, writer))
        else:
            line = os.open(port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            reader = asyncio.StreamReader()
            loop.add_reader(line, lambda: reader.feed_data(os.read(line, 4096)))
            till = ScriptedTill(Ends(reader, _Descriptor(line)), serial=True)
        await till.run(REGISTER)
        heard = await till.run(PAY)
        till.link.cut()
        if isinstance(port, PtyPort):
            loop.remove_reader(line)
            os.close(line)
        await port.unplug()
        terminal.stop()
        await asyncio.sleep(0.01)
        return heard

    pty = PtyPort(Terminal(timing=quick), tmp_path / "terminal")
    tcp = TcpPort(Terminal(timing=quick))
    assert asyncio.run(over(pty))[-1] == "060F00"
    assert asyncio.run(over(tcp))[-1] == "060F00"
    assert pty.terminal.bank.net_minor == tcp.terminal.bank.net_minor == 1250
    assert pty.terminal.violations == tcp.terminal.violations == []


class Ends:
    def __init__(self, reader: asyncio.StreamReader, writer: Any) -> None:
        self.reader = reader
        self.writer = writer


class _Descriptor:
    def __init__(self, line: int) -> None:
        self._line = line

    def write(self, data: bytes) -> None:
        os.write(self._line, data)

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def close(self) -> None:
        pass
