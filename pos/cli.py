"""The command `tresen`. Each subcommand imports only what it needs."""

import asyncio
import io
import os
import sys
from pathlib import Path
from typing import Any, ClassVar

import click
import msgspec

from pos.settings import Settings, SettingsError, default_state_folder, load_settings
from pos.version import VERSION

__all__ = ["main", "read_pin", "state_option"]

STDIN_LINE_MAX = 4_097


class _Lazy(click.Group):
    """Subcommands of other rooms are imported when they are called."""

    _elsewhere: ClassVar[dict[str, tuple[str, str, str]]] = {
        "catalogue": ("pos.catalogue.cli", "catalogue", "Import, search and look at the articles."),
        "promotions": ("pos.promotions.cli", "promotions", "Import and look at the promotions."),
        "enrol": ("pos.enrol", "enrol_command", "Enrol this till at its hub, or take a till's place."),
        "hub": ("sync.hub.cli", "hub", "Run the hub, or look into its ledger."),
        "check": ("pos.check", "check", "Say in one table what is there, what is not, and what to do."),
        "restore": ("pos.recovery", "restore", "Make a till of a backup; it waits for new numbers."),
        "transfers": (
            "pos.transfers_cli",
            "transfers",
            "Transfers by code that are open, and a bank's statement.",
        ),
        "buyers": ("pos.buyers_cli", "buyers", "Whom invoices were addressed to; forgetting one."),
        "people": ("pos.people_cli", "people", "Operators, roles, PINs and badges."),
        "epoch": ("pos.recovery", "epoch", "Let receipt numbers begin anew, without a hub."),
        "zvt": ("pos.zvt_cli", "zvt", "Say what a capture of a card terminal's line holds."),
    }

    def invoke(self, ctx: click.Context) -> Any:
        """What a command could not do is one sentence, never a traceback."""
        from pos.facts import FactError  # noqa: PLC0415
        from pos.storage_ports import JournalUnavailableError  # noqa: PLC0415

        try:
            return super().invoke(ctx)
        except JournalUnavailableError as error:
            raise click.ClickException(f"{error.code}: {error.detail}") from error
        except (FactError, OSError, UnicodeError) as error:
            raise click.ClickException(str(error)) from error
        except Exception as error:
            if type(error).__module__.partition(".")[0] != "apsw":
                raise
            raise click.ClickException(f"a database of this till cannot be read: {error}") from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self._elsewhere])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = self._elsewhere.get(cmd_name)
        if found is None:
            return super().get_command(ctx, cmd_name)
        from importlib import import_module  # noqa: PLC0415

        command: click.Command = getattr(import_module(found[0]), found[1])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (name, self._elsewhere[name][2])
            if name in self._elsewhere
            else (name, self.commands[name].get_short_help_str(60))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="tresen")
@click.pass_context
def main(context: click.Context) -> None:
    """Tresen: an open-source till for shops that sell everywhere at once."""
    from pos.system import SystemClock  # noqa: PLC0415

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # German words also where the machine has no locale
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    os.umask(0o077)  # journal, keys and settings are the shop's own
    context.obj = SystemClock()


def state_option(function: Any) -> Any:
    return click.option(
        "--state",
        type=click.Path(file_okay=False, path_type=Path),
        default=default_state_folder,
        show_default="TRESEN_STATE, else ~/.local/state/tresen",
        help="The till's folder.",
    )(function)


def _settings(state: Path) -> Settings:
    try:
        return load_settings(state)
    except SettingsError as error:
        raise click.ClickException(f"The settings need mending:\n{error}") from error


@main.command()
@state_option
@click.option("--operator", required=True, help="Name of the first operator.")
@click.option("--till", "till_id", default="", help="The till's id; drawn by chance if not given.")
@click.option("--store", default="", help="The store's id.")
@click.option("--hub", default="", help="Address of the hub.")
@click.option(
    "--shop-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A shop.toml to take name and address from.",
)
def init(state: Path, operator: str, till_id: str, store: str, hub: str, shop_file: Path | None) -> None:
    """Make a fresh till. The operator's PIN is read from standard input; there is no default."""
    from pos.setup import SetupError, make_till, read_shop_file  # noqa: PLC0415

    pin = read_pin()
    try:
        shop = read_shop_file(shop_file) if shop_file is not None else {}
        made = make_till(state, operator=operator, pin=pin, till_id=till_id, store=store, hub=hub, shop=shop)
    except SetupError as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"Till {made.till} of store {made.store} is ready in {state}. Operator {operator} may sign in."
    )


def read_pin() -> str:
    if sys.stdin.isatty():
        pin: str = click.prompt("PIN", hide_input=True, confirmation_prompt=True)
        return pin
    return sys.stdin.readline().strip()


@main.command()
@state_option
@click.option("--plain", is_flag=True, help="Line mode: no screen, one line in, one line out.")
@click.option("--json", "as_json", is_flag=True, help="With --plain: events and views as JSON lines.")
@click.option("--hub", "hub_url", default="", help="Address of the hub, if it is not in the settings.")
@click.option("--scanner", multiple=True, help="Address of a scanner, beside those in the settings.")
@click.option("--printer", default="", help="Address of the receipt printer, if it is not in the settings.")
@click.option("--demo", is_flag=True, hidden=True, help="Ctrl-C on the keyboard ends the till.")
def till(
    state: Path, plain: bool, as_json: bool, hub_url: str, scanner: tuple[str, ...], printer: str, demo: bool
) -> None:
    """Open the till."""
    from pos.bootstrap import log_to_file, run_plain, run_screen  # noqa: PLC0415
    from pos.journal.lock import StateFolderLockedError, StateFolderUnusableError  # noqa: PLC0415

    if as_json and not plain:
        raise click.UsageError("--json goes with --plain")
    if not plain and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.ClickException("The screen needs a terminal; without one: tresen till --plain")
    if not (state / "journal").is_dir():
        if plain:
            raise click.ClickException(
                f"There is no till in {state} yet. Make one: tresen init --state {state} --operator NAME; "
                f"or with a code of a hub: tresen enrol --state {state} --hub URL --code CODE --operator NAME"
            )
        from pos.first_run import first_run  # noqa: PLC0415

        if not asyncio.run(first_run(state, _settings(state))):
            return
    settings = _with_devices(_settings(state), scanner, printer)
    log_to_file(state)
    try:
        if plain:
            asyncio.run(run_plain(state, settings, hub_url, as_json=as_json))
        else:
            sys.exit(asyncio.run(run_screen(state, settings, hub_url, demo=demo)))
    except (StateFolderLockedError, StateFolderUnusableError) as error:
        raise click.ClickException(str(error)) from error
    except SettingsError as error:
        raise click.ClickException(f"The settings need mending:\n{error}") from error
    except KeyboardInterrupt:
        sys.exit(130)


def _with_devices(settings: Settings, scanner: tuple[str, ...], printer: str) -> Settings:
    devices = settings.devices
    return msgspec.structs.replace(
        settings,
        devices=msgspec.structs.replace(
            devices, scanner=(*devices.scanner, *scanner), printer=printer or devices.printer
        ),
    )


class _LazyJournal(_Lazy):
    _elsewhere: ClassVar[dict[str, tuple[str, str, str]]] = {
        "compact": ("pos.recovery", "compact", "Let old segments leave that others hold."),
        "rescue": ("pos.recovery", "rescue", "Bring unsent sales from a card or second copy to the hub."),
    }


@main.group(cls=_LazyJournal)
def journal() -> None:
    """Look into the journal, also while the till runs."""


@journal.command()
@state_option
@click.option("--json", "as_json", is_flag=True, help="Print the totals as JSON.")
def verify(state: Path, as_json: bool) -> None:
    """Walk the whole chain of hashes; exit code 1 and the place if anything is not as it was written."""
    from pos.journal.reader import verify_journal  # noqa: PLC0415
    from pos.system import in_processes  # noqa: PLC0415

    totals = verify_journal(state / "journal", in_processes)
    if as_json:
        click.echo(msgspec.json.encode(totals))
    else:
        for problem in totals.problems:
            click.echo(f"NOT CLEAN: {problem}", err=True)
        click.echo(
            f"{totals.facts} facts from {totals.first_seq} on in {totals.segments} segments, {totals.sales} sales, "
            f"gross {totals.gross_minor / 100:.2f}, chain ends at {totals.last_hash[:16]}"
            + ("" if totals.problems else ": clean")
        )
    sys.exit(1 if totals.problems else 0)


@journal.command()
@state_option
@click.option("--after", type=int, default=0, help="Only facts after this seq.")
@click.option("--kind", default="", help="Only facts of this kind.")
@click.option("--last", type=int, default=0, help="Only the last so many.")
def show(state: Path, after: int, kind: str, last: int) -> None:
    """Print facts as JSON, one a line."""
    from collections import deque  # noqa: PLC0415

    from pos.facts import FactError, json_of  # noqa: PLC0415
    from pos.journal.reader import iterate  # noqa: PLC0415
    from pos.storage_ports import JournalUnavailableError  # noqa: PLC0415

    if not any((state / "journal").glob("*.journal")):
        raise click.ClickException(f"There is no journal in {state}.")
    try:
        facts: Any = (fact for fact in iterate(state / "journal", after) if not kind or fact.kind == kind)
        if last:
            facts = deque(facts, maxlen=last)
        for fact in facts:
            head = {
                "seq": fact.seq,
                "epoch": fact.epoch,
                "kind": fact.kind,
                "version": fact.version,
                "wall_ms": fact.wall_ms,
                "hash": fact.hash.hex(),
                "body": msgspec.Raw(json_of(fact.body)),
            }
            click.echo(msgspec.json.encode(head))
    except (JournalUnavailableError, FactError) as error:
        raise click.ClickException(str(error)) from error


@journal.command()
@state_option
def rebuild(state: Path) -> None:
    """Throw the views away and derive them again; prints their digest. While the till runs: compares only."""
    from pos.journal.lock import StateFolderLock, StateFolderLockedError  # noqa: PLC0415
    from pos.journal.rebuild import compare_views, rebuild_views  # noqa: PLC0415

    try:
        with StateFolderLock(state):
            click.echo(f"views rebuilt, digest {rebuild_views(state)}")
    except StateFolderLockedError:
        live, fresh = compare_views(state)
        click.echo(f"the till is running: live views {live}, derived anew {fresh}")
        sys.exit(0 if live == fresh else 1)


@main.command()
@state_option
@click.option("--check", is_flag=True, help="Check an existing backup instead.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(state: Path, check: bool, file: Path) -> None:
    """Copy journal, state, people and keys into one FILE with checksums, also while the till sells."""
    from pos.journal.backup import BackupError, check_backup, write_backup  # noqa: PLC0415
    from pos.storage_ports import JournalUnavailableError  # noqa: PLC0415
    from pos.system import SystemClock  # noqa: PLC0415

    try:
        if check:
            names = check_backup(file)
            click.echo(f"{file}: {len(names)} files, all as they were saved")
            return
        count = write_backup(state, file.absolute(), SystemClock().wall_ms())
        check_backup(file)
    except (BackupError, JournalUnavailableError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"{count} files saved to {file}. Keep it on another medium, and under lock: it holds the keys."
    )


@main.command()
@state_option
def config(state: Path) -> None:
    """Print the settings in force as JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(_settings(state)), indent=2))
