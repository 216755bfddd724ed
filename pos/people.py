"""Who may use the till: operators and their PINs. Names live here, the journal holds ids only.

A PIN of few digits has no entropy of its own: it is hashed with argon2id under a pepper that lies
outside the database, and five wrong tries lock the name for a while, longer each time.
"""

import contextlib
import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from pos.ports import Clock, Ids, Operator, SignInRefusedError, Worker

__all__ = ["PIN_DIGITS_MAX", "PIN_DIGITS_MIN", "PeopleStore", "PinRefusedError", "check_new_pin"]

PIN_DIGITS_MIN = 4
PIN_DIGITS_MAX = 12
TRIES_BEFORE_LOCK = 5
_LOCK_FIRST_S = 30
_LOCK_LONGEST_S = 3_600
_SCHEMA = """
create table if not exists operator(
  operator_id text primary key, name text not null unique collate nocase, role text not null,
  language text not null, pin_hash text not null, created_ms integer not null, active integer not null default 1);
create table if not exists sign_in_try(who text primary key, tries integer not null, until_ms integer not null);
"""


class PinRefusedError(ValueError):
    """A new PIN is not one: its sentence says why."""


def check_new_pin(name: str, pin: str) -> None:
    """Raises PinRefusedError where `PeopleStore.add` would."""
    name = name.strip()
    if not name or len(name) > 40 or not name.isprintable():
        raise PinRefusedError("An operator needs a name of 1 to 40 characters.")
    if not (pin.isascii() and pin.isdigit() and PIN_DIGITS_MIN <= len(pin) <= PIN_DIGITS_MAX):
        raise PinRefusedError(f"A PIN has {PIN_DIGITS_MIN} to {PIN_DIGITS_MAX} digits.")


class PeopleStore:
    """Implements ports.People. Hashing takes a worker of its own, so that no sale waits for it."""

    def __init__(self, path: Path, keys: Path, clock: Clock, ids: Ids, worker: Worker) -> None:
        self._path = path
        self._keys = keys
        self._clock = clock
        self._ids = ids
        self._worker = worker
        self._operators: tuple[Operator, ...] = ()

    async def open(self) -> None:
        await self._worker.run(self._load)

    def operators(self) -> Sequence[Operator]:
        return self._operators

    async def sign_in(self, name: str, pin: str) -> Operator:
        try:
            return await self._worker.run(self._sign_in, name, pin)
        except (apsw.Error, OSError) as error:
            raise SignInRefusedError("people-unusable") from error

    def add(self, name: str, pin: str, *, role: str = "supervisor", language: str = "") -> Operator:
        """Add an operator, or give an existing one a new PIN; raises PinRefusedError."""
        name = name.strip()
        check_new_pin(name, pin)
        hashed = _hasher().hash(self._peppered(pin))
        with contextlib.closing(self._connect()) as connection:
            row = connection.execute("select operator_id from operator where name = ?", (name,)).fetchone()
            if row is not None:
                connection.execute(
                    "update operator set pin_hash = ?, active = 1 where operator_id = ?", (hashed, row[0])
                )
                operator_id = row[0]
            else:
                count = connection.execute("select count(*) from operator").get
                operator_id = str(count + 1)
                connection.execute(
                    "insert into operator values(?, ?, ?, ?, ?, ?, 1)",
                    (operator_id, name, role, language, hashed, self._clock.wall_ms()),
                )
        self._load()
        return Operator(operator_id, name, role, language)

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path))
        connection.set_busy_timeout(5_000)
        connection.execute("pragma journal_mode=delete")
        connection.execute("pragma synchronous=extra")
        connection.execute(_SCHEMA)
        return connection

    def _load(self) -> None:
        with contextlib.closing(self._connect()) as connection:
            rows = connection.execute(
                "select operator_id, name, role, language from operator where active order by cast(operator_id as integer)"
            )
            self._operators = tuple(Operator(*row) for row in rows)

    def _sign_in(self, name: str, pin: str) -> Operator:
        from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415 - off the start path

        now_ms = self._clock.wall_ms()
        with contextlib.closing(self._connect()) as connection:
            row = connection.execute(
                "select operator_id, name, role, language, pin_hash from operator"
                " where active and (name = ? or operator_id = ?)",
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
            hashed = row[4] if row else _nobody()
            try:
                _hasher().verify(hashed, self._peppered(pin))
                right = row is not None
            except (VerificationError, InvalidHashError):
                right = False
            if row is not None and right:
                connection.execute("delete from sign_in_try where who = ?", (who,))
                return Operator(*row[:4])
            tries += 1
            wait_s = 0
            if tries >= TRIES_BEFORE_LOCK:
                wait_s = min(_LOCK_FIRST_S << min(tries - TRIES_BEFORE_LOCK, 10), _LOCK_LONGEST_S)
            connection.execute(
                "insert into sign_in_try values(?, ?, ?) on conflict do update set tries = ?, until_ms = ?",
                (who, tries, now_ms + wait_s * 1000, tries, now_ms + wait_s * 1000),
            )
        raise SignInRefusedError("sign-in-locked" if wait_s else "sign-in-wrong", wait_s)

    def _stranger(self, name: str) -> str:
        """Tries under a name nobody has are counted too, but not kept in clear: it may be a PIN."""
        return "?" + self._peppered(name.casefold()).decode()[:24]

    def _peppered(self, pin: str) -> bytes:
        path = self._keys / "pin.pepper"
        if not path.exists():
            self._keys.mkdir(mode=0o700, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(self._ids.token(32))
        return hmac.new(path.read_bytes(), pin.encode(), hashlib.sha256).hexdigest().encode()


def _hasher() -> Any:
    from argon2 import PasswordHasher  # noqa: PLC0415 - off the start path

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def _nobody() -> str:
    """A hash nobody's PIN fits, so that an unknown name takes as long as a wrong PIN."""
    return str(_hasher().hash(b"nobody"))
