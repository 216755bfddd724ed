"""`tresen catalogue`: import a file of articles, and look at what the till has.

The commands take the Clock from the click context's object: `catalogue(obj=SystemClock())`.
Exit codes: 0 done, 1 refused (rows or the file; nothing was imported), 2 wrong usage, 3 the disk or the catalogue
in use does not let us, 130 stopped by Ctrl-C.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click
import msgspec

from pos import resources
from pos.catalogue.dialect import DELIMITERS, Progress
from pos.catalogue.mapping import FileMapping, check_column_names, load_mapping, mapping_path, save_mapping
from pos.catalogue.reader import SEARCH_LIMIT, CatalogueReader, CatalogueUnusableError
from pos.catalogue.report import FileRefusedError, ImportSummary, summary_line
from pos.catalogue.schema import CATALOGUE_FILE
from pos.domain.article import Article
from pos.domain.codes import read_code
from pos.ports import Clock

__all__ = ["catalogue"]

REFUSED, STORAGE, STOPPED = 1, 3, 130
REFUSALS_SHOWN = 20

_T = TypeVar("_T")
_STATE = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="TRESEN_STATE",
    default=lambda: Path.home() / ".local" / "state" / "tresen",
    show_default="$TRESEN_STATE, else ~/.local/state/tresen",
    help="The till's state folder; the catalogue is catalogue.db in it.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Answer as JSON on standard output.")
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def catalogue() -> None:
    """The articles the till sells."""


def _delimiter(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    mark = {"tab": "\t", "\\t": "\t"}.get(text.lower(), text)
    if mark and mark not in DELIMITERS:
        raise click.BadParameter("one of , ; tab")
    return mark


def _columns(_context: click.Context, _parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, str]:
    if not all("=" in pair for pair in pairs):
        raise click.BadParameter("write OUR=THEIRS, for example price=Betrag")
    columns = {ours.strip(): theirs.strip() for ours, _, theirs in (pair.partition("=") for pair in pairs)}
    try:
        check_column_names(columns)
    except FileRefusedError as error:
        raise click.BadParameter(str(error)) from error
    return columns


@catalogue.command("import")
@click.argument("file", type=_FILE)
@_STATE
@click.option("--dry-run", is_flag=True, help="Check the file and change nothing.")
@click.option("--good-rows", is_flag=True, help="Import the good rows; without this it is all rows or none.")
@click.option("--departments", type=_FILE, help="A file of departments: number,name,vat_rate,tax_code.")
@click.option(
    "--column", "columns", multiple=True, callback=_columns, metavar="OUR=THEIRS", help="Name a column."
)
@click.option("--map", "map_file", type=_FILE, help="Read the file as this mapping (TOML) says.")
@click.option("--mapping", metavar="NAME", help="Read the file as the mapping saved under this name says.")
@click.option(
    "--save-mapping", "--map-save", metavar="NAME", help="Save how the file was read under this name."
)
@click.option("--net", is_flag=True, help="The prices are net; VAT is added.")
@click.option("--delimiter", default="", callback=_delimiter, help="One of , ; tab; found out if not given.")
@click.option("--encoding", default="", help="Such as utf-8 or cp1252; found out if not given.")
@click.option("--decimal", type=click.Choice([",", "."]), help="Found out if not given.")
@click.option("--report", type=click.Path(path_type=Path, dir_okay=False), help="Write all refusals as CSV.")
@click.option("--country", default="DE", show_default=True, help="Whose VAT table.")
@click.option("--currency", default="EUR", show_default=True)
@_JSON
@click.pass_obj
def import_(clock: Clock, /, file: Path, state: Path, **options: Any) -> None:
    """Import FILE (.csv or .csv.gz): the whole catalogue is replaced by it, in one step, also while the till sells."""
    # sqlite-utils takes 65 ms to load, and the other commands do without it.
    from pos.catalogue.importer import ImportJob, import_catalogue  # noqa: PLC0415
    from pos.catalogue.replacing import CatalogueStorageError  # noqa: PLC0415

    started_ms = clock.mono_ms()
    as_json: bool = options["as_json"]
    try:
        mapping = _mapping(state, options)
        job = ImportJob(
            source=file,
            state=state,
            tax=_tax_table(options["country"]),
            on=clock.now().date(),
            imported_at=clock.now().isoformat(timespec="seconds"),
            mapping=mapping,
            departments=options["departments"],
            report=options["report"],
            currency=options["currency"],
            good_rows=options["good_rows"],
            dry_run=options["dry_run"],
        )
        with _progress_bar(hidden=as_json) as progress:
            summary = import_catalogue(job, progress)
        if options["save_mapping"] and not job.dry_run:
            _save(state, options["save_mapping"], mapping, summary)
    except FileRefusedError as error:
        _stop(REFUSED, str(error), as_json=as_json)
    except CatalogueStorageError as error:
        _stop(STORAGE, str(error), as_json=as_json)
    except KeyboardInterrupt:
        _stop(STOPPED, "Stopped. The catalogue is as it was.", as_json=as_json)
    _show(summary, (clock.mono_ms() - started_ms) / 1000, as_json=as_json, report=job.report)
    sys.exit(0 if summary.imported or (job.dry_run and _would_import(summary, job.good_rows)) else REFUSED)


def _would_import(summary: ImportSummary, good_rows: bool) -> bool:
    return summary.articles > 0 and (good_rows or not summary.rows_refused)


def _mapping(state: Path, options: dict[str, Any]) -> FileMapping:
    """What was saved, with what was said on the command line over it."""
    if options["map_file"] and options["mapping"]:
        raise click.UsageError("Give --map or --mapping, not both.")
    mapping = FileMapping()
    if options["map_file"]:
        mapping = load_mapping(options["map_file"])
    elif options["mapping"]:
        mapping = load_mapping(mapping_path(state, options["mapping"]))
    if options["save_mapping"]:
        mapping_path(state, options["save_mapping"])  # a name that cannot be saved is refused before the work
    return FileMapping(
        columns={**mapping.columns, **options["columns"]},
        delimiter=options["delimiter"] or mapping.delimiter,
        encoding=options["encoding"] or mapping.encoding,
        decimal=options["decimal"] or mapping.decimal,
        net=options["net"] or mapping.net,
    )


def _save(state: Path, name: str, mapping: FileMapping, summary: ImportSummary) -> None:
    """All columns are saved, found ones too: the next file is read the same way. Encodings may differ."""
    path = mapping_path(state, name)
    try:
        save_mapping(path, msgspec.structs.replace(mapping, columns=summary.columns))
    except OSError as error:
        raise FileRefusedError(f"The mapping {path} cannot be saved: {error.strerror}.") from error


def _tax_table(country: str) -> Any:
    try:
        return resources.tax_table(country)
    except FileNotFoundError:
        raise click.BadParameter(f"there is no VAT table for {country!r}", param_hint="--country") from None


@contextmanager
def _progress_bar(*, hidden: bool) -> Iterator[Progress]:
    """A bar on the terminal; silent where nobody looks."""
    if hidden or not sys.stderr.isatty():
        yield lambda _done, _size: None
        return
    with click.progressbar(length=1, label="Importing", file=sys.stderr) as bar:

        def progress(done: int, size: int) -> None:
            bar.length = max(size, 1)
            bar.update(done - bar.pos)
            if done >= size:
                bar.label = "Writing"
                bar.render_progress()

        yield progress


def _show(summary: ImportSummary, seconds: float, *, as_json: bool, report: Path | None) -> None:
    if as_json:
        click.echo(msgspec.json.encode({**msgspec.structs.asdict(summary), "seconds": round(seconds, 1)}))
        return
    for refusal in summary.refusals[:REFUSALS_SHOWN]:
        click.echo(str(refusal), err=True)
    if summary.refusals_count > REFUSALS_SHOWN:
        rest = f"… and {summary.refusals_count - REFUSALS_SHOWN:,} more"
        click.echo(
            f"{rest}; all of them: {report}" if report else f"{rest}; --report FILE writes all of them",
            err=True,
        )
    if summary.columns_unused:
        click.echo(f"Columns not used: {', '.join(summary.columns_unused)}", err=True)
    if summary.zero_prices:
        click.echo(f"Note: {summary.zero_prices:,} articles cost 0.00 and are sold at that.", err=True)
    if summary.dry_run:
        click.echo("Dry run: nothing was changed.", err=True)
    elif not summary.imported:
        click.echo(
            "Nothing was imported, the catalogue is as it was. --good-rows imports the good rows.", err=True
        )
    click.echo(summary_line(summary, seconds))


def _stop(code: int, sentence: str, *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(msgspec.json.encode({"imported": False, "error": sentence}))
    click.echo(sentence, err=True)
    sys.exit(code)


class _HereWorker:
    """Runs at once: a command has nothing else to do."""

    def run(self, function: Callable[..., _T], *args: Any) -> Awaitable[_T]:
        async def call() -> _T:
            return function(*args)

        return call()

    def post(self, function: Callable[[], None]) -> None:
        function()


@contextmanager
def _reading(clock: Clock, state: Path) -> Iterator[CatalogueReader]:
    path = state / CATALOGUE_FILE
    try:
        with closing(CatalogueReader(path, _HereWorker())) as reader:
            if not reader.refresh(clock.now().date()):
                _stop(
                    STORAGE,
                    f"There is no catalogue {path}; make one: tresen catalogue import FILE",
                    as_json=False,
                )
            yield reader
    except CatalogueUnusableError as error:
        _stop(STORAGE, str(error), as_json=False)


@catalogue.command("search")
@click.argument("text", nargs=-1, required=True)
@_STATE
@_JSON
@click.pass_obj
def search(clock: Clock, text: tuple[str, ...], state: Path, as_json: bool) -> None:
    """Articles whose words begin with the words of TEXT (two letters or more)."""

    async def found(reader: CatalogueReader) -> list[Article]:
        return list(await reader.search(" ".join(text), SEARCH_LIMIT))

    with _reading(clock, state) as reader:
        articles = asyncio.run(found(reader))
        _print(articles, as_json=as_json)
    sys.exit(0 if articles else REFUSED)


@catalogue.command("show")
@click.argument("code")
@_STATE
@_JSON
@click.pass_obj
def show(clock: Clock, code: str, state: Path, as_json: bool) -> None:
    """The article with this CODE (GTIN, PLU or article number)."""
    with _reading(clock, state) as reader:
        article = reader.find(read_code(code).key) or reader.by_sku(code)
        if article is None:
            _stop(REFUSED, f"No article has the code {code!r}.", as_json=False)
        _print([article], as_json=as_json)


@catalogue.command("stats")
@_STATE
@_JSON
@click.pass_obj
def stats(clock: Clock, state: Path, as_json: bool) -> None:
    """What the catalogue holds, and where it came from."""
    with _reading(clock, state) as reader:
        figures = {**reader.meta, "departments": str(len(reader.departments()))}
        figures["bytes"] = str((state / CATALOGUE_FILE).stat().st_size)
    if as_json:
        click.echo(msgspec.json.encode(figures))
        return
    for key, value in sorted(figures.items()):
        click.echo(f"{key:16} {value}")


def _print(articles: list[Article], *, as_json: bool) -> None:
    for article in articles:
        if as_json:
            click.echo(msgspec.json.encode(article))
        else:
            price = "asked" if article.price_minor is None else f"{article.price_minor / 100:.2f}"
            click.echo(
                f"{article.gtin or article.sku:14} {price:>9} / {article.unit:2} {article.tax_code}  {article.text}"
            )
