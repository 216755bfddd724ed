"""The terminal's side of its line. Whole messages go in and out; what the till does wrong with bytes is told to `complain`."""

import asyncio
import contextlib
import contextvars
from collections.abc import Callable
from typing import Protocol

from tests.simulators.terminal.wire import ACK, DLE, ETX, NAK, STX, WireError, crc, frame, split_apdu

__all__ = ["Link", "LinkLostError", "SerialLink", "TcpLink", "Writer"]

T1_S, T2_S, SENDS = 0.2, 5.0, 3


class LinkLostError(ConnectionError):
    """The till is not there any more, or does not answer."""


class Writer(Protocol):
    def write(self, data: bytes) -> None: ...
    async def drain(self) -> None: ...
    def close(self) -> None: ...


def _nobody(_: str) -> None:
    pass


class Link:
    """`fresh`: a new one is a new connection, whose till has to register. `on_message` gets None when the line ended."""

    fresh = True

    def __init__(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer
        self._task: asyncio.Task[None] | None = None
        self.lost = False
        self.dead = False  # nothing passes in either direction, and nobody is told
        self.complain: Callable[[str], None] = _nobody
        self.on_message: Callable[[bytes | None], None] = lambda _: None

    def start(self, context: contextvars.Context) -> None:
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._pump(), context=context)

    async def _pump(self) -> None:
        try:
            await self._read()
        except (OSError, EOFError):
            pass
        except WireError as error:
            self.complain(f"bytes: {error}")
        self._gone()

    async def _read(self) -> None:
        raise NotImplementedError

    def _gone(self) -> None:
        if not self.lost:
            self.lost = True
            self.on_message(None)

    async def send(self, message: bytes) -> None:
        """Returns when it is under way (TCP) or was heard (serial). Raises LinkLostError."""
        raise NotImplementedError

    async def _write(self, data: bytes) -> None:
        if self.lost:
            raise LinkLostError("the line has ended")
        if self.dead:
            return
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise LinkLostError(str(error)) from error

    @property
    def disturbed(self) -> bool:
        """Was anything said twice or lost, so that the two sides may differ about what was answered?"""
        return False

    async def junk(self, data: bytes) -> None:
        """Bytes that are no message."""
        await self._write(data)

    def cut(self) -> None:
        """The line ends at once, with what is on it."""
        transport = getattr(self._writer, "transport", None)
        with contextlib.suppress(OSError):
            if transport is not None and hasattr(transport, "abort"):
                transport.abort()
            self._writer.close()
        self.stop()

    async def end(self) -> None:
        """The line ends when what was sent has arrived."""
        with contextlib.suppress(OSError):
            await self._writer.drain()
            self._writer.close()
        self.stop()

    def stop(self) -> None:
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._gone()


class TcpLink(Link):
    async def _read(self) -> None:
        held = b""
        while True:
            data = await self._reader.read(4096)
            if not data:
                if held and not self.dead:
                    self.complain(f"the line ended within a message: {held.hex()}")
                return
            if self.dead:
                held = b""
                continue
            held += data
            while (found := split_apdu(held)) is not None:
                control, content, rest = found
                self.on_message(held[: len(held) - len(rest)])
                held = rest
                del control, content

    async def send(self, message: bytes) -> None:
        await self._write(message)


class SerialLink(Link):
    """The serial line with its check bytes, T1, T2, NAK and repeats.

    What it does wrong on purpose, each so many times: `lose_acks`, it says nothing to a good message; `garble`, a message
    of its own has a wrong check byte; `stutter`, it stops in the middle of one for longer than T1. `noise` comes before
    the next message.
    """

    fresh = False

    def __init__(
        self, reader: asyncio.StreamReader, writer: Writer, *, t1_s: float = T1_S, t2_s: float = T2_S
    ) -> None:
        super().__init__(reader, writer)
        self._t1_s = t1_s
        self._t2_s = t2_s
        self._answer: asyncio.Future[int] | None = None
        self._last: bytes | None = None  # received, as long as the till has acknowledged nothing after it
        self._unheard: tuple[bytes, float] | None = None  # received and not acknowledged, and when
        self.lose_acks = self.garble = self.stutter = 0
        self.noise = b""
        self.naks_sent = self.naks_heard = self.repeats = self.duplicates = 0

    @property
    def disturbed(self) -> bool:
        return bool(self.repeats or self.duplicates or self.naks_sent or self.naks_heard)

    async def _byte(self, within: bool) -> int | None:
        """The next one; None when T1 is over within a frame."""
        try:
            data = await asyncio.wait_for(self._reader.read(1), self._t1_s if within else None)
        except TimeoutError:
            return None
        if not data:
            raise EOFError
        return data[0]

    async def _read(self) -> None:
        while True:
            byte = await self._byte(False)
            assert byte is not None
            if self.dead:
                continue
            if byte in (ACK, NAK):
                if self._answer is None or self._answer.done():
                    self.complain(f"{'ACK' if byte == ACK else 'NAK'} to nothing")
                else:
                    self._last = None if byte == ACK else self._last
                    self._answer.set_result(byte)
            elif byte == DLE:
                await self._frame()
            else:
                self.complain(f"byte {byte:02X} between frames")

    async def _frame(self) -> None:
        message = await self._content()
        if self.dead:
            return
        if message is None:
            self.naks_sent += 1
            await self._write(bytes((NAK,)))
            return
        repeated = message == self._last or self._comes_again(message)
        self._last = message
        if self.lose_acks:
            self.lose_acks -= 1
            self._unheard = (message, asyncio.get_running_loop().time())
        else:
            await self._write(bytes((ACK,)))
        if repeated:
            self.duplicates += 1
            return
        self.on_message(message)

    def _comes_again(self, message: bytes) -> bool:
        """The repetition of one whose ACK was lost, even if the terminal went on meanwhile."""
        if self._unheard is None or self._unheard[0] != message:
            return False
        since = asyncio.get_running_loop().time() - self._unheard[1]
        self._unheard = None
        return since >= 0.9 * self._t2_s

    async def _content(self) -> bytes | None:
        if await self._byte(True) != STX:
            self.complain("a frame that does not begin with DLE STX")
            return None
        content = bytearray()
        while True:
            byte = await self._byte(True)
            if byte is None:
                return None
            if byte == DLE:
                byte = await self._byte(True)
                if byte == ETX:
                    break
                if byte != DLE:
                    if byte is not None:
                        self.complain(f"DLE {byte:02X} within a frame")
                    return None
            content.append(byte)
        first, second = await self._byte(True), await self._byte(True)
        if first is None or second is None:
            return None
        message = bytes(content)
        if bytes((first, second)) != crc(message + bytes((ETX,))):
            self.complain("a wrong check byte")
            return None
        whole = split_apdu(message)
        if whole is None or whole[2]:
            self.complain(f"the length in {message.hex()} is not that of the frame")
            return None
        return message

    async def send(self, message: bytes) -> None:
        for turn in range(SENDS):
            self.repeats += turn > 0
            self._answer = asyncio.get_running_loop().create_future()
            await self._send_once(frame(message))
            try:
                heard = await asyncio.wait_for(self._answer, self._t2_s)
            except TimeoutError:
                heard = NAK
            if self.lost:
                raise LinkLostError("the line has ended")
            if heard == ACK:
                return
            self.naks_heard += 1
        raise LinkLostError("three times sent, and no ACK")

    async def _send_once(self, whole: bytes) -> None:
        if self.noise:
            noise, self.noise = self.noise, b""
            await self._write(noise)
        if self.garble:
            self.garble -= 1
            whole = whole[:-1] + bytes((whole[-1] ^ 0x55,))
        if self.stutter:
            self.stutter -= 1
            await self._write(whole[: len(whole) // 2])
            await asyncio.sleep(self._t1_s * 2)
            return  # the rest never comes
        await self._write(whole)

    def _gone(self) -> None:
        super()._gone()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(NAK)
