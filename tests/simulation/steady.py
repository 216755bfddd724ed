"""Thousands of baskets through one till and one hub, with kills or without; goes on where it was interrupted."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.simulation.baskets import BasketRun, Outcome, load_codes
from tests.simulation.hubs import ROOT, enrol_till, running_hub
from tests.simulation.line_till import PIN
from tests.simulation.prepared import Program, fresh, run

__all__ = ["CATALOGUE", "DEMO_CATALOGUE", "sell"]

DEMO_CATALOGUE = ROOT / "config" / "demo" / "articles.csv"
_LARGE_CATALOGUE = ROOT.parent / "shared" / "data" / "catalogue_de.csv.gz"
CATALOGUE = _LARGE_CATALOGUE if _LARGE_CATALOGUE.exists() else DEMO_CATALOGUE
"""The large catalogue where there is one beside the checkout, else the demo shop's."""


def sell(
    folder: Path,
    baskets: int,
    kills: int,
    seed: int,
    catalogue: Path = CATALOGUE,
    program: Program = fresh,
    progress: Callable[[int, int], None] = lambda _done, _whole: None,
) -> dict[str, object]:
    """Sell until the journal holds `baskets` sales, then compare journal, hub, and what was printed."""
    state = folder / "till"
    if not (state / "journal").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        run(program, "init", "--state", str(state), "--operator", "Kim", stdin=f"{PIN}\n")
        run(program, "catalogue", "import", str(catalogue), "--state", str(state), "--good-rows")
    before = json.loads(run(program, "journal", "verify", "--json", "--state", str(state)))
    done = before["sales"]
    outcome = Outcome()
    with running_hub(folder, program) as (url, db):
        enrol_till(state, db, url)
        if done < baskets:
            baskets_run = BasketRun(
                state,
                load_codes(catalogue, 5_000, seed),
                seed=seed + done,
                first_number=done + 1,
                till_options=("--hub", url),
                program=program,
                progress=progress,
            )
            outcome = baskets_run.run(baskets - done, round(kills * (baskets - done) / baskets))
            baskets_run.compare_with_journal()
        after = json.loads(run(program, "journal", "verify", "--json", "--state", str(state)))
        digest = json.loads(run(program, "hub", "digest", "--db", db))
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
