"""`tresen hub customer`: what is kept of a person, and its end. Works on the database, also beside a hub that runs."""

import getpass
from collections.abc import Callable
from typing import Any, Final

import click

from sync.hub.command_line import database, database_url, db_option, fail, key_file

__all__ = ["customer_group"]

_KINDS: Final = ("email", "phone", "card", "app")


@click.group("customer")
def customer_group() -> None:
    """Rights of customers: all that is kept of somebody, and erasing it."""


def _who(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        db_option,
        click.option(
            "--keys", default="", metavar="FILE", help="The key file.  [default: beside the database]"
        ),
        click.option("--email", default="", help="By which the person is found."),
        click.option("--phone", default=""),
        click.option("--card", default=""),
        click.option("--id", "customer_id", default="", help="The customer's id."),
    ):
        function = option(function)
    return function


@customer_group.command("export")
@_who
@click.pass_context
def export_command(context: click.Context, /, db: str | None, keys: str, **named: str) -> None:
    """Write all that is kept of a person, as JSON."""
    from sync.hub.shop.customers import rights  # noqa: PLC0415
    from sync.wire import encode_json  # noqa: PLC0415

    found = _run(context, db, keys, rights.told, _asked(named))
    click.echo(encode_json(found).decode())


@customer_group.command("erase")
@_who
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def erase_command(context: click.Context, /, db: str | None, keys: str, *, yes: bool, **named: str) -> None:
    """Destroy the keys of a person's data. It cannot be undone."""
    from sync.hub.shop.customers import rights  # noqa: PLC0415

    asked = _asked(named)
    if not yes:
        click.confirm("Nothing of this person can be read afterwards. Erase?", abort=True)
    done = _run(context, db, keys, rights.forget, asked)
    for customer_id in done.customers:
        click.echo(f"{done.at}  customer {customer_id} erased by {done.by}")
    for order_id in done.orders:
        click.echo(f"{done.at}  person of order {order_id} erased by {done.by}")
    if done.cases:
        click.echo(f"{done.at}  questions of people without an account erased by {done.by}: {done.cases}")
    click.echo(f"{done.messages} messages emptied. What a law keeps: {'; '.join(done.stays)}")


def _asked(named: dict[str, str]) -> tuple[str, str]:
    given = [(kind.replace("customer_id", "id"), value) for kind, value in named.items() if value]
    if len(given) != 1:
        raise click.UsageError("name the person by one of --email, --phone, --card, --id")
    return given[0]


def _run(context: click.Context, db: str | None, keys: str, function: Any, asked: tuple[str, str]) -> Any:
    from pos.system import SystemClock, SystemIds  # noqa: PLC0415
    from sync.hub.database import transact  # noqa: PLC0415
    from sync.hub.shop.kit.actor import Actor  # noqa: PLC0415
    from sync.hub.shop.kit.refusal import RefusedError  # noqa: PLC0415
    from sync.hub.shop.kit.work import Work  # noqa: PLC0415
    from sync.hub.vault import VaultError, install, load_vault  # noqa: PLC0415

    def run(connection: Any) -> Any:
        actor = Actor("command", f"{_user()} at the hub", "admin")
        work = Work(connection, SystemClock().wall_ms(), SystemIds(), actor)
        answer = function(work, asked)
        work.finish()
        return answer

    with database(context, db) as engine:
        try:
            install(engine, load_vault(key_file(database_url(context, db), keys)))
            return transact(engine, run)
        except VaultError as error:
            fail(error)
        except RefusedError as refused:
            fail(f"{refused.title} {refused.detail}".strip())


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"
