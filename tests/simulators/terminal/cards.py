"""Cards that are put into the terminal. Their numbers are from the ranges that schemes give for tests."""

from typing import Final

import msgspec

from tests.simulators.terminal.wire import llvar

__all__ = ["CARDS", "TEST_TRACK", "Card", "masked"]


class Card(msgspec.Struct, frozen=True):
    """`column` is its place among the totals of the end of day: girocard, JCB, Mastercard, Amex, Visa, Diners, other."""

    brand: str
    number: str
    card_type: int
    payment_type: int
    aid: str
    label: str
    column: int
    sequence: int = 1


CARDS: Final = (
    Card("Mastercard", "5555555555554444", 6, 0x70, "A0000000041010", "MASTERCARD", 2),
    Card("girocard", "6725900123456784", 5, 0x70, "A00000035910100280", "girocard", 0),
    Card("VISA", "4111111111111111", 10, 0x60, "A0000000031010", "VISA CREDIT", 4),
    Card("V PAY", "4821999999999991", 13, 0x70, "A0000000032020", "V PAY", 4),
    Card("American Express", "378282246310005", 8, 0x60, "A00000002501", "AMERICAN EXPRESS", 3),
)

TEST_TRACK: Final = "5555555555554444D2912201000000000000"


def masked(number: str) -> bytes:
    """Field 22: everything but the last four digits is E; an odd number is filled up with F."""
    text = "E" * (len(number) - 4) + number[-4:]
    return llvar(bytes.fromhex(text + "F" * (len(text) % 2)))
