"""`tresen restore` and `tresen epoch`: a till that comes back, and numbers that a person lets begin anew."""

import asyncio
import datetime as dt
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pos.bootstrap import software
from pos.cli import read_pin, state_option
from pos.journal.backup import BackupError
from pos.journal.file_journal import FileJournal
from pos.journal.lock import StateFolderLock, StateFolderLockedError, StateFolderUnusableError
from pos.journal.restore import restore_backup
from pos.journal.state import StateStore
from pos.journal.views import Views
from pos.people import PeopleStore
from pos.ports import SignInRefusedError
from pos.settings import SettingsError, load_settings
from pos.storage_ports import TILL_LOCKED, Head
from pos.system import SystemClock, SystemIds, ThreadWorker
from pos.till_facts import EpochOpened

if TYPE_CHECKING:
    from pos.journal.salvage import Salvage
    from pos.rescue import Outcome

__all__ = ["compact", "epoch", "open_epoch_alone", "rescue", "restore"]

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


@click.command()
@state_option
@click.argument("device", type=click.Path(exists=True, path_type=Path))
def rescue(state: Path, device: Path) -> None:
    """Bring unsent sales from DEVICE to the hub: a removed card, a second copy, or an image of one.

    DEVICE is a folder (a mounted medium, a state folder) or a block device or image, which is mounted read-only.
    Nothing on it is changed. --state is the folder of a till of the same store that is enrolled, this machine's own.
    """
    from pos.journal.salvage import copy_out, find_journals, salvage  # noqa: PLC0415
    from pos.rescue import RescueError, identity_near, opened_medium, send  # noqa: PLC0415
    from sync.identity import IdentityError, load_identity  # noqa: PLC0415

    complete = True
    try:
        with opened_medium(device) as folder, tempfile.TemporaryDirectory(prefix="tresen-rescue-") as scratch:
            journals = find_journals(folder)
            if not journals:
                raise click.ClickException(f"There is no journal of a till on {device}.")
            own_machine = load_identity(state / "keys" / "identity.json")
            for at, journal in enumerate(journals):
                copied = Path(scratch) / str(at)
                found = salvage(copied, copy_out(journal, copied))
                where = journal.relative_to(folder)
                _say_found(found, str(device if where == Path() else device / where))
                complete = complete and not found.damage
                if not found.runs:
                    continue
                own = identity_near(journal)
                if own is not None and (own.store, own.machine) != (found.store, found.till):
                    own = None
                carrier = own_machine or own
                if carrier is None:
                    raise RescueError(
                        "To hand them over: run this on an enrolled till of the same store, with its --state."
                    )
                outcome = asyncio.run(send(found, own, carrier, SystemClock(), SystemIds()))
                complete = _say_outcome(outcome) and complete
    except (RescueError, IdentityError) as error:
        raise click.ClickException(str(error)) from error
    if not complete:
        raise click.ClickException("Not everything is safe yet: keep the medium as it is, and see above.")


@click.command()
@state_option
@click.option(
    "--delete", is_flag=True, help="Delete what leaves, and what is in the archive; else it moves there."
)
@click.option("--dry-run", is_flag=True, help="Say what would leave, and do nothing.")
def compact(state: Path, delete: bool, dry_run: bool) -> None:
    """Let sealed segments leave the journal that the hub and a second copy hold, and that are old enough."""
    from pos.compaction import held_by_others  # noqa: PLC0415
    from pos.journal.compact import ARCHIVE, removable  # noqa: PLC0415
    from pos.journal.compact import compact as let_go  # noqa: PLC0415
    from pos.journal.segment import segment_files  # noqa: PLC0415

    try:
        settings = load_settings(state)
    except SettingsError as error:
        raise click.ClickException(f"The settings need mending:\n{error}") from error
    folder, now_ms = state / "journal", SystemClock().wall_ms()
    leaving, why = removable(folder, held_by_others(state, settings), settings.till.keep_days, now_ms)
    for path in leaving:
        if dry_run:
            click.echo(f"{path.name} would leave")
            continue
        gone = let_go(folder, path, now_ms, delete=delete)
        to = "deleted" if delete else f"moved to {folder / ARCHIVE}"
        click.echo(f"{path.name}: facts {gone.first_seq} to {gone.last_seq} {to}")
    if delete and not dry_run:
        for path in segment_files(folder / ARCHIVE):
            path.unlink()
            click.echo(f"{ARCHIVE}/{path.name} deleted")
    click.echo(why)


def _say_found(found: "Salvage", where: str) -> None:
    facts = list(found.facts)
    if facts:
        epochs = sorted({fact.epoch for fact in facts})
        click.echo(
            f"{where}: till {found.till} of store {found.store}, epoch {', '.join(map(str, epochs))}, "
            f"{len(facts)} facts up to {facts[-1].seq}, {found.sales} sales."
        )
    else:
        click.echo(f"{where}: not one fact can be read.")
    for damage in found.damage:
        click.echo(f"DAMAGED: {damage}", err=True)


def _say_outcome(outcome: "Outcome") -> bool:
    """True when everything that was read is at the node."""
    click.echo(
        f"{outcome.rescued_sales} sales rescued, {outcome.there_sales} were already there "
        f"(at {outcome.node}; {outcome.rescued} and {outcome.there} facts)."
    )
    if outcome.aside:
        click.echo(
            f"{outcome.aside} facts are set aside at the hub. Which of them a person still has to take in: "
            "tresen hub quarantine there."
        )
    for left in outcome.left:
        click.echo(f"LEFT: {left}", err=True)
    return not outcome.left
