"""Verifying a journal: each segment walked by itself, if need be several at once, and then put together in order."""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pos.facts import GENESIS, FactError, StoredFact, decode_fact
from pos.journal.compact import begins_after
from pos.journal.errors import translate
from pos.journal.segment import (
    ChainEnd,
    SegmentHead,
    open_reader,
    read_facts,
    segment_files,
    verify_epoch,
    verify_seam,
    verify_segment,
)
from pos.storage_ports import JournalUnavailableError

__all__ = ["JournalTotals", "verify_journal"]

_TRAINING: Final = "training."
_REAL: Final = frozenset({"sale", "cart.abandoned", "cart.parked", "cart.resumed", "cart.left"})
_OF_CARTS: Final = _REAL | {_TRAINING + kind for kind in _REAL}
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

Spread = Callable[[Callable[[Path], "Walked"], Sequence[Path]], Iterable["Walked"]]
"""Does the work for each part, and gives the results in the order of the parts."""


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


class _Gist(msgspec.Struct, gc=False):
    """What is counted of a cart's end or going on: a tenth of the work of reading it whole."""

    cart_id: str
    new_cart_id: str = ""
    from_till: str = ""
    number: int = 0
    total_minor: int = 0
    training: bool = False


class _Event(msgspec.Struct, gc=False, array_like=True):
    """What a fact does to a cart, and a sale's number. `trained`: it was done in training."""

    seq: int
    epoch: int
    kind: str
    cart_id: str
    number: int = 0
    trained: bool = False
    new_cart_id: str = ""
    from_till: str = ""


class Walked(msgspec.Struct):
    """One segment by itself: `facts` are sound, up to its `end` or to the `problem`. `events`: see `_Event`, as JSON.

    `first` is its first fact as it stands there, None where there is none.
    """

    head: SegmentHead | None = None
    first: StoredFact | None = None
    facts: int = 0
    end: ChainEnd | None = None
    problem: str = ""
    sales: int = 0
    gross_minor: int = 0
    events: bytes = b"[]"


def verify_journal(folder: Path, spread: Spread = map) -> JournalTotals:
    """Walk every chain from the first fact that is here. Damage is listed in `problems`, each with its place.

    `first_seq` says where that is: 1, where the till replaced another, or behind the segments that left.
    """
    totals = JournalTotals(problems=[])
    end: ChainEnd | None = begins_after(folder)
    files = segment_files(folder)
    totals.cut_epoch = end.epoch if end is not None else 0
    if end is None and files and int(files[0].stem) > 1:
        end = ChainEnd(0, 0, GENESIS)  # then only an epoch that says what it follows may begin here
    carts = _Carts(totals)
    for path, walked in zip(files, spread(_walk, files), strict=True):
        try:
            if walked.head is not None:
                totals.store, totals.till = walked.head.store, walked.head.till
                if end is not None:
                    verify_seam(path, walked.head, walked.first, end)
                    if walked.facts and walked.first is not None:
                        verify_epoch(path, walked.first, end.epoch)
        except (JournalUnavailableError, ValueError) as error:
            totals.problems.append(str(error))
            break
        if walked.facts and walked.head is not None:
            totals.first_seq = totals.first_seq or walked.head.first_seq
        totals.facts += walked.facts
        totals.sales += walked.sales
        totals.gross_minor += walked.gross_minor
        carts.take(_events.decode(walked.events))
        if walked.end is None:
            totals.problems.append(walked.problem)
            break
        end = walked.end if walked.facts or end is None else end
        totals.last_epoch, totals.last_seq, totals.last_hash = end.epoch, end.seq, end.hash.hex()
        totals.segments += 1
    if not totals.segments and not totals.problems:
        totals.problems.append(f"there is no journal in {folder}")
    return totals


def _walk(path: Path) -> Walked:
    """Never raises: what is wrong is told in `problem`."""
    walked = Walked()
    events: list[Any] = []
    add, decode = events.append, _decode_gist
    sales = gross_minor = facts = 0

    def each(epoch: int, seq: int, kind: str, version: int, body: bytes) -> None:
        nonlocal sales, gross_minor, facts
        facts += 1
        if kind == "sale" and version == 1:  # nearly all of them
            try:
                gist = decode(body)
            except _UNREADABLE as error:
                raise _unreadable(kind, version, error) from error
            add((seq, epoch, kind, gist.cart_id, gist.number))
            if not gist.training:
                sales += 1
                gross_minor += gist.total_minor
        elif kind in _OF_CARTS:
            trained = kind.startswith(_TRAINING)
            kind = kind.removeprefix(_TRAINING)
            gist = _gist_of(kind, version, body)
            add((seq, epoch, kind, gist.cart_id, gist.number, trained, gist.new_cart_id, gist.from_till))
            if kind == "sale" and not (trained or gist.training):
                sales += 1
                gross_minor += gist.total_minor

    try:
        with translate(f"reading {path.name}"):
            segment = open_reader(path)
            try:
                walked.head = segment.head
                with contextlib.suppress(ValueError):  # told at its place by what follows
                    walked.first = next(read_facts(segment.connection, segment.head.first_seq - 1, 1), None)
                walked.end = verify_segment(segment, None, each)
            finally:
                segment.connection.close()
    except (JournalUnavailableError, ValueError) as error:
        walked.problem = str(error)
    walked.facts, walked.sales, walked.gross_minor = facts, sales, gross_minor
    walked.events = msgspec.json.encode(events)
    return walked


class _Carts:
    """Each cart that ended, and whether it is parked: only such a one goes on, once; and the numbers of sales.

    What was done in training is held to the same rules, with numbers of its own.
    """

    def __init__(self, totals: JournalTotals) -> None:
        self._totals = totals
        self._parked: dict[str, bool] = {}
        self._numbers: dict[tuple[bool, int], int] = {}

    def take(self, events: Iterable[_Event]) -> None:
        parked = self._parked
        for event in events:
            kind, cart_id = event.kind, event.cart_id
            if kind == "cart.left":
                parked[cart_id] = False
                continue
            if kind == "cart.resumed":
                self._resumed(event)
                continue
            if cart_id in parked:
                self._wrong(event, f"cart {cart_id} ends a second time")
            parked[cart_id] = kind == "cart.parked"
            if kind == "sale":
                self._number(event)

    def _resumed(self, event: _Event) -> None:
        known = self._totals.first_seq == 1 or event.cart_id in self._parked
        if not (self._parked.get(event.cart_id) or event.from_till) and known:
            self._wrong(event, f"cart {event.cart_id} goes on, but is not parked")
        if event.new_cart_id in self._parked:
            self._wrong(event, f"cart {event.new_cart_id} begins after its end")
        self._parked[event.cart_id] = False

    def _number(self, event: _Event) -> None:
        """Where facts left, the first sale that is still here may have any number."""
        place, number = (event.trained, event.epoch), event.number
        expected = self._numbers.get(place, number if self._totals.cut_epoch == event.epoch else 1)
        if number != expected:
            self._wrong(event, f"receipt number {number}, expected {expected}")
        self._numbers[place] = number + 1

    def _wrong(self, event: _Event, what: str) -> None:
        self._totals.problems.append(f"fact {event.seq}: {what}")


_decode_gist = msgspec.json.Decoder(_Gist).decode
_events = msgspec.json.Decoder(list[_Event])


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
