"""A till with the demo shop's articles, made once and copied for each test."""

import shutil
from collections.abc import Callable, Iterator
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
def start() -> Iterator[Callable[..., LineTill]]:
    """Starts tills; whatever a test leaves running is ended."""
    tills: list[LineTill] = []

    def start_one(state: Path, *options: str) -> LineTill:
        tills.append(LineTill(state, *options))
        return tills[-1]

    yield start_one
    for till in tills:
        till.close()


@pytest.fixture
def till(state: Path, start: Callable[..., LineTill]) -> Iterator[LineTill]:
    till = start(state)
    till.sign_in()
    yield till
    assert not till.end()
