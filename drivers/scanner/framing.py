"""Cuts a scanner's bytes into codes. Where a code ends is decided here; what it means, elsewhere."""

from drivers.transports import BAD_BYTE
from pos.domain.codes import CODE_MAX_LENGTH

__all__ = ["FRAME_MAX_BYTES", "FrameReader", "text_of"]

STX = 0x02
ENDS = frozenset(b"\r\n\t\x03")  # CR, LF, TAB, ETX: what scanners are shipped with
FRAME_MAX_BYTES = 4 * CODE_MAX_LENGTH + 4096  # more than the largest QR code holds


class FrameReader:
    """Takes bytes in pieces of any size, gives whole codes; a broken frame never costs the next one.

    Without a prefix, STX is one wherever it comes; without a suffix, any of CR, LF, TAB and ETX is one.
    With a prefix, what stands before it is noise. `dropped` counts frames that were given up: cut
    short, too long, with a byte of wrong parity.
    """

    def __init__(self, prefix: bytes = b"", suffix: bytes = b"") -> None:
        self._prefix = prefix
        self._suffix = suffix
        self._frame = bytearray()
        self._inside = not prefix
        self._lost = False
        self._bad = False
        self.dropped = 0

    @property
    def partial(self) -> bool:
        """True while a frame has begun and not ended."""
        return self._inside and bool(self._frame or self._prefix)

    def feed(self, data: bytes) -> list[str]:
        codes: list[str] = []
        for byte in data:
            if not self._inside:
                self._look_for_prefix(byte)
            elif self._restarts(byte):
                self._drop()
                self._inside = True
            else:
                self._frame.append(byte)
                self._bad = self._bad or byte == BAD_BYTE
                if self._ends(byte):
                    self._finish(codes)
                elif len(self._frame) > FRAME_MAX_BYTES:
                    self._overflow()
        return codes

    def expire(self) -> bool:
        """The line fell silent: give up a frame that has begun. True if there was one."""
        lost = self.partial
        self._drop()
        return lost

    def _look_for_prefix(self, byte: int) -> None:
        self._frame.append(byte)
        del self._frame[: -len(self._prefix)]
        if self._frame == self._prefix:
            self._frame.clear()
            self._inside = True

    def _restarts(self, byte: int) -> bool:
        """A start byte inside a frame: the frame before it was cut off. A printable prefix may be content."""
        if self._prefix:
            return len(self._prefix) == 1 and byte == self._prefix[0] < 0x20
        return byte == STX

    def _ends(self, byte: int) -> bool:
        if self._suffix:
            return self._frame.endswith(self._suffix)
        return byte in ENDS

    def _finish(self, codes: list[str]) -> None:
        del self._frame[-(len(self._suffix) or 1) :]
        text = text_of(bytes(self._frame))
        if self._bad or self._lost:
            self.dropped += 1
        elif text:
            codes.append(text)
        self._clear()

    def _overflow(self) -> None:
        """Keep only what is needed to see the end; the frame is lost."""
        self._lost = True
        del self._frame[: -len(self._suffix) or None]

    def _drop(self) -> None:
        if self._frame and self._inside:
            self.dropped += 1
        self._clear()

    def _clear(self) -> None:
        self._frame.clear()
        self._bad = False
        self._lost = False
        self._inside = not self._prefix


def text_of(frame: bytes) -> str:
    """A frame as text: UTF-8, else Latin-1; line ends around it are no part of it. GS stays."""
    try:
        text = frame.decode("utf-8")
    except UnicodeDecodeError:
        text = frame.decode("latin-1")
    return text.strip("\r\n\t\x02\x03 \x00")
