"""Transfers whose money has not come yet: what follows from the facts alone, one after the other."""

from typing import Final

import msgspec

from pos.domain.tender import Tender
from pos.facts import Fact
from pos.sale_facts import Sale
from pos.transfer_facts import TransferGivenUp, TransferReceived

__all__ = ["OPEN_KIND", "SEEN_KIND", "OpenTransfer", "follow_transfers"]

OPEN_KIND: Final = "bank-transfer-qr"
"""The tender of a sale that was let go before its money came."""
SEEN_KIND: Final = "transfer"
"""The tender of a sale whose money somebody saw on the account."""


class OpenTransfer(msgspec.Struct, frozen=True, omit_defaults=True):
    """`amount_minor` is still to come; negative: the receipt was taken back after the money came, and the shop owes it.

    `number` is the receipt's, in `epoch`; 0 where money came for a part of a sale that was then paid otherwise.
    """

    reference: str
    amount_minor: int
    currency: str
    epoch: int
    number: int
    business_day: str


def follow_transfers(transfers: tuple[OpenTransfer, ...], fact: Fact, epoch: int) -> tuple[OpenTransfer, ...]:
    """The open transfers after one more fact of this epoch, oldest first."""
    if isinstance(fact, TransferReceived):
        return (
            tuple(_settled(one, fact) for one in transfers if not _done(one, fact))
            if transfers
            else transfers
        )
    if isinstance(fact, TransferGivenUp):
        return _given_up(transfers, fact, epoch)
    if not isinstance(fact, Sale) or fact.training:
        return transfers
    for tender in fact.tenders:
        known = any(one.reference == tender.reference for one in transfers)
        if tender.reference and (tender.kind == OPEN_KIND or (tender.kind == SEEN_KIND and known)):
            transfers = _owed(transfers, tender, fact, epoch)
    return transfers


def _owed(
    transfers: tuple[OpenTransfer, ...], tender: Tender, sale: Sale, epoch: int
) -> tuple[OpenTransfer, ...]:
    """A tender adds to what is to come; one of a counter-document takes it away."""
    if all(one.reference != tender.reference for one in transfers):
        new = OpenTransfer(
            tender.reference, tender.amount_minor, tender.currency, epoch, sale.number, sale.business_day
        )
        return (*transfers, new)
    changed = (
        msgspec.structs.replace(one, amount_minor=one.amount_minor + tender.amount_minor)
        if one.reference == tender.reference
        else one
        for one in transfers
    )
    return tuple(one for one in changed if one.amount_minor)


def _given_up(
    transfers: tuple[OpenTransfer, ...], fact: TransferGivenUp, epoch: int
) -> tuple[OpenTransfer, ...]:
    """Money that is there and pays nothing any more is owed; a sale that holds the tender all the same takes that back."""
    if not fact.came:
        return transfers
    owed = OpenTransfer(fact.reference, -fact.amount_minor, fact.currency, epoch, 0, fact.business_day)
    return (*(one for one in transfers if one.reference != fact.reference), owed)


def _done(one: OpenTransfer, fact: TransferReceived) -> bool:
    """Is nothing left to come? What is more than that is between the shop and its customer."""
    if one.reference != fact.reference:
        return False
    left = one.amount_minor - fact.amount_minor
    return left == 0 or (left < 0) != (one.amount_minor < 0)


def _settled(one: OpenTransfer, fact: TransferReceived) -> OpenTransfer:
    if one.reference != fact.reference:
        return one
    return msgspec.structs.replace(one, amount_minor=one.amount_minor - fact.amount_minor)
