"""`tresen hub join` and `tresen hub --upstream`: a machine becomes its store's relay, and works as one."""

import asyncio
from pathlib import Path
from typing import Final

import click
import msgspec

from sync.hub.command_line import database_url, db_option, default_db, fail
from sync.identity import Identity, IdentityError, identity_file, load_identity, save_identity

__all__ = ["identity_path", "join_command", "relay_identity"]

_SQLITE: Final = "sqlite:///"


def identity_path(url: str) -> Path:
    """The relay's identity lies beside its database; with a database elsewhere, in the state folder."""
    file = url if url.startswith(_SQLITE) else default_db()
    return identity_file(Path(file.removeprefix(_SQLITE).partition("?")[0]).parent)


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
    from sqlalchemy.engine import make_url  # noqa: PLC0415

    from pos.system import SystemIds  # noqa: PLC0415
    from sync.begun import begin, finish  # noqa: PLC0415
    from sync.codes import CodeError, read_code  # noqa: PLC0415
    from sync.enrolling import EnrolError, enrol  # noqa: PLC0415

    url = database_url(context, db)
    path = identity_path(url)
    folder = path.parent.parent
    if url != default_db() and url.startswith(_SQLITE) and not folder.is_dir():
        fail(f"there is no folder {folder} for the relay's database {url}: look at --db, or make the folder")
    if path.exists():
        fail(f"this machine is enrolled already: move {path} away first, if it is to become another")
    try:
        found, ids = read_code(code), SystemIds()
        seed = begin(path, found, hub_url, ids).seed  # on the disk before the code is sent
        authorities = str(ca.absolute()) if ca else ""
        identity, _ = asyncio.run(
            enrol(hub_url.rstrip("/"), found, ids=ids, role="relay", ca=authorities, seed=seed)
        )
        save_identity(path, identity)
        finish(path)
    except CodeError as error:
        fail(f"this is no code: {error}")
    except (EnrolError, OSError) as error:
        fail(error)
    named = "" if url == default_db() else f" --db {make_url(url).render_as_string(hide_password=True)}"
    click.echo(
        f"This machine is {identity.machine}, the relay of store {identity.store}. "
        f"Start it with: tresen hub{named} --upstream {hub_url.rstrip('/')}"
    )
