"""The line to a printer, by its address.

file:/path             appended to; a character device such as /dev/usb/lp0 also answers
tcp://host:9100        port 9100 if none is given
serial:/dev/ttyUSB0?baud=115200&flow=rtscts
usb:04b8:0202          endpoints found by the printer class
"""

import contextlib
from urllib.parse import parse_qs, urlsplit

from drivers.printer.transports import FileLine, Line, SerialLine, TcpLine, Workers

__all__ = ["open_line"]


def open_line(address: str, workers: Workers) -> Line:
    """The line of an address, not yet opened; raises ValueError with a sentence on what is wrong with it."""
    kind, _, rest = address.partition(":")
    parts = urlsplit(address)
    if kind == "file" and rest:
        return FileLine(rest, workers("printer-file"))
    if kind == "tcp" and parts.hostname:
        return TcpLine(parts.hostname, parts.port or 9100)
    if kind == "serial" and parts.path:
        options = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        flow = options.pop("flow", "none")
        baud = options.pop("baud", "9600")
        if options or flow not in ("none", "rtscts", "xonxoff") or not baud.isdecimal():
            raise ValueError(f"{address}: a serial line knows baud=NUMBER and flow=none|rtscts|xonxoff")
        return SerialLine(parts.path, workers("printer-serial"), baud=int(baud), flow=flow)
    if kind == "usb":
        from drivers.printer.usb import UsbLine  # noqa: PLC0415 - most tills have none

        ids = rest.split(":")
        with contextlib.suppress(ValueError):
            if len(ids) == 2:
                return UsbLine(int(ids[0], 16), int(ids[1], 16), workers)
    raise ValueError(f"{address}: a printer's address is file:, tcp://, serial: or usb:VENDOR:PRODUCT")
