"""One till per state folder: a second one is refused, with the first one's process id."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["StateFolderLock", "StateFolderLockedError", "StateFolderUnusableError"]


class StateFolderLockedError(Exception):
    """Another till runs on this state folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(
            f"Another till (process {holder}) is running on {folder}. "
            "Close it first, or give this one a folder of its own with --state."
        )


class StateFolderUnusableError(Exception):
    """The lock of a state folder cannot be taken at all."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"{path} cannot be opened ({error.strerror}), so it is not known whether another till runs here. "
            "Give this user the folder, or remove what stands in the way."
        )


class StateFolderLock:
    """Held for as long as the till runs; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._handle = -1

    def __enter__(self) -> Self:
        try:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            if error.errno == errno.EROFS:
                return self  # nothing can be written here, so two tills cannot write; the journal says why
            raise StateFolderUnusableError(self._path, error) from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._handle, 32).decode("ascii", "replace").strip() or "unknown"
            os.close(self._handle)
            self._handle = -1
            raise StateFolderLockedError(self._path.parent, holder) from None
        with contextlib.suppress(
            OSError
        ):  # who holds it is a courtesy; a full disk must not lock the till out
            os.ftruncate(self._handle, 0)
            os.pwrite(self._handle, f"{os.getpid()}\n".encode("ascii"), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
