"""A slice of the simulation with fixed seeds: `make simulate` runs the volume."""

import concurrent.futures
import multiprocessing
import os
import random

import msgspec
import pytest

from tests.simulation import jepsen, office, sharing
from tests.simulation.mutations import MUTATIONS, mutated
from tests.simulation.score import catch
from tests.simulation.world import Outcome, Plan, plan_of, run_seed

pytestmark = pytest.mark.simulation

SHOPS = range(1, 33)
SALES, FAULTS = 100_000, 20_000

# Faults that a few seeds of a small shop suffice for; `make simulate` tries all of them on large ones.
COMMON = (
    "acknowledged-before-commit",
    "append-not-awaited",
    "cursor-moves-before-the-answer",
    "drawer-before-commit",
    "fact-skipped",
    "given-cart-taken-unasked",
    "number-begins-anew-at-restart",
)
SEEDS = range(1, 6)


def small(rng: random.Random) -> Plan:
    plan = plan_of(rng)
    return msgspec.structs.replace(plan, sales=plan.sales // 8)


def small_shop(seed: int) -> Outcome:
    return run_seed(seed, plan=small)


def test_the_same_seed_gives_the_same_event_log() -> None:
    first, second = small_shop(11), small_shop(11)
    assert first.log == second.log
    assert first == second
    assert small_shop(12).log != first.log


@pytest.mark.timeout(900)
def test_a_hundred_thousand_sales_survive_twenty_thousand_faults() -> None:
    start = multiprocessing.get_context("spawn")  # each with its own patched disk
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), mp_context=start) as pool:
        outcomes = list(pool.map(run_seed, SHOPS))
    assert {outcome.seed: outcome.violations for outcome in outcomes if outcome.violations} == {}
    sales = sum(outcome.sales for outcome in outcomes)
    at_tills = sum(outcome.sales_at_tills for outcome in outcomes)
    faults = sum(sum(outcome.faults.values()) for outcome in outcomes)
    print(f"{sales:,} sales, {at_tills:,} of them at tills, {faults:,} faults")
    assert sales >= SALES
    assert at_tills >= SALES * 5 // 100
    assert faults >= FAULTS


def test_no_queue_is_stuck_and_none_differs_under_the_faults_of_jepsen() -> None:
    assert jepsen.run(1).violations == []


def test_no_parked_cart_goes_on_twice_where_tills_want_the_same_ones() -> None:
    outcomes = [run_seed(seed, plan=sharing.plan_of) for seed in (2, 3)]
    assert [outcome.violations for outcome in outcomes] == [[], []]
    assert sum(outcome.taken_over for outcome in outcomes) >= 5


def test_tills_hold_what_the_hub_holds_after_it_went_back_to_an_older_copy() -> None:
    outcomes = [run_seed(seed, plan=office.plan_of) for seed in (2, 3)]
    assert [outcome.violations for outcome in outcomes] == [[], []]
    assert all(outcome.faults["hub restored"] for outcome in outcomes)


@pytest.mark.parametrize("name", COMMON)
def test_a_fault_put_into_the_code_is_found(name: str) -> None:
    found = catch(name, SEEDS, (small,))
    if found.seed < 0:
        found = catch(name, SEEDS, (sharing.plan_of,))
    assert found.seed in SEEDS, found


def test_every_mutation_still_fits_the_code() -> None:
    assert len(MUTATIONS) >= 30
    for name in MUTATIONS:
        with mutated(name):
            pass
