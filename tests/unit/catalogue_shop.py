"""What the tests of the catalogue share: valid codes, a day, and a reader on a file."""

import csv
import datetime as dt
import io
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pos.catalogue.reader import CatalogueReader
from pos.domain.codes import check_digit

TODAY = dt.date(2025, 12, 1)

_T = TypeVar("_T")


class FixedClock:
    """A clock for commands that only write its time down."""

    boot_id = "test"

    def wall_ms(self) -> int:
        return 0

    def mono_ms(self) -> int:
        return 0

    def now(self) -> dt.datetime:
        return dt.datetime(2025, 12, 1, 8, 0, tzinfo=dt.timezone(dt.timedelta(hours=1)))


class HereWorker:
    """Runs at once, and counts."""

    def __init__(self) -> None:
        self.runs = 0

    def run(self, function: Callable[..., _T], *args: Any) -> Awaitable[_T]:
        async def call() -> _T:
            self.runs += 1
            return function(*args)

        return call()

    def post(self, function: Callable[[], None]) -> None:
        function()


def ean(number: int) -> str:
    """A valid EAN-13 of the shop's own range."""
    body = f"20{number:010d}"
    return f"{body}{check_digit(body)}"


def as_csv(rows: list[list[str]], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


@contextmanager
def open_reader(path: Path, on: dt.date = TODAY) -> Iterator[CatalogueReader]:
    with closing(CatalogueReader(path, HereWorker())) as reader:
        reader.refresh(on)
        yield reader
