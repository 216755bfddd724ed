"""An independent judge of receipt bytes: a strict ESC/POS printer made of memory, with its own servers.

It shares no code with the till. `Interpreter` turns bytes into receipts and violations, `PaperPrinter` adds
buffer, speed, paper and status answers, the servers make it reachable, `read_codes` scans its pictures.
"""

from tests.simulators.paper.codes import read_codes
from tests.simulators.paper.interpreter import Interpreter
from tests.simulators.paper.model import (
    Barcode,
    Cut,
    DrawerPulse,
    Feed,
    PaperError,
    QrCode,
    RasterImage,
    Receipt,
    TextLine,
    UnknownBytes,
    Violation,
)
from tests.simulators.paper.printer import PaperPrinter, Pulse
from tests.simulators.paper.profile import PROFILES, Profile
from tests.simulators.paper.servers import PtyServer, TcpServer, UsbServer
from tests.simulators.paper.status import Status

__all__ = [
    "PROFILES",
    "Barcode",
    "Cut",
    "DrawerPulse",
    "Feed",
    "Interpreter",
    "PaperError",
    "PaperPrinter",
    "Profile",
    "PtyServer",
    "Pulse",
    "QrCode",
    "RasterImage",
    "Receipt",
    "Status",
    "TcpServer",
    "TextLine",
    "UnknownBytes",
    "UsbServer",
    "Violation",
    "judge",
    "read_codes",
]


def judge(data: bytes, profile: str = "48") -> list[Receipt]:
    """The receipts that `data` prints; raises PaperError when anything in it breaks a rule."""
    interpreter = Interpreter(PROFILES[profile], strict=True)
    interpreter.feed(data)
    interpreter.finish()
    return interpreter.receipts
