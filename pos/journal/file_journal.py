"""The journal as the till appends to it: a folder of segments, one writer thread, one commit per business act."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import apsw
from msgspec.structs import replace

from pos.cart_facts import CartAbandoned, CartParked
from pos.facts import Fact, FactError, StoredFact, Training, decode_fact
from pos.journal.day_head import with_standing
from pos.journal.epochs import newest_facts
from pos.journal.errors import check_sqlite, translate
from pos.journal.heads import follow, is_of_sale, training_again
from pos.journal.parked import read_parked
from pos.journal.segment import (
    Segment,
    SegmentHead,
    create_segment,
    end_of,
    iterate,
    open_reader,
    open_writer,
    read_facts,
    segment_files,
    sync_folder,
    verify_segment,
)
from pos.journal.views import Views
from pos.journal.writer import Writer, chained
from pos.ports import Clock, Worker
from pos.sale_facts import Sale
from pos.storage_ports import Head, JournalUnavailableError
from pos.till_facts import EpochOpened

__all__ = ["FileJournal"]

SEGMENT_FACTS_MAX = 20_000
CHECKPOINT_FACTS = 500
_CARTS_LOOKED_AT = 100


class FileJournal:
    """Implements ports.Journal. `open` first; all storage work happens on the worker's thread.

    The views follow on the same thread in groups of commits, after a caller has its answer. `known_seq`: up to
    which fact the views, found at opening, had once followed.
    """

    def __init__(self, folder: Path, views: Views, clock: Clock, worker: Worker) -> None:
        self._folder = folder
        self._views = views
        self._clock = clock
        self._worker = worker
        self._writer: Writer | None = None
        self.head = Head("", "?", 0, 0, b"")  # until it is open
        self._unchecked = 0
        self._lost = False
        self.known_seq = 0

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

    async def open_epoch(self, fact: EpochOpened, first_seq: int, prev_hash: bytes, epoch: int) -> StoredFact:
        """Begin an epoch, here or in a new segment after the seqs that others hold.

        Raises ValueError for one that is not above the head's, JournalUnavailableError.
        """
        stored, self.head = await self._worker.run(self._open_epoch, fact, first_seq, prev_hash, epoch)
        self._worker.run(self._follow, [stored])
        return stored

    async def cart_ended(self, cart_id: str) -> bool:
        """True when a fact in the journal ended this cart."""
        return await self._worker.run(self._cart_ended, cart_id)

    async def close(self) -> None:
        await self._worker.run(self._close)

    def _cart_ended(self, cart_id: str) -> bool:
        """Asked of the facts themselves: only the newest cart can have been cut off before it was cleared."""
        training = self.head.training.parked if self.head.training is not None else ()
        if any(cart.cart_id == cart_id for cart in (*self.head.parked, *training)):
            return True
        with translate("reading the journal"):
            for fact in newest_facts(self._folder, _CARTS_LOOKED_AT):
                ended = decode_fact(fact.kind, fact.version, fact.body)
                if isinstance(ended, Training):
                    ended = ended.fact
                if isinstance(ended, Sale | CartAbandoned | CartParked) and ended.cart_id == cart_id:
                    return True
        return False

    def _open(self) -> Head:
        check_sqlite()
        with translate("opening the journal"):
            files = segment_files(self._folder)
            if not files:
                code = "journal-gone" if self._lost else "journal-missing"
                raise JournalUnavailableError(code, str(self._folder))
            segment = open_writer(files[-1])
            try:
                # Whatever an earlier error left in doubt is rewritten and synced, or is not there.
                segment.connection.execute("pragma wal_checkpoint(truncate)")
                sync_folder(self._folder)  # a killed process may have left names that no sync has reached
                self._verify(segment, files)
                self._finish_older(files)
                self._writer = Writer(segment, self._clock)
                if segment.sealed:
                    self._roll(segment)
                self._views.open(self._folder, self._clock.boot_id)
                self.known_seq = max(self.known_seq, self._views.known_seq)
                if (
                    self._views.known_seq > self._writer.last_seq
                ):  # facts were lost: what was derived of them too
                    self._views.rebuild(self._folder, self._clock.boot_id)
                return self._read_head()
            except FactError as error:  # in an older segment, whose chain is not walked at every start
                self._close()
                segment.connection.close()
                raise JournalUnavailableError("journal-damaged", str(error)) from error
            except BaseException:
                self._close()
                segment.connection.close()
                raise

    def _verify(self, segment: Segment, files: list[Path]) -> None:
        """The newest segment; where there is no fact in it yet, the head is read from the one before."""
        before = None
        if len(files) > 1:
            older = open_reader(files[-2])
            try:
                begun = segment.last_seq >= segment.head.first_seq
                before = end_of(older) if begun else verify_segment(older, None)
            finally:
                older.connection.close()
        verify_segment(segment, before)

    def _finish_older(self, files: list[Path]) -> None:
        """A cut may have come between a leap to a new epoch's segment and the seal of the one before."""
        if len(files) < 2:
            return
        older = open_reader(files[-2])
        older.connection.close()
        if not older.sealed:
            with contextlib.suppress(apsw.Error, JournalUnavailableError):
                _finish(Writer(open_writer(files[-2]), self._clock))

    def _append(self, facts: Sequence[Fact]) -> tuple[Sequence[StoredFact], Head]:
        writer = self._writer or self._taken_up()
        with translate("writing the journal"):
            try:
                stored = writer.append(facts, self.head.epoch)
            except apsw.Error:
                writer.rollback()
                raise
            except JournalUnavailableError:
                self._lost = True
                raise
        head = follow(self.head, facts, stored)
        return stored, head

    def _taken_up(self) -> Writer:
        """The journal was let go of after an error: open it again, if it is still where we know it to be."""
        self._close()
        found = self._open()
        if self._writer is None or (found.seq, found.hash) != (self.head.seq, self.head.hash):
            raise _closed()
        return self._writer

    def _open_epoch(
        self, fact: EpochOpened, first_seq: int, prev_hash: bytes, epoch: int
    ) -> tuple[StoredFact, Head]:
        writer, head = self._writer, self.head
        if writer is None:
            raise _closed()
        if epoch <= head.epoch:
            raise ValueError(f"epoch {epoch} is not above {head.epoch}")
        if head.seq >= first_seq - 1:
            fact = _follows(fact, head.epoch, head.seq, head.hash)
            with translate("opening an epoch"):
                try:
                    stored = writer.append([fact], epoch)[0]
                except apsw.Error:
                    writer.rollback()
                    raise
        else:
            stored = self._leap(writer, _follows(fact, fact.previous_epoch, first_seq - 1, prev_hash), epoch)
        return stored, follow(head, [fact], [stored])

    def _leap(self, old: Writer, fact: EpochOpened, epoch: int) -> StoredFact:
        """A new segment with the epoch's first fact, both or neither; then the one before it is done with."""
        after, prev_hash = fact.previous_seq, bytes.fromhex(fact.previous_hash)
        head = SegmentHead(old.segment.head.store, old.segment.head.till, after + 1, prev_hash)
        rows = chained(head, after, prev_hash, epoch, [fact], self._clock)
        created = False
        try:
            with translate("opening an epoch"):
                path = create_segment(self._folder, head, self._clock.wall_ms(), rows)
                created = True
                self._writer = Writer(open_writer(path), self._clock)
        except JournalUnavailableError as error:
            if (
                created or error.stored is None
            ):  # it is there, or may be: nothing may follow the old segment now
                self._close()
                raise JournalUnavailableError(error.code, error.detail, stored=None) from error
            raise
        _finish(old)
        return rows[0]

    def _follow(self, stored: Sequence[StoredFact]) -> None:
        """After an answer was given: views, and a new segment when this one is full."""
        with contextlib.suppress(JournalUnavailableError), translate("following the journal"):
            self._views.follow(stored[-1].seq)
        writer = self._writer
        self._unchecked += len(stored)
        if writer is not None and self._unchecked >= CHECKPOINT_FACTS:
            self._unchecked = 0
            with contextlib.suppress(apsw.Error):
                writer.segment.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if writer is not None and (writer.count >= SEGMENT_FACTS_MAX or writer.month_over):
            try:
                with translate("beginning a segment"):
                    writer.seal()
                    self._roll(writer.segment)
            except JournalUnavailableError:  # sealed or not: the next append must look
                self._release()

    def _roll(self, sealed: Segment) -> None:
        writer = self._writer
        assert writer is not None, "a writer is open"
        head = SegmentHead(sealed.head.store, sealed.head.till, writer.last_seq + 1, writer.last_hash)
        path = create_segment(self._folder, head, self._clock.wall_ms())
        sealed.connection.close()
        self._writer = Writer(open_writer(path), self._clock)

    def _close(self) -> None:
        self._views.close()
        self._release()

    def _release(self) -> None:
        if self._writer is not None:
            with contextlib.suppress(apsw.Error):
                self._writer.segment.connection.close()
            self._writer = None

    def _read_head(self) -> Head:
        assert self._writer is not None, "a writer is open"
        segment = self._writer.segment
        sale_row = None
        for path in reversed(segment_files(self._folder)):
            reader = open_reader(path)
            sale_row = _last_of(reader.connection, "sale")
            reader.connection.close()
            if sale_row:
                break
        newest = newest_facts(self._folder, 1)
        if not newest:
            raise JournalUnavailableError("journal-damaged", "there is not one fact in the journal")
        head = Head(
            segment.head.store,
            segment.head.till,
            newest[-1].epoch,
            self._writer.last_seq,
            self._writer.last_hash,
        )
        if sale_row is not None:
            fact = decode_fact(sale_row.kind, sale_row.version, sale_row.body)
            if isinstance(fact, Sale):
                head = follow(head, [fact], [sale_row])
        parked, resumed, before = read_parked(self._folder, self._views.parked(), head.epoch)
        since, number = self._views.training(head.epoch)
        head = replace(head, training_number=number)
        if since is not None:
            head = training_again(head, iterate(self._folder, since - 1))
        return replace(
            with_standing(head, self._views.standing()),
            parked=parked,
            resumed=resumed,
            before=before,
            seq=self._writer.last_seq,
            hash=self._writer.last_hash,
            last_wall_ms=self._writer.last_wall_ms,
            last_is_sale=sale_row is not None and self._ends_with(sale_row, head.last_sale),
        )

    def _ends_with(self, row: StoredFact, sale: Sale | None) -> bool:
        """Whether the newest sale, or what is written with it, is the newest fact."""
        assert self._writer is not None, "a writer is open"
        after = list(iterate(self._folder, row.seq)) if self._writer.last_seq - row.seq < 2 else None
        return after is not None and all(
            is_of_sale(decode_fact(fact.kind, fact.version, fact.body), sale) for fact in after
        )


def _finish(writer: Writer) -> None:
    """Seal a segment after which a new epoch began elsewhere; what fails here is done at the next opening."""
    with contextlib.suppress(apsw.Error):
        writer.seal()
    with contextlib.suppress(apsw.Error):
        writer.segment.connection.close()


def _follows(fact: EpochOpened, epoch: int, seq: int, hash_: bytes) -> EpochOpened:
    return replace(fact, previous_epoch=epoch, previous_seq=seq, previous_hash=hash_.hex())


def _closed() -> JournalUnavailableError:
    return JournalUnavailableError("disk-error", "the journal is closed after an error", stored=None)


def _last_of(connection: apsw.Connection, kind: str) -> StoredFact | None:
    row = connection.execute("select max(seq) from fact where kind = ?", (kind,)).get
    if row is None:
        return None
    return next(read_facts(connection, row - 1, 1), None)
