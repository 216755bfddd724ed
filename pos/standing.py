"""Where the facts leave the till: its open days and its open payments. One fold, kept in the journal's head and in the views."""

import msgspec

from pos.days import Days, follow_days
from pos.facts import Fact
from pos.payments import Payments, follow_payments

__all__ = ["Standing", "follow_standing"]


class Standing(msgspec.Struct, frozen=True):
    days: Days = Days()
    payments: Payments = Payments()


def follow_standing(standing: Standing, fact: Fact, epoch: int, seq: int) -> Standing:
    """The standing after one more fact, which is at this place; the same object where nothing changed."""
    days = follow_days(standing.days, fact, epoch, seq)
    payments = follow_payments(standing.payments, fact, epoch)
    if days is standing.days and payments is standing.payments:
        return standing
    return Standing(days, payments)
