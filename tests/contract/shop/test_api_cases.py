"""A slice of the API's cases with a fixed seed, on both databases: `make simulate` runs the volume (phase `api`)."""

from collections.abc import Callable

import pytest

from tests.simulation.api_cases import ask_all

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_answers_are_as_the_description_says(new_url: Callable[[str], str], kind: str) -> None:
    found = ask_all(new_url(kind), seed=4 if kind == "sqlite" else 5, count=260)
    assert not found.failures, "\n".join(found.failures)
    assert found.cases >= 220
    assert min(found.accepted, found.signed, found.unknown_callers) > 10, found
