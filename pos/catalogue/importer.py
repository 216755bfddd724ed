"""Imports a file of articles: all rows are checked, then a new catalogue takes the old one's place."""

import datetime as dt
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain, islice
from pathlib import Path

import msgspec

from pos.catalogue.amounts import DecimalMark, decimal_mark
from pos.catalogue.build import CatalogueBuilder
from pos.catalogue.departments import Departments, departments_of_catalogue, read_departments
from pos.catalogue.dialect import Dialect, Progress, Table, find_dialect, open_table
from pos.catalogue.mapping import Columns, FileMapping, known_columns, resolve_columns
from pos.catalogue.replacing import replacing_catalogue
from pos.catalogue.report import FileRefusedError, ImportSummary, Refusal, write_report
from pos.catalogue.rows import RowReader
from pos.catalogue.schema import CATALOGUE_FILE, SCHEMA_VERSION
from pos.catalogue.tax_codes import TaxCodes
from pos.domain.tax import TaxTable

__all__ = ["ImportJob", "import_catalogue"]

SAMPLE_ROWS = 2_000
REFUSALS_KEPT = 1_000  # in the summary; the report holds all of them


class ImportJob(msgspec.Struct, frozen=True):
    """What to import, into which state folder, and how strictly. `on` is today, `imported_at` the ISO time."""

    source: Path
    state: Path
    tax: TaxTable
    on: dt.date
    imported_at: str
    mapping: FileMapping = FileMapping()
    departments: Path | None = None
    report: Path | None = None
    currency: str = "EUR"
    good_rows: bool = False
    dry_run: bool = False


def import_catalogue(job: ImportJob, progress: Progress = lambda _done, _size: None) -> ImportSummary:
    """Import a file. Raises FileRefusedError (the file as a whole) and CatalogueStorageError (the disk).

    Rows that are refused are in the summary; then nothing was imported, but for `good_rows`.
    """
    stated = job.mapping
    dialect = find_dialect(job.source, known_columns, stated.encoding, stated.delimiter)
    with (
        _place_to_build(job) as (new, scratch),
        open_table(job.source, dialect, progress) as table,
    ):
        columns = resolve_columns(table.header, stated.columns)
        with closing(CatalogueBuilder(new, scratch, columns)) as builder:
            return _build(job, builder, table, columns, dialect)


@contextmanager
def _place_to_build(job: ImportJob) -> Iterator[tuple[Path, Path]]:
    if not job.dry_run:
        with replacing_catalogue(job.state) as paths:
            yield paths
        return
    with tempfile.TemporaryDirectory(prefix="tresen-dry-run-") as folder:
        yield Path(folder, CATALOGUE_FILE), Path(folder, "scratch")


def _build(
    job: ImportJob, builder: CatalogueBuilder, table: Table, columns: Columns, dialect: Dialect
) -> ImportSummary:
    rows = iter(table)
    sample = list(islice(rows, SAMPLE_ROWS))
    mark = job.mapping.decimal or _mark_of(sample, columns, dialect)
    tax_codes = TaxCodes(job.tax, job.on)
    departments = _departments(job, tax_codes)
    reader = RowReader(columns, mark, tax_codes, departments, net=job.mapping.net)
    count = 0
    for line, cells in chain(sample, rows):
        count += 1
        if isinstance(cells, str):
            builder.refuse(Refusal(line, "", cells))
            continue
        read = reader.read(line, cells)
        if isinstance(read, list):
            for refusal in read:
                builder.refuse(refusal)
        else:
            builder.add(read)
    if not count:
        raise FileRefusedError("The file has column names but no rows.")
    builder.settle()
    refused = builder.rows_refused()
    articles = builder.articles()
    accepted = articles > 0 and (job.good_rows or not refused)
    if job.report:
        _write_report(job.report, builder)
    summary = ImportSummary(
        rows_read=count,
        articles=articles,
        further_prices=builder.further_prices,
        rows_refused=refused,
        codes=builder.codes(),
        zero_prices=builder.zero_prices(),
        imported=accepted and not job.dry_run,
        dry_run=job.dry_run,
        encoding=dialect.encoding,
        delimiter=dialect.delimiter,
        decimal=mark,
        columns={ours: columns.theirs(ours) for ours in columns.places},
        columns_unused=columns.unused,
        refusals=tuple(islice(builder.refusals(), REFUSALS_KEPT)),
        refusals_count=builder.refusals_count(),
    )
    if summary.imported:
        builder.complete(job.on, departments.all(), _meta(job, summary))
    else:
        builder.discard()
    return summary


def _mark_of(sample: list[tuple[int, list[str] | str]], columns: Columns, dialect: Dialect) -> DecimalMark:
    """The file's decimal mark by its amounts; where they do not tell, by its delimiter."""
    wanted = ("price", "price_net", "deposit", "content_quantity")
    places = [columns.places[ours][0] for ours in wanted if ours in columns]
    amounts = (
        cells[i] for _, cells in sample if not isinstance(cells, str) for i in places if i < len(cells)
    )
    return decimal_mark(amounts) or ("," if dialect.delimiter == ";" else ".")


def _departments(job: ImportJob, tax_codes: TaxCodes) -> Departments:
    if job.departments:
        return Departments(read_departments(job.departments, tax_codes), complete=True)
    return Departments(departments_of_catalogue(job.state / CATALOGUE_FILE), complete=False)


def _meta(job: ImportJob, summary: ImportSummary) -> dict[str, str]:
    return {
        "schema_version": str(SCHEMA_VERSION),
        "imported_at": job.imported_at,
        "source": job.source.name,
        "currency": job.currency,
        "rows_read": str(summary.rows_read),
        "rows_refused": str(summary.rows_refused),
        "articles": str(summary.articles),
        "codes": str(summary.codes),
        "feed_cursor": "",
    }


def _write_report(path: Path, builder: CatalogueBuilder) -> None:
    try:
        write_report(path, builder.refusals())
    except OSError as error:
        raise FileRefusedError(f"The report {path} cannot be written: {error.strerror}.") from error
