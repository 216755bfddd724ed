"""Appending to one segment: facts are numbered, chained and committed here, and a journal begins here."""

import contextlib
import datetime as dt
import os
from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec

from pos.facts import GENESIS, Fact, StoredFact, body_of, hash_of, kind_of
from pos.journal.errors import check_sqlite, translate
from pos.journal.segment import Segment, SegmentHead, create_segment, insert_fact, segment_files
from pos.ports import Clock
from pos.storage_ports import JournalUnavailableError
from pos.till_facts import EpochOpened

__all__ = ["Writer", "chained", "create_journal"]


def create_journal(
    folder: Path,
    clock: Clock,
    first: EpochOpened,
    *,
    first_seq: int = 1,
    prev_hash: bytes = GENESIS,
    epoch: int = 1,
) -> None:
    """Begin the journal of a new till, or of one that replaces another; its first fact says why."""
    check_sqlite()
    with translate("creating the journal"):
        folder.mkdir(parents=True, exist_ok=True)
        if segment_files(folder):
            raise JournalUnavailableError("journal-exists", str(folder))
        if first_seq > 1:
            first = msgspec.structs.replace(first, previous_seq=first_seq - 1, previous_hash=prev_hash.hex())
        head = SegmentHead(first.store, first.till, first_seq, prev_hash)
        rows = chained(head, first_seq - 1, prev_hash, epoch, [first], clock)
        create_segment(folder, head, clock.wall_ms(), rows)


class Writer:
    """Appends to one open segment and knows its end."""

    def __init__(self, segment: Segment, clock: Clock) -> None:
        self.segment = segment
        self.last_seq = segment.last_seq
        self.last_hash = segment.last_hash
        row = segment.connection.execute("select wall_ms from fact order by seq desc limit 1").fetchone()
        self.last_wall_ms: int = row[0] if row else 0
        self._created: dt.date = _month(segment.connection.execute("select created_ms from segment").get)
        self._clock = clock
        self._file = _file_at(segment.path)
        self._log = segment.path.with_name(segment.path.name + "-wal")
        self._log_file: tuple[int, int] | None = None

    @property
    def count(self) -> int:
        return self.last_seq - self.segment.head.first_seq + 1

    @property
    def month_over(self) -> bool:
        """True when a later month has begun since the segment was made (by the till's clock, in UTC)."""
        return self.count > 0 and _month(self._clock.wall_ms()) > self._created

    def append(self, facts: Sequence[Fact], epoch: int) -> list[StoredFact]:
        """One transaction, explicit: `with connection` would hold the interpreter through the fsync."""
        stored = chained(self.segment.head, self.last_seq, self.last_hash, epoch, facts, self._clock)
        connection = self.segment.connection
        connection.execute("begin immediate")
        for row in stored:
            insert_fact(connection, row)
        connection.execute("commit")
        self._must_be_in_place()
        self.last_seq, self.last_hash, self.last_wall_ms = stored[-1].seq, stored[-1].hash, stored[-1].wall_ms
        return stored

    def rollback(self) -> None:
        if self.segment.connection.in_transaction:
            with contextlib.suppress(apsw.Error):
                self.segment.connection.execute("rollback")

    def _must_be_in_place(self) -> None:
        """SQLite goes on writing into a file whose name was taken away: what it kept, nobody would find again."""
        log = _file_at(self._log)
        in_place = _file_at(self.segment.path) == self._file and log is not None
        if in_place and self._log_file is None:
            self._log_file = log
        if not in_place or log != self._log_file:
            raise JournalUnavailableError("journal-gone", str(self.segment.path), stored=None)

    def seal(self) -> None:
        self.segment.connection.execute("begin immediate")
        self.segment.connection.execute(
            "insert into seal values(1, ?, ?, ?)", (self.last_seq, self.last_hash, self._clock.wall_ms())
        )
        self.segment.connection.execute("commit")


def _file_at(path: Path) -> tuple[int, int] | None:
    """Which file stands under a name: device and inode; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - once a commit: no Path is made
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _month(wall_ms: int) -> dt.date:
    """The first day of the month; the clock may say anything."""
    try:
        return dt.datetime.fromtimestamp(wall_ms / 1000, tz=dt.UTC).date().replace(day=1)
    except (ValueError, OverflowError, OSError):
        return dt.date.min


def chained(
    head: SegmentHead, seq: int, previous: bytes, epoch: int, facts: Sequence[Fact], clock: Clock
) -> list[StoredFact]:
    """Facts as they are stored after `seq` with the hash `previous`: numbered and hashed."""
    wall_ms, mono_ms, boot_id = clock.wall_ms(), clock.mono_ms(), clock.boot_id
    stored = []
    for fact in facts:
        kind, version = kind_of(fact)
        seq += 1
        row = StoredFact(epoch, seq, kind, version, wall_ms, mono_ms, boot_id, body_of(fact), b"")
        previous = hash_of(previous, head.store, head.till, row)
        stored.append(msgspec.structs.replace(row, hash=previous))
    return stored
