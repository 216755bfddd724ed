"""What `make simulate` consists of: each phase a volume, cut into blocks that follow from a seed.

A phase's `run(seed, count, folder, progress)` does `count` units from `seed` on, raises AssertionError with what went
wrong, and returns figures: numbers are summed over the blocks, those whose name ends in "_max" are not summed but the
largest is kept. `bars` are the least sums that the whole volume must reach.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["PHASES", "Block", "Phase"]

Report = dict[str, Any]
Run = Callable[[int, int, Path, Callable[[int], None]], Report]


class Block(msgspec.Struct, frozen=True):
    """`count` units of a phase, beginning with `seed`."""

    seed: int
    count: int


class Phase(msgspec.Struct, frozen=True):
    """`volume` units in blocks of `block`; a block's seed is the first seed and the units before it.

    `whole`: one block, which keeps its own place and goes on in it.
    """

    name: str
    what: str
    unit: str
    volume: int
    block: int
    run: Run
    bars: Mapping[str, int] = {}
    whole: bool = False

    def blocks(self, first_seed: int, scale: float) -> list[Block]:
        volume = max(1, round(self.volume * scale))
        size = volume if self.whole else min(self.block, volume)
        return [Block(first_seed + start, min(size, volume - start)) for start in range(0, volume, size)]


def _steady(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.steady import sell

    return sell(folder, count, 0, seed, progress=lambda done, _: progress(done))


def _killed(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.steady import sell

    return sell(folder, count, count // 50, seed, progress=lambda done, _: progress(done))


def _processes(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.processes import process_kills

    return process_kills(seed, count, folder, progress)


def _power(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.power import power_cuts

    # A history has many cuts, and a block that begins `count` later has other histories.
    return _sound(power_cuts(seed, count, lambda done, _: progress(min(done, count))))


def _printing(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.printing import print_kills

    return _sound(print_kills(seed, count, folder, progress))


def _matrix(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    """Each act has its turn once in as many seeds as there are acts."""
    from tests.simulation.disk import ram_folder
    from tests.simulation.kill_matrix import ACTS, SEGMENT_FACTS, cut_everywhere
    from tests.simulation.power import small_limits

    names = list(ACTS)
    found: Report = {"acts": 0, "steps": 0, "images": 0}
    with ram_folder() as parent, small_limits(segment_facts=SEGMENT_FACTS, group_facts=1):
        for number in range(seed, seed + count):
            row = cut_everywhere(names[number % len(names)], parent, seed=number)
            _sound(row)
            found = {
                "acts": found["acts"] + 1,
                "steps": found["steps"] + row.steps,
                "images": found["images"] + row.images,
            }
            progress(found["acts"])
    return found


def _calls(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    """Each kind of failing call in each act has its turn once in as many seeds as there are pairs."""
    from tests.simulation.disk import ram_folder
    from tests.simulation.kill_matrix import FAILING, SEGMENT_FACTS, fail_everywhere
    from tests.simulation.power import small_limits

    pairs = [(kind, act) for kind in ("sync", "write", "full") for act in FAILING]
    found: Report = {"pairs": 0, "steps": 0}
    with ram_folder() as parent, small_limits(segment_facts=SEGMENT_FACTS, group_facts=1):
        for number in range(seed, seed + count):
            kind, act = pairs[number % len(pairs)]
            row = fail_everywhere(act, parent, kind, seed=number)
            _sound(row)
            found = {"pairs": found["pairs"] + 1, "steps": found["steps"] + row.steps}
            progress(found["pairs"])
    return found


def _faults(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    """Each kind of fault has its turn once in as many seeds as there are kinds."""
    from tests.simulation.line_till import LineTill, make_till, run_tool
    from tests.simulation.runner import add_up
    from tests.simulation.steady import DEMO_CATALOGUE
    from tests.simulation.syscall_faults import FAULTS, fault_sweep

    found: Report = {}
    for number in range(seed, seed + count):
        calls, fault = FAULTS[number % len(FAULTS)]
        state = folder / f"till-{number}"
        make_till(state)
        run_tool("catalogue", "import", str(DEMO_CATALOGUE), "--state", str(state), "--good-rows")
        till = LineTill(state)
        try:
            till.sign_in()
            found = add_up([found, {"kinds": 1}, _sound(fault_sweep(till, state, folder, calls, fault))])
        finally:
            till.close()
        progress(number + 1 - seed)
    return found


def _lying(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.lying import lying_cuts

    return _sound(lying_cuts(seed, count, lambda done, _: progress(min(done, count))))


def _changes(_seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    """On SQLite and on PostgreSQL; the order in which writers meet is the machine's, not a seed's."""
    from tests.simulation.changes_race import changes_race

    reports = changes_race(count)
    assert all(report.sound for report in reports.values()), reports
    progress(count)
    return {
        "changes": min(report.changes for report in reports.values()),
        **{name: msgspec.to_builtins(report) for name, report in reports.items()},
    }


def _world(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.volume import world_block

    return world_block(seed, count, folder, progress)


def _shops(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.volume import shops_block

    return shops_block(seed, count, folder, progress)


def _jepsen(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.volume import jepsen_block

    return jepsen_block(seed, count, folder, progress)


def _mutations(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    """Each mutation has its turn once in as many seeds as there are mutations."""
    from tests.simulation.volume import mutation_block

    return mutation_block(seed, count, folder, progress)


def _promotions(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.reference.compare import promotion_baskets

    return dict(promotion_baskets(seed, count, progress))


def _days(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    """Days folded from facts, and every hundredth one made at a real till."""
    from tests.simulation.days import random_days
    from tests.simulation.till_days import till_days

    report: Report = msgspec.to_builtins(random_days(seed, count, progress))
    return report | {"till_days": till_days(seed, count // 100)}


def _shop(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.shop_days import shop_days

    return dict(shop_days(seed, count, progress))


def _shop_mutations(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    """Each mutation has its turn once in as many seeds as there are mutations."""
    from tests.simulation.mutations_of_shop import shop_mutations

    return shop_mutations(seed, count, progress)


def _races(_seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    """On SQLite and on PostgreSQL; who is first is the machine's, not a seed's."""
    from tests.simulation.shop_races import shop_races

    return dict(shop_races(count, progress))


def _api(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    """On SQLite and on PostgreSQL."""
    from tests.simulation.api_cases import api_block

    return api_block(seed, count, folder, progress)


def _zvt(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.card_lines import fuzz

    return fuzz(seed, count, progress)


def _card_matrix(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    """Each terminal on each line with each kind of cut has its turn once in as many seeds as there are such rows."""
    from tests.simulation.cards.matrix import PERSONALITIES, matrix, table
    from tests.simulation.cards.world import HOW

    rows = [(kind, line, how) for kind in PERSONALITIES for line in ("tcp", "serial") for how in HOW]
    chosen = [rows[number % len(rows)] for number in range(seed, seed + count)]
    found = matrix(chosen, progress=lambda done, _: progress(done))
    _sound(found)
    return {
        "rows": len(found.rows),
        "runs": found.runs,
        "settled": sum(row.cells.count(".") for row in found.rows),
        "for_a_person": sum(row.cells.count("M") for row in found.rows),
        "virtual_seconds_max": max(row.slowest for row in found.rows),
        "table": table(found),
    }


def _card_cuts(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.cards.matrix import random_cuts

    return _sound(random_cuts(seed, count, lambda done, _: progress(done)))


def _card_processes(seed: int, count: int, folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.simulation.cards.processes import process_cuts

    return process_cuts(seed, count, folder, progress)


def _sound(report: Any) -> Report:
    """The figures of a report that collects its failures; raises where there are any."""
    assert not report.failures, "; ".join(report.failures[:5])
    figures: Report = msgspec.to_builtins(report)
    del figures["failures"]
    return figures


def _receipt_forms(seed: int, count: int, _folder: Path, progress: Callable[[int], None]) -> Report:
    from tests.unit.receipt_forms import disagreements, random_receipt

    for number in range(seed, seed + count):
        wrong = disagreements(random_receipt(number))
        assert not wrong, f"receipt {number} shows other sums as {', '.join(wrong)}"
        progress(number + 1 - seed)
    return {"receipts": count}


PHASES: dict[str, Phase] = {
    phase.name: phase
    for phase in (
        Phase(
            "receipt-forms",
            "HTML, PDF, JSON, eKaBS and paper show the same sums",
            "receipts",
            1_000,
            250,
            _receipt_forms,
            {"receipts": 1_000},
        ),
        Phase(
            "steady",
            "one till and one hub sell without a break",
            "baskets",
            10_000,
            10_000,
            _steady,
            {"sales_in_journal": 10_000},
            whole=True,
        ),
        Phase(
            "killed",
            "one till is killed at random moments while it sells",
            "baskets",
            10_000,
            10_000,
            _killed,
            {"sales_in_journal": 10_000, "kills": 200},
            whole=True,
        ),
        Phase(
            "processes",
            "tills, relay, hub and PostgreSQL are killed while they work, on failing lines",
            "kills",
            2_000,
            100,
            _processes,
            {"kills": 2_000},
        ),
        Phase(
            "printing",
            "a till is killed between the cash key and its printer's last word; each receipt once, or a question",
            "kills",
            200,
            50,
            _printing,
            {"kills": 200},
        ),
        Phase(
            "matrix",
            "the power goes at every single write of each act of a till",
            "acts",
            29,
            1,
            _matrix,
            {"acts": 29},
        ),
        Phase(
            "power",
            "the power goes at random writes; what was not synced is lost, reordered or torn",
            "cuts",
            100_000,
            2_500,
            _power,
            {"cuts": 100_000},
        ),
        Phase(
            "lying",
            "the disk says written before it is, and the power goes: what is lost must be noticed",
            "cuts",
            10_000,
            500,
            _lying,
            {"cuts": 10_000},
        ),
        Phase(
            "calls",
            "every single write or sync of each act of a till fails once",
            "pairs",
            78,
            1,
            _calls,
            {"pairs": 78},
        ),
        Phase(
            "faults",
            "every single system call of a running till's sale fails once (strace)",
            "kinds",
            7,
            1,
            _faults,
            {"kinds": 7},
        ),
        Phase(
            "world",
            "whole shops in virtual time: tills, nodes, network, faults of every kind, and the invariants",
            "seeds",
            1_300,
            10,
            _world,
            {"sales": 5_000_000, "sales_at_tills": 250_000, "faults": 1_000_000},
        ),
        Phase(
            "shops",
            "shops whose tills want the same parked carts, or whose office works over a hub that is restored",
            "seeds",
            400,
            20,
            _shops,
            {"runs": 400},
        ),
        Phase(
            "jepsen",
            "the faults of jepsen-powersync: disconnect, stop, partitions, pause, kill",
            "runs",
            1_000,
            20,
            _jepsen,
            {"runs": 1_000},
        ),
        Phase(
            "days",
            "random business days: lines = receipt = X = Z = journal, and no drawer below nothing",
            "days",
            100_000,
            5_000,
            _days,
            {"days": 100_000, "till_days": 1_000},
        ),
        Phase(
            "shop",
            "random days of a shop in every channel: tills cut off, late, doubled and reordered facts, restarts; S1 to S9",
            "days",
            200_000,
            2_000,
            _shop,
            {
                "days": 200_000,
                "facts": 800_000,
                "partitions": 100_000,
                "restarts": 100_000,
                "orders of facts compared": 25_000,
                "conflict: promise broken": 5_000,
                "conflict: handed over twice": 2_000,
                "conflict: card overdrawn": 15_000,
                "conflict: cart sold twice": 2_000,
                "conflict: more came back than was sold": 5_000,
                "down payments given back": 20_000,
                "conflict: a down payment given back twice": 1_000,
            },
        ),
        Phase(
            "shop-mutations",
            "faults put into the rooms of the shop on purpose: its days must find them",
            "mutations",
            43,
            3,
            _shop_mutations,
            {"mutations": 43, "caught": 43},
        ),
        Phase(
            "races",
            "many want the last of something at once: exactly one gets it, on SQLite and on PostgreSQL",
            "races",
            1_000,
            1_000,
            _races,
            {"last_unit": 2_000, "one_cart": 2_000, "one_pickup": 2_000, "one_refund": 2_000},
        ),
        Phase(
            "api",
            "schemathesis asks the channels' API, right and wrong, on SQLite and on PostgreSQL; answers are as described",
            "cases",
            5_000,
            1_000,
            _api,
            {"sqlite_cases": 5_000, "postgresql_cases": 5_000},
        ),
        Phase(
            "card-matrix",
            "three card terminals, two lines, every step of a payment, cut by link, kill and power",
            "rows",
            18,
            1,
            _card_matrix,
            {"rows": 18, "runs": 288},
        ),
        Phase(
            "card-cuts",
            "payments by card cut at random, once or more: the journal beside what the cards were charged",
            "runs",
            2_000,
            50,
            _card_cuts,
            {"runs": 2_000, "cuts": 2_000},
        ),
        Phase(
            "card-processes",
            "tills killed while a card terminal charges a card: real processes, a real socket",
            "kills",
            30,
            3,
            _card_processes,
            {"kills": 30},
        ),
        Phase(
            "mutations",
            "faults put into the code on purpose: the simulation must find them",
            "mutations",
            47,
            1,
            _mutations,
            {"mutations": 47, "caught": 45},
        ),
        Phase(
            "promotions",
            "the engine of promotions beside the slow rule it is measured by, on random baskets",
            "baskets",
            100_000,
            5_000,
            _promotions,
            {"baskets": 100_000},
        ),
        Phase(
            "zvt",
            "a card terminal's line spoilt in every way: nothing raises or hangs, no card number comes out",
            "inputs",
            1_000_000,
            25_000,
            _zvt,
            {"inputs": 1_000_000},
        ),
        Phase(
            "changes",
            "32 writers of changes, two readers, on SQLite and PostgreSQL",
            "changes",
            100_000,
            100_000,
            _changes,
            {"changes": 100_000},
        ),
    )
}
