"""A machine's disk whose power can go at any write, for real SQLite connections and the till's own code.

Files stand in a real folder, so everything that takes a path works. What is written there is what a running
machine sees (the page cache); beside it a `Platter` keeps what is on the medium. `crash` builds the folder
that the machine finds when it starts again: new files in a new place, so that nothing left open from before
can touch them. Python's own os.rename, os.replace, os.unlink and os.fsync of a folder are part of the model;
files that Python writes itself count as durable at once, and so do new folders.
"""

import contextlib
import errno
import os
import random
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.simulation import patched_os, patched_vfs
from tests.simulation.patched_vfs import IOERR, OpenFile
from tests.simulation.platter import Platter, Survival

__all__ = ["Disk", "PowerCut", "Survival", "ram_folder"]

FULL = 13
_WRITE_FAILED, _SYNC_FAILED, _FOLDER_SYNC_FAILED = IOERR | 3 << 8, IOERR | 4 << 8, IOERR | 5 << 8
_TRUNCATE_FAILED, _DELETE_FAILED = IOERR | 6 << 8, IOERR | 10 << 8
DRAIN_AFTER = 64
_disks: list["Disk"] = []
_lock = threading.RLock()


class PowerCut(OSError):  # noqa: N818 - it is no error of ours
    """Raised where Python's own calls meet a disk without power. SQLite's callers see its I/O error."""

    def __init__(self) -> None:
        super().__init__(errno.EIO, "the power is gone")


@contextlib.contextmanager
def ram_folder() -> Iterator[Path]:
    """A folder in memory where there is one: nothing here needs a real disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder).resolve()


class Disk:
    """One machine's disk. `lying`: a sync does nothing; the newest DRAIN_AFTER changes are always at risk."""

    def __init__(self, parent: Path, name: str, rng: random.Random, *, lying: bool = False) -> None:
        self._parent = parent.resolve()
        self._name = name
        self._rng = rng
        self._lying = lying
        self._generation = 0
        self._platter = Platter()
        self._cut: int | None = None
        self._failing: list[str] = []
        self._fail_after = 0
        self._under_way: Callable[[], None] | None = None
        self.writes = 0
        self.syncs = 0
        self.bytes_written = 0
        self.steps = 0  # everything that a cut can fall on
        self.dead = False
        self.folder = self._new_folder()
        self._prefix = f"{self.folder}/"
        if not _disks:
            patched_vfs.watch(_disk_of)
            patched_vfs.seed(rng.getrandbits(64))
            patched_os.watch(_disk_of)
        _disks.append(self)

    # -- faults

    def cut_after(self, n: int | None) -> None:
        """The power goes at the n-th write, truncation, sync, unlink or rename from now on; None: not at all."""
        assert n is None or n > 0
        self._cut = n

    def fail(self, kind: str, count: int = 1, *, after: int = 0) -> None:
        """The next `count` calls fail, after `after` of them: "write" or "sync" with an I/O error, "full" for a
        write that finds no room. After a failed sync only part of what it should have synced is on the medium,
        and no later sync brings the rest there. `count` 0 ends it.
        """
        assert kind in {"write", "sync", "full"}
        self._failing = [kind] * count
        self._fail_after = after

    @property
    def failing(self) -> bool:
        """Whether faults are still to come."""
        return bool(self._failing)

    def cut(self) -> None:
        """The power goes now."""
        self.dead = True
        for file in patched_vfs.open_files(self):
            file.die()

    # -- what comes after

    def crash(self, survival: Survival | None = None) -> Path:
        """The power went (now, if it had not); returns the folder that the machine finds when it is on again."""
        self.cut()
        new = self.survivors(survival)
        self._platter = Platter()
        self._begin_at(new)
        return new

    def survivors(self, survival: Survival | None = None) -> Path:
        """A new folder as a cut at this moment might leave it; the disk itself goes on. For many looks at one cut."""
        if self._under_way is not None:
            self._under_way()
            self._under_way = None
        image = self._platter.image(self._rng, survival)
        old, known = self.folder, self._platter.known
        new = self._new_folder()
        for path in self._walk(old):
            if path not in known:
                image[path] = None
        for path, content in image.items():
            target = new / path
            if content is None:
                _copy(old / path, target)
            else:
                _write(target, content)
        return new

    def kill(self) -> Path:
        """The processes died and the machine runs on: nothing is lost, nothing more is synced."""
        self.cut()
        old, new = self.folder, self._new_folder()
        for path in self._walk(old):
            _copy(old / path, new / path)
        self._begin_at(new)
        return new

    def close(self) -> None:
        """Forget this disk; its files stay."""
        with _lock:
            for file in patched_vfs.open_files(self):
                file.release()
            if self in _disks:
                _disks.remove(self)
                if not _disks:
                    patched_vfs.restore()
                    patched_os.restore()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open_files(self) -> list[OpenFile]:
        """What SQLite has open here."""
        return patched_vfs.open_files(self)

    @property
    def unsynced(self) -> int:
        """Changes that a cut could lose now."""
        return self._platter.unsynced

    # -- what SQLite does (patched_vfs.Watcher)

    def on_open(self, path: str, *, existed: bool) -> int:
        name = self._relative(path)
        number = self._platter.number(name)
        if number is not None:
            return number
        return self._platter.found(name) if existed else self._platter.created(name)

    def on_write(self, file: OpenFile, offset: int, data: bytes) -> int:
        with _lock:
            changes = file.changes
            if changes is None or self.dead or self._cut is not None or self._failing or self._lying:
                return self._write_with_care(file, offset, data)
            self.writes += 1
            self.steps += 1
            self.bytes_written += len(data)
            platter = self._platter
            platter.stamp += 1
            changes.append((platter.stamp, offset, data))
            return 0

    def _write_with_care(self, file: OpenFile, offset: int, data: bytes) -> int:
        """A first write, or one of a disk with which something is going on."""
        if self._platter.needs_base(file.number):
            self._platter.base(file.number, file.content())
        file.changes = self._platter.changes(file.number)
        if self._fails("full"):
            return FULL
        if self._fails("write"):
            return _WRITE_FAILED
        self.writes += 1
        self.bytes_written += len(data)
        return 0 if self._change(self._platter.write, file.number, offset, data) else _WRITE_FAILED

    def on_truncate(self, file: OpenFile, size: int) -> int:
        with _lock:
            if self._platter.needs_base(file.number):
                self._platter.base(file.number, file.content())
            return 0 if self._change(self._platter.truncate, file.number, size) else _TRUNCATE_FAILED

    def on_sync(self, file: OpenFile) -> int:
        with _lock:
            if self._fails("sync"):
                self._platter.lose_sync(file.number, self._rng)
                return _SYNC_FAILED
            if not self._sync(lambda: self._platter.sync(file.number)):
                return _SYNC_FAILED
            if file.log:
                file.log = False
                folder = self._relative(file.path).rpartition("/")[0]
                if not self._sync(lambda: self._platter.sync_folder(folder)):
                    return _FOLDER_SYNC_FAILED
            return 0

    def on_delete(self, path: str) -> int:
        with _lock:
            if self.dead:
                return _DELETE_FAILED
            name = self._relative(path)
            self._know(name)
            if self._step():
                return 0
            self._under_way = lambda: self._platter.unlink(name)
            return _DELETE_FAILED

    def on_deleted(self, path: str, *, synced: bool) -> int:
        with _lock:
            name = self._relative(path)
            self._platter.unlink(name)
            folder = name.rpartition("/")[0]
            if synced and not self._sync(lambda: self._platter.sync_folder(folder)):
                return _FOLDER_SYNC_FAILED
            return 0

    # -- what Python does

    def on_rename(self, old: str, new: str, act: Callable[[], None]) -> None:
        with _lock:
            if self.dead:
                raise PowerCut
            names = self._relative(old), self._relative(new)
            self._know(names[0])
            if os.path.exists(new):  # noqa: PTH110
                self._know(names[1])
            if not self._step():
                self._under_way = lambda: self._platter.rename(*names)
                raise PowerCut
            act()
            self._platter.rename(*names)

    def on_unlink(self, path: str, act: Callable[[], None]) -> None:
        if not os.path.exists(path) or path.endswith("-shm"):  # noqa: PTH110
            act()
            return
        if self.on_delete(path):
            raise PowerCut
        act()
        self.on_deleted(path, synced=False)

    def on_fsync(self, path: str) -> None:
        with _lock:
            folder = self._relative(path) if os.path.isdir(path) else None  # noqa: PTH112
            if not self._sync(lambda: None if folder is None else self._platter.sync_folder(folder)):
                raise PowerCut

    # -- inside

    def holds(self, path: str) -> bool:
        return path.startswith(self._prefix) or path == self._prefix[:-1]

    def _step(self) -> bool:
        """One more chance for the power to go; False when it went."""
        if self.dead:
            return False
        self.steps += 1
        if self._lying:
            self._platter.drain(DRAIN_AFTER)
        if self._cut is not None:
            self._cut -= 1
            if self._cut == 0:
                self._cut = None
                self.cut()
                return False
        return True

    def _change(self, change: Callable[..., None], *arguments: Any) -> bool:
        """A write or truncation; one that the cut falls on may have happened, unless only the process died."""
        if self._step():
            change(*arguments)
            return True
        self._under_way = lambda: change(*arguments)
        return False

    def _sync(self, make_durable: Callable[[], None]) -> bool:
        self.syncs += 1
        if not self._step():
            return False
        if not self._lying:
            make_durable()
        return True

    def _fails(self, kind: str) -> bool:
        if not self._failing or self._failing[0] != kind or self.dead:
            return False
        if self._fail_after:
            self._fail_after -= 1
            return False
        self._failing.pop()
        return True

    def _know(self, name: str) -> None:
        """Keep the content of a file that is about to lose its name."""
        number = self._platter.number(name)
        if number is None:
            number = self._platter.found(name)
        if self._platter.needs_base(number):
            self._platter.base(number, (self.folder / name).read_bytes())

    def _relative(self, path: str) -> str:
        return path[len(self._prefix) :]

    def _new_folder(self) -> Path:
        self._generation += 1
        folder = self._parent / f"{self._name}.{self._generation}"
        folder.mkdir(parents=True)
        return folder

    def _begin_at(self, folder: Path) -> None:
        """The old folder is forgotten: what is still open there stays dead."""
        old, self.folder = self.folder, folder
        self._prefix = f"{folder}/"
        for file in patched_vfs.open_files(self):
            file.watcher = _nobody
        shutil.rmtree(old)
        self.dead = False
        self._cut = None
        self._failing = []
        self._under_way = None

    @staticmethod
    def _walk(folder: Path) -> list[str]:
        """All files, relative to the folder, without shared memory; in order of their names."""
        found: list[str] = []
        for place, folders, names in os.walk(folder):
            folders.sort()
            base = os.path.relpath(place, folder)
            found += [
                name if base == "." else f"{base}/{name}"
                for name in sorted(names)
                if not name.endswith("-shm")
            ]
        return found


class _Nobody:
    """The watcher of files that a crash left open."""

    dead = True

    def __getattr__(self, _name: str) -> Any:
        return lambda *_args, **_options: IOERR


_nobody: Any = _Nobody()


def _disk_of(path: str) -> Disk | None:
    for disk in _disks:
        if disk.holds(path):
            return disk
    return None


def _copy(source: Path, target: Path) -> None:
    _write(target, source.read_bytes())
    target.chmod(source.stat().st_mode & 0o777)


def _write(target: Path, content: bytes) -> None:
    try:
        target.write_bytes(content)
    except FileNotFoundError:
        target.parent.mkdir(parents=True)
        target.write_bytes(content)
