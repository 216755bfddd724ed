"""How tests start the program."""

from collections.abc import Iterator

import pytest

from tests.simulation.prepared import prepared_program, using


@pytest.fixture(scope="session", autouse=True)
def _prepared() -> Iterator[None]:
    """Most tests are not about an interpreter's start: tills and hubs are forked from one that has loaded the program."""
    with prepared_program() as program, using(program):
        yield
