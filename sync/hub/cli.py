"""`tresen hub`: run the hub, compare it, build its projections anew, look after its machines. Heavy imports wait until they are used."""

import ipaddress
from functools import partial
from pathlib import Path
from typing import Any

import click

from sync.hub.command_line import database, database_url, db_option, fail, key_file, make_default_folder
from sync.hub.customer_cli import customer_group
from sync.hub.machine_cli import COMMANDS
from sync.hub.relay_cli import join_command, relay_identity
from sync.hub.token_cli import token_group

__all__ = ["hub"]


def _networks(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[Any, ...]:
    try:
        return tuple(ipaddress.ip_network(value) for value in values)
    except ValueError as error:
        raise click.BadParameter(f"{error}; a network is written like 192.168.1.0/24") from error


@click.group(invoke_without_command=True)
@db_option
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on. 127.0.0.1: for this machine alone.",
)
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."
)
@click.option(
    "--public-url",
    default="",
    metavar="URL",
    help="Where customers find receipts.  [default: http://host:port]",
)
@click.option(
    "--office-network",
    "office_networks",
    multiple=True,
    metavar="CIDR",
    callback=_networks,
    help="The office may bring articles from here (repeat for more). This machine always may.",
)
@click.option("--tls-cert", default="", metavar="FILE", help="Certificate chain (PEM), to serve https.")
@click.option("--tls-key", default="", metavar="FILE", help="Its private key (PEM).")
@click.option(
    "--keys",
    default="",
    metavar="FILE",
    help="The key for customers' data; made if there is none.  [default: beside the database, .key]",
)
@click.option(
    "--upstream",
    default="",
    metavar="URL",
    help="Be a store's relay (after `tresen hub join`): pass everything on to the hub at this address.",
)
@click.option(
    "--webhook-network",
    "webhook_networks",
    multiple=True,
    metavar="CIDR",
    callback=_networks,
    help="Webhooks may go here though it is no public address (repeat for more).",
)
@click.option(
    "--messages",
    default="",
    metavar="FILE",
    help="Send messages to customers, by the channels in this file (docs/messages.md).",
)
@click.option(
    "--shop-page",
    default="",
    metavar="FILE",
    help="Show the shop page under /shop/, with the settings in this file (docs/shop-page.md).",
)
@click.pass_context
def hub(
    context: click.Context,
    db: str | None,
    host: str,
    port: int,
    public_url: str,
    office_networks: tuple[Any, ...],
    tls_cert: str,
    tls_key: str,
    keys: str,
    upstream: str,
    messages: str,
    webhook_networks: tuple[Any, ...],
    shop_page: str,
) -> None:
    """Run the hub: takes the tills' facts, keeps the ledger, shows receipts."""
    if context.invoked_subcommand:
        return
    import logging  # noqa: PLC0415

    from sync.hub.database import DatabaseUnavailableError  # noqa: PLC0415
    from sync.hub.serve import ListenError, serve  # noqa: PLC0415
    from sync.hub.shop.letters.channels import ChannelError  # noqa: PLC0415
    from sync.hub.shop.letters.settings import SettingsError, read_settings  # noqa: PLC0415
    from sync.hub.shop_page import ShopPageError, read_shop_page  # noqa: PLC0415
    from sync.hub.vault import VaultError  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if bool(tls_cert) != bool(tls_key):
        raise click.UsageError("--tls-cert and --tls-key go together")
    url = database_url(context, db)
    make_default_folder(url)
    try:
        serve(
            url,
            host,
            port,
            public_url=public_url,
            office_networks=office_networks,
            tls=(tls_cert, tls_key) if tls_cert else None,
            upstream=relay_identity(url, upstream) if upstream else None,
            messages=read_settings(Path(messages)) if messages else None,
            webhook_networks=webhook_networks,
            keys=key_file(url, keys),
            shop_page=read_shop_page(Path(shop_page)) if shop_page else None,
        )
    except (
        DatabaseUnavailableError, ListenError, SettingsError, ChannelError, VaultError, ShopPageError
    ) as error:  # fmt: skip
        fail(error)


@hub.command("digest")
@db_option
@click.pass_context
def digest_command(context: click.Context, db: str | None) -> None:
    """Counts, takings and digests as JSON, to compare with tills, copies and other databases."""
    import msgspec  # noqa: PLC0415

    from sync.hub.digest import digest  # noqa: PLC0415
    from sync.hub.shop.returns import rebuild as returns  # noqa: PLC0415
    from sync.hub.shop.stock import rebuild as stock  # noqa: PLC0415
    from sync.wire import encode_json  # noqa: PLC0415

    with database(context, db) as engine, engine.connect() as connection:
        shop = {"stock": stock.digest(connection), "returns": returns.digest(connection)}
        found = msgspec.to_builtins(digest(connection)) | shop
    click.echo(encode_json(found).decode())


@hub.command("rebuild")
@db_option
@click.pass_context
def rebuild_command(context: click.Context, db: str | None) -> None:
    """Build receipts, day totals, stock and what is known for returns anew from the facts, while the hub goes on."""
    from pos.system import SystemClock, SystemIds  # noqa: PLC0415
    from sync.hub.database import deriving, transact  # noqa: PLC0415
    from sync.hub.rebuild import rebuild_beside  # noqa: PLC0415
    from sync.hub.shop.returns import rebuild as returns  # noqa: PLC0415
    from sync.hub.shop.stock.rebuild import rebuild_all  # noqa: PLC0415

    with database(context, db) as engine:
        step, now_ms = partial(transact, deriving(engine)), SystemClock().wall_ms()
        count = rebuild_beside(step, now_ms)
        rebuild_all(step, now_ms)
        returns.rebuild_all(step, now_ms, SystemIds())
    click.echo(f"projections built anew from {count} facts")


@hub.command("openapi")
def openapi_command() -> None:
    """Write the description of the API (OpenAPI 3.1), as docs/openapi.json holds it."""
    from sync.hub.app import bare_app  # noqa: PLC0415
    from sync.hub.description.document import described_json  # noqa: PLC0415

    click.echo(described_json(bare_app()).decode(), nl=False)


@hub.command("migrate")
@db_option
@click.pass_context
def migrate_command(context: click.Context, db: str | None) -> None:
    """Bring the tables up to date and leave; the hub does the same when it starts."""
    with database(context, db):
        click.echo("the tables are up to date")


@hub.command("grants")
@click.argument("user")
def grants_command(user: str) -> None:
    """The SQL by which USER serves a hub on PostgreSQL and can change or remove no fact. For the tables' owner."""
    from sync.hub.privileges import grants  # noqa: PLC0415

    try:
        click.echo(";\n".join(grants(user)) + ";")
    except ValueError as error:
        raise click.UsageError(str(error)) from error


@hub.command("verify")
@db_option
@click.option(
    "--every-seal", is_flag=True, help="Verify the signature of every seal, not of the newest ones."
)
@click.pass_context
def verify_command(context: click.Context, db: str | None, *, every_seal: bool) -> None:
    """Walk every chain and seal; each damaged fact is named. Exit code 1 if there is one."""
    from pos.system import SystemClock, in_processes  # noqa: PLC0415
    from sync.hub import machines  # noqa: PLC0415
    from sync.hub.verify import verify_spread  # noqa: PLC0415

    with database(context, db) as engine:
        rights = machines.Rights(SystemClock().wall_ms)
        found = verify_spread(engine, rights, in_processes, every_seal=every_seal)
    for damage in found.damage:
        place = f"{damage.store}/{damage.till}, epoch {damage.epoch}, fact {damage.seq}"
        click.echo(f"{place}: {damage.what}")
    click.echo(
        f"{found.facts} facts in {found.chains} chains, {found.seals} seals ({found.signatures} signatures "
        f"verified), {found.quarantined} facts in quarantine: {len(found.damage) or 'no'} faults"
    )
    context.exit(1 if found.damage else 0)


for command in (*COMMANDS, join_command, token_group, customer_group):
    hub.add_command(command)
