"""`tresen backup`: everything this till alone knows, in one file with checksums, taken while it sells."""

import hashlib
import io
import tarfile
import tempfile
from pathlib import Path

import apsw
import msgspec

from pos.journal.errors import translate

__all__ = ["BackupError", "check_backup", "write_backup"]

_DATABASES = ("journal/*.journal", "state.db", "people.db")
_FILES = ("settings.toml", "keys/*")
_MANIFEST = "manifest.json"


class BackupError(Exception):
    """A backup could not be made or does not hold what it says."""


class _Manifest(msgspec.Struct):
    format: int
    made_ms: int
    files: dict[str, str]


def write_backup(state: Path, target: Path, made_ms: int) -> int:
    """Copy journal, state, people, keys and settings to `target` (tar); returns the number of files.

    Databases are copied by SQLite's own backup, so that each is whole while the till writes on. The
    target appears under its name only when it is complete.
    """
    if target.exists() and not target.is_file():
        raise BackupError(f"{target} is no ordinary file; name a new one, or a backup to replace")
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
                    _add(archive, str(path.relative_to(state)), copy.read_bytes(), digests)
                    copy.unlink()
            for pattern in _FILES:
                for path in sorted(state.glob(pattern)):
                    _add(archive, str(path.relative_to(state)), path.read_bytes(), digests)
            if not any(name.startswith("journal/") for name in digests):
                raise BackupError(f"there is no journal in {state}")
            manifest = msgspec.json.encode(_Manifest(1, made_ms, digests))
            _add(archive, _MANIFEST, manifest, {})
        building.chmod(0o600)
        building.replace(target)
    finally:
        building.unlink(missing_ok=True)
    return len(digests)


def check_backup(path: Path) -> list[str]:
    """The names of the files in a backup, each compared with its checksum; raises BackupError."""
    try:
        with tarfile.open(path) as archive:
            member = archive.extractfile(_MANIFEST)
            if member is None:
                raise BackupError(f"{path}: no manifest")
            manifest = msgspec.json.decode(member.read(), type=_Manifest)
            for name, digest in manifest.files.items():
                content = archive.extractfile(name)
                if content is None or hashlib.sha256(content.read()).hexdigest() != digest:
                    raise BackupError(f"{path}: {name} is not what was saved")
    except (tarfile.TarError, KeyError, OSError, ValueError) as error:
        raise BackupError(f"{path}: not a readable backup ({error})") from error
    return sorted(manifest.files)


def _copy_database(source: Path, target: Path) -> None:
    reader = apsw.Connection(f"file:{source}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    reader.set_busy_timeout(5_000)
    writer = apsw.Connection(str(target))
    with writer.backup("main", reader, "main") as copying:
        while not copying.done:
            copying.step(200)
    writer.execute("pragma journal_mode=delete")
    writer.close()
    reader.close()


def _add(archive: tarfile.TarFile, name: str, content: bytes, digests: dict[str, str]) -> None:
    digests[name] = hashlib.sha256(content).hexdigest()
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o600
    archive.addfile(info, io.BytesIO(content))
