"""`tresen hub enrol`, `machines`, `revoke`, `quarantine`, `exceptions`: who may speak to this hub, and what a person
must look at. They work on the database, also beside a hub that runs.
"""

import datetime as dt
import re
from typing import Any, Final

import click

from sync.hub.command_line import database, db_option, fail

__all__ = ["COMMANDS"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,23}")


def _is_name(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if value and not _NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no name: 1 to 24 letters, digits or hyphens")
    return value


@click.command("enrol")
@db_option
@click.option("--store", required=True, callback=_is_name, help="The store's id.")
@click.option("--till", default="", callback=_is_name, help="The till's id.")
@click.option(
    "--relay", is_flag=False, flag_value="relay", default="", callback=_is_name, metavar="[NAME]",
    help="For the store's relay instead of a till.",
)  # fmt: skip
@click.option(
    "--replace", is_flag=True, help="For another machine, with an empty folder, that takes this one's place."
)
@click.option("--quiet", is_flag=True, help="Print the code and nothing else.")
@click.pass_context
def enrol_command(
    context: click.Context, db: str | None, store: str, till: str, relay: str, *, replace: bool, quiet: bool
) -> None:
    """Make a one-time code with which a machine enrols; good for ten minutes."""
    if bool(till) == bool(relay):
        raise click.UsageError("name the machine: --till ID or --relay")
    from pos.system import SystemClock, SystemIds  # noqa: PLC0415
    from sync.codes import grouped  # noqa: PLC0415
    from sync.hub.database import transact  # noqa: PLC0415
    from sync.hub.enrolment import new_code  # noqa: PLC0415
    from sync.hub.machines import keys  # noqa: PLC0415

    with database(context, db) as engine:
        with engine.connect() as connection:
            known = bool(keys(connection, store, till or relay))
        code = transact(
            engine,
            new_code,
            SystemIds().token,
            store=store,
            machine=till or relay,
            role="till" if till else "relay",
            replace=replace,
            now_ms=SystemClock().wall_ms(),
        )
    if replace and not known:
        click.echo(
            f"Warning: no machine {till or relay} of store {store} was ever enrolled here: there is nothing to replace, "
            "and this code makes a new one. See: tresen hub machines",
            err=True,
        )
    shown = grouped(code.text)
    if quiet:
        click.echo(shown)
        return
    command = "tresen enrol" if till else "tresen hub join"
    what = f"till {till}" if till else f"relay {relay}"
    click.echo(f"Code for {what} of store {store}, good for 10 minutes and one machine:\n\n    {shown}\n")
    click.echo(
        f"Type there:\n\n    {command} --hub http://ADDRESS-OF-THIS-HUB:PORT --code {shown}\n\n"
        "PORT is what the hub was started with: 8080 where no --port was given."
    )


@click.command("machines")
@db_option
@click.option("--store", default="", help="Only this store's.")
@click.pass_context
def machines_command(context: click.Context, db: str | None, store: str) -> None:
    """List tills and relays with their keys."""
    from pos.system import SystemClock  # noqa: PLC0415
    from sync.hub.machines import keys  # noqa: PLC0415

    now_ms = SystemClock().wall_ms()
    with database(context, db) as engine, engine.connect() as connection:
        for key in keys(connection, store):
            standing = key.standing(now_ms)
            if standing == "active" and key.valid_until_ms is not None:
                standing = f"active until {_day(key.valid_until_ms)}"
            elif standing == "retired":
                standing = f"retired after epoch {key.last_epoch or 0}"
            elif key.revoked_ms is not None:
                standing = f"revoked {_day(key.revoked_ms)}"
            name = f"{key.store}/{key.machine}"
            click.echo(f"{name:<24} {key.role:<6} {key.key_id}  since {_day(key.valid_from_ms)}  {standing}")


@click.command("revoke")
@db_option
@click.option("--store", required=True, callback=_is_name)
@click.option("--till", "machine", required=True, callback=_is_name, help="The till's or relay's id.")
@click.option("--key", default="", metavar="KEY_ID", help="Only this key; all of the machine's if left out.")
@click.pass_context
def revoke_command(context: click.Context, db: str | None, store: str, machine: str, key: str) -> None:
    """Revoke a machine's keys, at once and for good. What it sends from then on is kept aside."""
    from pos.system import SystemClock, SystemIds  # noqa: PLC0415
    from sync.hub.changes import new_stamp  # noqa: PLC0415
    from sync.hub.database import transact  # noqa: PLC0415
    from sync.hub.machine_feed import revoke  # noqa: PLC0415

    with database(context, db) as engine:
        stamp = new_stamp(SystemIds())
        count = transact(engine, revoke, store, machine, key, stamp, SystemClock().wall_ms())
    if not count:
        fail(f"there is no key to revoke of {machine} in store {store}; look with: tresen hub machines")
    click.echo(
        f"{count} of {machine} in store {store} revoked. To bring it back, make a code. For the same machine, its "
        f"journal still on it: tresen hub enrol --store {store} --till {machine}. For another machine, or an empty "
        "folder: the same with --replace"
    )


@click.group("quarantine", invoke_without_command=True)
@db_option
@click.option("--store", default="", help="Only this store's.")
@click.pass_context
def quarantine_group(context: click.Context, db: str | None, store: str) -> None:
    """List the facts that were kept aside; `take-in` takes a run of them into the chain."""
    if context.invoked_subcommand:
        return
    from sync.hub.quarantine import branches  # noqa: PLC0415

    with database(context, db) as engine, engine.connect() as connection:
        for found in branches(connection, store):
            taken = f", {found.taken_in} taken in" if found.taken_in else ""
            click.echo(
                f"{found.store} {found.till} {found.epoch} {found.branch.hex()[:16]}  "
                f"facts {found.first_seq} to {found.last_seq} ({found.facts}{taken})  {found.reason}"
            )


@quarantine_group.command("take-in")
@db_option
@click.option("--who", required=True, metavar="NAME", help="Who decided it; stands in the exceptions.")
@click.argument("store")
@click.argument("till")
@click.argument("epoch", type=int)
@click.argument("branch")
@click.pass_context
def take_in_command(
    context: click.Context, db: str | None, who: str, store: str, till: str, epoch: int, branch: str
) -> None:
    """Take in a run of facts, named as `tresen hub quarantine` lists it."""
    from pos.system import SystemClock  # noqa: PLC0415
    from sync.hub.database import transact  # noqa: PLC0415
    from sync.hub.quarantine import TakeInError, branches, take_in  # noqa: PLC0415

    with database(context, db) as engine:
        with engine.connect() as connection:
            named = [
                found
                for found in branches(connection, store)
                if (found.till, found.epoch) == (till, epoch)
                and found.branch.hex().startswith(branch.lower())
            ]
        if len(named) != 1:
            fail(
                f"{'no' if not named else 'more than one'} run of facts is called so; see: tresen hub quarantine"
            )
        if named[0].taken_in == named[0].facts:
            click.echo("All facts of this run were taken in before; there is nothing to do")
            return
        try:
            now_ms = SystemClock().wall_ms()
            count = transact(engine, take_in, store, till, epoch, named[0].branch, who, now_ms)
        except TakeInError as error:
            fail(error)
    click.echo(f"{count} facts taken in")


@click.command("exceptions")
@db_option
@click.option("--store", default="", help="Only this store's.")
@click.pass_context
def exceptions_command(context: click.Context, db: str | None, store: str) -> None:
    """List what a person must look at, oldest first."""
    from sync.hub.exceptions import listing  # noqa: PLC0415

    with database(context, db) as engine, engine.connect() as connection:
        for noted in listing(connection, store):
            place = f" {noted.epoch}/{noted.seq}" if noted.epoch else ""
            click.echo(
                f"{_time(noted.noted_ms)}  {noted.store} {noted.till}{place}  {noted.kind}: {noted.detail}"
            )


COMMANDS: Final[tuple[Any, ...]] = (
    enrol_command,
    machines_command,
    revoke_command,
    quarantine_group,
    exceptions_command,
)


def _time(wall_ms: int) -> str:
    return dt.datetime.fromtimestamp(wall_ms / 1000, tz=dt.UTC).strftime("%Y-%m-%d %H:%M")


def _day(wall_ms: int) -> str:
    return _time(wall_ms)[:10]
