"""What a scanner that plays keyboard has typed: Linux key codes into text, for the layout it is set to.

A scanner presses keys as if on some country's keyboard; the computer sees only which keys. So the table
here must be that of the scanner, whatever the console uses. Key codes: linux/input-event-codes.h.
"""

import unicodedata

import msgspec

__all__ = ["LAYOUTS", "TERMINATOR_KEYS", "UNREADABLE", "KeyDecoder", "Layout"]

UNREADABLE = "\ufffd"
"""Stands for a key that makes no character in this layout: the code is then broken, never shorter."""

CODE_MAX_CHARS = 4096
KEYS_MAX = 4 * CODE_MAX_CHARS
PRESS, RELEASE = 1, 0

KEY_ENTER, KEY_KPENTER, KEY_TAB = 28, 96, 15
KEY_LEFTCTRL, KEY_RIGHTCTRL = 29, 97
KEY_LEFTSHIFT, KEY_RIGHTSHIFT = 42, 54
KEY_LEFTALT, KEY_ALTGR = 56, 100
KEY_RIGHTBRACE, KEY_F8 = 27, 66

TERMINATOR_KEYS = frozenset({KEY_ENTER, KEY_KPENTER, KEY_TAB})
MODIFIERS = frozenset({KEY_LEFTCTRL, KEY_RIGHTCTRL, KEY_LEFTSHIFT, KEY_RIGHTSHIFT, KEY_LEFTALT, KEY_ALTGR})

# The rows of the main block: first key code, as many keys as the layout's string has characters.
_ROWS = (2, 16, 30, 44)
_PAD = dict(zip((82, 79, 80, 81, 75, 76, 77, 71, 72, 73), "0123456789", strict=True)) | {
    55: "*",
    74: "-",
    78: "+",
    98: "/",
    117: "=",
    121: ",",
}
_PAD_DIGITS = frozenset(range(71, 74)) | frozenset(range(75, 78)) | frozenset(range(79, 83))
_COMBINING = {"^": "\u0302", "´": "\u0301", "`": "\u0300"}


class Layout(msgspec.Struct, frozen=True):
    """Characters by key code at each level; those in `dead` wait for the next character."""

    name: str
    base: dict[int, str]
    shift: dict[int, str]
    altgr: dict[int, str]
    dead: frozenset[str] = frozenset()

    def character(self, key: int, *, shifted: bool, altgr: bool) -> str:
        """One character, or nothing if the key types none."""
        if altgr:
            return self.altgr.get(key, UNREADABLE if key in self.base else "")
        base = self.base.get(key, "")
        return self.shift.get(key, base) if shifted else base


def _rows(*rows: str) -> dict[int, str]:
    return {first + i: char for first, row in zip(_ROWS, rows, strict=True) for i, char in enumerate(row)}


_US = Layout(
    "us",
    _rows("1234567890-=", "qwertyuiop[]", "asdfghjkl;'`", "zxcvbnm,./")
    | {43: "\\", 57: " ", 83: ".", 86: "<"}
    | _PAD,
    _rows("!@#$%^&*()_+", "QWERTYUIOP{}", 'ASDFGHJKL:"~', "ZXCVBNM<>?") | {43: "|", 57: " ", 86: ">"},
    {},
)
_DE = Layout(
    "de",
    _rows("1234567890ß´", "qwertzuiopü+", "asdfghjklöä^", "yxcvbnm,.-")
    | {43: "#", 57: " ", 83: ",", 86: "<"}
    | _PAD,
    _rows('!"§$%&/()=?`', "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ°", "YXCVBNM;:_") | {43: "'", 57: " ", 86: ">"},
    {3: "²", 4: "³", 8: "{", 9: "[", 10: "]", 11: "}", 12: "\\", 16: "@", 18: "€", 27: "~", 50: "µ", 86: "|"},
    frozenset("^´`"),
)
LAYOUTS = {layout.name: layout for layout in (_US, _DE)}


class KeyDecoder:
    """Key presses and releases in, text out at each Enter or Tab. Knows nothing of devices or time.

    GS (0x1D, between the fields of a GS1 code) comes as Ctrl+], F8 or Alt+029, by make; all are read.
    `last_keys` are the presses and releases of the last whole code, for finding out the layout.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.last_keys: list[tuple[int, int]] = []
        self.lost = False  # keys of the code under way are missing
        self._keys: list[tuple[int, int]] = []
        self._text: list[str] = []
        self._held: set[int] = set()
        self._accent = ""
        self._alt_digits = ""

    @property
    def partial(self) -> bool:
        return bool(self._text or self._accent or self._alt_digits or self.lost)

    def feed(self, key: int, value: int) -> str | None:
        """One key event: a whole code at its terminator, "" if parts of it were lost, else None.

        Repeats by the kernel (value 2) are nobody's press.
        """
        if value not in {PRESS, RELEASE}:
            return None
        if len(self._keys) < KEYS_MAX:
            self._keys.append((key, value))
        if key in MODIFIERS:
            return self._modifier(key, value)
        if value != PRESS:
            return None
        if key in TERMINATOR_KEYS:
            return self._finish()
        if KEY_LEFTALT in self._held and not self._control and key in _PAD_DIGITS:
            self._alt_digits += _PAD[key]
            return None
        return self._add(self._character(key))

    def lose(self) -> None:
        """The kernel lost events: what has come of this code is worth nothing, nor is the rest."""
        self.reset()
        self.lost = True

    def reset(self) -> bool:
        """Forget the code so far and all held keys; True if there was one."""
        had = self.partial
        self._held.clear()
        self._clear()
        return had

    @property
    def _control(self) -> bool:
        return KEY_LEFTCTRL in self._held or KEY_RIGHTCTRL in self._held

    def _modifier(self, key: int, value: int) -> str | None:
        if value == PRESS:
            self._held.add(key)
            return None
        self._held.discard(key)
        if key == KEY_LEFTALT and self._alt_digits:
            digits, self._alt_digits = self._alt_digits, ""
            return self._add(_alt_character(digits))
        return None

    def _character(self, key: int) -> str:
        if key == KEY_F8:
            return "\x1d"
        held = self._held
        control = self._control
        # Ctrl and the left Alt together are AltGr on Windows, which some scanners imitate.
        altgr = KEY_ALTGR in held or (control and KEY_LEFTALT in held)
        shifted = KEY_LEFTSHIFT in held or KEY_RIGHTSHIFT in held
        char = self.layout.character(key, shifted=shifted, altgr=altgr)
        if not control or KEY_LEFTALT in held:
            return char
        if key == KEY_RIGHTBRACE:  # the place of ] on the US keyboard, meant so on every layout
            return "\x1d"
        upper = char.upper()
        if len(upper) == 1 and "@" <= upper <= "_":
            return chr(ord(upper) - 0x40)
        return UNREADABLE if char else ""

    def _add(self, char: str) -> str | None:
        if char in {"\r", "\n", "\t"}:
            return self._finish()
        if not char:
            return None
        if self._accent:
            accent, self._accent = self._accent, ""
            char = _accented(accent, char)
        elif char in self.layout.dead:
            self._accent = char
            return None
        self._text.append(char)
        if len(self._text) > CODE_MAX_CHARS:
            self._text.clear()
            self.lost = True
        return None

    def _finish(self) -> str | None:
        lost = self.lost
        text = "".join(self._text) + self._accent
        self.last_keys, self._keys = self._keys, []
        self._clear()
        if lost:
            return ""
        return text or None

    def _clear(self) -> None:
        self._text.clear()
        self._keys.clear()
        self._accent = ""
        self._alt_digits = ""
        self.lost = False


def _accented(accent: str, char: str) -> str:
    """A dead key and what follows it: `´` and `e` are é, `^` and a blank are ^."""
    if char == " ":
        return accent
    whole = unicodedata.normalize("NFC", char + _COMBINING[accent])
    return whole if len(whole) == 1 else accent + char


def _alt_character(digits: str) -> str:
    """Alt and digits on the pad: with a leading 0 by Windows-1252, else by code page 437."""
    number = int(digits)
    if number > 255:
        return UNREADABLE
    if number < 0x20:
        return chr(number)
    return bytes([number]).decode("cp1252" if digits[0] == "0" else "cp437", errors="replace")
