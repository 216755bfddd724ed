"""A journal's facts by (epoch, seq): where epochs begin, and the hash each began on. Read-only.

In one journal seq only grows, and epochs grow with it. Before an epoch's first fact seqs may be missing:
the facts between lie on another machine's disk, or at the hub.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pos.facts import StoredFact
from pos.journal.segment import Segment, iterate, open_reader, read_facts, segment_files

__all__ = ["facts_after", "hash_at", "newest_facts", "start_after"]


def start_after(folder: Path, epoch: int, seq: int) -> int | None:
    """The seq of the first fact that comes after (epoch, seq); None if there is none."""
    here = next(iterate(folder, seq - 1), None)
    if here is None or (here.epoch, here.seq) != (epoch, seq):  # the place is none of ours
        first = _first_seq(folder, epoch)
        if first is None:
            return None
        seq = max(first - 1, seq)
    following = next(iterate(folder, seq), None)
    if following is None or following.epoch > epoch:
        return _first_seq(folder, epoch + 1)
    return following.seq


def facts_after(folder: Path, epoch: int, seq: int, limit: int) -> list[StoredFact]:
    """Up to `limit` facts of one epoch after `seq`; the next epoch's first ones once this one is done."""
    start = start_after(folder, epoch, seq)
    facts: list[StoredFact] = []
    if start is None:
        return facts
    for fact in iterate(folder, start - 1):
        if facts and fact.epoch != facts[0].epoch:
            break
        facts.append(fact)
        if len(facts) >= limit:
            break
    return facts


def hash_at(folder: Path, epoch: int, seq: int) -> bytes | None:
    """The hash of one fact; for the seq before an epoch's first one, or 0, the hash the epoch began on."""
    if seq == 0:
        first = _first_seq(folder, epoch)
        if first is None:
            return None
        seq = first - 1
        opened = next(iterate(folder, seq), None)
        if opened is None or opened.kind != "epoch.opened" or opened.epoch != epoch:
            return None
    for fact in iterate(folder, seq - 1):
        if fact.epoch == epoch and fact.seq == seq:
            return fact.hash
        if fact.seq > seq:
            return _hash_before(folder, fact.seq) if (fact.epoch, fact.seq) == (epoch, seq + 1) else None
    return None


def newest_facts(folder: Path, count: int) -> list[StoredFact]:
    """The last `count` facts, the oldest of them first."""
    facts: list[StoredFact] = []
    for path in reversed(segment_files(folder)):
        with _opened(path) as segment:
            wanted = count - len(facts)
            facts[:0] = read_facts(segment.connection, segment.last_seq - wanted)
        if len(facts) >= count:
            break
    return facts


def _first_seq(folder: Path, epoch: int) -> int | None:
    """The seq of the first fact of `epoch`, or of a later one if there is none of it."""
    found = None
    for path in reversed(segment_files(folder)):
        with _opened(path) as segment:
            low, high = segment.head.first_seq, segment.last_seq
            if high < low:
                continue
            if _epoch_of(segment, high) < epoch:
                break
            while low < high:
                middle = (low + high) // 2
                if _epoch_of(segment, middle) >= epoch:
                    high = middle
                else:
                    low = middle + 1
            found = low
            if low > segment.head.first_seq:
                break
    return found


def _epoch_of(segment: Segment, seq: int) -> int:
    epoch: int = segment.connection.execute("select epoch from fact where seq = ?", (seq,)).get
    return epoch


def _hash_before(folder: Path, seq: int) -> bytes | None:
    """The hash on which the fact `seq` was chained."""
    for path in reversed(segment_files(folder)):
        if int(path.stem) > seq:
            continue
        with _opened(path) as segment:
            if segment.head.first_seq == seq:
                return segment.head.prev_hash
            before = next(read_facts(segment.connection, seq - 2, 1), None)
            return before.hash if before is not None and before.seq == seq - 1 else None
    return None


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Segment]:
    segment = open_reader(path)
    try:
        yield segment
    finally:
        segment.connection.close()
