"""The journal as the till appends to it: a folder of segments, one writer thread, one commit per business act."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec

from pos.facts import (
    GENESIS,
    CartAbandoned,
    CartParked,
    DayOpened,
    EpochOpened,
    Fact,
    Sale,
    StoredFact,
    body_of,
    decode_fact,
    hash_of,
    kind_of,
)
from pos.journal.errors import check_sqlite, translate
from pos.journal.parked import follow_parked, read_parked
from pos.journal.reader import iterate
from pos.journal.segment import (
    Segment,
    SegmentHead,
    create_segment,
    open_reader,
    open_writer,
    read_facts,
    segment_files,
    verify_segment,
)
from pos.journal.views import Views
from pos.ports import Clock, Head, JournalUnavailableError, Worker

__all__ = ["FileJournal", "create_journal"]

SEGMENT_FACTS_MAX = 20_000
CHECKPOINT_FACTS = 500
_CARTS_LOOKED_AT = 100


def create_journal(folder: Path, clock: Clock, first: EpochOpened) -> None:
    """Begin the journal of a new till; its first fact says why."""
    check_sqlite()
    with translate("creating the journal"):
        folder.mkdir(parents=True, exist_ok=True)
        if segment_files(folder):
            raise JournalUnavailableError("journal-exists", str(folder))
        create_segment(folder, SegmentHead(first.store, first.till, 1, GENESIS), clock.wall_ms())
        segment = open_writer(segment_files(folder)[-1])
        writer = _Writer(segment, clock)
        writer.append([first], epoch=1)
        segment.connection.close()


class FileJournal:
    """Implements ports.Journal. `open` first; all storage work happens on the worker's thread.

    The views follow each commit on the same thread, after the caller has its answer.
    """

    head: Head

    def __init__(self, folder: Path, views: Views, clock: Clock, worker: Worker) -> None:
        self._folder = folder
        self._views = views
        self._clock = clock
        self._worker = worker
        self._writer: _Writer | None = None
        self._unchecked = 0

    async def open(self) -> Head:
        """Open, verify the newest segment, catch the views up; raises JournalUnavailableError."""
        self.head = await self._worker.run(self._open)
        return self.head

    async def reopen(self) -> Head:
        await self._worker.run(self._close)
        return await self.open()

    async def append(self, facts: Sequence[Fact]) -> Sequence[StoredFact]:
        stored, self.head = await self._worker.run(self._append, facts)
        self._worker.run(self._follow, stored)
        return stored

    async def cart_ended(self, cart_id: str) -> bool:
        """True when a fact in the journal ended this cart."""
        return await self._worker.run(self._cart_ended, cart_id)

    async def close(self) -> None:
        await self._worker.run(self._close)

    def _cart_ended(self, cart_id: str) -> bool:
        """Asked of the facts themselves: only the newest cart can have been cut off before it was cleared."""
        with translate("reading the journal"):
            last_seq = self.head.seq
            for fact in iterate(self._folder, max(0, last_seq - _CARTS_LOOKED_AT)):
                ended = decode_fact(fact.kind, fact.version, fact.body)
                if isinstance(ended, Sale | CartAbandoned | CartParked) and ended.cart_id == cart_id:
                    return True
        return False

    def _open(self) -> Head:
        check_sqlite()
        with translate("opening the journal"):
            files = segment_files(self._folder)
            if not files:
                raise JournalUnavailableError("journal-missing", str(self._folder))
            segment = open_writer(files[-1])
            try:
                # Whatever an earlier error left in doubt is rewritten and synced, or is not there.
                segment.connection.execute("pragma wal_checkpoint(truncate)")
                self._verify(segment, files)
                self._writer = _Writer(segment, self._clock)
                if segment.sealed:
                    self._roll(segment)
                self._views.open(self._folder, self._clock.boot_id)
                return self._read_head()
            except BaseException:
                self._close()
                segment.connection.close()
                raise

    def _verify(self, segment: Segment, files: list[Path]) -> None:
        previous = GENESIS
        if len(files) > 1:
            before = open_reader(files[-2])
            previous = before.last_hash
            before.connection.close()
        verify_segment(segment, previous)

    def _append(self, facts: Sequence[Fact]) -> tuple[Sequence[StoredFact], Head]:
        writer = self._writer
        if writer is None:
            raise JournalUnavailableError("disk-error", "the journal is closed after an error")
        with translate("writing the journal"):
            try:
                stored = writer.append(facts, self.head.epoch)
            except apsw.Error:
                writer.rollback()
                raise
        head = _advance(self.head, facts, stored)
        return stored, head

    def _follow(self, stored: Sequence[StoredFact]) -> None:
        """After an answer was given: views, and a new segment when this one is full."""
        with contextlib.suppress(JournalUnavailableError), translate("after writing"):
            self._views.follow(stored, self._folder)
            writer = self._writer
            self._unchecked += len(stored)
            if writer is not None and self._unchecked >= CHECKPOINT_FACTS:
                self._unchecked = 0
                writer.segment.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            if writer is not None and writer.count >= SEGMENT_FACTS_MAX:
                writer.seal()
                self._roll(writer.segment)

    def _roll(self, sealed: Segment) -> None:
        writer = self._writer
        assert writer is not None, "a writer is open"
        head = SegmentHead(sealed.head.store, sealed.head.till, writer.last_seq + 1, writer.last_hash)
        path = create_segment(self._folder, head, self._clock.wall_ms())
        sealed.connection.close()
        self._writer = _Writer(open_writer(path), self._clock)

    def _close(self) -> None:
        if self._writer is not None:
            with contextlib.suppress(apsw.Error):
                self._writer.segment.connection.close()
            self._writer = None
        self._views.close()

    def _read_head(self) -> Head:
        assert self._writer is not None, "a writer is open"
        segment = self._writer.segment
        sale_row = day_row = epoch_row = None
        for path in reversed(segment_files(self._folder)):
            reader = open_reader(path)
            sale_row = sale_row or _last_of(reader.connection, "sale")
            day_row = day_row or _last_of(reader.connection, "day.opened")
            epoch_row = epoch_row or _last_of(reader.connection, "epoch.opened")
            reader.connection.close()
            if sale_row and day_row and epoch_row:
                break
        if epoch_row is None:
            raise JournalUnavailableError("journal-damaged", "the journal does not say its epoch")
        head = Head(
            segment.head.store,
            segment.head.till,
            epoch_row.epoch,
            self._writer.last_seq,
            self._writer.last_hash,
        )
        for row in sorted((row for row in (sale_row, day_row) if row), key=lambda row: row.seq):
            fact = decode_fact(row.kind, row.version, row.body)
            if isinstance(fact, (Sale, DayOpened)):
                head = _advance(head, [fact], [row])
        parked, resumed = read_parked(self._folder, self._views.parked())
        return _with(
            head,
            parked=parked,
            resumed=resumed,
            seq=self._writer.last_seq,
            hash=self._writer.last_hash,
            last_wall_ms=self._writer.last_wall_ms,
            last_is_sale=sale_row is not None and sale_row.seq == self._writer.last_seq,
        )


class _Writer:
    """Appends to one open segment and knows its end."""

    def __init__(self, segment: Segment, clock: Clock) -> None:
        self.segment = segment
        self.last_seq = segment.last_seq
        self.last_hash = segment.last_hash
        row = segment.connection.execute("select wall_ms from fact order by seq desc limit 1").fetchone()
        self.last_wall_ms: int = row[0] if row else 0
        self._clock = clock

    @property
    def count(self) -> int:
        return self.last_seq - self.segment.head.first_seq + 1

    def append(self, facts: Sequence[Fact], epoch: int) -> list[StoredFact]:
        """One transaction, explicit: `with connection` would hold the interpreter through the fsync."""
        head, previous, seq = self.segment.head, self.last_hash, self.last_seq
        wall_ms, mono_ms, boot_id = self._clock.wall_ms(), self._clock.mono_ms(), self._clock.boot_id
        stored = []
        for fact in facts:
            kind, version = kind_of(fact)
            body = body_of(fact)
            seq += 1
            fact_row = StoredFact(epoch, seq, kind, version, wall_ms, mono_ms, boot_id, body, b"")
            previous = hash_of(previous, head.store, head.till, fact_row)
            stored.append(msgspec.structs.replace(fact_row, hash=previous))
        execute = self.segment.connection.execute
        execute("begin immediate")
        for row in stored:
            execute(
                "insert into fact values(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    row.seq,
                    row.epoch,
                    row.kind,
                    row.version,
                    row.wall_ms,
                    row.mono_ms,
                    row.boot_id,
                    row.body,
                    row.hash,
                ),
            )
        execute("commit")
        self.last_seq, self.last_hash, self.last_wall_ms = seq, previous, wall_ms
        return stored

    def rollback(self) -> None:
        if self.segment.connection.in_transaction:
            with contextlib.suppress(apsw.Error):
                self.segment.connection.execute("rollback")

    def seal(self) -> None:
        self.segment.connection.execute("begin immediate")
        self.segment.connection.execute(
            "insert into seal values(1, ?, ?, ?)", (self.last_seq, self.last_hash, self._clock.wall_ms())
        )
        self.segment.connection.execute("commit")


def _last_of(connection: apsw.Connection, kind: str) -> StoredFact | None:
    row = connection.execute("select max(seq) from fact where kind = ?", (kind,)).get
    if row is None:
        return None
    return next(read_facts(connection, row - 1, 1), None)


def _advance(head: Head, facts: Sequence[Fact], stored: Sequence[StoredFact]) -> Head:
    """The head after facts were stored: counters, day and last sale follow from them alone."""
    for fact, row in zip(facts, stored, strict=True):
        if isinstance(fact, Sale):
            same_epoch = row.epoch == head.epoch
            head = _with(head, last_sale=fact, next_number=fact.number + 1 if same_epoch else 1)
        elif isinstance(fact, DayOpened):
            head = _with(head, business_day=fact.business_day, cash_session=fact.cash_session)
        elif isinstance(fact, EpochOpened):
            head = _with(head, epoch=row.epoch, next_number=1)
        head = _with(
            follow_parked(head, fact),
            seq=row.seq,
            hash=row.hash,
            last_wall_ms=row.wall_ms,
            last_is_sale=isinstance(fact, Sale),
        )
    return head


def _with(head: Head, **changes: object) -> Head:
    return msgspec.structs.replace(head, **changes)
