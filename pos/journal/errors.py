"""SQLite's errors as the one error the till understands, with the code of a sentence."""

import contextlib
import errno
from collections.abc import Iterator

import apsw

from pos.storage_ports import JournalUnavailableError

__all__ = ["SQLITE_MINIMUM", "check_sqlite", "translate"]

# From 3.7.0 to 3.51.2 a checkpoint racing a commit could corrupt a WAL file with several connections.
SQLITE_MINIMUM = (3, 51, 3)


def check_sqlite() -> None:
    """Raises JournalUnavailableError where the SQLite in use may corrupt a WAL file."""
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < SQLITE_MINIMUM:
        raise JournalUnavailableError("sqlite-too-old", f"SQLite {apsw.sqlite_lib_version()}")


@contextlib.contextmanager
def translate(what: str) -> Iterator[None]:
    """Turn apsw and OS errors into JournalUnavailableError, saying whether anything may have been kept."""
    try:
        yield
    except apsw.FullError as error:
        raise JournalUnavailableError("disk-full", f"{what}: {error}") from error
    except (apsw.ReadOnlyError, apsw.PermissionsError) as error:
        raise JournalUnavailableError("disk-read-only", f"{what}: {error}") from error
    except (apsw.CorruptError, apsw.NotADBError, apsw.ConstraintError) as error:
        raise JournalUnavailableError("journal-damaged", f"{what}: {error}") from error
    except apsw.CantOpenError as error:
        raise JournalUnavailableError("disk-read-only", f"{what}: {error}") from error
    except apsw.IOError as error:
        raise JournalUnavailableError("disk-error", f"{what}: {error}", stored=None) from error
    except apsw.Error as error:
        raise JournalUnavailableError("disk-error", f"{what}: {error}", stored=None) from error
    except OSError as error:
        raise JournalUnavailableError(_code_of(error), f"{what}: {error}", stored=None) from error


def _code_of(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk-full"
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return "disk-read-only"
    return "disk-error"
