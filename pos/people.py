"""Who may use the till: operators, their PINs and their badges. Names live here, the journal holds ids only.

A PIN of few digits has no entropy of its own: it is hashed with argon2id under a pepper that lies
outside the database, and five wrong tries lock the name for a while, longer each time. A badge is 80 random bits, of
which only a keyed hash is kept.
"""

import contextlib
import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from pos.domain.pins import DIGITS_MAX, DIGITS_MIN, pin_fault
from pos.ports import Clock, Ids, NewPinError, Operator, SignInRefusedError, Worker

__all__ = ["PeopleStore", "PinRefusedError", "check_name", "check_new_pin", "transaction"]

TRIES_BEFORE_LOCK = 5
NAME_MAX = 40
_LOCK_FIRST_S = 30
_LOCK_LONGEST_S = 3_600
_SCHEMA = """
create table if not exists operator(
  operator_id text primary key, name text not null unique collate nocase, role text not null,
  language text not null, pin_hash text not null, created_ms integer not null, active integer not null default 1);
create table if not exists sign_in_try(who text primary key, tries integer not null, until_ms integer not null);
create table if not exists pin_due(operator_id text primary key);
create table if not exists large_type(operator_id text primary key);
create table if not exists badge(digest text primary key, operator_id text not null, made_ms integer not null);
"""
_OPERATOR = (
    "select operator_id, name, role, language, exists(select 1 from pin_due d where d.operator_id = operator.operator_id),"
    " exists(select 1 from large_type t where t.operator_id = operator.operator_id)"
    " from operator where active"
)


class PinRefusedError(ValueError):
    """People cannot be changed so: the sentence says why."""


def check_new_pin(name: str, pin: str, *, digits: int = DIGITS_MIN, number: str = "") -> None:
    """Raises PinRefusedError where `PeopleStore.add` would."""
    check_name(name)
    fault = pin_fault(pin, digits=digits, number=number)
    if fault == "pin-length":
        raise PinRefusedError(f"A PIN has {max(DIGITS_MIN, digits)} to {DIGITS_MAX} digits.")
    if fault:
        raise PinRefusedError(
            "This PIN is too easy to guess: not 0000, not 1234, not the operator's own number."
        )


def check_name(name: str) -> None:
    name = name.strip()
    if not name or len(name) > NAME_MAX or not name.isprintable():
        raise PinRefusedError(f"An operator needs a name of 1 to {NAME_MAX} characters.")


class PeopleStore:
    """Implements ports.People. Hashing takes a worker of its own, so that no sale waits for it.

    `pin_digits`: how many digits a new PIN has at least.
    """

    def __init__(
        self, path: Path, keys: Path, clock: Clock, ids: Ids, worker: Worker, *, pin_digits: int = DIGITS_MIN
    ) -> None:
        self._path = path
        self._keys = keys
        self._clock = clock
        self._ids = ids
        self._worker = worker
        self._pin_digits = pin_digits
        self._operators: tuple[Operator, ...] = ()
        self._seen: tuple[int, int] = (0, 0)

    async def open(self) -> None:
        await self._worker.run(self.load)

    async def refresh(self) -> None:
        """Take up what another process changed since; raises apsw.Error or OSError."""
        await self._worker.run(self._refresh)

    def operators(self) -> Sequence[Operator]:
        return self._operators

    async def sign_in(self, name: str, pin: str) -> Operator:
        return await self._asked(self._sign_in, name, pin)

    async def by_badge(self, payload: str) -> Operator:
        return await self._asked(self._by_badge, payload)

    async def change_pin(self, operator_id: str, old: str, new: str) -> Operator:
        return await self._asked(self._change_pin, operator_id, old, new)

    async def _asked(self, function: Any, *values: str) -> Operator:
        try:
            known: Operator = await self._worker.run(function, *values)
        except (apsw.Error, OSError) as error:
            raise SignInRefusedError("people-unusable") from error
        return known

    # -- changes, on the caller's thread

    def add(
        self, name: str, pin: str, *, role: str = "supervisor", language: str = "", due: bool = False
    ) -> Operator:
        """Add an operator, or give an existing one a new PIN; raises PinRefusedError. `due`: to be changed at first sign-in."""
        name = name.strip()
        check_new_pin(name, pin, digits=self._pin_digits)
        with contextlib.closing(self.connect()) as connection:
            row = connection.execute("select operator_id from operator where name = ?", (name,)).fetchone()
            count = connection.execute("select count(*) from operator").get
            operator_id = row[0] if row is not None else str(count + 1)
            check_new_pin(name, pin, digits=self._pin_digits, number=operator_id)
            hashed = _hasher().hash(self._peppered(pin))
            with transaction(connection):
                if row is not None:
                    connection.execute(
                        "update operator set pin_hash = ?, role = iif(active, role, ?), language = iif(active, language, ?),"
                        " active = 1 where operator_id = ?",
                        (hashed, role, language, operator_id),
                    )
                else:
                    connection.execute(
                        "insert into operator values(?, ?, ?, ?, ?, ?, 1)",
                        (operator_id, name, role, language, hashed, self._clock.wall_ms()),
                    )
                _set_due(connection, operator_id, due=due)
        self.load()
        return Operator(operator_id, name, role, language, due)

    # -- on the worker's thread

    def connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path))
        connection.set_busy_timeout(5_000)
        connection.execute("pragma journal_mode=delete")
        connection.execute("pragma synchronous=extra")
        connection.execute(_SCHEMA)
        return connection

    def _stamp(self) -> tuple[int, int]:
        stat = self._path.stat()
        return stat.st_mtime_ns, stat.st_size

    def _refresh(self) -> None:
        if self._stamp() != self._seen:
            self.load()

    def load(self) -> None:
        with contextlib.closing(self.connect()) as connection:
            self._seen = self._stamp()
            rows = connection.execute(_OPERATOR + " order by cast(operator_id as integer)")
            self._operators = tuple(_operator(row) for row in rows)

    def _sign_in(self, name: str, pin: str) -> Operator:
        from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 - off the start path

        now_ms = self._clock.wall_ms()
        with contextlib.closing(self.connect()) as connection:
            row = connection.execute(
                _OPERATOR + " and (name = ? or operator_id = ?)",
                (name, name),
            ).fetchone()
            who = row[0] if row else self._stranger(name)
            tries, until_ms = connection.execute(
                "select tries, until_ms from sign_in_try where who = ?", (who,)
            ).fetchone() or (0, 0)
            # A clock that was wrong when the lock began must not make it longer than any lock is.
            until_ms = min(until_ms, now_ms + _LOCK_LONGEST_S * 1000)
            if until_ms > now_ms:
                raise SignInRefusedError("sign-in-locked", -(-(until_ms - now_ms) // 1000))
            hashed = _nobody()
            if row is not None:
                hashed = connection.execute("select pin_hash from operator where operator_id = ?", (who,)).get
            try:
                _hasher().verify(hashed, self._peppered(pin))
                right = row is not None
            except (VerificationError, InvalidHashError):
                right = False
            if row is not None and right:
                connection.execute("delete from sign_in_try where who = ?", (who,))
                return _operator(row)
            tries += 1
            wait_s = 0
            if tries >= TRIES_BEFORE_LOCK:
                wait_s = min(_LOCK_FIRST_S << min(tries - TRIES_BEFORE_LOCK, 10), _LOCK_LONGEST_S)
            connection.execute(
                "insert into sign_in_try values(?, ?, ?) on conflict do update set tries = ?, until_ms = ?",
                (who, tries, now_ms + wait_s * 1000, tries, now_ms + wait_s * 1000),
            )
        raise SignInRefusedError("sign-in-locked" if wait_s else "sign-in-wrong", wait_s)

    def _by_badge(self, payload: str) -> Operator:
        with contextlib.closing(self.connect()) as connection:
            row = connection.execute(
                _OPERATOR + " and operator_id = (select operator_id from badge where digest = ?)",  # noqa: S608
                (self.digest(payload),),
            ).fetchone()
        if row is None:
            raise SignInRefusedError("badge-unknown")
        return _operator(row)

    def _change_pin(self, operator_id: str, old: str, new: str) -> Operator:
        known = self._sign_in(operator_id, old)
        fault = pin_fault(new, digits=self._pin_digits, number=known.operator_id)
        if fault or new == old:
            raise NewPinError(fault or "pin-same")
        hashed = _hasher().hash(self._peppered(new))
        with contextlib.closing(self.connect()) as connection, transaction(connection):
            connection.execute(
                "update operator set pin_hash = ? where operator_id = ?", (hashed, known.operator_id)
            )
            _set_due(connection, known.operator_id, due=False)
        self.load()
        return msgspec.structs.replace(known, pin_due=False)

    def _stranger(self, name: str) -> str:
        """Tries under a name nobody has are counted too, but not kept in clear: it may be a PIN."""
        return "?" + self._peppered(name.casefold()).decode()[:24]

    def digest(self, payload: str) -> str:
        return self._peppered(f"badge:{payload}").decode()

    def _peppered(self, pin: str) -> bytes:
        path = self._keys / "pin.pepper"
        if not path.exists():
            self._keys.mkdir(mode=0o700, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(self._ids.token(32))
        return hmac.new(path.read_bytes(), pin.encode(), hashlib.sha256).hexdigest().encode()


def _operator(row: tuple[Any, ...]) -> Operator:
    operator_id, name, role, language, due, large = row
    return Operator(operator_id, name, role, language, bool(due), bool(large))


@contextlib.contextmanager
def transaction(connection: apsw.Connection) -> Any:
    """All of it or nothing."""
    connection.execute("begin immediate")
    try:
        yield
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _set_due(connection: apsw.Connection, operator_id: str, *, due: bool) -> None:
    sql = "insert or ignore into pin_due values(?)" if due else "delete from pin_due where operator_id = ?"
    connection.execute(sql, (operator_id,))


def _hasher() -> Any:
    from argon2 import PasswordHasher  # noqa: PLC0415 - off the start path

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def _nobody() -> str:
    """A hash nobody's PIN fits, so that an unknown name takes as long as a wrong PIN."""
    return str(_hasher().hash(b"nobody"))
