"""`tresen buyers`: whom invoices were addressed to, and how somebody of them is forgotten. The till must not run meanwhile."""

import asyncio
import datetime as dt
from pathlib import Path

import click

from pos.buyers import BuyersStore, KeptBuyer
from pos.cli import state_option
from pos.journal.lock import StateFolderLock, StateFolderLockedError, StateFolderUnusableError
from pos.journal.state import StateStore
from pos.system import SystemClock, SystemIds, ThreadWorker
from pos.till.tenders.buyers import MemoryBuyers

__all__ = ["buyers"]

_STAYS = """Forgotten: the name and address of {reference}. The key is destroyed, so nobody can read them here again.
What stays, because the law wants the books whole: the invoice itself in the journal, with its number, its goods and its sums, and
the reference {reference}, which says nothing of the person.
What you must see to yourself: backups made before today still hold the address (make a new one and destroy those), and so does
every copy of the invoice on paper or in a file. An invoice that has to be kept must be there as such a copy: this till
prints it without the address from now on."""


@click.group()
def buyers() -> None:
    """Names and addresses on invoices. The till must not run meanwhile."""


@buyers.command("list")
@state_option
def list_(state: Path) -> None:
    """Print everybody, with the reference by which facts know them."""
    found, older = _alone(state, "")
    for one in found:
        click.echo(f"{one.reference:28} {_day(one.kept_ms)}  {_shown(one)}")
    for reference, lines in older.items():
        click.echo(f"{reference:28} {'before':10}  {', '.join(lines)}")
    click.echo(
        f"{len(found) + len(older)} buyers, {sum(one.forgotten_ms is not None for one in found)} forgotten"
    )


@buyers.command()
@state_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.argument("reference")
def forget(state: Path, yes: bool, reference: str) -> None:
    """Destroy the key of one buyer (REFERENCE, see `tresen buyers list`): it cannot be taken back."""
    found, older = _alone(state, "")
    one = next((each for each in found if each.reference == reference), None)
    if (one is None or one.forgotten_ms is not None) and reference not in older:
        raise click.ClickException(f"There is no buyer {reference} to forget. See: tresen buyers list")
    lines = older.get(reference, ()) if one is None else one.lines
    if not yes:
        click.confirm(f"Forget {', '.join(lines) or reference} for good?", abort=True)
    _alone(state, reference)
    click.echo(_STAYS.format(reference=reference))


def _alone(state: Path, forgotten: str) -> tuple[tuple[KeptBuyer, ...], dict[str, tuple[str, ...]]]:
    """Forget somebody, where a reference is given; then who is kept, and who is in the memory of before."""

    async def work() -> tuple[tuple[KeptBuyer, ...], dict[str, tuple[str, ...]]]:
        worker = ThreadWorker("buyers")
        try:
            store = BuyersStore(state / "buyers.db", state / "keys", SystemClock(), SystemIds(), worker)
            memory = StateStore(state / "state.db", worker)
            await memory.open()
            before = MemoryBuyers(memory)
            try:
                if forgotten:
                    await store.forget(forgotten)
                    await before.forget(forgotten)
                return await store.all(), dict(await before.newest(1_000))
            finally:
                await memory.close()
        finally:
            worker.close()

    if not (state / "state.db").is_file():
        raise click.ClickException(f"There is no till in {state} yet.")
    try:
        with StateFolderLock(state):
            return asyncio.run(work())
    except (StateFolderLockedError, StateFolderUnusableError) as error:
        raise click.ClickException(str(error)) from error


def _day(at_ms: int) -> str:
    return f"{dt.datetime.fromtimestamp(at_ms / 1000, dt.UTC):%Y-%m-%d}"


def _shown(one: KeptBuyer) -> str:
    if one.forgotten_ms is not None:
        return f"forgotten on {_day(one.forgotten_ms)}"
    return ", ".join(one.lines) or "cannot be read: the key in keys/buyers.key is another one"
