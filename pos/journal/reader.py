"""Reading the journal while the till writes it: show, verify, totals, and the feed to the hub."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from pos.facts import GENESIS, FactError, StoredFact, decode_fact
from pos.journal import epochs
from pos.journal.compact import begins_after
from pos.journal.errors import translate
from pos.journal.segment import ChainEnd, iterate, open_reader, segment_files, verify_segment
from pos.ports import Worker
from pos.storage_ports import JournalUnavailableError

__all__ = ["JournalFeed", "JournalTotals", "iterate", "sales_after", "verify_journal"]


class JournalTotals(msgspec.Struct):
    """What `tresen journal verify` prints: counts and sums in minor units, and where the chain ends."""

    store: str = ""
    till: str = ""
    segments: int = 0
    facts: int = 0
    sales: int = 0
    gross_minor: int = 0
    last_seq: int = 0
    last_hash: str = ""
    last_epoch: int = 0
    first_seq: int = 0
    cut_epoch: int = 0
    problems: list[str] = []


def verify_journal(folder: Path) -> JournalTotals:
    """Walk every chain from the first fact that is here. Damage is listed in `problems`, each with its place.

    `first_seq` says where that is: 1, where the till replaced another, or behind the segments that left.
    """
    totals = JournalTotals(problems=[])
    end: ChainEnd | None = begins_after(folder)
    files = segment_files(folder)
    totals.cut_epoch = end.epoch if end is not None else 0
    if end is None and files and int(files[0].stem) > 1:
        end = ChainEnd(0, 0, GENESIS)  # then only an epoch that says what it follows may begin here
    count = _counter(totals)
    for path in files:
        try:
            with translate(f"reading {path.name}"):
                segment = open_reader(path)
                try:
                    totals.store, totals.till = segment.head.store, segment.head.till
                    end = verify_segment(segment, end, count)
                    totals.last_epoch, totals.last_seq = end.epoch, end.seq
                    totals.last_hash = end.hash.hex()
                finally:
                    segment.connection.close()
            totals.segments += 1
        except (JournalUnavailableError, ValueError) as error:
            totals.problems.append(str(error))
            break
    if not totals.segments and not totals.problems:
        totals.problems.append(f"there is no journal in {folder}")
    return totals


def _counter(totals: JournalTotals) -> Callable[[int, int, str, int, bytes], None]:
    """What is done with each verified fact: one function, for it is called a hundred thousand times a second.

    What was done in training is held to the same rules, with numbers of its own, and is in no total. `carts` holds each cart that ended, and whether it is parked: only such a one goes on, once.
    """
    expected_number: dict[tuple[bool, int], int] = {}
    carts: dict[str, bool] = {}
    decode = _decode_gist

    def count(epoch: int, seq: int, kind: str, version: int, body: bytes) -> None:
        totals.facts += 1
        if not totals.first_seq:
            totals.first_seq = seq
        trained = False
        if kind == "sale" and version == 1:  # nearly all of them
            try:
                fact = decode(body)
            except _UNREADABLE as error:
                raise _unreadable(kind, version, error) from error
        elif kind not in _OF_CARTS:
            return
        else:
            trained = kind.startswith(_TRAINING)
            kind = kind.removeprefix(_TRAINING)
            fact = _gist_of(kind, version, body)
        cart_id = fact.cart_id
        if kind == "cart.left":
            carts[cart_id] = False
            return
        if kind == "cart.resumed":
            if not (carts.get(cart_id) or fact.from_till) and (totals.first_seq == 1 or cart_id in carts):
                totals.problems.append(f"fact {seq}: cart {cart_id} goes on, but is not parked")
            if fact.new_cart_id in carts:
                totals.problems.append(f"fact {seq}: cart {fact.new_cart_id} begins after its end")
            carts[cart_id] = False
            return
        if cart_id in carts:
            totals.problems.append(f"fact {seq}: cart {cart_id} ends a second time")
        carts[cart_id] = kind == "cart.parked"
        if kind != "sale":
            return
        # Where facts left, the first sale that is still here may have any number.
        expected = expected_number.get((trained, epoch), fact.number if totals.cut_epoch == epoch else 1)
        if fact.number != expected:
            totals.problems.append(f"fact {seq}: receipt number {fact.number}, expected {expected}")
        expected_number[trained, epoch] = fact.number + 1
        if not (trained or fact.training):
            totals.sales += 1
            totals.gross_minor += fact.total_minor

    return count


class _Gist(msgspec.Struct, gc=False):
    """What is counted of a cart's end or going on: a tenth of the work of reading it whole."""

    cart_id: str
    new_cart_id: str = ""
    from_till: str = ""
    number: int = 0
    total_minor: int = 0
    training: bool = False


_TRAINING = "training."
_REAL = frozenset({"sale", "cart.abandoned", "cart.parked", "cart.resumed", "cart.left"})
_OF_CARTS = _REAL | {_TRAINING + kind for kind in _REAL}
_decode_gist = msgspec.json.Decoder(_Gist).decode


_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def _unreadable(kind: str, version: int, error: Exception) -> FactError:
    return FactError(f"a {kind} of version {version} is not readable: {error}")


def _gist_of(kind: str, version: int, body: bytes) -> _Gist:
    """Raises FactError."""
    if version == 1:  # in which its names are those of _Gist; others are lifted first
        try:
            return _decode_gist(body)
        except _UNREADABLE as error:
            raise _unreadable(kind, version, error) from error
    fact = decode_fact(kind, version, body)
    names = _Gist.__struct_fields__
    return _Gist(**{name: getattr(fact, name) for name in names if hasattr(fact, name)})


def sales_after(folder: Path, epoch: int, seq: int) -> list[tuple[int, int]]:
    """Epoch and seq of each sale that comes after (epoch, seq)."""
    start = epochs.start_after(folder, epoch, seq)
    if start is None:
        return []
    return [(fact.epoch, fact.seq) for fact in iterate(folder, start - 1) if fact.kind == "sale"]


class JournalFeed:
    """Implements ports.FactSource on a thread of its own; each read is one short transaction."""

    def __init__(self, folder: Path, worker: Worker) -> None:
        self._folder = folder
        self._worker = worker

    async def read_after(self, epoch: int, seq: int, limit: int) -> Sequence[StoredFact]:
        return await self._worker.run(self._read, epoch, seq, limit)

    async def hash_at(self, epoch: int, seq: int) -> bytes | None:
        return await self._worker.run(self._hash_at, epoch, seq)

    async def last(self) -> tuple[int, int, bytes]:
        return await self._worker.run(self._last)

    def _read(self, epoch: int, seq: int, limit: int) -> list[StoredFact]:
        with translate("reading the journal"):
            return epochs.facts_after(self._folder, epoch, seq, limit)

    def _hash_at(self, epoch: int, seq: int) -> bytes | None:
        with translate("reading the journal"):
            return epochs.hash_at(self._folder, epoch, seq)

    def _last(self) -> tuple[int, int, bytes]:
        with translate("reading the journal"):
            fact = epochs.newest_facts(self._folder, 1)[-1]
            return fact.epoch, fact.seq, fact.hash
