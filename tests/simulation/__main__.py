"""`make simulate`: the full volume. 10,000 baskets in one process, then 10,000 with 200 kills, each with a hub.

Resumable: what is sold is in the journals under build/simulation; run it again and it goes on. The report
stays in build/simulation/report.json.
"""

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec

from tests.simulation.baskets import BasketRun, Outcome, load_codes
from tests.simulation.line_till import make_till, run_tool

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT.parent / "shared" / "data" / "catalogue_de.csv.gz"
PHASES = (("steady", 10_000, 0), ("killed", 10_000, 200))


@contextlib.contextmanager
def running_hub(folder: Path) -> Iterator[tuple[str, str]]:
    """A real hub process on SQLite; gives its address and its database URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    db = f"sqlite:///{folder / 'hub.db'}"
    with (folder / "hub.log").open("wb") as log:
        hub = subprocess.Popen(
            [sys.executable, "-m", "pos", "hub", "--db", db, "--port", str(port)],
            stdout=log,
            stderr=log,
            cwd=ROOT,
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/v1/health")
            yield f"http://127.0.0.1:{port}", db
        finally:
            hub.terminate()
            hub.wait(30)


def sell(folder: Path, baskets: int, kills: int, seed: int, catalogue: Path = CATALOGUE) -> dict[str, object]:
    """Sell until the journal holds `baskets` sales, then compare journal, hub, and what was printed."""
    state = folder / "till"
    if not (state / "journal").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        make_till(state)
        run_tool("catalogue", "import", str(catalogue), "--state", str(state), "--good-rows")
    before = json.loads(run_tool("journal", "verify", "--json", "--state", str(state)))
    done = before["sales"]
    outcome = Outcome()
    with running_hub(folder) as (url, db):
        if done < baskets:
            codes = load_codes(catalogue, 5_000, seed)
            run = BasketRun(
                state,
                codes,
                seed=seed + done,
                first_number=done + 1,
                till_options=("--hub", url),
                progress=_progress,
            )
            outcome = run.run(baskets - done, round(kills * (baskets - done) / baskets))
        after = json.loads(run_tool("journal", "verify", "--json", "--state", str(state)))
        digest = json.loads(run_tool("hub", "digest", "--db", db))
    assert after["problems"] == [], after
    assert after["sales"] == baskets, after
    assert after["gross_minor"] == before["gross_minor"] + outcome.gross_minor, (before, after, outcome)
    assert digest["sales"] == after["sales"], digest
    assert digest["gross_minor"] == after["gross_minor"], digest
    return {
        **msgspec.to_builtins(outcome),
        "sales_in_journal": after["sales"],
        "gross_minor_journal": after["gross_minor"],
        "gross_minor_hub": digest["gross_minor"],
        "rss_growth_kb": outcome.rss_end_kb - outcome.rss_start_kb if not kills else None,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "simulation")
    parser.add_argument("--seed", type=int, default=20_261_122)
    wanted = parser.parse_args()
    if not CATALOGUE.exists():
        print(f"The real catalogue is missing: {CATALOGUE}")
        return 2
    report_path = wanted.folder / "report.json"
    report = json.loads(report_path.read_text(encoding="utf-8")) if report_path.exists() else {}
    for name, baskets, kills in PHASES:
        if name in report:
            print(f"{name}: done before")
            continue
        print(f"{name}: {baskets} baskets, {kills} kills")
        report[name] = sell(wanted.folder / name, baskets, kills, wanted.seed)
        report_path.write_text(json.dumps(report, indent=2), encoding="utf-8")
        print(f"\r{name}: {report[name]}")
    print(f"report: {report_path}")
    return 0


def _progress(done: int, whole: int) -> None:
    if done % 100 == 0 or done == whole:
        width = 40 * done // whole
        print(f"\r[{'#' * width}{'.' * (40 - width)}] {done}/{whole}", end="", flush=True)


def _wait_for(url: str) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")


if __name__ == "__main__":
    sys.exit(main())
