"""Whole messages (APDUs) to and from a terminal, over a serial line or TCP.

A link puts what comes into its `inbox`: messages in order, and `Down` once when it ended. `send` returns when the other side
has the message as far as the link can know.
"""

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from drivers.card.streams import Stream
from drivers.card.zvt.apdu import Apdu, encode
from drivers.card.zvt.serial import (
    ACK,
    NAK,
    BadFrame,
    LinkAck,
    LinkNak,
    Received,
    SerialEvent,
    SerialReader,
    frame,
)
from drivers.card.zvt.tcp import TcpReader
from drivers.supervisor import DeviceAbsentError, DeviceFaultError

__all__ = ["Down", "Link", "SerialLink", "TcpLink"]

T1_S: Final = 0.2
T2_S: Final = 5.0
REPEATS: Final = 2
_WRITE_S: Final = 5.0

_log = logging.getLogger(__name__)


OnApdu = Callable[[str, Apdu], None]
"""Hears every message, with ">" for what the till says and "<" for what the terminal does."""


def _nothing(*_: object) -> None:
    pass


class Down(msgspec.Struct, frozen=True):
    """The link has ended."""

    error: DeviceAbsentError | DeviceFaultError


def _forget(error: BaseException) -> None:
    """The frames that it went through lose their variables: what a terminal sent is in them, not yet masked."""
    seen: BaseException | None = error
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen = seen.__context__


class Link(Protocol):
    inbox: asyncio.Queue[Any]
    """Apdu, Down, and whatever the link's owner puts there."""

    async def open(self) -> None:
        """Raises DeviceAbsentError, DeviceFaultError."""
        ...

    async def send(self, apdu: Apdu, *, unasked: bool = False) -> bool:
        """True when it went out once; False when it was repeated, so that it may have arrived twice. `unasked`: a message of the terminal's may cross it. Raises DeviceAbsentError when it may not have arrived."""
        ...

    def close(self) -> None: ...


class _Link:
    """What both have in common: the stream, the task that listens to it, and its end."""

    def __init__(
        self, stream: Stream, on_life: Callable[[], None] = _nothing, on_apdu: OnApdu = _nothing
    ) -> None:
        self.inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._stream = stream
        self._on_life = on_life
        self._on_apdu = on_apdu
        self._listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        self.inbox = asyncio.Queue()
        await self._stream.open()
        self._listening = asyncio.create_task(self._listen())

    def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            self._listening = None
        self._stream.close()

    async def _listen(self) -> None:
        try:
            await self._stream.receive(self._heard)
        except (DeviceAbsentError, DeviceFaultError) as error:
            _forget(error)
            self._ended(error)
        except Exception as error:  # noqa: BLE001 - whoever reads the inbox hears of every end
            _forget(error)
            _log.exception("the line to a card terminal failed")
            self._ended(DeviceFaultError("card-line"))
        else:
            self._ended(DeviceAbsentError("card-closed"))

    def _ended(self, error: DeviceAbsentError | DeviceFaultError) -> None:
        self.inbox.put_nowait(Down(error))

    def _come(self, apdu: Apdu) -> None:
        self._on_apdu("<", apdu)
        self.inbox.put_nowait(apdu)

    def _heard(self, data: bytes) -> None:
        raise NotImplementedError


class TcpLink(_Link):
    """Bare messages. What cannot be ZVT ends the link with a fault that says so."""

    def __init__(
        self, stream: Stream, on_life: Callable[[], None] = _nothing, on_apdu: OnApdu = _nothing
    ) -> None:
        super().__init__(stream, on_life, on_apdu)
        self._reader = TcpReader()

    async def open(self) -> None:
        self._reader = TcpReader()
        await super().open()

    async def send(self, apdu: Apdu, *, unasked: bool = False) -> bool:  # noqa: ARG002 - nothing is replied here
        self._on_apdu(">", apdu)
        try:
            await self._stream.write(encode(apdu), _WRITE_S)
        except TimeoutError:
            raise DeviceAbsentError("card-silent") from None
        return True

    def _heard(self, data: bytes) -> None:
        self._on_life()
        for event in self._reader.feed(data):
            if isinstance(event, Received):
                self._come(event.apdu)
            else:
                _log.error("card terminal: no ZVT (%s): %s", event.protocol, event.sample)
                raise DeviceFaultError(f"card-{event.protocol}")


class SerialLink(_Link):
    """Framed messages, each acknowledged on the line before anybody reads it, repeated where that does not come.

    A message that comes again before our answer to it has arrived is the same one, whose acknowledgement was lost: it is
    acknowledged again and not given on. A new message acknowledges what we sent before, for a terminal says nothing
    further before it has our answer.
    """

    def __init__(
        self, stream: Stream, on_life: Callable[[], None] = _nothing, on_apdu: OnApdu = _nothing
    ) -> None:
        super().__init__(stream, on_life, on_apdu)
        self._reader = SerialReader()
        self._one = asyncio.Lock()  # one frame is under way
        self._writing = asyncio.Lock()  # bytes keep their order
        self._reply: asyncio.Future[bool] | None = None
        self._unasked = False
        self._last: Apdu | None = None
        self._answered = True
        self._t1: asyncio.TimerHandle | None = None
        self._replies: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        self._reader = SerialReader()
        self._last, self._answered = None, True
        await super().open()

    def close(self) -> None:
        if self._t1 is not None:
            self._t1.cancel()
        if self._reply is not None and not self._reply.done():
            self._reply.cancel()
        for task in self._replies:
            task.cancel()
        super().close()

    @property
    def noise(self) -> int:
        """Bytes that belonged to nothing since it was opened."""
        return self._reader.noise

    async def send(self, apdu: Apdu, *, unasked: bool = False) -> bool:
        data = frame(apdu)
        self._on_apdu(">", apdu)
        async with self._one:
            self._unasked = unasked
            for repeats in range(1 + REPEATS):
                if await self._arrives(data):
                    return not repeats
        if self._reader.noise:
            raise DeviceAbsentError("card-noise")
        raise DeviceAbsentError("card-silent")

    async def _arrives(self, data: bytes) -> bool:
        """Send once. False: it was refused, or nothing was said for T2."""
        while self._replies:  # what came is acknowledged before anything of our own is said
            await asyncio.wait(self._replies)
        self._reply = asyncio.get_running_loop().create_future()
        try:
            await self._write(data)
            async with asyncio.timeout(T2_S):
                return await self._reply
        except TimeoutError:
            return False
        finally:
            self._reply = None

    async def _write(self, data: bytes) -> None:
        async with self._writing:
            try:
                await self._stream.write(data, _WRITE_S)
            except TimeoutError:
                raise DeviceAbsentError("card-silent") from None

    def _heard(self, data: bytes) -> None:
        self._on_life()
        self._take(self._reader.feed(data))
        if self._t1 is not None:
            self._t1.cancel()
            self._t1 = None
        if self._reader.inside:
            self._t1 = asyncio.get_running_loop().call_later(T1_S, self._silence)

    def _silence(self) -> None:
        """T1: the frame does not go on."""
        self._t1 = None
        self._take(self._reader.lost())

    def _take(self, events: list[SerialEvent]) -> None:
        for event in events:
            match event:
                case LinkAck():
                    self._replied(arrived=True)
                case LinkNak():
                    self._replied(arrived=False)
                case BadFrame():
                    self._say(NAK)
                case Received(apdu):
                    self._say(ACK)
                    if apdu == self._last and not self._answered:
                        continue
                    if not self._unasked:
                        self._replied(arrived=True)
                    self._last, self._answered = apdu, False
                    self._come(apdu)

    def _replied(self, *, arrived: bool) -> None:
        if self._reply is not None and not self._reply.done():
            self._answered = self._answered or arrived
            self._reply.set_result(arrived)

    def _say(self, reply: bytes) -> None:
        task = asyncio.create_task(self._say_now(reply))
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)

    async def _say_now(self, reply: bytes) -> None:
        with contextlib.suppress(DeviceAbsentError):  # whoever listens hears of the line's end
            await self._write(reply)

    def _ended(self, error: DeviceAbsentError | DeviceFaultError) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)
        super()._ended(error)
