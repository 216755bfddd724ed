"""The demo shop as `make run` opens it, without a screen: everything by address, one sale through all of it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_sells_prints_and_syncs_a_basket_by_itself(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.demo", "--smoke", "--folder", str(tmp_path / "demo")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "smoke: sold, printed, at the hub, and once by card; a cart of the shop page sold, an order's letter came"
        in done.stdout
    )
