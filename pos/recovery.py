"""`tresen restore` and `tresen epoch`: a till that comes back, and numbers that a person lets begin anew."""

import asyncio
import datetime as dt
from pathlib import Path

import click

from pos.bootstrap import software
from pos.cli import read_pin, state_option
from pos.facts import EpochOpened
from pos.journal.backup import BackupError
from pos.journal.file_journal import FileJournal
from pos.journal.lock import StateFolderLock, StateFolderLockedError, StateFolderUnusableError
from pos.journal.restore import restore_backup
from pos.journal.state import StateStore
from pos.journal.views import Views
from pos.people import PeopleStore
from pos.ports import TILL_LOCKED, Head, SignInRefusedError
from pos.system import SystemClock, SystemIds, ThreadWorker

__all__ = ["epoch", "open_epoch_alone", "restore"]

_REASON_MAX = 80


@click.command()
@state_option
@click.option("--alone", is_flag=True, help="There is no hub to ask: begin new numbers at once.")
@click.option(
    "--operator", default="", help="With --alone: the supervisor; the PIN is read from standard input."
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(state: Path, alone: bool, operator: str, file: Path) -> None:
    """Make a till of a backup FILE, in a folder of its own. It waits for new numbers from the hub."""
    if alone and not operator:
        raise click.UsageError("--alone needs --operator: a supervisor answers for it")
    pin = read_pin() if alone else ""
    try:
        made = restore_backup(file, state)
    except BackupError as error:
        raise click.ClickException(str(error)) from error
    when = dt.datetime.fromtimestamp(made.made_ms / 1000).astimezone()
    click.echo(
        f"Till {made.till} of store {made.store} is back in {state}, as it was on {when:%Y-%m-%d %H:%M}: "
        f"{made.sales} sales, facts up to {made.seq}."
    )
    if made.cart_lines:
        click.echo(
            f"A cart with {made.cart_lines} lines was open then. It was dropped: it may have been sold since."
        )
    if alone:
        _alone(state, operator, pin, "restored")
        return
    click.echo(
        "It takes no payment until its numbers begin anew. Start it where it reaches the hub: tresen till\n"
        f"Without a hub: tresen epoch --alone --state {state} --operator NAME --reason TEXT"
    )


@click.command()
@state_option
@click.option("--alone", is_flag=True, required=True, help="A person decides it, without the hub.")
@click.option("--operator", required=True, help="The supervisor; the PIN is read from standard input.")
@click.option("--reason", required=True, help="Why, in a few words. It is kept for ever: no names.")
def epoch(state: Path, alone: bool, operator: str, reason: str) -> None:  # noqa: ARG001 - said on purpose
    """Let the till's receipt numbers begin anew, when no hub can be asked. The till must not run meanwhile."""
    if not reason.strip() or len(reason) > _REASON_MAX or not reason.isprintable():
        raise click.UsageError(f"--reason takes 1 to {_REASON_MAX} characters")
    _alone(state, operator, read_pin(), reason.strip())


def _alone(state: Path, operator: str, pin: str, reason: str) -> None:
    try:
        head = asyncio.run(open_epoch_alone(state, operator, pin, reason))
    except SignInRefusedError as error:
        what = {
            "sign-in-wrong": "Name or PIN is wrong.",
            "sign-in-locked": f"Locked after too many tries; wait {error.wait_s} s.",
            "not-a-supervisor": f"{operator} is no supervisor.",
        }
        raise click.ClickException(
            what.get(error.code, "The operators of this till cannot be read.")
        ) from error
    except (StateFolderLockedError, StateFolderUnusableError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"New numbers: the next receipt is {head.till}-{head.epoch}-1. The hub is told, and notes it.")


async def open_epoch_alone(state: Path, operator: str, pin: str, reason: str) -> Head:
    """The next epoch after the journal's own last fact; unlocks a restored till.

    Raises SignInRefusedError (also "not-a-supervisor"), StateFolderLockedError, JournalUnavailableError.
    """
    with StateFolderLock(state):
        clock, worker = SystemClock(), ThreadWorker("epoch")
        try:
            people = PeopleStore(state / "people.db", state / "keys", clock, SystemIds(), worker)
            await people.open()
            who = await people.sign_in(operator, pin)
            if who.role != "supervisor":
                raise SignInRefusedError("not-a-supervisor")
            journal = FileJournal(state / "journal", Views(state / "views.db"), clock, worker)
            head = await journal.open()
            fact = EpochOpened(head.store, head.till, f"alone: {reason}", software(), by=who.operator_id)
            await journal.open_epoch(fact, head.seq + 1, head.hash, head.epoch + 1)
            await journal.close()
            store = StateStore(state / "state.db", worker)
            await store.open()
            await store.put(TILL_LOCKED, b"")
            await store.close()
            return journal.head
        finally:
            worker.close()
