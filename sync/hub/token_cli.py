"""`tresen hub token`: who may use the API of the channels. Works on the database, also beside a hub that runs."""

import datetime as dt
from typing import Final

import click

from sync.hub.command_line import database, db_option, fail

__all__ = ["token_group"]

_ROLES: Final = ("admin", "connector", "staff", "storefront")


@click.group("token")
def token_group() -> None:
    """Tokens for web shops, connectors and staff."""


@token_group.command("new")
@db_option
@click.argument("name")
@click.option("--role", required=True, type=click.Choice(_ROLES), help="What it may do (docs/hub-api.md).")
@click.option("--store", default="", help="The only store it may touch.  [default: all]")
@click.pass_context
def new_command(context: click.Context, db: str | None, name: str, role: str, store: str) -> None:
    """Make a token and print it; it is shown this once."""
    from pos.system import SystemClock, SystemIds  # noqa: PLC0415
    from sync.hub.database import transact  # noqa: PLC0415
    from sync.hub.shop.kit.actor import issue_token  # noqa: PLC0415

    with database(context, db) as engine:
        click.echo(transact(engine, issue_token, name, role, store, SystemIds(), SystemClock().wall_ms()))


@token_group.command("list")
@db_option
@click.pass_context
def list_command(context: click.Context, db: str | None) -> None:
    """All tokens, with those of the staff page's devices (handheld); their secrets are nowhere."""
    from pos.system import SystemClock  # noqa: PLC0415
    from sync.hub.shop.kit.actor import list_tokens  # noqa: PLC0415

    now_ms = SystemClock().wall_ms()
    with database(context, db) as engine, engine.connect() as connection:
        for token in list_tokens(connection):
            made = dt.datetime.fromtimestamp(token.created_ms / 1000, dt.UTC).strftime("%Y-%m-%d")
            state = "revoked" if token.revoked_ms else "over" if 0 < token.expires_ms <= now_ms else "in use"
            click.echo(
                f"{token.token_id}  {token.role:10}  {token.store or 'all stores':12}  {made}  {state}  {token.name}"
            )


@token_group.command("revoke")
@db_option
@click.argument("token_id")
@click.pass_context
def revoke_command(context: click.Context, db: str | None, token_id: str) -> None:
    """No request with this token is answered from now on (within two seconds, where a hub runs)."""
    from pos.system import SystemClock  # noqa: PLC0415
    from sync.hub.database import transact  # noqa: PLC0415
    from sync.hub.shop.kit.actor import revoke_token  # noqa: PLC0415

    with database(context, db) as engine:
        if not transact(engine, revoke_token, token_id, SystemClock().wall_ms()):
            fail(ValueError(f"there is no token {token_id} in use; see: tresen hub token list"))
    click.echo(f"token {token_id} is revoked")
