"""A slice of `make simulate` with a fixed seed: baskets through a real till, real kills and a real hub."""

from pathlib import Path

import pytest

from tests.simulation.prepared import prepared_program
from tests.simulation.steady import DEMO_CATALOGUE, sell


@pytest.mark.simulation
def test_no_sale_is_lost_doubled_or_half_at_till_or_hub_through_kills(tmp_path: Path) -> None:
    with prepared_program() as program:
        result = sell(
            tmp_path / "run", baskets=40, kills=5, seed=7, catalogue=DEMO_CATALOGUE, program=program
        )
    assert result["kills"] == 5
    assert result["sales_in_journal"] == 40
