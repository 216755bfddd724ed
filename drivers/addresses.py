"""Where a device on a line is, in one line of settings: `serial:/dev/ttyUSB1?baud=9600&parity=O`, `hid:/dev/hidraw0`."""

from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl

import msgspec

__all__ = ["BAUDS", "LineSettings", "PortAddress", "PortAddressError", "read_address"]

BAUDS: Final = (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200)
_SERIAL: Final = frozenset({"baud", "bits", "parity", "stop"})


class PortAddressError(ValueError):
    """An address that cannot be understood; the text says why."""


class LineSettings(msgspec.Struct, frozen=True):
    """How a serial line is set."""

    baud: int = 9600
    bits: int = 8
    parity: str = "N"
    stop: int = 1


class PortAddress(msgspec.Struct, frozen=True):
    """An address taken apart. `options` are those that are the device's own, still text."""

    kind: str
    path: str
    line: LineSettings
    options: dict[str, str]


def read_address(
    text: str, kinds: Collection[str], line: LineSettings, options: Collection[str] = ()
) -> PortAddress:
    """Take an address apart; what it does not say of the line is as in `line`. Raises PortAddressError."""
    kind, _, rest = text.partition(":")
    path, _, query = rest.partition("?")
    if kind not in kinds or not path:
        forms = " or ".join(f"{kind}:/dev/..." for kind in kinds)
        raise PortAddressError(f"{text!r}: it must be {forms}")
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise PortAddressError(f"{text!r}: options are name=value, joined by &") from None
    known = {*options, *(_SERIAL if kind == "serial" else ())}
    for name in given:
        if name not in known:
            raise PortAddressError(f"{text!r}: no option {name!r}; there are {', '.join(sorted(known))}")
    line = LineSettings(
        _choice(text, given, "baud", BAUDS, line.baud),
        _choice(text, given, "bits", (7, 8), line.bits),
        given.get("parity", line.parity),
        _choice(text, given, "stop", (1, 2), line.stop),
    )
    if line.parity not in ("N", "E", "O"):
        raise PortAddressError(f"{text!r}: parity={line.parity}: it must be N, E or O")
    return PortAddress(
        kind, path, line, {name: value for name, value in given.items() if name not in _SERIAL}
    )


def _choice(text: str, given: dict[str, str], name: str, allowed: Collection[int], default: int) -> int:
    value = given.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and int(value) in allowed):
        raise PortAddressError(f"{text!r}: {name}={value}: it must be one of {', '.join(map(str, allowed))}")
    return int(value)
