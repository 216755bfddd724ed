"""The bare custom list with one word more: the line "clear" empties it, so that a small cart can stay small."""

import argparse
import os
import sys

from tests.benchmarks.harness import ROOT, Candidate, Running
from tests.benchmarks.reference import scan_by_line

CLEAR = "clear"


def small_cart() -> Candidate:
    return Candidate(
        name="custom list, small",
        argv=(sys.executable, "-m", "tests.benchmarks.small_cart", "--fd", "{scan}"),
        first_frame=b"rticle or number",
        send_scan=scan_by_line,
        env={"PYTHONPATH": str(ROOT)},
    )


def restart(app: Running, rows: int) -> None:
    """An empty list, then so many rows; not measured."""
    words = [CLEAR, *(f"begin-{number}" for number in range(rows))]
    os.write(app.scan_fd, "".join(f"{word}\n" for word in words).encode())
    app.read_until_quiet(0.1)


def main(scans_fd: int) -> None:
    from tests.benchmarks.reference.custom_list import CustomListTill

    class SmallCartTill(CustomListTill):
        def _sell(self, code: str) -> None:
            if code == CLEAR:
                self._lines.rows.clear()
                self._lines._strips.clear()
                self._total_cents = 0
            else:
                super()._sell(code)

    SmallCartTill(0, scans_fd).run()


if __name__ == "__main__":
    options = argparse.ArgumentParser(prog="python -m tests.benchmarks.small_cart", description=__doc__)
    options.add_argument("--fd", type=int, required=True)
    main(options.parse_args().fd)
