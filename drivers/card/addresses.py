"""Where a card terminal is, in one line of settings: `serial:/dev/ttyACM0?baud=9600`, `tcp:192.0.2.20:20007`."""

from typing import Final
from urllib.parse import parse_qsl

import msgspec

from drivers.addresses import LineSettings, PortAddressError, read_address
from drivers.card.zvt import charsets

__all__ = ["PORT", "CardAddress", "PortAddressError", "read_card_address"]

PORT: Final = 20007
_LINE: Final = LineSettings(9600, 8, "N", 2)
_OPTIONS: Final = ("config", "charset", "password")


class CardAddress(msgspec.Struct, frozen=True):
    """An address taken apart. `place` is a device file or a host; `config`, `charset`, `password` (a file) as the address
    says otherwise than the settings, else empty.
    """

    kind: str
    place: str
    port: int
    line: LineSettings
    config: str = ""
    charset: str = ""
    password: str = ""


def read_card_address(text: str) -> CardAddress:
    """`serial:/dev/...` with baud, bits, parity, stop; `tcp:HOST` or `tcp:HOST:PORT`; both with config=BE|3E, charset=,
    password=FILE. Raises PortAddressError.
    """
    kind, _, rest = text.partition(":")
    if kind == "tcp":
        place, port, options = _tcp(text, rest)
        line = _LINE
    else:
        where = read_address(text, ("serial",), _LINE, _OPTIONS)
        place, port, options, line = where.path, 0, where.options, where.line
    config = options.get("config", "").upper()
    if config not in ("", "BE", "3E"):
        raise PortAddressError(f"{text!r}: config={config}: it must be BE or 3E")
    charset = options.get("charset", "").lower()
    if charset and not charsets.known(charset):
        raise PortAddressError(
            f"{text!r}: charset={charset}: auto, cp437, din66003, iso8859_1, iso8859_15, utf_8"
        )
    return CardAddress(kind, place, port, line, config, charset, options.get("password", ""))


def _tcp(text: str, rest: str) -> tuple[str, int, dict[str, str]]:
    rest, _, query = rest.removeprefix("//").partition("?")
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise PortAddressError(f"{text!r}: options are name=value, joined by &") from None
    for name in options:
        if name not in _OPTIONS:
            raise PortAddressError(f"{text!r}: no option {name!r}; there are {', '.join(sorted(_OPTIONS))}")
    host, port = rest, ""
    if rest.startswith("["):
        host, _, port = rest[1:].partition("]")
        port = port.removeprefix(":")
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise PortAddressError(f"{text!r}: it must be tcp:HOST or tcp:HOST:PORT")
    return host, int(port) if port else PORT, options
