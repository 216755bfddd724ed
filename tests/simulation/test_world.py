"""A slice of the simulation with fixed seeds: `make simulate` runs the volume."""

import pytest

from tests.simulation import jepsen
from tests.simulation.mutations import MUTATIONS, mutated
from tests.simulation.score import catch
from tests.simulation.world import run_seed

pytestmark = pytest.mark.simulation

# Faults that a few seeds suffice for; `make simulate` tries all of them, with a hundred seeds each.
COMMON = (
    "acknowledged-before-commit",
    "answers-not-verified",
    "append-not-awaited",
)
SEEDS = range(1, 6)


def test_the_same_seed_gives_the_same_event_log() -> None:
    first, second = run_seed(11), run_seed(11)
    assert first.log == second.log
    assert first == second
    assert run_seed(12).log != first.log


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_shop_survives_its_faults(seed: int) -> None:
    outcome = run_seed(seed)
    assert outcome.violations == []
    assert outcome.sales_at_tills


@pytest.mark.parametrize("seed", range(1, 2))
def test_no_queue_is_stuck_and_none_differs_under_the_faults_of_jepsen(seed: int) -> None:
    assert jepsen.run(seed).violations == []


@pytest.mark.parametrize("name", COMMON)
def test_a_fault_put_into_the_code_is_found(name: str) -> None:
    found = catch(name, SEEDS)
    assert found.seed in SEEDS, found


def test_every_mutation_still_fits_the_code() -> None:
    assert len(MUTATIONS) >= 30
    for name in MUTATIONS:
        with mutated(name):
            pass
