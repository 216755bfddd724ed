"""Three sounds for what happened; each also stands on the screen in words."""

from collections.abc import Callable, Sequence

from pos.domain import events as e

__all__ = ["SOUNDS", "Sounds", "sound_of"]

SOUNDS = ("ok", "unknown", "blocked")

Sounds = Callable[[str], None]
"""Makes one of SOUNDS; returns at once and never raises."""


def sound_of(happened: Sequence[e.Event], message: Callable[[], e.Message | None]) -> str:
    """The gravest of what these events sound like; empty for silence."""
    if any(isinstance(event, e.CodeRefused) for event in happened):
        return "blocked"
    if any(isinstance(event, e.Refused) for event in happened):
        said = message()
        return "blocked" if said is None or said.level != "info" else ""
    if any(isinstance(event, e.OpenLineAdded) for event in happened):
        return "unknown"
    return "ok" if any(isinstance(event, e.LineAdded) for event in happened) else ""
