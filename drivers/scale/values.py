"""One weighing as the scale told it, and why there is none."""

from collections.abc import Generator
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

__all__ = ["Conversation", "ScaleTrouble", "Step", "Trouble", "Weighing"]

KILOGRAM_DECIMALS: Final = 3


class Weighing(msgspec.Struct, frozen=True):
    """The digits as they came: net weight in kilograms with its point, unit price and amount in minor units.

    `unit_price` and `amount` are empty where the scale reckons no price.
    """

    weight: str
    unit_price: str = ""
    amount: str = ""

    @property
    def kilograms(self) -> Decimal:
        return Decimal(self.weight)


class Trouble(StrEnum):
    """Why there is no weight. None of these ever becomes a line."""

    MOVING = "moving"
    NEGATIVE = "negative"
    ZERO = "zero"  # nothing lies on it, or less than it may weigh
    OVERLOAD = "overload"
    NOT_MOVED = "not-moved"  # the same weighing was asked for again: the goods must be lifted first
    PRICE = "price"  # the scale refuses the unit price, or sends another one back
    CHECKSUM = "checksum"  # the scale wants proof of an approved program, and did not get it
    SILENT = "silent"  # no answer in time
    UNCLEAR = "unclear"  # answers that make no sense
    FAULT = "fault"  # the scale itself is at fault


class ScaleTrouble(Exception):  # noqa: N818 - it is an answer, not an error
    """A weighing that did not come about."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


class Step(msgspec.Struct, frozen=True):
    """What to do next in a conversation: wait so long, then send, then listen for one frame (if `listen`)."""

    send: bytes
    wait_s: float = 0.0
    listen: bool = True


Conversation = Generator[Step, bytes | None, Weighing]
"""Yields steps and is sent the frame that came, None where none came in time. Returns the weighing or raises ScaleTrouble."""
