"""Facts of credit transfers that begin with a code; the stored form is that of pos.facts.

The code begins a transfer and proves nothing. A sale that was let go on it holds a tender "bank-transfer-qr", which is open until
`TransferReceived` names its reference.
"""

import msgspec

from pos.domain.rights import Approval

__all__ = ["TransferGivenUp", "TransferOffered", "TransferReceived"]


class TransferOffered(msgspec.Struct, frozen=True, omit_defaults=True):
    """A code was shown for a part of the cart `cart_id`: from here on money may come under `reference`, also if no sale follows."""

    reference: str
    cart_id: str
    amount_minor: int
    currency: str
    operator: str
    business_day: str
    offered_ms: int
    offset_min: int


class TransferReceived(msgspec.Struct, frozen=True, omit_defaults=True):
    """Money came under `reference`, so says `operator` or a bank's statement (`by` "person", "statement").

    `amount_minor` is what came, negative where the shop sent money back. `booked_on` is the bank's day, `note` the bank's own words.
    """

    reference: str
    amount_minor: int
    currency: str
    booked_on: str
    operator: str
    business_day: str
    noted_ms: int
    offset_min: int
    by: str = "person"
    note: str = ""
    approvals: tuple[Approval, ...] = ()


class TransferGivenUp(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part that was paid by transfer is none any more, before its sale was written. `came`: its money is there, and the shop owes it.

    `approvals` are there where it came.
    """

    reference: str
    cart_id: str
    amount_minor: int
    currency: str
    came: bool
    operator: str
    business_day: str
    noted_ms: int
    offset_min: int
    approvals: tuple[Approval, ...] = ()
