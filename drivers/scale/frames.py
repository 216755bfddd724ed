"""Frames out of a scale's bytes. Whatever makes no frame is dropped, and nothing raises."""

from typing import Final

__all__ = ["ACK", "CR", "ETX", "NAK", "STX", "FrameReader"]

ACK: Final = b"\x06"
NAK: Final = b"\x15"
STX: Final = 0x02
ETX: Final = 0x03
CR: Final = 0x0D
FRAME_MAX: Final = 64
_BAD: Final = 0xFF  # stands for a byte of wrong parity


class FrameReader:
    """Feed it bytes in any portions; a frame is STX ... `end`, with both, or a single ACK or NAK outside of one."""

    def __init__(self, end: int) -> None:
        self._end = end
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        frames = []
        for byte in data:
            if byte == STX:
                self._held[:] = (STX,)
            elif self._held:
                self._held.append(byte)
                if byte == self._end:
                    frames.append(bytes(self._held))
                    self._held.clear()
                elif byte == _BAD or len(self._held) > FRAME_MAX:
                    self._held.clear()
            elif byte in (ACK[0], NAK[0]):
                frames.append(bytes((byte,)))
        return frames
