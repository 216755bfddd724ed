"""Who stands before the terminal, and what the card's bank says. This one does all by itself, in the times given."""

import asyncio
from typing import Literal

import msgspec

__all__ = ["Customer", "Timing"]


class Timing(msgspec.Struct):
    """In seconds. `card_s` until the card is there, `pin_s` and `host_s` after it; `reversal_s` is an automatic reversal.

    `t3_s` is how long an answer of the till may take.
    """

    card_s: float = 1.5
    pin_s: float = 1.5
    host_s: float = 1.0
    reversal_s: float = 4.0
    t3_s: float = 5.0
    patience_s: float = 120.0
    hang_s: float = 60.0
    step_s: float = 0.05


class Customer:
    """`card` is the one that is put in, `entry` 1 chip, 2 contactless. `says` is what the bank answers: 0 or a code."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.card = 0
        self.entry = 1
        self.cvm = 2
        self.says = 0
        self.stops = False

    async def card_given(self, minor: int) -> Literal["card", "stop"]:
        await asyncio.sleep(self.timing.card_s)
        return "stop" if self.stops else "card"

    async def pin_given(self) -> Literal["ok", "stop"]:
        await asyncio.sleep(self.timing.pin_s)
        return "ok"

    async def answer(self, minor: int) -> int:
        await asyncio.sleep(self.timing.host_s)
        return self.says
