"""Shows the disks of a simulation what Python itself does to names: rename, replace, unlink, and fsync."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

__all__ = ["Watcher", "restore", "watch"]


class Watcher(Protocol):
    """Hears of a call before it happens and does it (`act`), or raises an OSError."""

    def on_rename(self, old: str, new: str, act: Callable[[], None]) -> None: ...
    def on_unlink(self, path: str, act: Callable[[], None]) -> None: ...
    def on_fsync(self, path: str) -> None: ...


_Find = Callable[[str], Watcher | None]
_originals: dict[str, Any] = {}


def watch(find: _Find) -> None:
    """Replace the functions of `os`, which pathlib calls too; `find` says who watches a path."""
    for names, watched in (
        (("rename", "replace"), _renaming),
        (("unlink", "remove"), _unlinking),
        (("fsync", "fdatasync"), _syncing),
    ):
        for name in names:
            _originals.setdefault(name, getattr(os, name))
            setattr(os, name, watched(_originals[name], find))


def restore() -> None:
    for name, original in _originals.items():
        setattr(os, name, original)


def _renaming(original: Callable[..., None], find: _Find) -> Callable[..., None]:
    def rename(source: Any, target: Any, **options: Any) -> None:
        watcher = None if options else find(os.fsdecode(target))
        if watcher is None:
            original(source, target, **options)
        else:
            watcher.on_rename(os.fsdecode(source), os.fsdecode(target), lambda: original(source, target))

    return rename


def _unlinking(original: Callable[..., None], find: _Find) -> Callable[..., None]:
    def unlink(path: Any, **options: Any) -> None:
        watcher = None if options else find(os.fsdecode(path))
        if watcher is None:
            original(path, **options)
        else:
            watcher.on_unlink(os.fsdecode(path), lambda: original(path))

    return unlink


def _syncing(original: Callable[..., None], find: _Find) -> Callable[..., None]:
    def fsync(handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        path = str(Path(f"/proc/self/fd/{number}").readlink())
        watcher = find(path)
        if watcher is None:
            original(handle)
        else:
            watcher.on_fsync(path)

    return fsync
