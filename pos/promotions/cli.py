"""`tresen promotions`: bring the shop's promotions in from a file, and look at what the till has.

Exit codes: 0 done, 1 refused (nothing was changed; every fault is told), 3 the disk does not let us.
"""

import sys
from pathlib import Path
from typing import NoReturn

import click
import msgspec

from pos.domain.promotions import Promotion
from pos.promotions.rows_file import HUB_FILE, OWN_FILE, FileFault, RowsRefusedError, read_rows, write_rows

__all__ = ["promotions"]

REFUSED, STORAGE = 1, 3
FAULTS_SHOWN = 50
_STATE = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="TRESEN_STATE",
    default=lambda: Path.home() / ".local" / "state" / "tresen",
    show_default="$TRESEN_STATE, else ~/.local/state/tresen",
    help="The till's state folder.",
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Answer as JSON on standard output.")


@click.group()
def promotions() -> None:
    """What the till takes off by itself: percent, amount, 3 for 2, menus, coupons."""


@promotions.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_STATE
@click.option("--dry-run", is_flag=True, help="Check the file and change nothing.")
@_JSON
def import_(file: Path, state: Path, *, dry_run: bool, as_json: bool) -> None:
    """Import FILE (.toml or .json): all rows of before are replaced by its rows, in one step, for the next sale on."""
    try:
        rows = read_rows(file.read_bytes(), toml=file.suffix.lower() == ".toml")
    except RowsRefusedError as error:
        _refuse(error.faults, as_json=as_json)
    if not dry_run:
        try:
            write_rows(state / OWN_FILE, rows)
        except OSError as error:
            _stop(STORAGE, f"{state / OWN_FILE} cannot be written: {error.strerror}.", as_json=as_json)
    if as_json:
        click.echo(msgspec.json.encode({"imported": not dry_run, "promotions": len(rows)}))
    elif dry_run:
        click.echo(f"{len(rows)} promotions would be imported. Nothing was changed.")
    else:
        click.echo(f"{len(rows)} promotions imported; they hold from the next sale on.")


@promotions.command("show")
@_STATE
@_JSON
def show(state: Path, *, as_json: bool) -> None:
    """The rows this till has; those of the hub take the place of own ones with their id."""
    rows: dict[str, tuple[str, Promotion]] = {}
    for origin, name in (("file", OWN_FILE), ("hub", HUB_FILE)):
        path = state / name
        try:
            found = read_rows(path.read_bytes()) if path.exists() else ()
        except (OSError, RowsRefusedError) as error:
            _stop(STORAGE, f"{path} cannot be read: {error}", as_json=as_json)
        rows |= {row.id: (origin, row) for row in found}
    for origin, row in sorted(rows.values(), key=lambda each: (-each[1].priority, each[1].id)):
        if as_json:
            click.echo(msgspec.json.encode({"from": origin, "promotion": row}))
        else:
            off = "" if row.active else "  (not active)"
            click.echo(f"{row.id:20} {row.kind:12} {origin:4}  {row.text}{off}")


def _refuse(faults: tuple[FileFault, ...], *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(msgspec.json.encode({"imported": False, "faults": faults}))
    else:
        for fault in faults[:FAULTS_SHOWN]:
            click.echo(str(fault), err=True)
        if len(faults) > FAULTS_SHOWN:
            click.echo(f"… and {len(faults) - FAULTS_SHOWN:,} more; --json tells all of them", err=True)
        click.echo("Nothing was imported, the promotions are as they were.", err=True)
    sys.exit(REFUSED)


def _stop(code: int, sentence: str, *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(msgspec.json.encode({"imported": False, "error": sentence}))
    click.echo(sentence, err=True)
    sys.exit(code)
