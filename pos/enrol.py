"""`tresen enrol`: a till becomes one of its hub's, or a fresh machine takes a till's place."""

import asyncio
import contextlib
import datetime as dt
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from pos.bootstrap import software
from pos.journal.epochs import newest_facts
from pos.journal.segment import open_reader, segment_files
from pos.people import PinRefusedError, check_new_pin
from pos.settings import default_state_folder
from pos.setup import Made, SetupError, make_till
from pos.system import SystemClock, SystemIds
from sync.begun import begin, finish, note_done
from sync.codes import CodeError, read_code
from sync.enrolling import EnrolError, Journal, change_key, enrol, find_relay
from sync.identity import Identity, IdentityError, identity_file, load_identity, save_identity
from sync.keys import SEED_BYTES
from sync.wire import Enrolled, ShopInfo

__all__ = [
    "enrol_command",
    "enrol_fresh",
    "enrol_till",
    "journal_end",
    "make_enrolled",
    "new_key",
    "point_at_relay",
    "redeem",
]


def journal_end(state: Path) -> Journal | None:
    """Which till the folder holds, and how far its journal goes; None for a folder without one.

    Raises JournalUnavailableError.
    """
    folder = state / "journal"
    files = segment_files(folder) if folder.is_dir() else []
    if not files:
        return None
    segment = open_reader(files[-1])
    with contextlib.closing(segment.connection):
        head = segment.head
    newest = newest_facts(folder, 1)[-1]
    return Journal(head.store, head.till, newest.epoch, newest.seq, newest.hash)


async def enrol_till(
    state: Path, journal: Journal, hub: str, code: str, relay_url: str = "", ca: str = ""
) -> Identity:
    """A till that sells already keeps its store, id and numbers. Raises EnrolError, OSError."""
    identity, _ = await redeem(state, hub, code, relay_url, ca, journal)
    _finish(state, identity)
    return identity


async def enrol_fresh(
    state: Path,
    hub: str,
    code: str,
    relay_url: str = "",
    *,
    operator: str,
    pin: str,
    ca: str = "",
    shop: dict[str, Any] | None = None,
    devices: dict[str, Any] | None = None,
) -> Made:
    """A fresh folder becomes the till that the code names, with the numbers that the hub grants it.

    `shop` counts, field by field, where the hub knows nothing. Raises EnrolError, SetupError, OSError.
    """
    try:
        check_new_pin(operator, pin)  # before the code is used up
    except PinRefusedError as error:
        raise SetupError(str(error)) from error
    identity, enrolled = await redeem(state, hub, code, relay_url, ca)
    return make_enrolled(
        state, identity, enrolled, hub=hub, operator=operator, pin=pin, shop=shop, devices=devices
    )


def make_enrolled(
    state: Path,
    identity: Identity,
    enrolled: Enrolled,
    *,
    hub: str,
    operator: str,
    pin: str,
    shop: dict[str, Any] | None = None,
    devices: dict[str, Any] | None = None,
) -> Made:
    """The till that an enrolment is for. `shop` counts, field by field, where the hub knows nothing.

    Raises SetupError, OSError.
    """
    known = {**(shop or {}), **(_shop_settings(enrolled.shop) if enrolled.shop is not None else {})}
    if enrolled.time_zone:
        known["time_zone"] = enrolled.time_zone
    try:
        made = make_till(
            state,
            operator=operator,
            pin=pin,
            till_id=identity.machine,
            store=identity.store,
            hub=hub,
            shop=known,
            devices=devices,
            grant=enrolled.grant,
        )
    except SetupError as error:
        raise SetupError(
            f"{error} Mend this, then enrol again here with the same code: only this machine may use it again."
        ) from error
    _finish(state, identity)
    return made


def _finish(state: Path, identity: Identity) -> None:
    save_identity(identity_file(state), identity)
    finish(identity_file(state))


async def redeem(
    state: Path, hub: str, code: str, relay_url: str = "", ca: str = "", journal: Journal | None = None
) -> tuple[Identity, Enrolled]:
    """Redeem a code as it was typed. Raises EnrolError, OSError.

    The key is in the state folder before the code is sent: cut off anywhere, the same code goes on with it.
    """
    try:
        found = read_code(code)
    except CodeError as error:
        raise EnrolError(f"This is no code: {error}.") from error
    path, ids = identity_file(state), SystemIds()
    begun = begin(path, found, hub, ids)
    enrolled = await enrol(
        hub.rstrip("/"),
        found,
        ids=ids,
        journal=journal,
        relay_url=relay_url.rstrip("/"),
        ca=ca,
        software=software(),
        seed=begun.seed,
    )
    note_done(path, found, hub, begun)
    return enrolled


async def point_at_relay(state: Path, relay_url: str) -> Identity:
    """An enrolled till speaks to the store's relay at this address within seconds if it runs. Raises EnrolError."""
    found = await find_relay(_known(state), relay_url.rstrip("/"), clock=SystemClock(), ids=SystemIds())
    save_identity(identity_file(state), found)
    return found


async def new_key(state: Path) -> int:
    """Another key for this till; gives until when (ms since 1970) the old one holds. Raises EnrolError.

    The new key is on the disk before the hub hears of it: cut off in between, the same command goes on.
    """
    identity = _known(state)
    waiting = identity_file(state).with_name("identity.next.json")
    begun = load_identity(waiting)
    if begun is None:
        ids = SystemIds()
        begun = msgspec.structs.replace(identity, seed=ids.token(SEED_BYTES))
        save_identity(waiting, begun)
    changed, until_ms = await change_key(identity, begun.seed, clock=SystemClock(), ids=SystemIds())
    save_identity(identity_file(state), changed)
    waiting.unlink()
    return until_ms


def _known(state: Path) -> Identity:
    identity = load_identity(identity_file(state))
    if identity is None:
        raise EnrolError(f"The till in {state} is not enrolled yet: this takes --hub and --code.")
    return identity


def _shop_settings(shop: ShopInfo) -> dict[str, Any]:
    """What the hub knows of the shop, as settings; what is empty there is left out."""
    values: dict[str, Any] = {
        "name": shop.name,
        "address": list(shop.address),
        "tax_number": shop.tax_number,
        "country": shop.country,
        "currency": shop.currency,
        "footer_de": shop.footer_de.splitlines(),
        "footer_en": shop.footer_en.splitlines(),
    }
    return {key: value for key, value in values.items() if value}


@click.command("enrol")
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_state_folder,
    show_default="TRESEN_STATE, else ~/.local/state/tresen",
    help="The till's folder.",
)
@click.option("--hub", default="", metavar="URL", help="Address of the hub.")
@click.option("--code", default="", help="What `tresen hub enrol` printed.")
@click.option(
    "--relay-url",
    default="",
    metavar="URL",
    help="Address of the store's relay, if it has one; alone, for a till that is enrolled.",
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Authorities for the TLS certificates of hub and relay (PEM), if they are the shop's own.",
)
@click.option("--operator", default="", help="In a fresh folder: name of the first operator.")
@click.option("--new-key", "wants_key", is_flag=True, help="Change the key of a till that is enrolled.")
def enrol_command(
    state: Path, hub: str, code: str, relay_url: str, ca: Path | None, operator: str, *, wants_key: bool
) -> None:
    """Enrol this till at its hub. In a fresh folder: become the till that the code names.

    A fresh folder's first operator gets the PIN that is read from standard input.
    """
    authorities = str(ca.absolute()) if ca is not None else ""
    try:
        if wants_key:
            until = dt.datetime.fromtimestamp(asyncio.run(new_key(state)) / 1000, tz=dt.UTC)
            click.echo(
                f"The till has a new key, also if it runs, within seconds; the old one holds until {until:%Y-%m-%d}."
            )
            return
        if relay_url and not hub and not code:
            relay = asyncio.run(point_at_relay(state, relay_url)).nodes[0]
            click.echo(
                f"The till speaks to the relay {relay.name} at {relay.url}, also if it runs, within seconds."
            )
            return
        if not hub or not code:
            raise click.UsageError("name the hub and the code: --hub URL --code CODE")
        journal = journal_end(state)
        if journal is not None:
            identity = asyncio.run(enrol_till(state, journal, hub, code, relay_url, authorities))
            click.echo(f"Till {identity.machine} of store {identity.store} is enrolled at {hub}.")
            return
        if not operator:
            raise click.UsageError(
                f"There is no till in {state} yet: name its first operator with --operator."
            )
        if (state / "settings.toml").exists():
            click.echo(f"{state / 'settings.toml'} is there already and stays as it is.", err=True)
        made = asyncio.run(
            enrol_fresh(state, hub, code, relay_url, operator=operator, pin=_read_pin(), ca=authorities)
        )
    except (EnrolError, IdentityError, SetupError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"Till {made.till} of store {made.store} is ready in {state} and enrolled at {hub}. "
        f"Operator {operator} may sign in; articles come from the hub."
    )


def _read_pin() -> str:
    if sys.stdin.isatty():
        pin: str = click.prompt("PIN", hide_input=True, confirmation_prompt=True)
        return pin
    return sys.stdin.readline().strip()
