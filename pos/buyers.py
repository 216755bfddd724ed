"""Buyers on invoices: names and addresses, sealed, in a file of their own. The journal holds a reference only.

The law wants an invoice printed again as it was, years later; so none is ever dropped by itself, and the file outlives the
till's memory. Each buyer is AES-256-GCM under a key of their own, which is kept wrapped by one that lies outside of the file. Who is
to be forgotten loses that key (`forget`), and their place says since when; rows of before have the outer key alone.
"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import apsw
import msgspec

from pos.ports import Clock, Ids, Worker
from pos.storage_ports import JournalUnavailableError

__all__ = ["BuyersStore", "KeptBuyer", "look_at"]

_NONCE: Final = 12
_KEY: Final = 32
_SCHEMA: Final = """
create table if not exists buyer(
  at integer primary key, id text not null unique, sealed blob not null, kept_ms integer not null);
"""
_MORE: Final = {"own_key": "blob", "forgotten_ms": "integer"}
"""Columns that came later."""


class KeptBuyer(msgspec.Struct, frozen=True):
    """A place in the file. `lines` is empty where they cannot be read any more; `forgotten_ms`: since when on purpose."""

    reference: str
    kept_ms: int
    lines: tuple[str, ...] = ()
    forgotten_ms: int | None = None


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

    async def all(self) -> tuple[KeptBuyer, ...]:
        """Everybody, oldest first, those who were forgotten too. Raises JournalUnavailableError."""
        return await self._worker.run(self._all)

    async def forget(self, buyer: str) -> bool:
        """Destroy the buyer's key and what it sealed; False where there is nothing of them. Raises JournalUnavailableError."""
        return await self._worker.run(self._forget, buyer)

    # -- on the worker's thread

    def _put(self, buyer: str, lines: tuple[str, ...]) -> None:
        own = self._ids.token(_KEY)
        try:
            sealed = self._sealed(own, msgspec.json.encode(lines), buyer.encode())
            wrapped = self._sealed(self._outer_key(), own, _wrap_name(buyer))
            with contextlib.closing(self._open()) as connection:
                connection.execute(
                    "insert or replace into buyer(id, sealed, kept_ms, own_key) values(?, ?, ?, ?)",
                    (buyer, sealed, self._clock.wall_ms(), wrapped),
                )
        except (apsw.Error, OSError) as error:
            raise JournalUnavailableError("buyers-unusable", str(error)) from error

    def _get(self, buyer: str) -> tuple[str, ...]:
        return self._read("where id = ?", buyer).get(buyer, ())

    def _newest(self, limit: int) -> Mapping[str, tuple[str, ...]]:
        return self._read("where forgotten_ms is null order by at desc limit ?", limit)

    def _all(self) -> tuple[KeptBuyer, ...]:
        if not self._path.exists():
            return ()
        try:
            with contextlib.closing(self._open()) as connection:
                rows: list[Any] = connection.execute(
                    "select id, kept_ms, sealed, own_key, forgotten_ms from buyer order by at"
                ).fetchall()
            outer = self._outer_key()
        except (apsw.Error, OSError) as error:
            raise JournalUnavailableError("buyers-unusable", str(error)) from error
        return tuple(
            KeptBuyer(buyer, kept_ms, _opened(outer, buyer, sealed, own), forgotten_ms)
            for buyer, kept_ms, sealed, own, forgotten_ms in rows
        )

    def _forget(self, buyer: str) -> bool:
        if not self._path.exists():
            return False
        try:
            with contextlib.closing(self._open()) as connection:
                connection.execute(
                    "update buyer set own_key = null, sealed = x'', forgotten_ms = ?"
                    " where id = ? and forgotten_ms is null",
                    (self._clock.wall_ms(), buyer),
                )
                return connection.changes() > 0
        except (apsw.Error, OSError) as error:
            raise JournalUnavailableError("buyers-unusable", str(error)) from error

    def _read(self, which: str, value: str | int) -> dict[str, tuple[str, ...]]:
        """What can be read of it: a file that cannot be is as good as empty."""
        if not self._path.exists():
            return {}
        try:
            with contextlib.closing(self._open()) as connection:
                sql = f"select id, sealed, own_key from buyer {which}"  # noqa: S608 - one of two above
                rows: list[Any] = connection.execute(sql, (value,)).fetchall()
            outer = self._outer_key()
        except (apsw.Error, OSError):
            return {}
        return {buyer: lines for buyer, sealed, own in rows if (lines := _opened(outer, buyer, sealed, own))}

    def _open(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path))
        connection.set_busy_timeout(5_000)
        connection.execute("pragma journal_mode=delete")
        connection.execute("pragma synchronous=extra")
        connection.execute("pragma secure_delete=on")
        connection.execute(_SCHEMA)
        there = {row[1] for row in connection.execute("pragma table_info(buyer)")}
        for name, kind in _MORE.items():
            if name not in there:
                connection.execute(f"alter table buyer add column {name} {kind}")
        return connection

    def _sealed(self, key: bytes, plain: bytes, name: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - off the start path

        nonce = self._ids.token(_NONCE)
        return nonce + AESGCM(key).encrypt(nonce, plain, name)

    def _outer_key(self) -> bytes:
        if not self._key.exists():
            self._key.parent.mkdir(mode=0o700, exist_ok=True)
            fresh = self._key.with_suffix(".new")
            fresh.touch(mode=0o600)
            fresh.write_bytes(self._ids.token(_KEY))
            fresh.replace(self._key)
        return self._key.read_bytes()


def look_at(path: Path, key: Path) -> tuple[int, int, int]:
    """How many are kept, how many of them cannot be read, how many were forgotten; nothing is changed. Raises apsw.Error, OSError."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    with contextlib.closing(connection):
        there = {row[1] for row in connection.execute("pragma table_info(buyer)")}
        more = ", ".join(name if name in there else "null" for name in _MORE)
        rows: list[Any] = connection.execute(f"select id, sealed, {more} from buyer").fetchall()  # noqa: S608
    outer = key.read_bytes() if key.exists() else b""
    kept = [(buyer, sealed, own) for buyer, sealed, own, forgotten_ms in rows if forgotten_ms is None]
    broken = sum(not outer or not _opened(outer, *row) for row in kept)
    return len(kept), broken, len(rows) - len(kept)


def _wrap_name(buyer: str) -> bytes:
    return b"tresen.buyer-key.1\0" + buyer.encode()


def _opened(outer: bytes, buyer: str, sealed: bytes, own: bytes | None) -> tuple[str, ...]:
    """Empty where it was sealed under another key, was changed since, or is forgotten."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - off the start path
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    if not sealed:
        return ()
    try:
        key = outer
        if own is not None:
            key = AESGCM(outer).decrypt(own[:_NONCE], own[_NONCE:], _wrap_name(buyer))
        plain = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], buyer.encode())
        return msgspec.json.decode(plain, type=tuple[str, ...])
    except (InvalidTag, ValueError):
        return ()
