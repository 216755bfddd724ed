"""Why nobody answers, in words for people."""

import errno
import socket
from typing import Final

__all__ = ["reason_of"]

_WORDS: Final = {
    errno.ECONNREFUSED: "nothing listens there (connection refused)",
    errno.ECONNRESET: "the connection was cut",
    errno.EPIPE: "the connection was cut",
    errno.EHOSTUNREACH: "there is no way to that machine",
    errno.ENETUNREACH: "there is no network",
    errno.ETIMEDOUT: "no answer in time",
}


def reason_of(error: BaseException) -> str:
    """The system's own error behind a library's, in words and without numbers; never empty."""
    at: BaseException | None = error
    seen: list[BaseException] = []
    while at is not None and at not in seen:
        seen.append(at)
        at = at.__cause__ or at.__context__
    for found in reversed(seen):
        if isinstance(found, socket.gaierror):
            return "the name of that machine is not known"
        if isinstance(found, OSError) and found.errno is not None:
            return _WORDS.get(found.errno, found.strerror or type(found).__name__)
    if any(isinstance(found, TimeoutError) or "Timeout" in type(found).__name__ for found in seen):
        return "no answer in time"
    return str(error) or "the connection ended without an answer"
