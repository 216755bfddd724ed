"""Puts Python between SQLite and the file system, for real and unmodified users of SQLite.

The "unix" VFS of each SQLite library in this process (apsw's own, and the one the standard library's sqlite3
links) stays as it is, with its locks and shared memory. Its xOpen and xDelete are replaced; a file under a
watched folder gets a copy of its method table in which write, truncate, sync and close come here first.
"""

import _sqlite3
import atexit
import ctypes
import os
import random
from collections.abc import Callable
from typing import Any, Protocol

import apsw

__all__ = ["OpenFile", "Watcher", "open_files", "restore", "seed", "watch"]

IOERR = 10
_OPEN_CREATE, _OPEN_DELETE_ON_CLOSE = 0x4, 0x8
_OPEN_LOGS = (
    0x800 | 0x4000 | 0x80000
)  # rollback journal, super-journal, WAL: their folder is synced with them
_CANNOT_OPEN = 14
_READ_FAILED, _LOCK_FAILED = IOERR | 1 << 8, IOERR | 15 << 8


class Watcher(Protocol):
    """Hears what SQLite does to the files below a folder. Each answers with SQLite's result code; 0: go on."""

    dead: bool

    def on_open(self, path: str, *, existed: bool) -> int:
        """A file was opened; returns the number by which it is named from now on."""
        ...

    def on_write(self, file: "OpenFile", offset: int, data: bytes) -> int: ...
    def on_truncate(self, file: "OpenFile", size: int) -> int: ...
    def on_sync(self, file: "OpenFile") -> int: ...
    def on_delete(self, path: str) -> int: ...
    def on_deleted(self, path: str, *, synced: bool) -> int: ...


class _Vfs(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("path_max", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        *(
            (name, ctypes.c_void_p)
            for name in (
                *("open", "delete", "access", "full_path", "dl_open", "dl_error", "dl_symbol", "dl_close"),
                "randomness",
            )
        ),
    )


class _Methods(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        *(
            (name, ctypes.c_void_p)
            for name in (
                *("close", "read", "write", "truncate", "sync", "size", "lock", "unlock", "reserved"),
                *("control", "sector", "traits", "shm_map", "shm_lock", "shm_barrier", "shm_unmap"),
                *("fetch", "unfetch"),
            )
        ),
    )


_P, _I, _I64 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
_Open = ctypes.CFUNCTYPE(_I, _P, _P, _P, _I, _P)
_Delete = ctypes.CFUNCTYPE(_I, _P, _P, _I)
_Random = ctypes.CFUNCTYPE(_I, _P, _I, _P)
_Close = ctypes.CFUNCTYPE(_I, _P)
# These hold the interpreter: nothing else of this process runs between a write and its record.
_Transfer = ctypes.PYFUNCTYPE(_I, _P, _P, _I, _I64)
_Truncate = ctypes.PYFUNCTYPE(_I, _P, _I64)
_Flag = ctypes.PYFUNCTYPE(_I, _P, _I)
_Size = ctypes.PYFUNCTYPE(_I, _P, _P)


class _Table:
    """One of SQLite's method tables, with its watched copy and the copy for a disk that is dead."""

    def __init__(self, address: int) -> None:
        original = _Methods.from_address(address)
        self.address = address
        self.close = _Close(original.close)
        self.read = _Transfer(original.read)
        self.write = _Transfer(original.write)
        self.truncate = _Truncate(original.truncate)
        self.size = _Size(original.size)
        self.watched = _Methods.from_buffer_copy(original)
        self.dead = _Methods.from_buffer_copy(original)
        for name, callback in _WATCHED.items():
            setattr(self.watched, name, ctypes.cast(callback, _P).value)
        for name, callback in _DEAD.items():
            setattr(self.dead, name, ctypes.cast(callback, _P).value)


class OpenFile:
    """One open file of SQLite's. `log`: a journal or WAL that is new, so that its first sync syncs its folder.

    `changes`: where the watcher notes writes, once it knows; None: it must be asked with the file's content at hand.
    """

    __slots__ = ("changes", "log", "number", "path", "pointer", "table", "watcher")

    def __init__(self, pointer: int, table: _Table, watcher: Watcher, path: str) -> None:
        self.pointer = pointer
        self.table = table
        self.watcher = watcher
        self.path = path
        self.number = 0
        self.log = False
        self.changes: list[tuple[int, int, bytes | None]] | None = None

    def content(self) -> bytes:
        """All of it, read by SQLite's own handle: opening and closing another one would drop its locks."""
        size = ctypes.c_int64()
        self.table.size(self.pointer, ctypes.addressof(size))
        buffer = ctypes.create_string_buffer(max(1, size.value))
        self.table.read(self.pointer, ctypes.addressof(buffer), size.value, 0)
        return buffer.raw[: size.value]

    def die(self) -> None:
        """From now on every call fails."""
        _set_methods(self.pointer, ctypes.addressof(self.table.dead))

    def release(self) -> None:
        """From now on nobody watches."""
        _set_methods(self.pointer, self.table.address)


_files: dict[int, OpenFile] = {}
_tables: dict[int, _Table] = {}
_patched: list[tuple[_Vfs, dict[str, int]]] = []
_keep: list[Any] = []
_random = random.Random()


def open_files(watcher: Watcher) -> list[OpenFile]:
    """The files that SQLite has open below this watcher's folder."""
    return [file for file in _files.values() if file.watcher is watcher]


def watch(find: Callable[[str], Watcher | None]) -> None:
    """Replace xOpen and xDelete in both libraries; `find` says who watches a path."""
    if _patched:
        return
    for vfs in {ctypes.addressof(vfs): vfs for vfs in (_of_apsw(), _of_standard_library())}.values():
        _patch(vfs, find)


def restore() -> None:
    """Take everything back; files that are open are nobody's business any more."""
    for file in _files.values():
        file.release()
    _files.clear()
    while _patched:
        vfs, before = _patched.pop()
        for name, address in before.items():
            setattr(vfs, name, address)
    # A thread may be inside a callback: `_keep` is never emptied.


def seed(value: int) -> None:
    """SQLite's own chance (the salts of a WAL) begins anew from here, in both libraries."""
    _random.seed(value)
    apsw.randomness(0)
    _library().sqlite3_randomness(0, None)


atexit.register(restore)


def _of_apsw() -> _Vfs:
    pointer = ctypes.c_void_p()
    connection = apsw.Connection(":memory:", vfs="unix")
    connection.file_control("main", apsw.SQLITE_FCNTL_VFS_POINTER, ctypes.addressof(pointer))
    connection.close()
    assert pointer.value
    return _Vfs.from_address(pointer.value)


def _library() -> ctypes.CDLL:
    """The standard library's SQLite: its own symbols, or those of the library that it links."""
    return ctypes.CDLL(_sqlite3.__file__)


def _of_standard_library() -> _Vfs:
    find = _library().sqlite3_vfs_find
    find.restype, find.argtypes = ctypes.c_void_p, (ctypes.c_char_p,)
    address = find(b"unix")
    assert address
    return _Vfs.from_address(address)


def _patch(vfs: _Vfs, find: Callable[[str], Watcher | None]) -> None:
    assert vfs.name == b"unix"
    open_, delete = _Open(vfs.open), _Delete(vfs.delete)

    def on_open(own: int, name: int | None, file: int, flags: int, out_flags: int | None) -> int:
        watcher = None
        if name and not flags & _OPEN_DELETE_ON_CLOSE:
            path = os.fsdecode(ctypes.string_at(name))
            watcher = find(path)
        if watcher is None:
            return int(open_(own, name, file, flags, out_flags))
        if watcher.dead:
            _set_methods(file, 0)
            return _CANNOT_OPEN
        existed = os.path.exists(path)  # noqa: PTH110 - called for every file
        code = int(open_(own, name, file, flags, out_flags))
        if code == 0:
            opened = OpenFile(file, _table(file), watcher, path)
            opened.number = watcher.on_open(path, existed=existed)
            opened.log = not existed and bool(flags & _OPEN_CREATE) and bool(flags & _OPEN_LOGS)
            _files[file] = opened
            _set_methods(file, ctypes.addressof(opened.table.watched))
        return code

    def on_delete(own: int, name: int, sync: int) -> int:
        path = os.fsdecode(ctypes.string_at(name))
        watcher = find(path)
        if watcher is None:
            return int(delete(own, name, sync))
        if not os.path.exists(path):  # noqa: PTH110
            return int(delete(own, name, 0))
        code = watcher.on_delete(path) or int(delete(own, name, 0))
        return code or watcher.on_deleted(path, synced=bool(sync))

    def on_randomness(_own: int, size: int, buffer: int) -> int:
        ctypes.memmove(buffer, _random.randbytes(size), size)
        return size

    callbacks = {"open": _Open(on_open), "delete": _Delete(on_delete), "randomness": _Random(on_randomness)}
    _keep.extend((open_, delete, callbacks))
    _patched.append((vfs, {name: getattr(vfs, name) for name in callbacks}))
    for name, callback in callbacks.items():
        setattr(vfs, name, ctypes.cast(callback, _P).value)


def _table(file: int) -> _Table:
    address = ctypes.c_void_p.from_address(file).value
    assert address
    if address not in _tables:
        _tables[address] = _Table(address)
    return _tables[address]


def _set_methods(file: int, address: int) -> None:
    ctypes.c_void_p.from_address(file).value = address or None


def _on_close(pointer: int) -> int:
    file = _files.pop(pointer)
    return int(file.table.close(pointer))


def _on_write(pointer: int, buffer: int, amount: int, offset: int) -> int:
    file = _files[pointer]
    code = file.watcher.on_write(file, offset, ctypes.string_at(buffer, amount))
    return code or file.table.write(pointer, buffer, amount, offset)


def _on_truncate(pointer: int, size: int) -> int:
    file = _files[pointer]
    return file.watcher.on_truncate(file, size) or int(file.table.truncate(pointer, size))


def _on_sync(pointer: int, _flags: int) -> int:
    file = _files[pointer]
    return file.watcher.on_sync(file)  # whether it is really synced does not matter here


_WATCHED: dict[str, Any] = {
    "close": _Close(_on_close),
    "write": _Transfer(_on_write),
    "truncate": _Truncate(_on_truncate),
    "sync": _Flag(_on_sync),
}
_DEAD: dict[str, Any] = {
    "close": _WATCHED["close"],
    "read": _Transfer(lambda *_: _READ_FAILED),
    "write": _Transfer(lambda *_: IOERR | 3 << 8),
    "truncate": _Truncate(lambda *_: IOERR | 6 << 8),
    "sync": _Flag(lambda *_: IOERR | 4 << 8),
    "lock": _Flag(lambda *_: _LOCK_FAILED),
}
