"""What the cashier sees and can do when the printer fails; the real till, the simulated paper."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from tests.simulation.line_till import LineTill, run_tool
from tests.simulators.paper import PaperPrinter, TcpServer

CUCUMBER = "2000000000299"


def until(till: LineTill, holds: Callable[[], bool], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, till.events[-5:]
        till.send("key help")
        time.sleep(0.02)


def heard(till: LineTill, name: str, **fields: object) -> bool:
    return any({"event": name, **fields}.items() <= event.items() for event in till.events)


def printer_state(till: LineTill) -> str:
    return next((event["state"] for event in reversed(till.events) if event.get("device") == "printer"), "")


def test_a_sale_prints_opens_the_drawer_and_is_confirmed(start: Callable[..., LineTill], state: Path) -> None:
    with PaperPrinter() as paper, TcpServer(paper) as server:
        till = start(state, "--printer", f"tcp://127.0.0.1:{server.port}")
        till.sign_in()
        until(till, lambda: heard(till, "device-changed", device="printer", state="ready"))
        till.send(f"scan {CUCUMBER}")
        till.send("key cash")
        until(till, lambda: heard(till, "receipt-printing", state="confirmed"))
        assert heard(till, "drawer-opened", cause="sale")
        till.end()
        (receipt,) = paper.cut_receipts
        assert "Salatgurke" in receipt.text
        assert receipt.text.count("DEMO - kein Beleg") >= 2
        assert len(paper.pulses) == 1
        assert paper.violations == []


def test_with_a_dead_printer_the_sale_stands_and_the_receipt_prints_when_it_is_back(
    start: Callable[..., LineTill], state: Path
) -> None:
    with PaperPrinter() as paper, TcpServer(paper) as server:
        till = start(state, "--printer", f"tcp://127.0.0.1:{server.port}")
        till.sign_in()
        until(till, lambda: heard(till, "device-changed", device="printer", state="ready"))
        paper.power_off()
        until(till, lambda: printer_state(till) in {"absent", "fault"})
        till.send(f"scan {CUCUMBER}")
        view = till.send("key cash")
        assert view["state"] == "paid"
        assert view["message"]["code"] == "drawer-by-key"
        assert till.send(f"scan {CUCUMBER}")["state"] == "selling"
        paper.power_on()
        until(till, lambda: heard(till, "receipt-printing", state="confirmed"))
        till.end()
        assert len(paper.cut_receipts) == 1
    opened = [json.loads(line)["body"] for line in _journal(state, "drawer.opened")]
    assert [(fact["reason"], fact["by_key"]) for fact in opened] == [("sale", True)]


def test_a_waiting_receipt_may_be_left_to_the_code(start: Callable[..., LineTill], state: Path) -> None:
    with PaperPrinter() as paper, TcpServer(paper) as server:
        till = start(state, "--printer", f"tcp://127.0.0.1:{server.port}")
        till.sign_in()
        until(till, lambda: heard(till, "device-changed", device="printer", state="ready"))
        paper.power_off()
        until(till, lambda: printer_state(till) in {"absent", "fault"})
        till.send(f"scan {CUCUMBER}")
        till.send("key cash")
        until(till, lambda: heard(till, "receipt-printing", state="queued"))
        till.send("key print-code-only")
        until(till, lambda: heard(till, "receipt-printing", state="dropped"))
        paper.power_on()
        until(till, lambda: printer_state(till) == "ready")
        till.end()
        assert paper.cut_receipts == []


def test_a_copy_is_marked_and_kept_as_a_fact(start: Callable[..., LineTill], state: Path) -> None:
    with PaperPrinter() as paper, TcpServer(paper) as server:
        till = start(state, "--printer", f"tcp://127.0.0.1:{server.port}")
        till.sign_in()
        until(till, lambda: heard(till, "device-changed", device="printer", state="ready"))
        till.send(f"scan {CUCUMBER}")
        till.send("key cash")
        until(till, lambda: heard(till, "receipt-printing", state="confirmed"))
        till.events.clear()
        till.send("key print")
        until(till, lambda: heard(till, "receipt-printing", state="confirmed"))
        till.end()
        original, copy = paper.cut_receipts
        assert "KOPIE" not in original.text.upper()
        assert "KOPIE" in copy.text.upper()
    assert len(_journal(state, "receipt.copied")) == 1


def _journal(state: Path, kind: str) -> list[str]:
    return run_tool("journal", "show", "--state", str(state), "--kind", kind).splitlines()
