"""A slice of the phase `zvt`, and that it would notice."""

import pytest

from drivers.card.zvt import serial
from tests.simulation.card_lines import fuzz


@pytest.mark.parametrize("first_seed", [1, 5_001, 10_001, 15_001])
def test_nothing_that_comes_over_the_line_trips_the_readers(first_seed: int) -> None:
    assert fuzz(first_seed, 5_000)["inputs"] == 5_000


def test_a_reader_that_does_not_look_into_spoilt_frames_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serial, "_SEARCH", 0)
    monkeypatch.setattr(serial.SerialReader, "lost", lambda _self: [])
    with pytest.raises(AssertionError, match=r"seed \d+: .*again: "):
        fuzz(1, 5_000)


def test_a_mask_that_forgets_a_field_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.card.zvt.masking._card_number", lambda value: value)
    with pytest.raises(AssertionError, match="of a card number came out"):
        fuzz(1, 5_000)
