"""The 8217 protocol of scales that weigh and reckon no price: `W` asks, the answer is a weight or a status.

STX weight CR        digits with a point; N behind them: a tare was taken off
STX ? status CR      bits: 0 moving, 1 overload, 2 below zero, 3 outside its zero range, 4 at zero, 5 net
"""

import re
from typing import Final

from drivers.scale.frames import CR
from drivers.scale.values import Conversation, ScaleTrouble, Step, Trouble, Weighing

__all__ = ["END", "conversation"]

END: Final = CR
_ASK: Final = b"W"
_ASKS: Final = 15
_REST_S: Final = 0.2
_WEIGHT: Final = re.compile(rb"\x02 {0,4}([0-9]{1,3}\.[0-9]{2,3})N?\r")
_STATUS: Final = re.compile(rb"\x02 {0,4}\?([\x00-\x7f])\r", re.DOTALL)


def conversation() -> Conversation:
    """One weighing: two answers in a row must agree, so that none of them is left over from an earlier question."""
    before: bytes | None = None
    trouble = Trouble.SILENT
    for _ in range(_ASKS):
        answer = yield Step(_ASK)
        if answer is None:
            before, trouble = None, Trouble.SILENT
            continue
        weighed = _WEIGHT.fullmatch(answer)
        if weighed is not None:
            if answer == before:
                return _weighing(weighed.group(1))
            before, trouble = answer, Trouble.MOVING
            continue
        before = None
        status = _STATUS.fullmatch(answer)
        if status is None:
            trouble = Trouble.UNCLEAR
            continue
        trouble = _trouble(status.group(1)[0])
        if trouble is not Trouble.MOVING:
            raise ScaleTrouble(trouble)
        yield Step(b"", wait_s=_REST_S, listen=False)
    raise ScaleTrouble(trouble)


def _weighing(digits: bytes) -> Weighing:
    found = Weighing(digits.decode())
    if not found.kilograms:
        raise ScaleTrouble(Trouble.ZERO)
    return found


def _trouble(bits: int) -> Trouble:
    """The gravest of what the status says."""
    for mask, trouble in (
        (0x01, Trouble.MOVING),
        (0x02, Trouble.OVERLOAD),
        (0x04, Trouble.NEGATIVE),
        (0x10, Trouble.ZERO),
    ):
        if bits & mask:
            return trouble
    return Trouble.FAULT
