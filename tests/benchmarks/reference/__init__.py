"""The apps a till is measured against, as candidates for the harness. Each file here runs on its own."""

import os
import sys
from pathlib import Path

from tests.benchmarks.harness import Candidate, Running

HERE = Path(__file__).parent


def scan_by_line(app: Running, number: int) -> bytes:
    """Sends one code as a line and names the text that its row will show."""
    code = b"%013d" % (4_000_000_000_000 + number)
    os.write(app.scan_fd, code + b"\n")
    return b"Article " + code


def no_scan(app: Running, number: int) -> bytes:
    raise ValueError(f"{app.candidate.name} takes no scans; it is for first frames only (asked for {number})")


def minimal() -> Candidate:
    return Candidate(
        name="minimal Textual app",
        argv=(sys.executable, str(HERE / "minimal.py")),
        first_frame=b"first frame painted",
        send_scan=no_scan,
    )


def custom_list(rows: int = 0) -> Candidate:
    return _till("custom list", "custom_list.py", rows)


def datatable(rows: int = 0) -> Candidate:
    return _till("DataTable", "datatable.py", rows)


def _till(name: str, file: str, rows: int) -> Candidate:
    # The entry's cursor stands on the first letter of its placeholder and is painted apart.
    return Candidate(
        name=f"{name}, {rows} rows",
        argv=(sys.executable, str(HERE / file), "--rows", str(rows), "--fd", "{scan}"),
        first_frame=b"rticle or number",
        send_scan=scan_by_line,
    )
