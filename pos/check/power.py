"""Finds a medium that lies: one that says "written" of what a power cut then takes back.

Numbered records are committed one by one, exactly as the journal commits (SQLite, WAL, synchronous=FULL), and each
number that was acknowledged is told to somewhere that keeps its power: another machine, or a screen. Somebody pulls the
plug. What was acknowledged and is missing or damaged afterwards, the medium lied about; then it can lose a paid sale,
and no program can help that.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec

from pos.journal.segment import sync_folder
from pos.ports import Clock

__all__ = ["FILE", "KEPT", "Finding", "Medium", "PowerRun", "look", "medium_of", "run_of", "speed_us"]

FILE = "power-check.db"
KEPT = 5_000
"""So many of the newest records are kept, so that the file stays small and its pages are written again and again."""

_COMMITS = 200
_SPEED_FILE = "power-check-speed.db"
_SUFFIXES = ("", "-wal", "-shm", "-journal")
_SCHEMA = """
create table run(id integer primary key check(id = 1), name text, boot_id text, ended integer);
create table record(n integer primary key, body blob);
"""


class Finding(msgspec.Struct, frozen=True):
    """What is left of a run. `saw`: the highest number that was acknowledged, as far as anyone saw.

    `code` is "honest", "lies", "nothing" (there is no run in this folder), "unseen" (nobody saw a number), "running"
    (the machine was not off since), "ended" (the run was ended by hand; no plug was pulled).
    """

    code: str
    run: str = ""
    saw: int = 0
    last: int = 0
    missing: int = 0
    damage: str = ""


class PowerRun:
    """Writes records into `folder`; whatever an earlier run left there is removed."""

    def __init__(self, folder: Path, name: str, boot_id: str) -> None:
        self.name = name
        self.last = 0
        _remove(folder / FILE)
        self._connection = apsw.Connection(str(folder / FILE))
        self._connection.execute("pragma synchronous=extra")
        self._connection.execute(f"begin; {_SCHEMA} commit")
        self._connection.execute("insert into run values(1, ?, ?, 0)", (name, boot_id))
        self._connection.execute("pragma journal_mode=wal")
        self._connection.execute("pragma synchronous=full")
        self._connection.execute("pragma wal_autocheckpoint=100")
        sync_folder(folder)

    def commit(self) -> int:
        """One record more; when this returns, the medium said that it is written. Raises apsw.Error."""
        number = self.last + 1
        execute = self._connection.execute
        execute("begin immediate")
        execute("insert into record values(?, ?)", (number, _body(self.name, number)))
        execute("delete from record where n = ?", (number - KEPT,))
        execute("commit")
        self.last = number
        return number

    def end(self) -> None:
        """Somebody ended it: no plug was pulled."""
        if self._connection.in_transaction:
            self._connection.execute("rollback")
        self._connection.execute("update run set ended = 1")
        self._connection.close()


def run_of(folder: Path) -> str:
    """The name of the run whose records lie in `folder`; empty if that cannot be told."""
    with contextlib.suppress(apsw.Error), _opened(folder) as connection:
        name = connection.execute("select name from run").get
        return name if isinstance(name, str) else ""
    return ""


def look(folder: Path, saw: int, boot_id: str) -> Finding:
    """Compare what is there with what was acknowledged. `boot_id` is the machine's now."""
    if saw <= 0:
        return Finding("unseen", run_of(folder))
    if not (folder / FILE).exists():
        return Finding("nothing", saw=saw)
    try:
        with _opened(folder) as connection:
            return _look(connection, saw, boot_id)
    except apsw.Error as error:
        return Finding("lies", saw=saw, missing=saw, damage=str(error))


def _look(connection: apsw.Connection, saw: int, boot_id: str) -> Finding:
    found = connection.execute("select name, boot_id, ended from run").fetchone()
    if found is None:
        return Finding("lies", saw=saw, missing=saw, damage="the first record of all is gone")
    run, written_in, ended = found
    if ended:
        return Finding("ended", run, saw)
    if written_in == boot_id:
        return Finding("running", run, saw)
    rows = dict(connection.execute("select n, body from record"))
    last = max(rows, default=0)
    # Records above `saw` may be there: their numbers were on the way when the power went.
    expected = range(max(1, max(last, saw) - KEPT + 1), saw + 1)
    wrong = [number for number in expected if rows.get(number) != _body(run, number)]
    sound = connection.execute("pragma integrity_check").get
    damage = "" if sound == "ok" else str(sound).splitlines()[0]
    return Finding("lies" if wrong or damage else "honest", run, saw, last, len(wrong), damage)


def speed_us(folder: Path, clock: Clock) -> int:
    """How long one commit takes on this medium, in microseconds, over some hundred; nothing stays behind."""
    _remove(folder / _SPEED_FILE)
    connection = apsw.Connection(str(folder / _SPEED_FILE))
    try:
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        connection.execute(_SCHEMA)
        begun = clock.mono_ms()
        for number in range(_COMMITS):
            connection.execute("insert into record values(?, ?)", (number, _body("speed", number)))
        return max(1, (clock.mono_ms() - begun) * 1000 // _COMMITS)
    finally:
        connection.close()
        _remove(folder / _SPEED_FILE)


class Medium(msgspec.Struct, frozen=True):
    """What the kernel says of the medium under a folder. `flushed`: it sends flushes there at all."""

    device: str
    flushed: bool

    @property
    def plausible_us(self) -> int:
        """On a memory card, a commit that is faster than this was hardly written; 0 where nothing can be said."""
        return 300 if self.device.startswith("mmcblk") else 0


def medium_of(folder: Path, sys_block: Path = Path("/sys/dev/block")) -> Medium | None:
    """None where there is no block device below (memory, a network, a container)."""
    number = folder.stat().st_dev
    place = sys_block / f"{os.major(number)}:{os.minor(number)}"
    try:
        device = place.resolve(strict=True)
        queue = device / "queue" if (device / "queue").is_dir() else device.parent / "queue"
        return Medium(
            device.name, (queue / "write_cache").read_text(encoding="ascii").strip() != "write through"
        )
    except OSError:
        return None


def _body(run: str, number: int) -> bytes:
    return hashlib.shake_256(f"{run}:{number}".encode()).digest(300)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(str(folder / FILE), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        yield connection
    finally:
        connection.close()


def _remove(path: Path) -> None:
    for suffix in _SUFFIXES:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
