"""`tresen transfers`: open transfers, and a bank's statement that says which of them came."""

import asyncio
import datetime as dt
from pathlib import Path

import click

from pos.bank_rows import BankFileError, BankRow, Match, match_rows, read_bank_file
from pos.cli import read_pin, state_option
from pos.domain.transfer import grouped
from pos.journal.file_journal import FileJournal
from pos.journal.history import FileHistory
from pos.journal.lock import StateFolderLock, StateFolderLockedError, StateFolderUnusableError
from pos.journal.views import Views
from pos.people import PeopleStore
from pos.ports import SignInRefusedError
from pos.storage_ports import Head
from pos.system import SystemClock, SystemIds, ThreadWorker
from pos.transfer_facts import TransferReceived
from pos.transfers import OpenTransfer

__all__ = ["transfers"]


@click.group()
def transfers() -> None:
    """Transfers by code whose money has not come yet. The till must not run meanwhile."""


@transfers.command("list")
@state_option
def list_(state: Path) -> None:
    """Print what is open."""
    head = _alone(state)
    for one in head.transfers:
        click.echo(_row(head, one))
    total = sum(one.amount_minor for one in head.transfers)
    click.echo(f"{len(head.transfers)} open, {total / 100:.2f}")


@transfers.command()
@state_option
@click.option("--operator", required=True, help="A supervisor; the PIN is read from standard input.")
@click.option("--dry", is_flag=True, help="Only say what would be marked.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def match(state: Path, operator: str, dry: bool, file: Path) -> None:
    """Mark the transfers as received whose references stand in FILE, a bank's statement as CSV or CAMT.053."""
    try:
        rows, problems = read_bank_file(file, SystemClock().now().date())
    except BankFileError as error:
        raise click.ClickException(f"{file}: {error}") from error
    for problem in problems:
        click.echo(f"{file}: {problem}", err=True)
    try:
        head, found = asyncio.run(_match(state, operator, read_pin(), rows, write=not dry))
    except SignInRefusedError as error:
        raise click.ClickException(f"{operator}: {error.code}") from error
    except (StateFolderLockedError, StateFolderUnusableError) as error:
        raise click.ClickException(str(error)) from error
    for one in found:
        left = one.transfer.amount_minor - one.row.amount_minor
        rest = "" if not left else f", expected {one.transfer.amount_minor / 100:.2f}"
        click.echo(f"line {one.row.line}: {one.row.amount_minor / 100:.2f}{rest}  {_row(head, one.transfer)}")
    click.echo(
        f"{len(rows)} rows, {len(found)} {'would be' if dry else ''} marked as received, {len(problems)} not read"
    )


def _row(head: Head, one: OpenTransfer) -> str:
    receipt = f"{head.till}-{one.epoch}-{one.number}" if one.number else "no receipt"
    return f"{one.business_day}  {receipt:16} {grouped(one.reference):26} {one.amount_minor / 100:10.2f} {one.currency}"


def _alone(state: Path) -> Head:
    async def look() -> Head:
        worker = ThreadWorker("transfers")
        try:
            journal = FileJournal(state / "journal", Views(state / "views.db"), SystemClock(), worker)
            head = await journal.open()
            await journal.close()
        finally:
            worker.close()
        return head

    try:
        with StateFolderLock(state):
            return asyncio.run(look())
    except (StateFolderLockedError, StateFolderUnusableError) as error:
        raise click.ClickException(str(error)) from error


async def _match(
    state: Path, operator: str, pin: str, rows: list[BankRow], *, write: bool
) -> tuple[Head, list[Match]]:
    """Raises SignInRefusedError (also "not-a-supervisor"), StateFolderLockedError."""
    with StateFolderLock(state):
        clock, worker = SystemClock(), ThreadWorker("transfers")
        try:
            people = PeopleStore(state / "people.db", state / "keys", clock, SystemIds(), worker)
            await people.open()
            who = await people.sign_in(operator, pin)
            if who.role != "supervisor":
                raise SignInRefusedError("not-a-supervisor")
            views = Views(state / "views.db")
            journal = FileJournal(state / "journal", views, clock, worker)
            head = await journal.open()
            history = FileHistory(state / "journal", views, worker)
            known = {
                (fact.reference, fact.booked_on, fact.amount_minor)
                for one in head.transfers
                for fact in [each.fact for each in await history.mentions("transfer", one.reference)]
                if isinstance(fact, TransferReceived)
            }
            found = match_rows(rows, head.transfers, known)
            if write and found:
                await journal.append([_fact(one, who.operator_id, head, clock) for one in found])
            await journal.close()
            return head, found
        finally:
            worker.close()


def _fact(one: Match, operator: str, head: Head, clock: SystemClock) -> TransferReceived:
    offset = clock.now().utcoffset() or dt.timedelta()
    return TransferReceived(
        one.transfer.reference,
        one.row.amount_minor,
        one.transfer.currency,
        one.row.booked.isoformat(),
        operator,
        head.business_day,
        clock.wall_ms(),
        int(offset.total_seconds()) // 60,
        by="statement",
        note=one.row.words[:140],
    )
