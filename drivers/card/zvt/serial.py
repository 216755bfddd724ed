"""Frames on a serial line: `10 02` APDU `10 03` CRC, each 10 in the APDU doubled, the CRC not.

The reader is given whatever a read brought and says what was in it. It has no clock: after 200 ms of silence in the
middle of a frame (T1) call `lost`.
"""

from typing import Final

import msgspec

from drivers.card.zvt import apdu as apdus
from drivers.card.zvt.apdu import Apdu
from drivers.card.zvt.crc import crc16

__all__ = ["ACK", "NAK", "BadFrame", "LinkAck", "LinkNak", "Received", "SerialReader", "frame"]

ACK: Final = b"\x06"
NAK: Final = b"\x15"
_DLE: Final = 0x10
_STX: Final = 0x02
_ETX: Final = 0x03
_START: Final = b"\x10\x02"
_RAW_MAX: Final = 2 * (apdus.DATA_MAX + 5) + 6
_SEARCH: Final = 16_384  # bytes that are read again, at most, to find a frame in a spoilt one


class Received(msgspec.Struct, frozen=True):
    """A whole message with the right checksum: acknowledge it with `ACK` at once."""

    apdu: Apdu


class LinkAck(msgspec.Struct, frozen=True):
    """The other side has our frame."""


class LinkNak(msgspec.Struct, frozen=True):
    """The other side could not read our frame: send it again, twice at most."""


class BadFrame(msgspec.Struct, frozen=True):
    """A frame that cannot be read: answer `NAK`, and it comes again. `why`: checksum, stuffing, length, silence."""

    why: str


SerialEvent = Received | LinkAck | LinkNak | BadFrame


def frame(apdu: Apdu | bytes) -> bytes:
    """What goes over the line for one message."""
    raw = apdus.encode(apdu) if isinstance(apdu, Apdu) else apdu
    crc = crc16(raw + b"\x03")
    return _START + raw.replace(b"\x10", b"\x10\x10") + b"\x10\x03" + bytes((crc & 0xFF, crc >> 8))


class _Parse(msgspec.Struct):
    """One frame that is being read. `content` is unstuffed; it is done when `why` is set ("" = a good frame)."""

    content: bytearray
    escaped: bool = False
    tail: int = -1
    low: int = 0
    why: str | None = None
    again: bool = False

    def take(self, byte: int) -> None:
        if self.tail >= 0:
            if self.tail == 0:
                self.low, self.tail = byte, 1
            else:
                right = crc16(bytes(self.content) + b"\x03") == (self.low | byte << 8)
                self.why = ("" if len(self.content) >= 3 else "length") if right else "checksum"
        elif self.escaped:
            self.escaped = False
            if byte == _DLE:
                self.content.append(byte)
            elif byte == _ETX:
                self.tail = 0
            elif byte == _STX:
                self.again = True
            else:
                self.why = "stuffing"
        elif byte == _DLE:
            self.escaped = True
        else:
            self.content.append(byte)


class SerialReader:
    """`feed` bytes as they come; `noise` counts those that belonged to nothing."""

    def __init__(self) -> None:
        self._raw = bytearray()  # of the frame that is being read, its start included
        self._parse: _Parse | None = None
        self._escaped = False
        self.noise = 0

    @property
    def inside(self) -> bool:
        """Whether a frame has begun that is not whole."""
        return self._parse is not None

    def feed(self, data: bytes) -> list[SerialEvent]:
        found: list[SerialEvent] = []
        for byte in data:
            if self._parse is not None:
                self._raw.append(byte)
                self._parse.take(byte)
                self._judge(found)
            else:
                self._between(byte, found)
        return found

    def lost(self) -> list[SerialEvent]:
        """Nothing more came: what had begun is given up. A frame that lay in it is still found."""
        found: list[SerialEvent] = []
        if self._parse is not None:
            self._give_up("silence", found)
            if self._parse is not None:
                self._forget()
        self._escaped = False
        return found

    def _between(self, byte: int, found: list[SerialEvent]) -> None:
        if self._escaped and byte == _STX:
            self._escaped = False
            self._raw[:] = _START
            self._parse = _Parse(bytearray())
            return
        if self._escaped:
            self.noise += 1
        self._escaped = byte == _DLE
        if byte == ACK[0]:
            found.append(LinkAck())
        elif byte == NAK[0]:
            found.append(LinkNak())
        elif byte != _DLE:
            self.noise += 1

    def _judge(self, found: list[SerialEvent]) -> None:
        parse = self._parse
        if parse is None:
            return
        if parse.again:
            self.noise += len(self._raw) - 2
            self._raw[:] = _START
            self._parse = _Parse(bytearray())
        elif parse.why == "":
            self._emit(parse, found)
            self._forget()
        elif parse.why is not None:
            self._give_up(parse.why, found)
        elif len(self._raw) > _RAW_MAX:
            self._give_up("length", found)

    def _emit(self, parse: _Parse, found: list[SerialEvent]) -> None:
        message = apdus.received(parse.content)
        found.append(BadFrame("length") if message is None else Received(message))

    def _give_up(self, why: str, found: list[SerialEvent]) -> None:
        """A spoilt frame may have swallowed the beginning of a good one: look for it, within bounds."""
        raw, budget, good = bytes(self._raw), _SEARCH, False
        self._forget()
        at = -1 if why == "length" else raw.find(_START, 1)
        while at >= 0 and budget > 0:
            parse, end = _Parse(bytearray()), at + 2
            stop = min(len(raw), end + budget)
            while end < stop and parse.why is None and not parse.again:
                parse.take(raw[end])
                end += 1
            budget -= end - at
            if parse.why == "":
                self._emit(parse, found)
                good = True
                at = raw.find(_START, end)
            elif parse.why is None and not parse.again and end == len(raw):
                self._parse, self._raw = parse, bytearray(raw[at:])
                return
            else:
                at = raw.find(_START, at + 1)
        self._escaped = raw[-1:] == b"\x10" and why != "silence"
        if not good:
            found.append(BadFrame(why))
            self.noise += len(raw)

    def _forget(self) -> None:
        self._raw.clear()
        self._parse = None
