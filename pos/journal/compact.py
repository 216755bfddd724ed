"""Old segments leave the journal as whole files, once nobody needs them here any more.

A segment may go when it is sealed, the hub acknowledged every fact of it, a second copy has it too (a relay, or the
second medium), it was exported as far as anything demands that, and it is older than the till's keep_days. What the
till itself still needs stays: the newest sale and business day, and everything from the oldest parked cart on.
The chain goes on from the seal: a small record of what left stays behind and says on which hash the rest begins.
"""

import os
from pathlib import Path
from typing import Final

import apsw
import msgspec

from pos.journal.errors import translate
from pos.journal.segment import (
    ChainEnd,
    Segment,
    end_of,
    open_reader,
    open_writer,
    segment_files,
    sync_folder,
    verify_segment,
)
from pos.storage_ports import JournalUnavailableError

__all__ = ["ARCHIVE", "Gone", "Held", "begins_after", "compact", "removable"]

ARCHIVE: Final = "archive"
_DAY_MS: Final = 86_400_000
_NEEDED: Final = ("sale", "day.opened")

Place = tuple[int, int]


class Held(msgspec.Struct, frozen=True):
    """Who else holds the facts: places (epoch, seq), and the folder of the second copy where there is one.

    `exported_seq`: up to where the fiscal export went; None while nothing exports, and then nothing asks for it.
    `parked_seq`: the oldest fact of a cart that is still parked.
    """

    hub: Place = (0, 0)
    relay: Place = (0, 0)
    copy: Path | None = None
    exported_seq: int | None = None
    parked_seq: int | None = None


class Gone(msgspec.Struct, frozen=True):
    """What is kept of a segment that left, in `NNN.gone` beside the others."""

    first_seq: int
    last_epoch: int
    last_seq: int
    last_hash: str
    sealed_ms: int
    gone_ms: int


def begins_after(folder: Path) -> ChainEnd | None:
    """Where the chain stood before the first segment that is still here; None where nothing ever left."""
    files = segment_files(folder)
    first_seq = int(files[0].stem) if files else 0
    for record in sorted(folder.glob("*.gone"), reverse=True):
        gone = msgspec.json.decode(record.read_bytes(), type=Gone)
        if gone.last_seq < first_seq:  # a cut may have come between a record and its segment's leaving
            return ChainEnd(gone.last_epoch, gone.last_seq, bytes.fromhex(gone.last_hash))
    return None


def removable(folder: Path, held: Held, keep_days: int, now_ms: int) -> tuple[list[Path], str]:
    """The segments that may leave, oldest first, and why the next one stays."""
    files = segment_files(folder)
    needed = _needed_from(files, held)
    leaving: list[Path] = []
    for path in files[:-1]:
        segment = open_reader(path)
        try:
            why = _stays(segment, held, needed, now_ms - keep_days * _DAY_MS)
        finally:
            segment.connection.close()
        if why:
            return leaving, f"{path.name} stays: {why}"
        leaving.append(path)
    return leaving, f"{files[-1].name} stays: it is the newest" if files else "there is no journal"


def compact(folder: Path, path: Path, now_ms: int, *, delete: bool) -> Gone:
    """Let one removable segment leave: verified, and its record durable, before its file goes.

    Raises JournalUnavailableError, where it is damaged or somebody still reads it.
    """
    with translate(f"moving {path.name} out"):
        gone = _settled(folder, path, now_ms)
        record = path.with_suffix(".gone")
        building = path.with_suffix(".gone-building")
        with building.open("wb") as file:
            file.write(msgspec.json.encode(gone))
            file.flush()
            os.fsync(file.fileno())
        building.rename(record)
        sync_folder(folder)
        if delete:
            path.unlink()
        else:
            (folder / ARCHIVE).mkdir(exist_ok=True, mode=0o700)
            path.rename(folder / ARCHIVE / path.name)
            sync_folder(folder / ARCHIVE)
        sync_folder(folder)
        for older in sorted(folder.glob("*.gone")):  # only the newest says where the rest begins
            if older != record:
                older.unlink()
    return gone


def _settled(folder: Path, path: Path, now_ms: int) -> Gone:
    """One file without a log beside it, whole and as it was written."""
    segment = open_writer(path)
    try:
        segment.connection.execute("pragma wal_checkpoint(truncate)")
        before = begins_after(folder)
        end = verify_segment(segment, before)
        sealed_ms = segment.connection.execute("select sealed_ms from seal").get
        if segment.connection.execute("pragma journal_mode=delete").get != "delete":
            raise JournalUnavailableError("disk-error", f"{path.name} is being read; try again")
    finally:
        segment.connection.close()
    return Gone(segment.head.first_seq, end.epoch, end.seq, end.hash.hex(), sealed_ms, now_ms)


def _stays(segment: Segment, held: Held, needed: int, older_than_ms: int) -> str:
    """Why a segment may not leave; empty if it may."""
    if not segment.sealed:
        return "it is not sealed"
    end = end_of(segment)
    place = (end.epoch, end.seq)
    sealed_ms = segment.connection.execute("select sealed_ms from seal").get
    if sealed_ms > older_than_ms:
        return "it is not old enough"
    if held.hub < place:
        return "the hub has not acknowledged all of it"
    if end.seq >= needed:
        return "the till still needs it"
    if held.exported_seq is not None and held.exported_seq < end.seq:
        return "it was not exported"
    if held.relay < place and not _copied(segment, end, held.copy):
        return "there is no second copy of it (a relay, or the second medium)"
    return ""


def _copied(segment: Segment, end: ChainEnd, copy: Path | None) -> bool:
    """Whether the second copy's segment is sealed and ends on the same hash."""
    if copy is None or not (copy / segment.path.name).is_file():
        return False
    try:
        other = open_reader(copy / segment.path.name)
    except (JournalUnavailableError, apsw.Error):
        return False
    try:
        return other.sealed and end_of(other) == end
    except apsw.Error:
        return False
    finally:
        other.connection.close()


def _needed_from(files: list[Path], held: Held) -> int:
    """The oldest seq that the till needs to go on with its numbers, its day and its parked carts."""
    missing = set(_NEEDED)
    needed = [held.parked_seq] if held.parked_seq is not None else []
    for path in reversed(files):
        segment = open_reader(path)
        try:
            for kind in sorted(missing):
                seq = segment.connection.execute("select max(seq) from fact where kind = ?", (kind,)).get
                if seq is not None:
                    missing.discard(kind)
                    needed.append(seq)
        finally:
            segment.connection.close()
        if not missing:
            break
    return min(needed, default=0)
