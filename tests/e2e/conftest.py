"""A till with the demo shop's articles, made once and copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.line_till import LineTill, make_till, run_tool

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "config" / "demo"


@pytest.fixture(scope="session")
def fresh_till(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("till") / "state"
    make_till(state, "--till", "k3", "--shop-file", str(DEMO / "shop.toml"))
    run_tool(
        "catalogue",
        "import",
        str(DEMO / "articles.csv"),
        "--departments",
        str(DEMO / "departments.csv"),
        "--state",
        str(state),
    )
    return state


@pytest.fixture
def state(fresh_till: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fresh_till, tmp_path / "state"))


@pytest.fixture
def till(state: Path) -> Iterator[LineTill]:
    till = LineTill(state)
    till.sign_in()
    yield till
    errors = till.end()
    assert not errors
