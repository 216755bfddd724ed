"""`tresen restore`: a backup becomes a till again, whole or not at all, and locked until its numbers begin anew."""

import os
import shutil
from pathlib import Path

import msgspec

from pos.journal.backup import BackupError, manifest_of, read_backup
from pos.journal.errors import translate
from pos.journal.reader import verify_journal
from pos.journal.segment import sync_folder
from pos.journal.standing import RESTORING, lock_text
from pos.journal.state import strip_restored

__all__ = ["Restored", "restore_backup"]


class Restored(msgspec.Struct, frozen=True):
    """What came back: the till, where its journal ends, and how many lines the dropped open cart had."""

    store: str
    till: str
    epoch: int
    seq: int
    sales: int
    made_ms: int
    cart_lines: int


def restore_backup(file: Path, state: Path) -> Restored:
    """Unpack a backup into a folder that holds no till. Raises BackupError, JournalUnavailableError.

    Everything is written, compared and synced beside its place first; the journal is moved last, and with it the
    till is there. Interrupted before, there is none, and the same call begins again. The open cart of the backup
    and its waiting receipts are dropped: since then the one may have been sold, and the others printed.
    """
    if (state / "journal").exists():
        raise BackupError(f"{state} holds a till already; a backup goes into a folder of its own")
    manifest = manifest_of(file)
    staging = state / RESTORING
    with translate("restoring the backup"):
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        if staging.exists():
            shutil.rmtree(staging)
        elif left := [
            path.name for path in state.iterdir() if path.name not in {"lock", "log", "lost+found"}
        ]:
            raise BackupError(
                f"{state} is not empty ({', '.join(sorted(left))}); give the till a folder of its own"
            )
        staging.mkdir(mode=0o700)
        sync_folder(state)  # from here on it is known that this is no till yet
        _unpack(file, staging)
        totals = verify_journal(staging / "journal")
        if totals.problems:
            raise BackupError(f"{file}: its journal is not clean: {totals.problems[0]}")
        lines = strip_restored(staging / "state.db", lock_text(totals.last_epoch, "till-restored"))
        _sync_all(staging)
        for path in sorted(staging.iterdir()):
            if path.name != "journal":
                _replace(path, state / path.name)
        sync_folder(state)
        (staging / "journal").rename(state / "journal")
        sync_folder(state)
        staging.rmdir()
    return Restored(
        totals.store, totals.till, totals.last_epoch, totals.last_seq, totals.sales, manifest.made_ms, lines
    )


def _unpack(file: Path, staging: Path) -> None:
    """Raises BackupError where a file is not what its checksum says."""
    handle = -1
    try:
        for name, piece in read_backup(file):
            if handle < 0:
                path = staging / name
                path.parent.mkdir(exist_ok=True, mode=0o700)
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            if piece:
                _write_all(handle, piece)
            else:
                os.close(handle)
                handle = -1
    finally:
        if handle >= 0:
            os.close(handle)
    if not (staging / "journal").is_dir():
        raise BackupError(f"{file}: there is no journal in it")


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _sync_all(staging: Path) -> None:
    """Every file and every folder, and for whom: who may read the state folder may read what came back."""
    owner = staging.parent.stat()
    for path in [*staging.rglob("*"), staging]:
        if os.geteuid() == 0:
            os.chown(path, owner.st_uid, owner.st_gid)
        _sync(path)


def _replace(source: Path, target: Path) -> None:
    """Move; what an earlier, interrupted call left under the name goes."""
    if target.is_dir():
        shutil.rmtree(target)
    source.rename(target)


def _sync(path: Path) -> None:
    """Make a file or a folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
