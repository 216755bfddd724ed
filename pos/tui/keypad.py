"""The number pad by its own key codes, so that its `+` takes the money and the main keyboard's types a plus.

Terminals tell the two apart in application keypad mode only (DECKPAM), or over the kitty protocol, which
Textual asks for and foot and kitty speak. With Num Lock on, xterm and foot leave that mode unless private
mode 1035 is off; the Linux console does not mind. A terminal that knows neither sends plain characters.
"""

from enum import StrEnum
from typing import Any, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.drivers.linux_driver import LinuxDriver

__all__ = ["PadDriver", "pad_key", "teach_parser"]

_ON = "\x1b=\x1b[?1035l"
_OFF = "\x1b[?1035h\x1b>"


class _Pad(StrEnum):
    """Textual turns these codes into the bare character and forgets where the key was."""

    MULTIPLY = "kp_multiply"
    ADD = "kp_add"
    SUBTRACT = "kp_subtract"
    DIVIDE = "kp_divide"


# Application keypad mode of the VT220: ESC O and a letter. The German pad's comma is missing in Textual.
_CODES: dict[str, object] = {
    "\x1bOj": (_Pad.MULTIPLY,),
    "\x1bOk": (_Pad.ADD,),
    "\x1bOm": (_Pad.SUBTRACT,),
    "\x1bOo": (_Pad.DIVIDE,),
    "\x1bOl": ",",
}

# Textual's names for what the kitty protocol reports of the pad; main keys have other names.
_KITTY = {
    "add": "kp_add",
    "subtract": "kp_subtract",
    "multiply": "kp_multiply",
    "divide": "kp_divide",
}


def teach_parser() -> None:
    """Let Textual's parser keep the pad's operators apart. Safe to call twice."""
    cast("dict[str, Any]", ANSI_SEQUENCES_KEYS).update(_CODES)


def pad_key(key: str) -> str:
    """The name the keymap uses."""
    return _KITTY.get(key, key)


class PadDriver(LinuxDriver):
    """Textual's driver, with the application keypad on while the till is on the screen."""

    def start_application_mode(self) -> None:
        teach_parser()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        if self._writer_thread is not None:
            self.write(_ON)
            self.flush()

    def stop_application_mode(self) -> None:
        if self._writer_thread is not None:
            self.write(_OFF)
        super().stop_application_mode()
