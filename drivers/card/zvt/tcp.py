"""Messages on TCP: bare, one behind the other, split and joined as the network likes.

What is no ZVT is named and ends the reading: nothing behind it can be trusted, so close the line and open a new one.
"""

from typing import Final, Literal

import msgspec

from drivers.card.zvt import apdu as apdus
from drivers.card.zvt.masking import redact, scan
from drivers.card.zvt.serial import Received

__all__ = ["NotZvt", "TcpEvent", "TcpReader"]

_CLASSES: Final = frozenset({0x04, 0x05, 0x06, 0x08, 0x0F, 0x80, 0x84})
_SAMPLE: Final = 40

Protocol = Literal["text", "serial-frames", "tls", "other-protocol", "out-of-step"]


class NotZvt(msgspec.Struct, frozen=True):
    """What came is no ZVT over TCP: the terminal has another protocol set, or its lengths are wrong (`out-of-step`).

    `sample` is its beginning: as text where it is that, else hexadecimal; masked.
    """

    protocol: Protocol
    sample: str = ""


TcpEvent = Received | NotZvt


class TcpReader:
    """`feed` what the socket brought. After `NotZvt` it reads nothing until `reset`."""

    def __init__(self) -> None:
        self._raw = bytearray()
        self._spoilt = False
        self._begun = False

    @property
    def inside(self) -> bool:
        """Whether a message has begun that is not whole."""
        return bool(self._raw)

    @property
    def rest(self) -> apdus.Apdu | None:
        """What of a message is there so far, masked."""
        return apdus.received(self._raw)

    @property
    def spoilt(self) -> bool:
        return self._spoilt

    def reset(self) -> None:
        """For a new connection."""
        self._raw.clear()
        self._spoilt = self._begun = False

    def feed(self, data: bytes) -> list[TcpEvent]:
        """A message whose end is followed by what cannot begin one is not given out: its length was wrong."""
        if self._spoilt:
            return []
        self._raw += data
        found: list[TcpEvent] = []
        at = 0
        while at < len(self._raw):
            if self._raw[at] not in _CLASSES:
                self._spoil(found, at)
                return found
            head = apdus.header(self._raw, at)
            if head is None or head[0] + head[1] > len(self._raw):
                break
            end = head[0] + head[1]
            if end < len(self._raw) and self._raw[end] not in _CLASSES:
                self._begun = True
                self._spoil(found, end)
                return found
            message = apdus.received(self._raw[at:end])
            if message is not None:
                found.append(Received(message))
            self._begun = True
            at = end
        del self._raw[:at]
        return found

    def _spoil(self, found: list[TcpEvent], at: int) -> None:
        self._spoilt = True
        start = bytes(self._raw[at : at + 2 * _SAMPLE])
        self._raw.clear()
        if self._begun:  # what stands here may be the rest of anything
            found.append(NotZvt("out-of-step", _bytes(start)))
        else:
            found.append(NotZvt(_named(start), _sample(start)))


def _named(start: bytes) -> Protocol:
    if start[:2] == b"\x10\x02":
        return "serial-frames"
    if start[:1] in {b"\x15", b"\x16"} and start[1:2] == b"\x03" and start[2:3] <= b"\x04" and len(start) > 2:
        return "tls"
    if len(start) > 1 and _text(start):
        return "text"
    return "other-protocol"


def _text(start: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte in b"\t\r\n" for byte in start)


def _sample(start: bytes) -> str:
    if _text(start):
        return scan(start.decode("ascii"))[:_SAMPLE].strip()
    return _bytes(start)


def _bytes(start: bytes) -> str:
    return redact(start)[:16].hex(" ").upper()
