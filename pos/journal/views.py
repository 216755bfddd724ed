"""What is derived from the journal for quick answers. Nothing here is the truth; it can be made anew.

The file follows the facts in groups: it may be `GROUP_FACTS` - 1 facts behind, and whoever asks waits until it is not.
`synchronous=OFF`: a power cut may ruin the file, so it is thrown away and rebuilt unless it was closed
in order or the machine has not been restarted since. A killed process leaves a rollback journal behind,
which takes back the transaction that it was in.
"""

import contextlib
import hashlib
from pathlib import Path

import apsw
import msgspec

from pos.cart_facts import CartAbandoned, CartLeft, CartParked, CartResumed
from pos.facts import FactError, StoredFact, Training, UnknownFact, decode_fact
from pos.journal.compact import ARCHIVE
from pos.journal.segment import Segment, open_reader, read_facts, segment_files
from pos.mentions import mentions_of
from pos.sale_facts import Sale, counts_for_budgets
from pos.standing import Standing, follow_standing
from pos.storage_ports import JournalUnavailableError
from pos.till_facts import TrainingBegan, TrainingEnded

__all__ = ["GROUP_FACTS", "Views"]

GROUP_FACTS = 8
_VERSION = 11
_SCHEMA = """
create table applied(id integer primary key check(id = 1), version integer, seq integer, boot_id text, clean integer);
create table receipt(
  epoch integer, number integer, seq integer, cart_id text, business_day text, completed_ms integer,
  total_minor integer, link text, primary key(epoch, number)) without rowid;
create table day_tax(
  business_day text, tax text, percent text, sales integer, gross_minor integer, net_minor integer,
  vat_minor integer, primary key(business_day, tax, percent)) without rowid;
create table day_tender(
  business_day text, kind text, currency text, count integer, amount_minor integer,
  primary key(business_day, kind, currency)) without rowid;
create table parked(
  cart_id text primary key, seq integer, business_day text, pieces integer, total_minor integer,
  resumed_as text, resumed_seq integer) without rowid;
create table promotion(id text primary key, uses integer, minor integer) without rowid;
create table mention(kind text, key text, seq integer, primary key(kind, key, seq)) without rowid;
create table training(seq integer primary key, epoch integer, kind text, number integer);
create table standing(id integer primary key check(id = 1), state blob);
"""
_TABLES = ("receipt", "day_tax", "day_tender", "parked", "promotion", "mention", "training", "standing")
_standing_decoder = msgspec.json.Decoder(Standing)


class Views:
    """Used on one thread. `open` brings it up to the journal's last fact."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: apsw.Connection | None = None
        self._journal: Path | None = None
        self._applied = 0
        self._standing = Standing()
        self._followed = 0  # the last fact that is known to be durable
        self.known_seq = 0

    def open(self, journal: Path, boot_id: str) -> None:
        """Afterwards `known_seq` says how far the facts went when this file was last written, or before a reopening.

        After a cut or a kill it may be `GROUP_FACTS` - 1 facts short of the last one.
        """
        self.known_seq = self._followed
        try:
            self._connect(boot_id)
            self.known_seq = max(self.known_seq, self._applied)
            self.catch_up(journal)
        except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, apsw.ConstraintError):
            self.known_seq = max(self.known_seq, self._applied)
            self.rebuild(journal, boot_id)

    def rebuild(self, journal: Path, boot_id: str) -> None:
        """Throw the file away and derive everything again from the facts."""
        self.close(clean=False)
        for suffix in ("", "-journal", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._connect(boot_id)
        self.catch_up(journal)

    def close(self, *, clean: bool = True) -> None:
        if self._connection is None:
            return
        if clean:
            with contextlib.suppress(apsw.Error, JournalUnavailableError):
                self._settle()
        with contextlib.suppress(apsw.Error):
            if clean:
                self._connection.execute("pragma synchronous=extra")
                self._connection.execute("update applied set clean = 1")
            self._connection.close()
        self._connection = None

    def open_as_is(self, boot_id: str) -> None:
        """Open without catching up."""
        self._connect(boot_id)

    def catch_up(self, journal: Path, up_to: int | None = None) -> int:
        """Apply the facts that are not in yet, at most to `up_to`; returns the seq of the last one applied."""
        connection = self._open_connection()
        self._journal = journal
        self._applied = connection.execute("select seq from applied").get  # after an error, who knows
        self._standing = _read_standing(connection)
        files = _kept(journal)
        for at, path in enumerate(files):
            if up_to is not None and self._applied >= up_to:
                break
            if at + 1 < len(files) and int(files[at + 1].stem) <= self._applied + 1:
                continue
            segment = open_reader(path)
            try:
                if segment.last_seq > self._applied:
                    self._take_in(connection, segment, up_to)
            finally:
                segment.connection.close()
        self._followed = max(self._followed, self._applied)
        return self._applied

    def follow(self, seq: int) -> None:
        """The facts up to `seq` are durable: those that are not in yet are applied once they are a group."""
        self._followed = seq
        if self._connection is not None and seq - self._applied >= GROUP_FACTS:
            self._settle()

    def parked(self) -> list[tuple[int, int | None]]:
        """Parked carts that have not ended: the seq of the fact that parked each, and of the one that resumed it."""
        self._settle()
        rows = self._open_connection().execute("select seq, resumed_seq from parked order by seq")
        return [(row[0], row[1]) for row in rows]

    def training(self, epoch: int) -> tuple[int | None, int]:
        """The seq of the fact that began the training the till is in, if it is; an epoch's next number of a sale in training."""
        self._settle()
        connection = self._open_connection()
        since = connection.execute(
            "select max(seq) from training where kind = 'training.began'"
            " and seq > (select coalesce(max(seq), 0) from training where kind = 'training.ended')"
        ).get
        number = connection.execute(
            "select coalesce(max(number), 0) + 1 from training where epoch = ?", (epoch,)
        ).get
        return since, number

    def standing(self) -> Standing:
        """The open days and payments, up to the newest durable fact."""
        self._settle()
        return self._standing

    def seqs(self, sql: str, values: tuple[object, ...]) -> list[int]:
        """The seqs that a query of the views' tables finds, in its order, up to the newest durable fact."""
        self._settle()
        return [row[0] for row in self._open_connection().execute(sql, values)]

    def promotions(self) -> dict[str, tuple[int, int]]:
        """Uses and minor units of each promotion, up to the newest durable fact."""
        self._settle()
        rows = self._open_connection().execute("select id, uses, minor from promotion")
        return {row[0]: (row[1], row[2]) for row in rows}

    def digest(self) -> str:
        """SHA-256 over all rows in key order: equal for equal facts, however they were applied."""
        self._settle()
        connection = self._open_connection()
        hasher = hashlib.sha256()
        for table in _TABLES:
            hasher.update(table.encode())
            for row in connection.execute(f"select * from {table}"):  # noqa: S608 - a constant name
                hasher.update(repr(row).encode())
        return hasher.hexdigest()

    def _settle(self) -> None:
        """Apply what was followed, and nothing that a failed commit may have left behind it."""
        if self._journal is not None and self._followed > self._applied:
            self.catch_up(self._journal, up_to=self._followed)

    def _take_in(self, connection: apsw.Connection, segment: Segment, up_to: int | None) -> None:
        """One segment's facts in one transaction."""
        before, standing = self._applied, self._standing
        connection.execute("begin")
        try:
            for fact in read_facts(segment.connection, before):
                if up_to is not None and fact.seq > up_to:
                    break
                self._apply(connection, fact)
            connection.execute("update applied set seq = ?", (self._applied,))
            if self._standing is not standing:
                connection.execute(
                    "insert or replace into standing values(1, ?)", (msgspec.json.encode(self._standing),)
                )
            connection.execute("commit")
        except BaseException:
            self._applied, self._standing = before, standing
            _roll_back(connection)
            raise

    def _open_connection(self) -> apsw.Connection:
        assert self._connection is not None, "the views are open"
        return self._connection

    def _connect(self, boot_id: str) -> None:
        fresh = not self._path.exists()
        self._connection = apsw.Connection(str(self._path))
        # Made anew for each transaction: only a journal whose name is synced too keeps the two marks below.
        self._connection.execute("pragma journal_mode=delete")
        self._connection.execute("pragma synchronous=off")
        self._connection.execute("pragma cache_size=-256")
        if fresh:
            self._connection.execute("begin")
            self._connection.execute(_SCHEMA)
            self._connection.execute("insert into applied values(1, ?, 0, ?, 0)", (_VERSION, boot_id))
            self._connection.execute("commit")
        row = self._connection.execute("select version, seq, boot_id, clean from applied").fetchone()
        if row is None:
            raise apsw.CorruptError("the views were cut off while they were made")
        version, applied, written_in, clean = row
        if version != _VERSION or not (clean or written_in == boot_id):
            raise apsw.CorruptError("the views are of another version or were cut off")
        self._applied = self._followed = applied  # what a power cut tore says nothing about the journal
        # On disk before any row follows: a power cut must never find newer rows under an older "clean".
        self._connection.execute("pragma synchronous=extra")
        self._connection.execute("update applied set boot_id = ?, clean = 0", (boot_id,))
        self._connection.execute("pragma synchronous=off")

    def _apply(self, connection: apsw.Connection, stored: StoredFact) -> None:
        try:
            fact = decode_fact(stored.kind, stored.version, stored.body)
        except FactError as error:
            raise JournalUnavailableError("journal-damaged", f"fact {stored.seq}: {error}") from error
        if isinstance(fact, Sale):
            _apply_sale(connection, stored, fact)
        if isinstance(fact, Sale | CartAbandoned | CartParked):
            connection.execute("delete from parked where resumed_as = ?", (fact.cart_id,))
        if isinstance(fact, CartParked):
            connection.execute(
                "insert or ignore into parked values(?, ?, ?, ?, ?, null, null)",
                (fact.cart_id, stored.seq, fact.business_day, fact.pieces, fact.total_minor),
            )
        elif isinstance(fact, CartLeft):
            connection.execute("delete from parked where cart_id = ?", (fact.cart_id,))
        elif isinstance(fact, CartResumed):
            if fact.taken is not None:
                connection.execute(
                    "insert or ignore into parked values(?, ?, ?, ?, ?, null, null)",
                    (fact.cart_id, stored.seq, fact.business_day, fact.taken.pieces, fact.taken.total_minor),
                )
            connection.execute(
                "update parked set resumed_as = ?, resumed_seq = ? where cart_id = ?",
                (fact.new_cart_id, stored.seq, fact.cart_id),
            )
        trained = fact.fact if isinstance(fact, Training) else fact
        if isinstance(fact, TrainingBegan | TrainingEnded) or (
            isinstance(trained, Sale) and trained is not fact
        ):
            number = trained.number if isinstance(trained, Sale) else None
            connection.execute(
                "insert or ignore into training values(?, ?, ?, ?)",
                (stored.seq, stored.epoch, stored.kind, number),
            )
        if not isinstance(fact, UnknownFact):
            self._standing = follow_standing(self._standing, fact, stored.epoch, stored.seq)
            connection.executemany(
                "insert or ignore into mention values(?, ?, ?)",
                [(kind, key, stored.seq) for kind, key in mentions_of(fact)],
            )
        self._applied = stored.seq


def _read_standing(connection: apsw.Connection) -> Standing:
    row = connection.execute("select state from standing").fetchone()
    try:
        return Standing() if row is None else _standing_decoder.decode(row[0])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise apsw.CorruptError(f"the open days and payments are not readable: {error}") from error


def _roll_back(connection: apsw.Connection) -> None:
    """After some errors SQLite has done it already."""
    if connection.in_transaction:
        with contextlib.suppress(apsw.Error):
            connection.execute("rollback")


def _kept(journal: Path) -> list[Path]:
    """All segments that are on this disk: those that left the journal for the archive count too."""
    return [*segment_files(journal / ARCHIVE), *segment_files(journal)]


def _apply_sale(connection: apsw.Connection, stored: StoredFact, sale: Sale) -> None:
    connection.execute(
        "insert into receipt values(?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stored.epoch,
            sale.number,
            stored.seq,
            sale.cart_id,
            sale.business_day,
            sale.completed_ms,
            sale.total_minor,
            sale.link,
        ),
    )
    if sale.training:
        return
    if counts_for_budgets(sale):
        connection.executemany(
            "insert into promotion values(?, ?, ?) on conflict do update set"
            " uses = uses + excluded.uses, minor = minor + excluded.minor",
            [(used.promotion, used.uses, used.minor) for used in sale.promotions],
        )
    for tax in sale.taxes:
        connection.execute(
            "insert into day_tax values(?, ?, ?, 1, ?, ?, ?) on conflict do update set sales = sales + 1,"
            " gross_minor = gross_minor + excluded.gross_minor, net_minor = net_minor + excluded.net_minor,"
            " vat_minor = vat_minor + excluded.vat_minor",
            (sale.business_day, tax.code, str(tax.percent), tax.gross_minor, tax.net_minor, tax.vat_minor),
        )
    for tender in sale.tenders:
        connection.execute(
            "insert into day_tender values(?, ?, ?, 1, ?) on conflict do update set count = count + 1,"
            " amount_minor = amount_minor + excluded.amount_minor",
            (sale.business_day, tender.kind, tender.currency, tender.amount_minor),
        )
