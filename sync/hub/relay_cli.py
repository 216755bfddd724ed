"""`tresen hub join` and `tresen hub --upstream`: a machine becomes its store's relay, and works as one."""

import asyncio
from pathlib import Path

import click
import msgspec

from sync.hub.command_line import database_url, db_option, fail
from sync.identity import Identity, IdentityError, identity_file, load_identity, save_identity

__all__ = ["identity_path", "join_command", "relay_identity"]


def identity_path(url: str) -> Path:
    """The relay's identity lies beside its database; with a database elsewhere, in the state folder."""
    from sync.hub.command_line import default_db  # noqa: PLC0415

    prefix = "sqlite:///"
    file = url if url.startswith(prefix) else default_db()
    return identity_file(Path(file.removeprefix(prefix).partition("?")[0]).parent)


def relay_identity(url: str, upstream: str) -> Identity:
    """Who this relay is, with its hub at `upstream`. Whatever is wrong is one sentence and exit code 2."""
    path = identity_path(url)
    try:
        identity = load_identity(path)
    except IdentityError as error:
        fail(error)
    if identity is None:
        fail(
            f"this machine is no relay yet: there is no {path}. Make a code at the hub with "
            "`tresen hub enrol --store ID --relay`, then type here: tresen hub join --hub URL --code CODE"
        )
    if identity.role != "relay":
        fail(f"{path} is of a {identity.role}, {identity.machine} of store {identity.store}, and no relay's")
    nodes = tuple(
        msgspec.structs.replace(node, url=upstream.rstrip("/")) if node.role == "hub" else node
        for node in identity.nodes
    )
    return msgspec.structs.replace(identity, nodes=nodes)


@click.command("join")
@db_option
@click.option("--hub", "hub_url", required=True, metavar="URL", help="Address of the hub.")
@click.option("--code", required=True, help="What `tresen hub enrol --relay` printed there.")
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Authorities for the hub's TLS certificate (PEM), if they are the shop's own.",
)
@click.pass_context
def join_command(context: click.Context, db: str | None, hub_url: str, code: str, ca: Path | None) -> None:
    """Make this machine the relay of a store: enrol it at the hub."""
    from pos.system import SystemIds  # noqa: PLC0415
    from sync.codes import CodeError, read_code  # noqa: PLC0415
    from sync.enrolling import EnrolError, enrol  # noqa: PLC0415

    path = identity_path(database_url(context, db))
    if path.exists():
        fail(f"this machine is enrolled already: move {path} away first, if it is to become another")
    try:
        identity, _ = asyncio.run(
            enrol(
                hub_url.rstrip("/"),
                read_code(code),
                ids=SystemIds(),
                role="relay",
                ca=str(ca.absolute()) if ca else "",
            )
        )
        save_identity(path, identity)
    except CodeError as error:
        fail(f"this is no code: {error}")
    except (EnrolError, OSError) as error:
        fail(error)
    click.echo(
        f"This machine is {identity.machine}, the relay of store {identity.store}. "
        f"Start it with: tresen hub --upstream {hub_url.rstrip('/')}"
    )
