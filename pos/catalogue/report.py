"""What an import came to: each refused cell in one sentence, and the sums."""

import csv
from collections.abc import Iterable
from pathlib import Path

import msgspec

__all__ = ["FileRefusedError", "ImportSummary", "Refusal", "summary_line", "write_report"]

VALUE_SHOWN_MAX = 60


class FileRefusedError(Exception):
    """A whole file cannot be taken; the text is a sentence that says why and what to do."""


class Refusal(msgspec.Struct, frozen=True):
    """Why one row was refused. `column` is the file's own name for it, empty where the whole row is meant."""

    line: int
    column: str
    cause: str
    value: str = ""

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", {self.column}" if self.column else "")
        value = self.value if len(self.value) <= VALUE_SHOWN_MAX else f"{self.value[: VALUE_SHOWN_MAX - 1]}…"
        shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value)
        return f"{where}: {self.cause}" + (f" [{shown}]" if shown else "")


class ImportSummary(msgspec.Struct, frozen=True):
    """The sums of one import, in rows and codes. `further_prices` rows gave an article another dated price."""

    rows_read: int
    articles: int
    further_prices: int
    rows_refused: int
    codes: int
    zero_prices: int
    imported: bool
    dry_run: bool
    encoding: str
    delimiter: str
    decimal: str
    columns: dict[str, str]
    columns_unused: tuple[str, ...]
    refusals: tuple[Refusal, ...]
    refusals_count: int


def summary_line(summary: ImportSummary, seconds: float) -> str:
    imported = summary.articles if summary.imported or summary.dry_run else 0
    verb = "would be imported" if summary.dry_run else "imported"
    prices = f" and {summary.further_prices:,} further prices" if summary.further_prices else ""
    return (
        f"{summary.rows_read:,} rows read, {imported:,} articles{prices} {verb}, "
        f"{summary.rows_refused:,} rows refused, {summary.codes if imported else 0:,} codes, {seconds:.1f} s"
    )


def write_report(path: Path, refusals: Iterable[Refusal]) -> None:
    """A CSV that German Excel opens by a double click: semicolons, UTF-8 with a mark."""
    with path.open("w", encoding="utf-8-sig", errors="replace", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(("line", "column", "cause", "value"))
        for refusal in refusals:
            writer.writerow((refusal.line, refusal.column, refusal.cause, _as_text(refusal.value)))


def _as_text(value: str) -> str:
    """A cell that a spreadsheet would run as a formula is shown with an apostrophe instead."""
    return f"'{value}" if value[:1] in {"=", "+", "-", "@"} else value
