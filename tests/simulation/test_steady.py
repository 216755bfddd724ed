"""A slice of `make simulate` with a fixed seed: baskets through a real till, real kills and a real hub."""

from pathlib import Path

import pytest

from tests.simulation.steady import DEMO_CATALOGUE, sell


@pytest.mark.simulation
def test_no_sale_is_lost_doubled_or_half_at_till_or_hub_through_kills(tmp_path: Path) -> None:
    result = sell(tmp_path / "run", baskets=150, kills=12, seed=7, catalogue=DEMO_CATALOGUE)
    assert result["kills"] == 12
    assert result["sales_in_journal"] == 150
