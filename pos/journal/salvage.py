"""What can still be read of a journal on another medium: copied first, verified fact by fact, damage named.

Nothing is written to the medium. Blocks that it cannot read any more are taken as zeros, so that whatever does not
need them is still found.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import apsw
import msgspec

from pos.facts import StoredFact, hash_of
from pos.journal.second_copy import BatchSeal, read_seals
from pos.journal.segment import SegmentHead, read_facts, read_head, segment_files
from pos.storage_ports import JournalUnavailableError

__all__ = ["Run", "Salvage", "copy_out", "find_journals", "salvage"]

_BLOCK: Final = 4096
_CHUNK: Final = 256 * _BLOCK
# Where a journal lies: in the folder itself, on a second medium, on a till's own card.
_PLACES: Final = (
    ".",
    "journal",
    "tresen-*",
    "*/journal",
    "var/lib/tresen*/journal",
    "var/lib/private/tresen*/journal",
    "lib/tresen*/journal",
    "root/.local/state/tresen*/journal",
    "home/*/.local/state/tresen*/journal",
    "*/.local/state/tresen*/journal",
)


class Run(msgspec.Struct, frozen=True):
    """Facts of one epoch without a gap, each verified, on `prev_hash`; and the seals that vouch for them."""

    epoch: int
    prev_hash: bytes
    facts: list[StoredFact]
    seals: list[BatchSeal]


class Salvage(msgspec.Struct):
    """What one journal on a medium still holds. `unread` counts blocks of 4 KiB that were taken as zeros."""

    store: str = ""
    till: str = ""
    runs: list[Run] = []
    damage: list[str] = []
    unread: int = 0

    @property
    def facts(self) -> Iterator[StoredFact]:
        for run in self.runs:
            yield from run.facts

    @property
    def sales(self) -> int:
        return sum(fact.kind == "sale" for fact in self.facts)


def find_journals(folder: Path) -> list[Path]:
    """Every journal folder below a mounted medium, a state folder, or a second copy's folder."""
    found: list[Path] = []
    for place in _PLACES:
        for path in sorted(folder.glob(place)) if place != "." else [folder]:
            if path not in found and path.is_dir() and segment_files(path):
                found.append(path)
    return found


def copy_out(journal: Path, target: Path) -> int:
    """Copy a journal's files to a disk of our own; returns how many blocks could not be read."""
    target.mkdir(parents=True)
    return sum(
        _copy(path, target / path.name)
        for path in sorted(journal.iterdir())
        if path.is_file() and ".journal" in path.name
    )


def salvage(copied: Path, unread: int = 0) -> Salvage:
    """Walk what was copied. Whatever is not as it was written ends a run, and is named."""
    found = Salvage(runs=[], damage=[], unread=unread)
    if unread:
        found.damage.append(f"{unread} blocks of the medium cannot be read")
    for path in segment_files(copied):
        try:
            connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
            try:
                head = read_head(path, connection)
                found.store, found.till = head.store, head.till
                _walk(found, path, head, connection)
            finally:
                connection.close()
        except (apsw.Error, JournalUnavailableError, ValueError, TypeError) as error:
            found.damage.append(f"{path.name}: {error}")
    return found


def _walk(found: Salvage, path: Path, head: SegmentHead, connection: apsw.Connection) -> None:
    """The facts of one segment, as far as the chain holds from its head."""
    previous, expected = head.prev_hash, head.first_seq
    facts: list[StoredFact] = []
    began_on = previous
    try:
        for fact in read_facts(connection, head.first_seq - 1):
            if fact.seq != expected:
                found.damage.append(f"{path.name}: fact {expected} is missing")
                break
            hash_ = hash_of(previous, head.store, head.till, fact)
            if hash_ != fact.hash:
                found.damage.append(f"{path.name}: fact {fact.seq} is not what was written")
                break
            if facts and fact.epoch != facts[-1].epoch:
                _add(found, path, began_on, facts)
                facts, began_on = [], previous
            facts.append(fact)
            previous, expected = hash_, expected + 1
    except (apsw.Error, TypeError) as error:
        found.damage.append(f"{path.name}: behind fact {expected - 1}: {error}")
    _add(found, path, began_on, facts)


def _add(found: Salvage, path: Path, prev_hash: bytes, facts: list[StoredFact]) -> None:
    """Goes on with the run before, where it follows it."""
    if not facts:
        return
    try:
        hashes = {fact.seq: fact.hash for fact in facts}
        seals = [
            seal
            for seal in read_seals(path)
            if seal.epoch == facts[0].epoch and hashes.get(seal.last_seq) == seal.last_hash
        ]
    except (apsw.Error, TypeError):
        seals = []
    last = found.runs[-1] if found.runs else None
    if last is not None and last.epoch == facts[0].epoch and last.facts[-1].hash == prev_hash:
        last.facts.extend(facts)
        last.seals.extend(seals)
    else:
        found.runs.append(Run(facts[0].epoch, prev_hash, facts, seals))


def _copy(source: Path, target: Path) -> int:
    unread = 0
    handle = os.open(source, os.O_RDONLY)
    try:
        size = os.fstat(handle).st_size
        with target.open("wb") as copy:
            at = 0
            while at < size:
                try:
                    data = os.pread(handle, _CHUNK, at)
                except OSError:
                    data, lost = _block_by_block(handle, at, min(_CHUNK, size - at))
                    unread += lost
                if not data:
                    break
                copy.write(data)
                at += len(data)
    finally:
        os.close(handle)
    return unread


def _block_by_block(handle: int, at: int, size: int) -> tuple[bytes, int]:
    data, lost = bytearray(), 0
    for offset in range(at, at + size, _BLOCK):
        length = min(_BLOCK, at + size - offset)
        try:
            block = os.pread(handle, length, offset)
        except OSError:
            block, lost = b"", lost + 1
        data += block.ljust(length, b"\0")
    return bytes(data), lost
