"""What the journey is checked against: a little ledger of its own, letters, and webhooks that came."""

import asyncio
import contextlib
import hashlib
import hmac
import threading
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from tests.simulators.mailbox import Letters, serve_mail

__all__ = ["Hooks", "Ledger", "hooks_arrive", "letters_arrive"]


class Ledger:
    """Stock by (store, sku), promises by the same, money by (till, tender), points. Plain sums, nothing of the hub's."""

    def __init__(self) -> None:
        self.stock: Counter[tuple[str, str]] = Counter()
        self.promised: Counter[tuple[str, str]] = Counter()
        self.money: Counter[tuple[str, str]] = Counter()
        self.receipts: Counter[str] = Counter()
        self.points = 0

    def sold(self, till: str, tender: str, total_minor: int, *goods: tuple[str, str, int]) -> None:
        """One receipt: what it came to, and what left which store."""
        self.money[till, tender] += total_minor
        self.receipts[till] += 1
        for store, sku, pieces in goods:
            self.stock[store, sku] -= pieces


class Hooks:
    """Webhooks as they came, each once by its id."""

    def __init__(self) -> None:
        self.url = ""
        self.secret = ""
        self.events: dict[str, dict[str, Any]] = {}
        self.forged = 0

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events.values()]

    def of(self, type_: str) -> list[dict[str, Any]]:
        return [event for event in self.events.values() if event["type"] == type_]

    def take(self, headers: dict[str, str], body: bytes) -> None:
        event_id = headers.get("webhook-id", "")
        signed = f"{event_id}.{headers.get('webhook-timestamp', '')}.".encode() + body
        key = b64decode(self.secret.removeprefix("whsec_")) if self.secret else b""
        mine = b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        if f"v1,{mine}" not in headers.get("webhook-signature", "").split():
            self.forged += 1
        self.events[event_id] = msgspec.json.decode(body)


@contextlib.contextmanager
def hooks_arrive() -> Iterator[Hooks]:
    """A receiver of webhooks on a real socket."""
    hooks = Hooks()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hooks.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    hooks.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hooks
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def letters_arrive(folder: Path) -> Iterator[tuple[Letters, int]]:
    """A mail server on a real socket; its letters and its port."""
    letters = Letters(folder)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(serve_mail(letters))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def close() -> None:
        server.close()
        await server.wait_closed()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    try:
        yield letters, server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
