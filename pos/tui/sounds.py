"""Three sounds for what happened; each also stands on the screen in words, and the same refusal twice with its count.
An alarm sounds again and again.
"""

from collections.abc import Callable, Sequence

from pos.domain import events as e
from pos.tui.timer import Later

__all__ = ["ALARM_EVERY_MS", "SOUNDS", "Alarm", "Sounds", "sound_of"]

SOUNDS = ("ok", "unknown", "blocked")
ALARM_EVERY_MS = 2_000

Sounds = Callable[[str], None]
"""Makes one of SOUNDS; returns at once and never raises."""

_NEWS = (e.DeviceChanged, e.HubChanged, e.ReceiptPrinting)
"""What happens without anyone at the till: it neither raises an alarm nor ends one."""


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


class Alarm:
    """Repeats the sound of a message of level `alarm` every 2 s, until the next command."""

    def __init__(self, sounds: Sounds, later: Later) -> None:
        self._sounds = sounds
        self._later = later
        self._message: e.Message | None = None
        self._sound = ""
        self._call_off: Callable[[], None] | None = None

    def heard(self, happened: Sequence[e.Event], message: e.Message | None, sound: str) -> str:
        """After each command: the sound to make now, given what it would be without alarms.

        While the till shows the very message that raised the alarm, there was no command but news.
        """
        if message is not None and message is self._message:
            return sound
        self.stop()
        grave = message is not None and message.level == "alarm"
        if not grave or all(isinstance(event, _NEWS) for event in happened):
            return sound
        self._message = message
        self._sound = sound if sound not in ("", "ok") else "blocked"
        self._wait()
        return self._sound

    def stop(self) -> None:
        self._message = None
        if self._call_off is not None:
            self._call_off()
            self._call_off = None

    def _wait(self) -> None:
        self._call_off = self._later(ALARM_EVERY_MS, self._again)

    def _again(self) -> None:
        if self._message is not None:
            self._sounds(self._sound)
            self._wait()
