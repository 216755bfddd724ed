"""What makes a PIN a bad one. The rule is the same wherever one is chosen."""

from typing import Final

__all__ = ["DIGITS_MAX", "DIGITS_MIN", "pin_fault"]

DIGITS_MIN: Final = 4
DIGITS_MAX: Final = 12
_UP: Final = "01234567890123456789"
_DOWN: Final = _UP[::-1]


def pin_fault(pin: str, *, digits: int = DIGITS_MIN, number: str = "") -> str:
    """Why this may not be a PIN: "pin-length" (fewer than `digits`, too many, or no digits), "pin-trivial", or empty.

    Trivial: one digit over and over, digits that count up or down, and the operator's own `number`, alone, filled up with
    zeros or repeated.
    """
    if not (pin.isascii() and pin.isdigit() and max(DIGITS_MIN, digits) <= len(pin) <= DIGITS_MAX):
        return "pin-length"
    if len(set(pin)) == 1 or pin in _UP or pin in _DOWN:
        return "pin-trivial"
    repeated = number * (len(pin) // len(number)) if number else ""
    own = {number, number.zfill(len(pin)), number.ljust(len(pin), "0"), repeated}
    return "pin-trivial" if number and pin in own else ""
