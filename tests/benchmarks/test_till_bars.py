"""The bars that are counts, held by the real till on this machine as on any other. No test here looks at a clock."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import shop, storage
from tests.benchmarks.harness import Running
from tests.benchmarks.real_till import RealTill

VARIANTS = 500
SALES = 60
QUIET_S = 0.03


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> shop.Catalogue:
    return shop.catalogue(VARIANTS, tmp_path_factory.mktemp("catalogue"))


@pytest.fixture(scope="module")
def open_till(
    articles: shop.Catalogue, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RealTill, Running]]:
    state = shop.Shop(tmp_path_factory.mktemp("shop") / "tills").till("till", articles)
    till = RealTill("till", state, articles)
    with Running(till.candidate) as app:
        app.settle()
        yield till, app


@pytest.mark.parametrize("lines", [1, 50])
def test_a_scan_is_one_frame_of_at_most_four_kilobytes(
    open_till: tuple[RealTill, Running], lines: int
) -> None:
    till, app = open_till
    if till.lines:
        till.pay(app)
    till.fill(app, lines)
    samples = [app.scan(QUIET_S) for _ in range(20)]
    assert [sample.frames for sample in samples] == [1] * len(samples)
    assert 0 < max(sample.output_bytes for sample in samples) <= 4096


@pytest.mark.parametrize("same", [False, True])
def test_twenty_scans_in_two_hundred_milliseconds_are_all_sold_in_order(
    open_till: tuple[RealTill, Running], same: bool
) -> None:
    till, app = open_till
    if till.lines:
        till.pay(app)
    burst = till.burst(app, 20, 0.2, same=same)
    assert burst.sold == burst.scanned
    assert len(burst.sold) == 20


def test_a_cash_sale_of_ten_lines_is_one_commit_and_one_sync(tmp_path: Path) -> None:
    counted = storage.count(tmp_path / "till", SALES)
    assert counted.sold.commits == [1] * SALES
    assert len(counted.payments) == SALES
    assert counted.mean("syncs") <= 1.1  # a save of the next cart may fall into a sale's moment
    assert counted.mean("writes") <= 8
    assert counted.mean("bytes") <= 16_384
