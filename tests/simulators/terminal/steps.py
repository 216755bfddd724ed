"""Steps of the conversation: every message in either direction is one, and a script may act on it."""

import enum
from collections.abc import Callable

import msgspec

__all__ = ["Act", "Script", "Step"]


class Act(enum.Enum):
    """What befalls a message, and the line with it. PASS: nothing."""

    PASS = "pass"
    LOSE = "lose"  # this message never arrives
    CUT = "cut"  # it never arrives, and the line ends, seen by both
    CUT_AFTER = "cut-after"  # it arrives, then the line ends
    DEAD = "dead"  # it never arrives, nor does anything after it, and nobody is told
    TWICE = "twice"  # it arrives twice
    POWER = "power"  # the terminal's power goes before it is sent, or as soon as it is received


class Step(msgspec.Struct, frozen=True):
    """`number` counts from 0 in each command of the till, whose control field is `command`.

    `message` is what is sent, by its control field ("040F"), an intermediate status or an answer with what it is about
    ("04FF 0A", "8000 to 040F").
    """

    number: int
    command: str
    to_till: bool
    message: str
    data: bytes = b""


Script = Callable[[Step], Act | None]
