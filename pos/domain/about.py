"""What is known of a whole cart beside its lines: for whom, by whom, and what was agreed to."""

import msgspec

from pos.domain.rights import Approval
from pos.domain.used import Used

__all__ = ["About"]


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """`customer` and `groups` (of customers) are references; `staff` is the operator who buys; `seller` sells the lines to come.

    `coupons` are the codes that were scanned, one entry each time. `age` is the age that was looked at and passed.
    `approvals` are those of its lines. `gift`: a receipt without prices is wanted too. `tip_minor` is paid
    over the total. `buyer` is a reference: an invoice is wanted for them. `promotions` are those that take something
    off now, and how often.
    """

    customer: str = ""
    groups: tuple[str, ...] = ()
    staff: str = ""
    seller: str = ""
    coupons: tuple[str, ...] = ()
    age: int = 0
    approvals: tuple[Approval, ...] = ()
    gift: bool = False
    tip_minor: int = 0
    buyer: str = ""
    promotions: tuple[Used, ...] = ()
