"""`tresen people`: who may use this till, in which role; also while it runs, which sees it within seconds."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click

from pos.cli import read_pin, state_option
from pos.domain.rights import Role
from pos.domain.scans import ScanKind, own_code
from pos.people import PinRefusedError
from pos.roles import load_roles, supervisors
from pos.roster import Roster
from pos.settings import Settings, SettingsError, load_settings
from pos.system import SystemClock, SystemIds, ThreadWorker

__all__ = ["people"]

_LANGUAGES = click.Choice(["", "de", "en"])


@click.group()
def people() -> None:
    """Operators, roles, PINs and badges, also while the till runs: it sees a change within ten seconds."""


class _Shop:
    """The people of one till, with its settings and roles."""

    def __init__(self, state: Path, store: Roster, settings: Settings, roles: tuple[Role, ...]) -> None:
        self.state = state
        self.store = store
        self.settings = settings
        self.roles = {role.name: role for role in roles}
        self.supervisors = supervisors(roles)

    def role(self, name: str) -> str:
        if name and name not in self.roles:
            raise click.ClickException(f"There is no role {name}. There are: {', '.join(self.roles)}.")
        return name


@contextlib.contextmanager
def _shop(state: Path) -> Iterator[_Shop]:
    """Opens the people of a till; what cannot be done is one sentence."""
    from pos.domain.rights import declared  # noqa: PLC0415
    from pos.till import Till  # noqa: F401, PLC0415 - its parts declare the rights

    if not (state / "people.db").is_file():
        raise click.ClickException(f"There is no till in {state} yet. Make one: tresen init --state {state}")
    worker = ThreadWorker("people")
    try:
        settings = load_settings(state)
        store = Roster(
            state / "people.db",
            state / "keys",
            SystemClock(),
            SystemIds(),
            worker,
            pin_digits=settings.people.pin_digits,
        )
        yield _Shop(state, store, settings, load_roles(state, settings, declared()))
    except SettingsError as error:
        raise click.ClickException(f"The settings need mending:\n{error}") from error
    except PinRefusedError as error:
        raise click.ClickException(str(error)) from error
    finally:
        worker.close()


@people.command("list")
@state_option
def list_people(state: Path) -> None:
    """Print who may use the till: number, name, role, language, badges."""
    with _shop(state) as shop:
        for listed in shop.store.listed():
            one = listed.operator
            notes = [f"{listed.badges} badge{'s' if listed.badges > 1 else ''}"] if listed.badges else []
            notes += ["PIN must be changed"] if one.pin_due else []
            notes += ["large type"] if one.large else []
            notes += ["locked after wrong tries"] if listed.locked else []
            notes += [] if one.role in shop.roles else ["this role is not known here: may nothing"]
            row = f"{one.operator_id:>3}  {one.name:<24} {one.role:<12} {one.language or '-':<3} {', '.join(notes)}"
            click.echo(row.rstrip())


@people.command()
@state_option
@click.option("--role", default="cashier", show_default=True, help="A role of the roles file.")
@click.option(
    "--language", type=_LANGUAGES, default="", help="The language of the screen; the shop's if not given."
)
@click.option("--large/--normal", "large", default=False, help="Large type on the screen, or not.")
@click.argument("name")
def add(state: Path, role: str, language: str, large: bool, name: str) -> None:
    """Add an operator NAME. The PIN is read from standard input; it must be changed at the first sign-in."""
    with _shop(state) as shop:
        role = shop.role(role)
        known = [one.operator for one in shop.store.listed()]
        if any(one.name.casefold() == name.strip().casefold() for one in known):
            raise click.ClickException(
                f"There is an operator {name.strip()} already. A new PIN: tresen people pin."
            )
        made = shop.store.add(name, read_pin(), role=role, language=language, due=True)
        shop.store.set_large(made.operator_id, large=large)
        click.echo(
            f"{made.name} is number {made.operator_id}, {made.role}, and chooses a PIN at the first sign-in."
        )


@people.command()
@state_option
@click.option("--name", "new_name", default="", help="Another name.")
@click.option("--role", default="", help="Another role.")
@click.option("--language", type=_LANGUAGES, default=None, help="Another language; empty: the shop's.")
@click.option("--large/--normal", "large", default=None, help="Large type on the screen, or not.")
@click.argument("name")
def change(
    state: Path,
    new_name: str,
    role: str,
    language: str | None,
    large: bool | None,
    name: str,
) -> None:
    """Change the name, role, language or type size of the operator NAME (or number)."""
    with _shop(state) as shop:
        changed = shop.store.change(
            name, supervisors=shop.supervisors, new_name=new_name, role=shop.role(role), language=language
        )
        if large is not None:
            shop.store.set_large(changed.operator_id, large=large)
        click.echo(f"{changed.name}, number {changed.operator_id}, is {changed.role}.")


@people.command()
@state_option
@click.argument("name")
def remove(state: Path, name: str) -> None:
    """Let the operator NAME (or number) sign in no more; what they did keeps their number."""
    with _shop(state) as shop:
        gone = shop.store.remove(name, supervisors=shop.supervisors)
        click.echo(f"{gone.name}, number {gone.operator_id}, cannot sign in any more. Badges are revoked.")


@people.command()
@state_option
@click.argument("name")
def pin(state: Path, name: str) -> None:
    """Give the operator NAME (or number) a new PIN, read from standard input; a lock after wrong tries ends."""
    with _shop(state) as shop:
        one = shop.store.set_pin(name, read_pin())
        click.echo(f"{one.name} has a new PIN, and chooses another one at the next sign-in.")


@people.command()
@state_option
@click.option("--revoke", is_flag=True, help="Revoke all badges of this operator instead.")
@click.option(
    "--card",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="Draw it as a card with name, QR code and Code 128 into this file, .pdf or .png.",
)
@click.argument("name")
def badge(state: Path, revoke: bool, card: Path | None, name: str) -> None:
    """Make a badge for the operator NAME (or number): a code to print, shown this once."""
    if card is not None and card.suffix.lower() not in {".pdf", ".png"}:
        raise click.ClickException(f"{card}: a card is written as .pdf or .png.")
    with _shop(state) as shop:
        if revoke:
            one, count = shop.store.revoke_badges(name)
            click.echo(f"{one.name} had {count} badge{'' if count == 1 else 's'}: good no more.")
            return
        one, payload = shop.store.new_badge(name)
        code = own_code(ScanKind.BADGE, payload)
        if card is not None:
            _draw_card(card, one.name, shop.settings.shop.name, code)
            click.echo(
                f"A badge of {one.name} is in {card}. Print it, then delete the file: who has it can sign in."
            )
            return
        from receipts.qr import qr_blocks  # noqa: PLC0415

        click.echo(
            f"A badge of {one.name}. It is shown this once; print it as a QR code or as Code 128:\n\n{code}\n"
        )
        for row in qr_blocks(code):
            click.echo(row)
        if shop.settings.people.badge == "off":
            click.echo("Badges are switched off at this till: people.badge in settings.toml.")


def _draw_card(path: Path, name: str, shop: str, code: str) -> None:
    """Readable by its owner alone: whoever has it can sign in."""
    from receipts.badge import write_badge  # noqa: PLC0415

    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        write_badge(path, name, shop, code)
    except (OSError, ValueError) as error:
        raise click.ClickException(
            f"The card could not be written: {error}. The badge is good; revoke it with --revoke."
        ) from error
