"""state.db: the open cart, the spool, cursors and lock-outs. Mutable, durable, and never the truth.

Cart saves are coalesced: one in flight, the newest wins. Only lines that changed are written.
"""

import contextlib
import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from pos.device_ports import JobState
from pos.domain.cart import NOTHING_KNOWN, About, Cart, Line, Tender, cart_of
from pos.journal.errors import check_sqlite, translate
from pos.journal.segment import sync_folder
from pos.ports import Worker
from pos.storage_ports import TILL_LOCKED, JournalUnavailableError

__all__ = ["SpoolView", "StateStore", "strip_restored"]

_VERSION = 1
_SCHEMA = """
create table if not exists version(id integer primary key check(id = 1), version integer not null);
insert or ignore into version values(1, 1);
create table if not exists cart(
  id integer primary key check(id = 1), cart_id text not null, opened_ms integer not null, operator text not null);
create table if not exists cart_line(n integer primary key, body blob not null, sum blob not null);
create table if not exists cart_beside(id integer primary key check(id = 1), body blob not null, sum blob not null);
create table if not exists memory(key text primary key, value blob not null) without rowid;
create table if not exists spool(
  n integer primary key autoincrement, job_id text not null unique, state text not null,
  payload blob not null, info blob not null);
"""
_FINISHED = (JobState.CONFIRMED, JobState.DROPPED)
SPOOL_KEPT = 50
CHECKPOINT_SAVES = 2_000


class _Beside(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a cart is beside its lines."""

    tenders: tuple[Tender, ...] = ()
    about: About = About()


_lines = msgspec.json.Decoder(Line)
_besides = msgspec.json.Decoder(_Beside)
_encoder = msgspec.json.Encoder()


class StateStore:
    """Implements ports.State, ports.SpoolStore and ports.Memory over one file, on a thread of its own."""

    def __init__(self, path: Path, worker: Worker) -> None:
        self._path = path
        self._worker = worker
        self._connection: apsw.Connection | None = None
        self._slot: list[Cart | None] = []
        self._saved: Cart | None = None
        self._problem: JournalUnavailableError | None = None
        self.saves = 0
        self._checkpointed = 0

    async def open(self) -> Cart | None:
        """Open the file; returns the cart that was open when the till last stopped."""
        return await self._worker.run(self._open)

    async def close(self) -> None:
        await self.flush()
        await self._worker.run(self._close)

    # -- the open cart

    def save_cart(self, cart: Cart | None) -> None:
        self._slot[:] = [cart]
        self._worker.post(self._save_slot)

    def supersede(self) -> None:
        """Forget a cart save that has not begun: a fact that ends the cart is about to be written."""
        self._slot.clear()

    @property
    def problem(self) -> JournalUnavailableError | None:
        return self._problem

    async def flush(self) -> None:
        await self._worker.run(self._check)

    def _save_slot(self) -> None:
        try:
            cart = self._slot.pop()
        except IndexError:  # a later save took this one's cart along, or a fact superseded it
            return
        if self._connection is None:
            return
        try:
            with translate("saving the open cart"):
                self._write_cart(self._connection, cart)
            self._problem = None
        except JournalUnavailableError as error:
            self._problem = error
        except Exception as error:
            self._problem = JournalUnavailableError("disk-error", f"saving the open cart: {error}")
            raise
        if cart is None:
            self._checkpoint()

    def _checkpoint(self) -> None:
        """Between carts, so that no payment and no scan waits for it."""
        if self.saves - self._checkpointed < CHECKPOINT_SAVES or self._connection is None:
            return
        self._checkpointed = self.saves
        with contextlib.suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _check(self) -> None:
        if self._problem is not None:
            raise self._problem

    def _write_cart(self, connection: apsw.Connection, cart: Cart | None) -> None:
        old = self._saved
        if cart is old:
            return
        same = cart is not None and old is not None and cart.cart_id == old.cart_id
        known = old.lines if same and old is not None else ()
        connection.execute("begin immediate")
        try:
            if not same:
                connection.execute("delete from cart_line")
                connection.execute("delete from cart")
                if cart is not None:
                    connection.execute(
                        "insert into cart values(1, ?, ?, ?)", (cart.cart_id, cart.opened_ms, cart.operator)
                    )
            beside = _beside(cart)
            if beside != _beside(old):
                connection.execute("delete from cart_beside")
                if beside is not None:
                    body = _encoder.encode(beside)
                    connection.execute("insert into cart_beside values(1, ?, ?)", (body, _sum(body)))
            if cart is not None:
                rows = [
                    (line.n, *_with_sum(line))
                    for line, before in itertools.zip_longest(cart.lines, known)
                    if line is not before
                ]
                connection.executemany(
                    "insert into cart_line values(?, ?, ?)"
                    " on conflict do update set body = excluded.body, sum = excluded.sum",
                    rows,
                )
            connection.execute("commit")
        except apsw.Error:
            with contextlib.suppress(apsw.Error):
                connection.execute("rollback")
            raise
        self._saved = cart
        self.saves += 1

    # -- small values (ports.Memory)

    async def get(self, key: str) -> bytes | None:
        return await self._worker.run(self._get, key)

    async def put(self, key: str, value: bytes) -> None:
        await self._worker.run(
            self._execute,
            "insert into memory values(?, ?) on conflict do update set value = excluded.value",
            (key, value),
        )

    def _get(self, key: str) -> bytes | None:
        with translate("reading the state"):
            row = self._open_connection().execute("select value from memory where key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    # -- the spool (ports.SpoolStore); `SpoolView` below gives it the protocol's names

    async def spool_put(self, job_id: str, payload: bytes, info: bytes) -> None:
        await self._worker.run(
            self._execute,
            "insert into spool(job_id, state, payload, info) values(?, 'queued', ?, ?)"
            " on conflict(job_id) do update set payload = excluded.payload, info = excluded.info",
            (job_id, payload, info),
        )

    async def spool_state(self, job_id: str, state: JobState) -> None:
        await self._worker.run(self._set_job_state, job_id, state)

    async def spool_pending(self) -> Sequence[tuple[str, JobState, bytes, bytes]]:
        return await self._worker.run(self._pending)

    def _set_job_state(self, job_id: str, state: JobState) -> None:
        self._execute("update spool set state = ? where job_id = ?", (state.value, job_id))
        if state in _FINISHED:
            self._execute(
                "delete from spool where state in ('confirmed', 'dropped')"
                " and n <= (select max(n) from spool) - ?",
                (SPOOL_KEPT,),
            )

    def _pending(self) -> list[tuple[str, JobState, bytes, bytes]]:
        with translate("reading the spool"):
            rows = self._open_connection().execute(
                "select job_id, state, payload, info from spool"
                " where state not in ('confirmed', 'dropped') order by n"
            )
            return [(row[0], JobState(row[1]), row[2], row[3]) for row in rows]

    def _execute(self, sql: str, values: tuple[object, ...]) -> None:
        with translate("writing the state"):
            self._open_connection().execute(sql, values)

    # -- the file

    def _open_connection(self) -> apsw.Connection:
        if self._connection is None:
            raise JournalUnavailableError("disk-error", "the state file is closed")
        return self._connection

    def _open(self) -> Cart | None:
        check_sqlite()
        try:
            return self._open_file()
        except (msgspec.MsgspecError, UnicodeDecodeError, AssertionError, TypeError) as error:
            raise JournalUnavailableError("state-damaged", f"{self._path.name}: {error}") from error

    def _open_file(self) -> Cart | None:
        with translate("opening the state"):
            connection = apsw.Connection(str(self._path))
            connection.set_busy_timeout(5_000)
            connection.execute("pragma journal_mode=wal")
            connection.execute("pragma synchronous=full")
            connection.execute("pragma cache_size=-256")
            connection.wal_autocheckpoint(0)  # done between carts
            connection.execute(_SCHEMA)
            # What a killed process wrote and never synced is seen below: nobody may be shown what a cut can take.
            connection.execute("pragma wal_checkpoint(truncate)")
            sync_folder(self._path.parent)
            version = connection.execute("select version from version").get
            if version != _VERSION:
                raise JournalUnavailableError("journal-damaged", f"{self._path.name} is of version {version}")
            self._connection = connection
            row = connection.execute("select cart_id, opened_ms, operator from cart").fetchone()
            if row is None:
                return None
            rows: list[Any] = connection.execute("select body, sum from cart_line order by n").fetchall()
            if any(_sum(body) != kept for body, kept in rows):
                raise JournalUnavailableError(
                    "state-damaged", f"a line of the open cart in {self._path.name}"
                )
            beside = _Beside()
            for body, kept in connection.execute("select body, sum from cart_beside"):
                if _sum(body) != kept:
                    raise JournalUnavailableError("state-damaged", f"the open cart in {self._path.name}")
                beside = _besides.decode(body)
            lines = tuple(_lines.decode(body) for body, _ in rows)
            self._saved = cart_of(row[0], row[1], row[2], lines, beside.tenders, beside.about)
            return self._saved

    def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(apsw.Error):
                self._connection.close()
            self._connection = None


def _beside(cart: Cart | None) -> _Beside | None:
    """None where there is nothing to keep."""
    if cart is None or not (cart.tenders or cart.about != NOTHING_KNOWN):
        return None
    return _Beside(cart.tenders, cart.about)


def _with_sum(line: Line) -> tuple[bytes, bytes]:
    body = _encoder.encode(line)
    return body, _sum(body)


def _sum(body: bytes) -> bytes:
    """A damaged line must not be sold as another one."""
    return hashlib.blake2b(body, digest_size=8).digest()


def strip_restored(path: Path, lock: bytes) -> int:
    """Make the state file of a backup one to begin with: locked, no cart, nothing to print.

    Returns how many lines the open cart had. Nobody else has the file open.
    """
    with translate("preparing the state"):
        connection = apsw.Connection(str(path))
        try:
            connection.execute("pragma journal_mode=delete")
            connection.execute("pragma synchronous=extra")
            connection.execute(_SCHEMA)
            connection.execute("begin immediate")
            lines: int = connection.execute("select count(*) from cart_line").get
            connection.execute(
                "delete from cart; delete from cart_beside; delete from cart_line; delete from spool"
            )
            # A request for an epoch that was under way then may have been granted to the machine it came from.
            connection.execute("delete from memory where key like '%.epoch_request'")
            connection.execute(
                "insert into memory values(?, ?) on conflict do update set value = excluded.value",
                (TILL_LOCKED, lock),
            )
            connection.execute("commit")
        finally:
            connection.close()
    return lines


class SpoolView:
    """The spool of a StateStore under the names of ports.SpoolStore."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    async def put(self, job_id: str, payload: bytes, info: bytes) -> None:
        await self._store.spool_put(job_id, payload, info)

    async def set_state(self, job_id: str, state: JobState) -> None:
        await self._store.spool_state(job_id, state)

    async def pending(self) -> Sequence[tuple[str, JobState, bytes, bytes]]:
        return await self._store.spool_pending()
