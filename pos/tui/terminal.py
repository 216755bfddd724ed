"""A terminal that may vanish (a line cut, a window closed) without taking the till with it.

Textual writes on a thread of its own; a write that fails ends that thread, and everyone who writes afterwards waits
for ever: the till would neither end nor let go of its folder. So a failing write is a write that went nowhere.
"""

import sys
from typing import Any, TextIO

__all__ = ["LastingTerminal", "outlive_terminal"]


class LastingTerminal:
    """A text stream whose writes never fail; all else is the stream's own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def outlive_terminal() -> None:
    """From now on the screen's writes go to a terminal that may vanish. Call before the screen starts."""
    stream: Any = sys.__stderr__
    if stream is None or isinstance(stream, LastingTerminal):
        return
    setattr(sys, "__stderr__", LastingTerminal(stream))  # noqa: B010 - typed as final, and Textual reads it
