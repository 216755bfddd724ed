"""Runs the hub as a process: opens the database, listens, says that it is ready, ends cleanly on SIGTERM."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
import uvicorn
from sqlalchemy import Engine

from pos.brand import BrandError
from pos.system import SystemClock, SystemIds, ThreadWorker
from sync.hub.app import create_app
from sync.hub.brand import Brand
from sync.hub.database import Database, migrate, open_engine, transact
from sync.hub.protocol import Connection
from sync.hub.service import LOCAL_NETWORKS, Hub, Network
from sync.hub.shop.brand.core import publish
from sync.hub.shop.letters.setting_up import start_post
from sync.hub.shop.letters.settings import MessageSettings
from sync.hub.shop.webhooks.guard import Rules
from sync.hub.shop.webhooks.sender import WebhookSender
from sync.hub.shop_page import ShopPage, demand_public
from sync.hub.vault import KEY_BYTES, load_vault
from sync.identity import Identity

__all__ = ["ListenError", "listen", "serve"]

_WORKERS: Final = 4
_GRACE_S: Final = 5
_log = logging.getLogger("tresen.hub")


class ListenError(Exception):
    """The address cannot be listened on; the text is one sentence."""


def serve(
    db: str,
    host: str,
    port: int,
    *,
    public_url: str = "",
    office_networks: Sequence[Network] = (),
    tls: tuple[str, str] | None = None,
    upstream: Identity | None = None,
    messages: MessageSettings | None = None,
    webhook_networks: Sequence[Network] = (),
    keys: Path | None = None,
    shop_page: ShopPage | None = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, with `upstream` as a relay. `tls`: files of certificate chain and key (PEM).

    With `messages`, messages to customers go out. Webhooks go to public addresses and to `webhook_networks`. `keys`: the file
    of the key for customers' data, made if there is none. `shop_page` is shown under /shop/. Raises DatabaseUnavailableError,
    ListenError, ChannelError, VaultError, ShopPageError.
    """
    if tls is not None:
        _check_tls(tls)
    engine = open_engine(db)
    migrate(engine)
    if shop_page is not None:
        transact(engine, demand_public, shop_page)
    if upstream is None:
        _tell_tills(engine, messages.brand if messages is not None else None)
    vault = load_vault(keys, SystemIds().token(KEY_BYTES)) if keys is not None and upstream is None else None
    listener = listen(host, port)
    workers = [ThreadWorker(f"hub-{n}") for n in range(1 if engine.dialect.name == "sqlite" else _WORKERS)]
    renderer = ThreadWorker("hub-pages")
    shown_host = f"[{host}]" if ":" in host else host
    address = f"{'https' if tls else 'http'}://{shown_host}:{listener.getsockname()[1]}"
    hub = Hub(
        Database(engine, workers),
        SystemClock(),
        SystemIds(),
        public_url=public_url or address,
        office_networks=(*LOCAL_NETWORKS, *office_networks),
        upstream=upstream,
        webhook_rules=Rules(tuple(webhook_networks)),
        vault=vault,
        renderer=renderer,
        brand=messages.brand if messages is not None else None,
        shop_page=shop_page,
    )
    config = uvicorn.Config(
        create_app(hub),
        http=Connection,
        access_log=False,  # a receipt's address is its key, and must not stand in a log
        log_config=None,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    try:
        if upstream is None:
            sender = WebhookSender(hub.database, hub.clock, hub.ids, hub.webhook_rules)
            hub.also("hub-webhooks", sender.run)
            hub.on_shop(sender.kick)
        if messages is not None and upstream is None:
            posts = [ThreadWorker(f"hub-messages-{n}") for n in range(len(messages.channels))]
            workers += posts
            start_post(hub, messages, posts)
        asyncio.run(_Server(config, f"hub ready on {address}", hub.let_go).serve(sockets=[listener]))
    finally:
        for worker in (*workers, renderer):
            worker.close()
        engine.dispose()


def _tell_tills(engine: Engine, brand: Brand | None) -> None:
    """Of a brand that they do not know yet. One that they could not show holds nothing up."""
    try:
        transact(engine, publish, brand, SystemIds(), SystemClock().wall_ms())
    except BrandError as error:
        _log.error("the tills do not get the shop's brand: %s", error)


def _check_tls(tls: tuple[str, str]) -> None:
    """Raises ListenError with a sentence; uvicorn would end with a traceback."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*tls)
    except (OSError, ssl.SSLError) as error:
        raise ListenError(f"certificate {tls[0]} and key {tls[1]} cannot be used: {error}") from error


def listen(host: str, port: int) -> socket.socket:
    """A socket whose connections send at once: an answer's body does not wait 40 ms for the word that its head arrived.

    Raises ListenError.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family, backlog=512)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each connection inherits it
    except (OSError, OverflowError) as error:
        raise ListenError(f"cannot listen on {host}, port {port}: {error}") from error
    return listener


class _Server(uvicorn.Server):
    """Says when it listens, and takes SIGTERM as a wish, not as a failure."""

    def __init__(self, config: uvicorn.Config, ready: str, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._on_stop = on_stop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started and not self.should_exit:
            click.echo(self._ready)
            _notify(b"READY=1")

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, _go_on)  # there is nothing to read anew, and no reason to end
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _stop(self, *_: Any) -> None:
        self.force_exit = self.should_exit  # asked a second time
        self.should_exit = True
        self._on_stop()  # answers that are held would hold up the end
        _notify(b"STOPPING=1")


def _go_on() -> None:
    """A terminal was closed, or somebody asks for a new configuration."""


def _notify(state: bytes) -> None:
    """Tell systemd, if it asked (sd_notify); a failure changes nothing."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(state, "\0" + address[1:] if address.startswith("@") else address)
