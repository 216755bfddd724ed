"""`tresen backup`: everything this till alone knows, in one file with checksums, taken while it sells."""

import hashlib
import io
import re
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import apsw
import msgspec

from pos.journal.errors import translate

__all__ = ["BackupError", "Manifest", "check_backup", "read_backup", "write_backup"]

# The hub of a shop with one till first: it may hold less than the journal, then it gets the rest again.
_DATABASES: Final = ("hub.db", "journal/*.journal", "state.db", "people.db", "buyers.db")
# The articles' file is never written again once it has its name, and its digest is over its very bytes.
_FILES: Final = ("journal/*.gone", "catalogue.db", "settings.toml", "keys/*", "mappings/*.toml")
_NAMES: Final = re.compile(
    r"journal/[0-9]+\.(journal|gone)|(hub|state|people|buyers|catalogue)\.db|settings\.toml"
    r"|(keys|mappings)/[A-Za-z0-9_][A-Za-z0-9._-]*"
)
_MANIFEST: Final = "manifest.json"
_CHUNK: Final = 1024 * 1024


class BackupError(Exception):
    """A backup could not be made, does not hold what it says, or could not be restored."""


class Manifest(msgspec.Struct):
    """What a backup holds: when it was made (ms since 1970 UTC), and the SHA-256 of each file."""

    format: int
    made_ms: int
    files: dict[str, str]


def write_backup(state: Path, target: Path, made_ms: int) -> int:
    """Copy journal, state, people, buyers, articles, keys, settings and the hub that runs here to `target` (tar).

    Returns the number of files.

    Databases are copied by SQLite's own backup, so that each is whole while the till writes on. The
    target appears under its name only when it is complete.
    """
    if target.exists() and not target.is_file():
        raise BackupError(f"{target} is no ordinary file; name a new one, or a backup to replace")
    if not target.parent.is_dir():
        raise BackupError(f"there is no folder {target.parent} for the backup; is the medium mounted?")
    building = target.with_name(target.name + ".part")
    digests: dict[str, str] = {}
    try:
        with (
            translate("making the backup"),
            tempfile.TemporaryDirectory(dir=target.parent) as scratch,
            tarfile.open(building, "w") as archive,
        ):
            for pattern in _DATABASES:
                for path in sorted(state.glob(pattern)):
                    copy = Path(scratch) / path.name
                    _copy_database(path, copy)
                    digests[str(path.relative_to(state))] = _add(archive, str(path.relative_to(state)), copy)
                    copy.unlink()
            for pattern in _FILES:
                for path in sorted(path for path in state.glob(pattern) if path.is_file()):
                    digests[str(path.relative_to(state))] = _add(archive, str(path.relative_to(state)), path)
            if not any(name.endswith(".journal") for name in digests):
                raise BackupError(f"there is no journal in {state}")
            manifest = msgspec.json.encode(Manifest(1, made_ms, digests))
            _add_stream(archive, _MANIFEST, io.BytesIO(manifest), len(manifest))
        building.chmod(0o600)
        building.replace(target)
    finally:
        building.unlink(missing_ok=True)
    return len(digests)


def check_backup(path: Path) -> list[str]:
    """The names of the files in a backup, each compared with its checksum; raises BackupError."""
    for _ in read_backup(path):
        pass
    return sorted(manifest_of(path).files)


def manifest_of(path: Path) -> Manifest:
    """Raises BackupError."""
    try:
        with tarfile.open(path) as archive:
            return _manifest(archive, path)
    except (tarfile.TarError, KeyError, OSError, ValueError) as error:
        raise BackupError(_unreadable(path, error)) from error


def read_backup(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file, in pieces of at most 1 MiB; an empty piece follows each file's last.

    Raises BackupError, at the latest with a file's last piece, where something is not as it was saved.
    """
    try:
        with tarfile.open(path) as archive:
            for name, digest in _manifest(archive, path).files.items():
                content = archive.extractfile(name) if _NAMES.fullmatch(name) else None
                if content is None:
                    raise BackupError(f"{path}: {name} does not belong into a backup")
                hasher = hashlib.sha256()
                while piece := content.read(_CHUNK):
                    hasher.update(piece)
                    yield name, piece
                if hasher.hexdigest() != digest:
                    raise BackupError(f"{path}: {name} is not what was saved")
                yield name, b""
    except (tarfile.TarError, KeyError, OSError, ValueError) as error:
        raise BackupError(_unreadable(path, error)) from error


def _unreadable(path: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{path}: {error.strerror}"
    return f"{path} is no backup of a till, or a damaged one; nothing was done with it"


def _manifest(archive: tarfile.TarFile, path: Path) -> Manifest:
    member = archive.extractfile(_MANIFEST)
    if member is None:
        raise BackupError(f"{path}: no manifest")
    manifest = msgspec.json.decode(member.read(), type=Manifest)
    if manifest.format != 1:
        raise BackupError(f"{path}: of format {manifest.format}; this software knows 1")
    return manifest


def _copy_database(source: Path, target: Path) -> None:
    reader = apsw.Connection(f"file:{source}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    reader.set_busy_timeout(5_000)
    writer = apsw.Connection(str(target))
    at_once = (
        200 if reader.pragma("journal_mode") == "wal" else -1
    )  # the hub's log would begin it anew each time
    with writer.backup("main", reader, "main") as copying:
        while not copying.done:
            copying.step(at_once)
    writer.execute("pragma journal_mode=delete")
    writer.close()
    reader.close()


def _add(archive: tarfile.TarFile, name: str, path: Path) -> str:
    """Put a file into the archive; returns its SHA-256."""
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        size = content.tell()
        content.seek(0)
        _add_stream(archive, name, content, size)
    return digest


def _add_stream(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o600
    archive.addfile(info, content)
