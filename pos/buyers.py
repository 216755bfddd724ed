"""Buyers on invoices: names and addresses, sealed, in a file of their own. The journal holds a reference only.

The law wants an invoice printed again as it was, years later; so none is ever dropped by itself, and the file outlives the
till's memory. It is AES-256-GCM under a key that lies outside of it; who is to be forgotten is deleted here alone.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from pos.ports import Clock, Ids, Worker
from pos.storage_ports import JournalUnavailableError

__all__ = ["BuyersStore"]

_NONCE: Final = 12
_SCHEMA: Final = """
create table if not exists buyer(
  at integer primary key, id text not null unique, sealed blob not null, kept_ms integer not null);
"""


class BuyersStore:
    """Implements storage_ports.Buyers."""

    def __init__(self, path: Path, keys: Path, clock: Clock, ids: Ids, worker: Worker) -> None:
        self._path = path
        self._key = keys / "buyers.key"
        self._clock = clock
        self._ids = ids
        self._worker = worker

    async def put(self, buyer: str, lines: tuple[str, ...]) -> None:
        await self._worker.run(self._put, buyer, lines)

    async def get(self, buyer: str) -> tuple[str, ...]:
        return await self._worker.run(self._get, buyer)

    async def newest(self, limit: int) -> Mapping[str, tuple[str, ...]]:
        return await self._worker.run(self._newest, limit)

    # -- on the worker's thread

    def _put(self, buyer: str, lines: tuple[str, ...]) -> None:
        nonce = self._ids.token(_NONCE)
        try:
            sealed = nonce + self._cipher().encrypt(nonce, msgspec.json.encode(lines), buyer.encode())
            with contextlib.closing(self._open()) as connection:
                connection.execute(
                    "insert or replace into buyer(id, sealed, kept_ms) values(?, ?, ?)",
                    (buyer, sealed, self._clock.wall_ms()),
                )
        except (apsw.Error, OSError) as error:
            raise JournalUnavailableError("buyers-unusable", str(error)) from error

    def _get(self, buyer: str) -> tuple[str, ...]:
        return self._read("select id, sealed from buyer where id = ?", buyer).get(buyer, ())

    def _newest(self, limit: int) -> Mapping[str, tuple[str, ...]]:
        return self._read("select id, sealed from buyer order by at desc limit ?", limit)

    def _read(self, sql: str, value: str | int) -> dict[str, tuple[str, ...]]:
        """What can be read of it: a file that cannot be is as good as empty."""
        if not self._path.exists():
            return {}
        try:
            with contextlib.closing(self._open()) as connection:
                rows: list[Any] = connection.execute(sql, (value,)).fetchall()
            cipher = self._cipher()
        except (apsw.Error, OSError):
            return {}
        return {buyer: lines for buyer, sealed in rows if (lines := _opened(cipher, buyer, sealed))}

    def _open(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path))
        connection.set_busy_timeout(5_000)
        connection.execute("pragma journal_mode=delete")
        connection.execute("pragma synchronous=extra")
        connection.execute("pragma secure_delete=on")
        connection.execute(_SCHEMA)
        return connection

    def _cipher(self) -> Any:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - off the start path

        if not self._key.exists():
            self._key.parent.mkdir(mode=0o700, exist_ok=True)
            fresh = self._key.with_suffix(".new")
            fresh.touch(mode=0o600)
            fresh.write_bytes(self._ids.token(32))
            fresh.replace(self._key)
        return AESGCM(self._key.read_bytes())


def _opened(cipher: Any, buyer: str, sealed: bytes) -> tuple[str, ...]:
    """Empty where it was sealed under another key, or was changed since."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - off the start path

    try:
        plain = cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], buyer.encode())
        return msgspec.json.decode(plain, type=tuple[str, ...])
    except (InvalidTag, ValueError):
        return ()
