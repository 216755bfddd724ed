"""Where the facts leave the till: its open days, payments and transfers. One fold, kept in the journal's head and in the views."""

import msgspec

from pos.days import Days, follow_days
from pos.facts import Fact
from pos.payments import Payments, follow_payments
from pos.transfers import OpenTransfer, follow_transfers

__all__ = ["Standing", "follow_standing"]


class Standing(msgspec.Struct, frozen=True):
    days: Days = Days()
    payments: Payments = Payments()
    transfers: tuple[OpenTransfer, ...] = ()


def follow_standing(standing: Standing, fact: Fact, epoch: int, seq: int) -> Standing:
    """The standing after one more fact, which is at this place; the same object where nothing changed."""
    days = follow_days(standing.days, fact, epoch, seq)
    payments = follow_payments(standing.payments, fact, epoch)
    transfers = follow_transfers(standing.transfers, fact, epoch)
    if days is standing.days and payments is standing.payments and transfers is standing.transfers:
        return standing
    return Standing(days, payments, transfers)
