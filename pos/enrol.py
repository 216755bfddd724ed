"""`tresen enrol`: a till becomes one of its hub's, or a fresh machine takes a till's place."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Any

import click

from pos.bootstrap import software
from pos.journal.epochs import newest_facts
from pos.journal.segment import open_reader, segment_files
from pos.people import PinRefusedError, check_new_pin
from pos.settings import default_state_folder
from pos.setup import Made, SetupError, make_till
from pos.system import SystemIds
from sync.codes import CodeError, read_code
from sync.enrolling import EnrolError, Journal, enrol
from sync.identity import Identity, identity_file, save_identity
from sync.wire import Enrolled, ShopInfo

__all__ = ["enrol_command", "enrol_fresh", "enrol_till", "journal_end"]


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
    identity, _ = await _enrol(hub, code, relay_url, ca, journal)
    save_identity(identity_file(state), identity)
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

    `shop` counts where the hub knows no shop yet. Raises EnrolError, SetupError, OSError.
    """
    try:
        check_new_pin(operator, pin)  # before the code is used up
    except PinRefusedError as error:
        raise SetupError(str(error)) from error
    identity, enrolled = await _enrol(hub, code, relay_url, ca, None)
    made = await asyncio.to_thread(_make, state, hub, identity, enrolled, operator, pin, shop, devices)
    save_identity(identity_file(state), identity)
    return made


def _make(
    state: Path,
    hub: str,
    identity: Identity,
    enrolled: Enrolled,
    operator: str,
    pin: str,
    shop: dict[str, Any] | None,
    devices: dict[str, Any] | None,
) -> Made:
    known = {**(shop or {}), **(_shop_settings(enrolled.shop) if enrolled.shop is not None else {})}
    try:
        return make_till(
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
            f"{error} The code is used up: mend this, then make a new one with --replace."
        ) from error


async def _enrol(
    hub: str, code: str, relay_url: str, ca: str, journal: Journal | None
) -> tuple[Identity, Enrolled]:
    try:
        found = read_code(code)
    except CodeError as error:
        raise EnrolError(f"This is no code: {error}.") from error
    return await enrol(
        hub.rstrip("/"),
        found,
        ids=SystemIds(),
        journal=journal,
        relay_url=relay_url.rstrip("/"),
        ca=ca,
        software=software(),
    )


def _shop_settings(shop: ShopInfo) -> dict[str, Any]:
    """The shop as the hub knows it, as settings."""
    values: dict[str, Any] = {
        "name": shop.name,
        "address": list(shop.address),
        "tax_number": shop.tax_number,
        "country": shop.country,
        "currency": shop.currency,
        "footer_de": shop.footer_de.splitlines(),
        "footer_en": shop.footer_en.splitlines(),
    }
    return values


@click.command("enrol")
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=default_state_folder,
    show_default="TRESEN_STATE, else ~/.local/state/tresen",
    help="The till's folder.",
)
@click.option("--hub", required=True, metavar="URL", help="Address of the hub.")
@click.option("--code", required=True, help="What `tresen hub enrol` printed.")
@click.option("--relay-url", default="", metavar="URL", help="Address of the store's relay, if it has one.")
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Authorities for the TLS certificates of hub and relay (PEM), if they are the shop's own.",
)
@click.option("--operator", default="", help="In a fresh folder: name of the first operator.")
def enrol_command(state: Path, hub: str, code: str, relay_url: str, ca: Path | None, operator: str) -> None:
    """Enrol this till at its hub. In a fresh folder: become the till that the code names.

    A fresh folder's first operator gets the PIN that is read from standard input.
    """
    authorities = str(ca.absolute()) if ca is not None else ""
    try:
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
    except (EnrolError, SetupError) as error:
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
