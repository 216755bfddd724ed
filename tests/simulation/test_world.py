"""A slice of the simulation with fixed seeds."""

import pytest

from tests.simulation.world import run_seed

pytestmark = pytest.mark.simulation


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
