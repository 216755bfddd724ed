"""One segment: a SQLite file with a run of facts, insert-only, chained by hash from the segment before."""

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import apsw
import msgspec

from pos.facts import GENESIS, StoredFact, decode_fact
from pos.journal.errors import check_sqlite
from pos.storage_ports import JournalUnavailableError
from pos.till_facts import EpochOpened

__all__ = [
    "ChainEnd",
    "Segment",
    "SegmentHead",
    "create_segment",
    "end_of",
    "insert_fact",
    "iterate",
    "open_reader",
    "open_segment",
    "open_writer",
    "read_facts",
    "read_head",
    "segment_files",
    "sync_folder",
    "verify_epoch",
    "verify_seam",
    "verify_segment",
]

FORMAT = 1
_BUSY_MS = 5_000

_SCHEMA = """
create table segment(
  id integer primary key check(id = 1),
  format integer not null,
  store text not null,
  till text not null,
  first_seq integer not null,
  prev_hash blob not null,
  created_ms integer not null
) strict;
create table fact(
  seq integer primary key,
  epoch integer not null,
  kind text not null,
  version integer not null,
  wall_ms integer not null,
  mono_ms integer not null,
  boot_id text not null,
  body blob not null,
  hash blob not null check(length(hash) = 32)
) strict;
create table seal(
  id integer primary key check(id = 1),
  last_seq integer not null,
  last_hash blob not null,
  sealed_ms integer not null
) strict;
create trigger fact_append before insert on fact
when new.seq <> coalesce((select max(seq) from fact) + 1, (select first_seq from segment))
  or exists(select 1 from seal)
begin select raise(abort, 'the journal takes the next fact only'); end;
create trigger fact_keep before update on fact
begin select raise(abort, 'the journal changes no fact'); end;
create trigger fact_stay before delete on fact
begin select raise(abort, 'the journal removes no fact'); end;
create trigger segment_once before insert on segment when exists(select 1 from segment)
begin select raise(abort, 'a segment has one head'); end;
create trigger segment_keep before update on segment
begin select raise(abort, 'a segment head stays'); end;
create trigger segment_stay before delete on segment
begin select raise(abort, 'a segment head stays'); end;
create trigger seal_once before insert on seal when exists(select 1 from seal)
begin select raise(abort, 'a segment is sealed once'); end;
create trigger seal_keep before update on seal
begin select raise(abort, 'a seal stays'); end;
create trigger seal_stay before delete on seal
begin select raise(abort, 'a seal stays'); end;
"""


_READ = (
    "select epoch, seq, kind, version, wall_ms, mono_ms, boot_id, body, hash from fact"
    " where seq > ? order by seq limit ?"
)


# All rows, also those that a damaged page may have before the first; `words` as chain_hash joins them.
_WALK = (
    "select epoch, seq, kind, version,"
    " cast(concat_ws(char(31), epoch, seq, kind, version, wall_ms, mono_ms, boot_id) as blob), body, hash"
    " from fact order by seq"
)
_HASH_TAG = b"tresen.fact.1"


class SegmentHead(msgspec.Struct, frozen=True):
    """What a segment says of itself: whose it is, where it begins, and on which hash."""

    store: str
    till: str
    first_seq: int
    prev_hash: bytes


class Segment(msgspec.Struct, frozen=True):
    """An open segment: its file, connection, head, and last fact."""

    path: Path
    connection: apsw.Connection
    head: SegmentHead
    last_seq: int
    last_hash: bytes
    sealed: bool


class ChainEnd(msgspec.Struct, frozen=True):
    """Where a chain stands: epoch (0: nothing written yet), seq and hash of its newest fact."""

    epoch: int
    seq: int
    hash: bytes


def segment_files(folder: Path) -> list[Path]:
    """The segment files in order; their names carry the first seq."""
    return sorted(path for path in folder.glob("*.journal") if path.stem.isdigit())


def create_segment(
    folder: Path, head: SegmentHead, created_ms: int, facts: Sequence[StoredFact] = ()
) -> Path:
    """Make the file of a new segment, durable under its name with its first facts, or not there at all."""
    path = folder / f"{head.first_seq:012d}.journal"
    building = path.with_suffix(".building")
    building.unlink(missing_ok=True)
    connection = apsw.Connection(str(building))
    try:
        connection.execute("pragma journal_mode=delete")
        connection.execute("pragma synchronous=extra")
        connection.execute("begin immediate")
        connection.execute(_SCHEMA)
        connection.execute(
            "insert into segment values(1, ?, ?, ?, ?, ?, ?)",
            (FORMAT, head.store, head.till, head.first_seq, head.prev_hash, created_ms),
        )
        for fact in facts:
            insert_fact(connection, fact)
        connection.execute("commit")
    finally:
        connection.close()
    building.rename(path)
    sync_folder(folder)
    return path


def open_writer(path: Path) -> Segment:
    """Open for appending: WAL, every commit synced, both read back."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(_BUSY_MS)
    mode = connection.execute("pragma journal_mode=wal").get
    connection.execute("pragma synchronous=full")
    connection.execute("pragma cache_size=-256")  # appending needs the last pages only
    connection.wal_autocheckpoint(0)  # done after an answer, never inside a payment's commit
    connection.execute("pragma recursive_triggers=1")
    connection.execute("pragma trusted_schema=0")
    synchronous = connection.execute("pragma synchronous").get
    if mode != "wal" or synchronous != 2:
        connection.close()
        raise JournalUnavailableError("disk-error", f"{path.name}: WAL {mode!r}, synchronous {synchronous!r}")
    return open_segment(path, connection)


def open_reader(path: Path) -> Segment:
    """Open for reading, beside a writer or on a medium that cannot be written."""
    try:
        connection = apsw.Connection(f"file:{path}?mode=ro", flags=_READ_FLAGS)
        connection.set_busy_timeout(_BUSY_MS)
        return open_segment(path, connection)
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        log = path.with_name(path.name + "-wal")
        if log.exists() and log.stat().st_size:
            raise JournalUnavailableError(
                "disk-read-only",
                f"{path.name} was not closed in order, and its newest facts cannot be read on a medium that "
                "cannot be written: copy the folder to a disk and look there",
            ) from None
        connection = apsw.Connection(f"file:{path}?immutable=1", flags=_READ_FLAGS)
        return open_segment(path, connection)


_READ_FLAGS = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI


def insert_fact(connection: apsw.Connection, fact: StoredFact) -> None:
    """Write one fact inside the caller's transaction."""
    connection.execute(
        "insert into fact values(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            fact.seq,
            fact.epoch,
            fact.kind,
            fact.version,
            fact.wall_ms,
            fact.mono_ms,
            fact.boot_id,
            fact.body,
            fact.hash,
        ),
    )


def read_facts(connection: apsw.Connection, after_seq: int, limit: int = -1) -> Iterator[StoredFact]:
    """Facts with a greater seq, in order."""
    for row in connection.execute(_READ, (after_seq, limit)):
        yield StoredFact(*row)


def iterate(folder: Path, after_seq: int = 0) -> Iterator[StoredFact]:
    """All facts after `after_seq`, segment by segment."""
    check_sqlite()
    files = segment_files(folder)
    for at, path in enumerate(files):
        if at + 1 < len(files) and int(files[at + 1].stem) <= after_seq + 1:
            continue
        segment = open_reader(path)
        try:
            yield from read_facts(segment.connection, after_seq)
        finally:
            segment.connection.close()


def end_of(segment: Segment) -> ChainEnd:
    """The newest fact of a segment as it says itself, unverified; epoch 0 if it has none."""
    epoch = segment.connection.execute("select epoch from fact order by seq desc limit 1").get
    return ChainEnd(epoch or 0, segment.last_seq, segment.last_hash)


def verify_segment(
    segment: Segment, before: ChainEnd | None, each: Callable[[int, int, str, int, bytes], None] | None = None
) -> ChainEnd:
    """Walk the chain from where it stood `before`; returns its new end. None: this is the oldest segment here.

    `each` gets epoch, seq, kind, version and body of every fact that was found as it was written.

    Raises JournalUnavailableError naming the first wrong fact. Seqs may be missing before a segment only
    where a new epoch begins with it and says so.
    """
    head = segment.head
    first = None
    if before is not None and head.first_seq != before.seq + 1:
        first = next(read_facts(segment.connection, head.first_seq - 1, 1), None)
    epoch = verify_seam(segment.path, head, first, before)
    previous, expected = head.prev_hash, head.first_seq
    whose = f"{head.store}\x1f{head.till}\x1f".encode()
    join, size = b"".join, struct.Struct(">I").pack
    # As chain_hash has it, in one piece: this loop is what verification costs.
    try:
        for fact_epoch, seq, kind, version, words, body, hash_ in segment.connection.execute(_WALK):
            if seq != expected:
                raise _damaged(segment.path, expected, "is missing")
            written = (
                _HASH_TAG,
                size(len(whose) + len(words)),
                whose,
                words,
                size(len(body)),
                body,
                previous,
            )
            previous = sha256(join(written)).digest()
            if previous != hash_:
                raise _damaged(segment.path, seq, "is not what was written (hash)")
            if fact_epoch != epoch:
                if epoch and (fact_epoch < epoch or kind != "epoch.opened"):
                    raise _damaged(segment.path, seq, f"is of epoch {fact_epoch}, which was never opened")
                epoch = fact_epoch
            if each is not None:
                each(fact_epoch, seq, kind, version, body)
            expected += 1
    except (TypeError, UnicodeDecodeError) as error:  # a column is not even of its kind
        raise _damaged(segment.path, expected, f"is not what was written ({error})") from error
    seal = segment.connection.execute("select last_seq, last_hash from seal").fetchone()
    if seal is not None and (seal[0] != expected - 1 or seal[1] != previous):
        raise _damaged(segment.path, expected, "is missing: the seal names another end")
    return ChainEnd(epoch, expected - 1, previous)


def verify_seam(path: Path, head: SegmentHead, first: StoredFact | None, before: ChainEnd | None) -> int:
    """Whether a segment may follow what is before it; returns the epoch that holds there."""
    if before is None:
        if head.first_seq == 1 and head.prev_hash != GENESIS:
            raise _damaged(path, 1, "does not begin a chain")
        return 0
    if head.first_seq == before.seq + 1:
        if head.prev_hash != before.hash:
            raise _damaged(path, head.first_seq, "does not follow the segment before it")
        return before.epoch
    if head.first_seq <= before.seq or not _opens_epoch(head, first, before.epoch):
        raise _damaged(path, before.seq + 1, "is missing")
    return before.epoch


def verify_epoch(path: Path, fact: StoredFact, epoch: int) -> None:
    """Whether a fact may follow one of `epoch`."""
    if epoch and fact.epoch != epoch and (fact.epoch < epoch or fact.kind != "epoch.opened"):
        raise _damaged(path, fact.seq, f"is of epoch {fact.epoch}, which was never opened")


def _opens_epoch(head: SegmentHead, first: StoredFact | None, before: int) -> bool:
    """Whether the first fact begins an epoch above `before`, and names what this segment begins on."""
    if first is None or first.epoch <= before:
        return False
    fact = decode_fact(first.kind, first.version, first.body)
    return (
        isinstance(fact, EpochOpened)
        and fact.previous_seq == head.first_seq - 1
        and fact.previous_hash == head.prev_hash.hex()
    )


def read_head(path: Path, connection: apsw.Connection) -> SegmentHead:
    """What a segment says of itself; closes the connection and raises JournalUnavailableError if it is none."""
    row = connection.execute("select format, store, till, first_seq, prev_hash from segment").fetchone()
    if row is None or row[0] != FORMAT:
        connection.close()
        raise JournalUnavailableError("journal-damaged", f"{path.name}: not a segment of format {FORMAT}")
    return SegmentHead(row[1], row[2], row[3], row[4])


def open_segment(path: Path, connection: apsw.Connection) -> Segment:
    """What an open connection finds in its file; raises JournalUnavailableError where that is no segment."""
    head = read_head(path, connection)
    last = connection.execute("select seq, hash from fact order by seq desc limit 1").fetchone()
    sealed = connection.execute("select 1 from seal").fetchone() is not None
    last_seq, last_hash = last or (head.first_seq - 1, head.prev_hash)
    return Segment(path, connection, head, last_seq, last_hash, sealed)


def _damaged(path: Path, seq: int, what: str) -> JournalUnavailableError:
    return JournalUnavailableError("journal-damaged", f"{path.name}: fact {seq} {what}")


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. A file that is synced may still lose its name in a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
