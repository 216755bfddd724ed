"""The printer's condition and the bytes that tell of it: DLE EOT, ASB, GS r and GS I."""

from dataclasses import dataclass
from typing import Literal

Paper = Literal["ok", "near-end", "end"]
Personality = Literal["full", "clone", "silent"]

_DLE_EOT_FIXED = 0x12  # 0xx1xx10
_ASB_FIXED = 0x10  # 0xx1xx00, the three bytes after it 0xx0xxxx
_NEAR_END_ASB, _END_ASB = 0x03, 0x0C
_NEAR_END_EOT, _END_EOT = 0x0C, 0x60

_IDENTITY_BYTE = {1: 0x20, 2: 0x02, 3: 0x01}  # model, type (has a cutter), firmware
_IDENTITY_TEXT = {65: "1.00 PAPER", 66: "TRESEN", 67: "PAPER-SIM", 68: "SIM0000001", 69: ""}


@dataclass(frozen=True)
class Status:
    """What the sensors say. `offline` is the host-visible switch-off by hand, not the consequence of a fault."""

    paper: Paper = "ok"
    cover_open: bool = False
    cutter_error: bool = False
    overheated: bool = False
    broken: bool = False
    offline: bool = False
    drawer_open: bool = False
    feed_button: bool = False

    @property
    def error(self) -> bool:
        return self.cutter_error or self.overheated or self.broken

    @property
    def stopped(self) -> bool:
        """The printer carries out nothing from its buffer and says it is offline."""
        return self.offline or self.cover_open or self.paper == "end" or self.error

    def _paper_bits(self, near_end: int, end: int) -> int:
        return {"ok": 0, "near-end": near_end, "end": near_end | end}[self.paper]

    def _error_bits(self) -> int:
        return 0x08 * self.cutter_error | 0x20 * self.broken | 0x40 * self.overheated

    def dle_eot(self, which: int) -> bytes:
        """One byte for 1 printer, 2 offline cause, 3 error cause, 4 paper."""
        bits = {
            1: 0x04 * self.drawer_open
            | 0x08 * self.stopped
            | 0x20 * self.cutter_error
            | 0x40 * self.feed_button,
            2: 0x04 * self.cover_open
            | 0x08 * self.feed_button
            | 0x20 * (self.paper == "end")
            | 0x40 * self.error,
            3: self._error_bits(),
            4: self._paper_bits(_NEAR_END_EOT, _END_EOT),
        }[which]
        return bytes([_DLE_EOT_FIXED | bits])

    def asb(self) -> bytes:
        """The four bytes of Automatic Status Back."""
        first = _ASB_FIXED | 0x04 * self.drawer_open | 0x08 * self.stopped
        first |= 0x20 * self.cover_open | 0x40 * self.feed_button
        second = 0x01 * self.cutter_error | self._error_bits()
        return bytes([first, second, self._paper_bits(_NEAR_END_ASB, _END_ASB), 0])

    def asb_watched(self, mask: int) -> tuple[object, ...]:
        """The part of the status that a GS a mask asks to hear about."""
        return (
            self.drawer_open if mask & 0x01 else None,
            (self.stopped, self.cover_open) if mask & 0x02 else None,
            self._error_bits() if mask & 0x04 else None,
            self.paper if mask & 0x08 else None,
            self.feed_button if mask & 0x40 else None,
        )

    def gs_r(self, which: int) -> bytes:
        """One byte for 1 paper (as in the ASB) or 2 drawer."""
        if which % 48 == 1:
            return bytes([self._paper_bits(_NEAR_END_ASB, _END_ASB)])
        return bytes([0x01 * self.drawer_open])


def gs_i(which: int) -> bytes:
    """Identity: one byte for 1 to 3, `_` text NUL for 65 to 69."""
    if which in _IDENTITY_TEXT:
        return b"_" + _IDENTITY_TEXT[which].encode() + b"\0"
    return bytes([_IDENTITY_BYTE[which % 48]])
