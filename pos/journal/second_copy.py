"""The second copy on disk: the journal's segments once more, on another medium, with the till's seals beside them.

A copy's segment has the same head, facts and seal as the journal's own, in a file of the same format. It also keeps
in `batch_seal` what the till signed for each batch (protocol, section 3), so that the facts can be handed to the
hub from this medium alone.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import apsw
import msgspec

from pos.facts import StoredFact
from pos.journal import epochs
from pos.journal.errors import translate
from pos.journal.segment import (
    ChainEnd,
    Segment,
    create_segment,
    end_of,
    insert_fact,
    open_reader,
    open_segment,
    read_facts,
    segment_files,
    verify_segment,
)
from pos.storage_ports import JournalUnavailableError

__all__ = [
    "BATCH_FACTS",
    "BatchSeal",
    "CopyTrouble",
    "SecondCopy",
    "Sign",
    "copy_folder",
    "look",
    "read_seals",
]

BATCH_FACTS: Final = 500
BATCH_BYTES: Final = 1024 * 1024
_BUSY_MS: Final = 5_000
_SEALS: Final = """
create table if not exists batch_seal(
  last_seq integer primary key,
  epoch integer not null,
  first_seq integer not null,
  last_hash blob not null,
  key_id text not null,
  signature blob not null
) strict;
"""

Sign = Callable[[int, int, int, bytes], tuple[str, bytes] | None]
"""Epoch, first and last seq, last hash -> key_id and signature of the seal; None while nobody can sign."""


class BatchSeal(msgspec.Struct, frozen=True):
    """What the till signed: facts of `epoch` up to `last_seq`, whose hash is `last_hash`."""

    epoch: int
    first_seq: int
    last_seq: int
    last_hash: bytes
    key_id: str
    signature: bytes


class CopyTrouble(Exception):  # noqa: N818 - a state of the world, not an error
    """The copy cannot be kept now; `state` is a word of commands.COPY_STATES."""

    def __init__(self, state: str, detail: str = "") -> None:
        super().__init__(f"{state}: {detail}" if detail else state)
        self.state = state


def copy_folder(target: Path, store: str, till: str) -> Path:
    """Where a till's copy lies on its medium."""
    return target / f"tresen-{store}-{till}"


def look(journal: Path, target: Path, store: str, till: str) -> tuple[str, int]:
    """How a copy stands, read only: a word of commands.COPY_STATES, and how many facts it lacks."""
    try:
        _must_be_another_medium(target, journal)
        files = segment_files(copy_folder(target, store, till))
        newest = epochs.newest_facts(journal, 1)[-1]
        if not files:
            return "behind", newest.seq
        with translate("reading the second copy"):
            segment = open_reader(files[-1])
            end = end_of(segment)
            segment.connection.close()
            _must_be_ours(journal, end)
        waiting = newest.seq - end.seq
        return ("behind" if waiting else "ok"), waiting
    except CopyTrouble as trouble:
        return trouble.state, 0
    except JournalUnavailableError as error:
        return _word(error), 0


def read_seals(path: Path) -> list[BatchSeal]:
    """The seals in one segment of a copy, oldest first; none in a journal's own segment."""
    segment = open_reader(path)
    try:
        if not segment.connection.execute("select 1 from sqlite_schema where name = 'batch_seal'").fetchone():
            return []
        rows = segment.connection.execute(
            "select epoch, first_seq, last_seq, last_hash, key_id, signature from batch_seal order by last_seq"
        )
        return [BatchSeal(*row) for row in rows]
    finally:
        segment.connection.close()


class SecondCopy:
    """Used on one thread. Whatever goes wrong closes it; the next step opens, verifies and compares it anew."""

    def __init__(self, journal: Path, target: Path, store: str, till: str, sign: Sign | None) -> None:
        self._journal = journal
        self._target = target
        self._folder = copy_folder(target, store, till)
        self._sign = sign
        self._open: Segment | None = None
        self._end = ChainEnd(0, 0, b"")
        self._ready = False
        self._device = 0

    def step(self) -> tuple[str, int]:
        """Copy one batch; returns how the copy stands, and how many facts it still lacks."""
        try:
            device = _must_be_another_medium(self._target, self._journal)
            if device != self._device:
                self.close()
                self._device = device
            with translate("writing the second copy"):
                if not self._ready:
                    self._resume()
                waiting = self._copy()
        except CopyTrouble as trouble:
            self.close()
            return trouble.state, 0
        except JournalUnavailableError as error:
            self.close()
            return ("absent" if not self._target.is_dir() else _word(error)), 0
        return ("behind" if waiting else "ok"), waiting

    def close(self) -> None:
        self._ready = False
        if self._open is not None:
            with contextlib.suppress(apsw.Error):
                self._open.connection.close()
            self._open = None

    def _resume(self) -> None:
        """Take up what lies there, if it is sound and this journal's."""
        self._folder.mkdir(exist_ok=True)
        files = segment_files(self._folder)
        self._end = ChainEnd(0, 0, b"")
        if files:
            before = None
            if len(files) > 1:
                older = open_reader(files[-2])
                before = end_of(older)
                older.connection.close()
            self._open = _open_copy(files[-1])
            self._end = verify_segment(self._open, before)
            _must_be_ours(self._journal, self._end)
            self._seal_batch(self._open.connection, self._end.seq)
        self._ready = True

    def _copy(self) -> int:
        """The next batch of one segment and one epoch; returns how many facts are still missing."""
        files = segment_files(self._journal)
        for at, path in enumerate(files):
            if at + 1 < len(files) and int(files[at + 1].stem) <= self._end.seq:
                continue
            source = open_reader(path)
            try:
                if source.last_seq > self._end.seq:
                    facts = _batch(read_facts(source.connection, self._end.seq, BATCH_FACTS))
                    self._take(source, facts)
                    break
                self._finish(source)
            finally:
                source.connection.close()
        return epochs.newest_facts(self._journal, 1)[-1].seq - self._end.seq

    def _take(self, source: Segment, facts: Sequence[StoredFact]) -> None:
        if self._open is None or self._open.head.first_seq != source.head.first_seq:
            if facts[0].seq != source.head.first_seq:
                raise CopyTrouble("other", f"the copy ends at {self._end.seq}, and what follows is gone")
            created_ms = source.connection.execute("select created_ms from segment").get
            path = create_segment(self._folder, source.head, created_ms, facts)
            if self._open is not None:
                self._open.connection.close()
            self._open = _open_copy(path)
        else:
            connection = self._open.connection
            connection.execute("begin immediate")
            try:
                for fact in facts:
                    insert_fact(connection, fact)
                connection.execute("commit")
            except apsw.Error:
                with contextlib.suppress(apsw.Error):
                    connection.execute("rollback")
                raise
        last = facts[-1]
        self._end = ChainEnd(last.epoch, last.seq, last.hash)
        self._seal_batch(self._open.connection, facts[0].seq)
        if source.last_seq == last.seq:
            self._finish(source)

    def _seal_batch(self, connection: apsw.Connection, first_seq: int) -> None:
        """Have the till sign for what was copied, up to the end; once for each end."""
        if self._sign is None:
            return
        end = self._end
        if connection.execute("select 1 from batch_seal where last_seq = ?", (end.seq,)).fetchone():
            return
        signed = self._sign(end.epoch, first_seq, end.seq, end.hash)
        if signed is not None:
            connection.execute(
                "insert into batch_seal values(?, ?, ?, ?, ?, ?)",
                (end.seq, end.epoch, first_seq, end.hash, *signed),
            )

    def _finish(self, source: Segment) -> None:
        """A segment that is sealed and whole here is sealed here too."""
        if not source.sealed or self._open is None or self._open.head.first_seq != source.head.first_seq:
            return
        connection = self._open.connection
        if connection.execute("select 1 from seal").fetchone() is None:
            seal = source.connection.execute("select last_seq, last_hash, sealed_ms from seal").fetchone()
            connection.execute("insert into seal values(1, ?, ?, ?)", seal)


def _open_copy(path: Path) -> Segment:
    """For appending, without a log of its own: a medium that is pulled out leaves one file, and perhaps its undo."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(_BUSY_MS)
    connection.execute("pragma journal_mode=delete")
    connection.execute("pragma synchronous=extra")
    connection.execute("pragma recursive_triggers=1")
    connection.execute("pragma trusted_schema=0")
    connection.execute(_SEALS)
    return open_segment(path, connection)


def _batch(facts: Iterable[StoredFact]) -> list[StoredFact]:
    """As many as are of one epoch and together not too large; at least one."""
    taken: list[StoredFact] = []
    size = 0
    for fact in facts:
        size += len(fact.body)
        if taken and (fact.epoch != taken[0].epoch or size > BATCH_BYTES):
            break
        taken.append(fact)
    return taken


def _must_be_another_medium(target: Path, journal: Path) -> int:
    """The medium's device number."""
    try:
        device = target.stat().st_dev
    except OSError as error:
        raise CopyTrouble("absent", str(error)) from error
    if device == journal.stat().st_dev:
        raise CopyTrouble("same-medium", str(target))
    return device


def _must_be_ours(journal: Path, end: ChainEnd) -> None:
    """Whether the newest fact of the copy is one of this journal."""
    if epochs.hash_at(journal, end.epoch, end.seq) == end.hash:
        return
    newest = epochs.newest_facts(journal, 1)[-1]
    if (end.epoch, end.seq) > (newest.epoch, newest.seq):
        raise CopyTrouble("ahead", f"the copy goes on to {end.epoch}/{end.seq}")
    raise CopyTrouble("other", f"fact {end.epoch}/{end.seq} is not this journal's")


def _word(error: JournalUnavailableError) -> str:
    return {"disk-full": "full", "disk-read-only": "read-only"}.get(error.code, "fault")
