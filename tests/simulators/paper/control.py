"""Words that change the printer while it runs, the same for the browser page and for the control port."""

import json
import socketserver
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tests.simulators.paper.printer import PaperPrinter

HELP = (
    "paper ok|near-end|end, cover open|closed, cutter error|ok, heat error|ok, broken yes|no, drawer open|closed, "
    "offline yes|no, power on|off, hang on|off, speed MM_PER_S|max, personality full|clone|silent, "
    "power-off-after BYTES, paper-end-after LINES, state, text, violations, help"
)

_SENSORS: dict[tuple[str, str], dict[str, Any]] = {
    ("paper", "ok"): {"paper": "ok"},
    ("paper", "near-end"): {"paper": "near-end"},
    ("paper", "end"): {"paper": "end"},
    ("cover", "open"): {"cover_open": True},
    ("cover", "closed"): {"cover_open": False},
    ("cutter", "error"): {"cutter_error": True},
    ("cutter", "ok"): {"cutter_error": False},
    ("heat", "error"): {"overheated": True},
    ("heat", "ok"): {"overheated": False},
    ("broken", "yes"): {"broken": True},
    ("broken", "no"): {"broken": False},
    ("drawer", "open"): {"drawer_open": True},
    ("drawer", "closed"): {"drawer_open": False},
    ("offline", "yes"): {"offline": True},
    ("offline", "no"): {"offline": False},
}
_SWITCHES: dict[tuple[str, str], Callable[[PaperPrinter], None]] = {
    ("power", "on"): PaperPrinter.power_on,
    ("power", "off"): PaperPrinter.power_off,
    ("hang", "on"): PaperPrinter.stop_reading,
    ("hang", "off"): PaperPrinter.resume_reading,
}


def state(printer: PaperPrinter) -> dict[str, Any]:
    """Everything about the printer that fits in JSON."""
    return asdict(printer.status) | {
        "powered": printer.powered,
        "reading": printer.reading,
        "personality": printer.personality,
        "profile": printer.profile.name,
        "buffered": printer.buffered,
        "received": len(printer.received),
        "receipts": len(printer.cut_receipts),
        "pulses": len(printer.pulses),
        "violations": len(printer.violations),
        "paper_mm": round(printer.mm, 1),
        "version": printer.version,
    }


def _number(printer: PaperPrinter, word: str, value: str) -> bool:
    if word == "speed" and (value == "max" or value.isdecimal()):
        printer.speed_mm_s = None if value == "max" else float(value)
    elif word == "power-off-after" and value.isdecimal():
        printer.power_off_after(int(value))
    elif word == "paper-end-after" and value.isdecimal():
        printer.paper_end_after(int(value))
    elif word == "personality" and value in ("full", "clone", "silent"):
        printer.personality = value  # type: ignore[assignment]
    else:
        return False
    return True


def apply(printer: PaperPrinter, words: str) -> str:
    """Carry out one line such as `paper end`; the answer is `ok`, data, or what went wrong."""
    word, _, value = words.strip().lower().partition(" ")
    if (word, value) in _SENSORS:
        printer.set(**_SENSORS[word, value])
        return "ok"
    if (word, value) in _SWITCHES:
        _SWITCHES[word, value](printer)
        return "ok"
    if _number(printer, word, value):
        return "ok"
    if word == "state":
        return json.dumps(state(printer))
    if word == "text":
        return json.dumps([receipt.text for receipt in printer.receipts], ensure_ascii=False)
    if word == "violations":
        return json.dumps([str(violation) for violation in printer.violations], ensure_ascii=False)
    return HELP if word == "help" else f"unknown: {words.strip()!r}; try: {HELP}"


class ControlServer(socketserver.ThreadingTCPServer):
    """Lines in, lines out, on 127.0.0.1: what `nc` and test scripts can speak."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, printer: PaperPrinter, port: int = 0) -> None:
        self.printer = printer
        super().__init__(("127.0.0.1", port), _LineHandler)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _LineHandler(socketserver.StreamRequestHandler):
    server: ControlServer

    def handle(self) -> None:
        for line in self.rfile:
            if line.strip():
                answer = apply(self.server.printer, line.decode("utf-8", errors="replace"))
                self.wfile.write(answer.encode() + b"\n")
