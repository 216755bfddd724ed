"""A new catalogue takes the old one's place in one step, or nothing changes.

The new file is built beside the old one, made durable, and renamed over it. A reader that has the old file open
keeps it until it looks again. One lock keeps imports and changes apart; who holds it clears what a killed one left.
"""

import errno
import fcntl
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pos.catalogue.schema import CATALOGUE_FILE, SCHEMA_VERSION
from pos.catalogue.seal import SEAL, chunks_of, digest_of

__all__ = ["CatalogueStorageError", "replacing_catalogue"]

LOCK_FILE = "catalogue.lock"


class CatalogueStorageError(Exception):
    """The new catalogue could not be put in place; the old one is as it was. The text is a sentence."""


@contextmanager
def replacing_catalogue(state: Path) -> Iterator[tuple[Path, Path]]:
    """Gives the path of the new file and of a scratch file; the body's normal end puts the new file in place.

    If the body made no new file nothing is replaced. Raises CatalogueStorageError; any error removes both files.
    """
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(state / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CatalogueStorageError(_sentence(error, state)) from error
    try:
        _take(lock, state)
        _sweep(state)
        _refuse_newer(state / CATALOGUE_FILE)
        new = state / f"{CATALOGUE_FILE}.new-{os.getpid()}"
        scratch = state / f"{CATALOGUE_FILE}.scratch-{os.getpid()}"
        try:
            yield new, scratch
            if new.exists():
                _put_in_place(new, state / CATALOGUE_FILE)
        except (OSError, sqlite3.OperationalError) as error:
            raise CatalogueStorageError(_sentence(error, state)) from error
        finally:
            _sweep(state)
    finally:
        os.close(lock)


def _take(lock: int, state: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise CatalogueStorageError(
            f"Another import or change of the catalogue in {state} is running; try again when it is done."
        ) from None


def _sweep(state: Path) -> None:
    """Remove unfinished files. Only the lock's holder may: they are its own or a dead one's."""
    for kind in ("new", "scratch"):
        for path in state.glob(f"{CATALOGUE_FILE}.{kind}-*"):
            with suppress(OSError):  # on a read-only disk; the write that follows says so
                path.unlink()


def _refuse_newer(path: Path) -> None:
    if not path.exists():
        return
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection,
    ):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise CatalogueStorageError(
                f"The catalogue {path} was made by a newer Tresen (version {version}, this one knows "
                f"{SCHEMA_VERSION}). Update Tresen, or move that file away."
            )


def _put_in_place(new: Path, target: Path) -> None:
    _seal(new)
    _sync(new)
    new.replace(target)
    _sync(target.parent)


def _seal(path: Path) -> None:
    """The file's digest into its own table, in the place of bytes that stand nowhere else in it."""
    stand_in = hashlib.sha256(f"a catalogue's seal {path} {path.stat().st_mtime_ns}".encode()).digest()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=OFF").close()
        connection.execute("PRAGMA synchronous=OFF").close()
        connection.execute(SEAL)
        connection.execute("INSERT OR REPLACE INTO seal VALUES (1, ?)", (stand_in,))
    digest, place = digest_of(chunks_of(path), stand_in)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(digest)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sentence(error: OSError | sqlite3.OperationalError, state: Path) -> str:
    number = error.errno if isinstance(error, OSError) else None
    words = str(error)
    if number in {errno.ENOSPC, errno.EDQUOT} or "disk is full" in words:
        return f"The disk is full: {state}. Nothing was changed; free some space and start again."
    if number in {errno.EROFS, errno.EACCES, errno.EPERM} or "readonly" in words or "unable to open" in words:
        return f"{state} cannot be written: it is read-only, or belongs to someone else. Nothing was changed."
    return f"{state} could not be written ({words}). Nothing was changed."
