"""How the printer is set between commands: everything ESC @ puts back, and the commands that change it."""

from collections.abc import Callable
from dataclasses import replace

from tests.simulators.paper import codepages
from tests.simulators.paper.model import Style
from tests.simulators.paper.profile import FONT_A, Profile

_ALIGN = {0: "left", 1: "centre", 2: "right", 48: "left", 49: "centre", 50: "right"}
_TAB_EVERY_COLUMNS = 8
_TAB_STOPS = 12


class Settings:
    """Code page, style, alignment, spacing and print area; widths and places in dots.

    `complain` takes a kind and a message, `at_line_start` the name of a command that only works there.
    """

    def __init__(
        self, profile: Profile, complain: Callable[[str, str], None], at_line_start: Callable[[str], bool]
    ) -> None:
        self.profile = profile
        self._complain = complain
        self._at_line_start = at_line_start
        self.reset()

    def reset(self) -> None:
        """What ESC @ and power-on do."""
        self.page = 0
        self.national = 0
        self.kanji = False
        self.style = Style()
        self._emphasised = self._double_strike = False  # two commands, one look
        self.align = "left"
        self.line_spacing = self.profile.line_spacing
        self.left_margin = 0
        self.area_width = self.profile.width_dots
        self.tabs = [FONT_A[0] * _TAB_EVERY_COLUMNS * (stop + 1) for stop in range(_TAB_STOPS)]

    @property
    def area(self) -> int:
        """Dots that a line may use."""
        return max(0, min(self.area_width, self.profile.width_dots - self.left_margin))

    def _bad(self, what: str) -> None:
        self._complain("bad parameter", what)

    def _one_of(self, name: str, value: int, allowed: tuple[int, ...]) -> bool:
        if value in allowed:
            return True
        self._bad(f"{name} {value}")
        return False

    def set_code_page(self, arguments: bytes) -> None:
        if arguments[0] not in codepages.PAGES or arguments[0] not in self.profile.pages:
            self._bad(f"ESC t {arguments[0]}: the printer has no such code page")
        else:
            self.page = arguments[0]

    def set_national(self, arguments: bytes) -> None:
        if self._one_of("ESC R", arguments[0], tuple(codepages.NATIONAL)):
            self.national = arguments[0]

    def _restyle(self, **changes: object) -> None:
        self.style = replace(self.style, **changes)  # type: ignore[arg-type]

    def set_print_mode(self, arguments: bytes) -> None:
        mode = arguments[0]
        if mode & 0x46:
            self._bad(f"ESC ! {mode:#04x} sets undefined bits")
        self._emphasised = bool(mode & 0x08)
        self._restyle(
            font="B" if mode & 1 else "A",
            bold=self._emphasised or self._double_strike,
            height=2 if mode & 0x10 else 1,
            width=2 if mode & 0x20 else 1,
            underline=1 if mode & 0x80 else 0,
        )

    def set_emphasised(self, arguments: bytes) -> None:
        self._emphasised = bool(arguments[0] & 1)
        self._restyle(bold=self._emphasised or self._double_strike)

    def set_double_strike(self, arguments: bytes) -> None:
        self._double_strike = bool(arguments[0] & 1)
        self._restyle(bold=self._emphasised or self._double_strike)

    def set_underline(self, arguments: bytes) -> None:
        if self._one_of("ESC -", arguments[0], (0, 1, 2, 48, 49, 50)):
            self._restyle(underline=arguments[0] % 48)

    def set_align(self, arguments: bytes) -> None:
        if self._one_of("ESC a", arguments[0], tuple(_ALIGN)) and self._at_line_start("ESC a"):
            self.align = _ALIGN[arguments[0]]

    def set_default_spacing(self, _arguments: bytes) -> None:
        self.line_spacing = self.profile.line_spacing

    def set_spacing(self, arguments: bytes) -> None:
        self.line_spacing = arguments[0]

    def set_font(self, arguments: bytes) -> None:
        if self._one_of("ESC M", arguments[0], (0, 1, 48, 49)):
            self._restyle(font="AB"[arguments[0] % 48])

    def set_right_spacing(self, arguments: bytes) -> None:
        self._restyle(spacing=arguments[0])

    def set_upside_down(self, arguments: bytes) -> None:
        if self._at_line_start("ESC {"):
            self._restyle(upside_down=bool(arguments[0] & 1))

    def set_rotated(self, arguments: bytes) -> None:
        if self._one_of("ESC V", arguments[0], (0, 1, 48, 49)):
            self._restyle(rotated=bool(arguments[0] % 48))

    def set_size(self, arguments: bytes) -> None:
        if arguments[0] & 0x88:
            self._bad(f"GS ! {arguments[0]:#04x}: magnification over 8")
        else:
            self._restyle(width=(arguments[0] >> 4) + 1, height=(arguments[0] & 7) + 1)

    def set_inverse(self, arguments: bytes) -> None:
        self._restyle(inverse=bool(arguments[0] & 1))

    def set_tab_stops(self, arguments: bytes) -> None:
        stops = list(arguments[:-1])
        if stops != sorted(set(stops)):
            self._bad("ESC D: tab stops must rise")
        self.tabs = [stop * self.style.advance for stop in sorted(set(stops))]

    def set_left_margin(self, arguments: bytes) -> None:
        dots = int.from_bytes(arguments, "little")
        if self._at_line_start("GS L") and self._fits_width("GS L", dots):
            self.left_margin = dots

    def set_area_width(self, arguments: bytes) -> None:
        dots = int.from_bytes(arguments, "little")
        if self._at_line_start("GS W") and self._fits_width("GS W", dots):
            self.area_width = dots

    def _fits_width(self, name: str, dots: int) -> bool:
        if dots <= self.profile.width_dots:
            return True
        self._bad(f"{name} {dots}: the paper has {self.profile.width_dots} dots")
        return False

    def set_kanji(self, _arguments: bytes) -> None:
        self.kanji = True

    def set_no_kanji(self, _arguments: bytes) -> None:
        self.kanji = False

    def set_smoothing(self, _arguments: bytes) -> None:
        """GS b rounds the corners of large characters; nothing here depends on it."""


HANDLERS: dict[bytes, Callable[[Settings, bytes], None]] = {
    b"\x1bt": Settings.set_code_page,
    b"\x1bR": Settings.set_national,
    b"\x1b!": Settings.set_print_mode,
    b"\x1bE": Settings.set_emphasised,
    b"\x1bG": Settings.set_double_strike,
    b"\x1b-": Settings.set_underline,
    b"\x1ba": Settings.set_align,
    b"\x1b2": Settings.set_default_spacing,
    b"\x1b3": Settings.set_spacing,
    b"\x1bM": Settings.set_font,
    b"\x1b ": Settings.set_right_spacing,
    b"\x1b{": Settings.set_upside_down,
    b"\x1bV": Settings.set_rotated,
    b"\x1bD": Settings.set_tab_stops,
    b"\x1d!": Settings.set_size,
    b"\x1dB": Settings.set_inverse,
    b"\x1dL": Settings.set_left_margin,
    b"\x1dW": Settings.set_area_width,
    b"\x1c&": Settings.set_kanji,
    b"\x1c.": Settings.set_no_kanji,
    b"\x1db": Settings.set_smoothing,
}
