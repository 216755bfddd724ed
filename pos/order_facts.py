"""Facts of orders: what was handed over at the counter; stored as pos.facts says."""

import msgspec

from pos.domain.handed import HandedLine, RefusedLine
from pos.domain.rights import Approval

__all__ = ["HandedLine", "OrderHandedOver", "RefusedLine"]


class OrderHandedOver(msgspec.Struct, frozen=True, omit_defaults=True):
    """Goods of an order left the store `store`. What is neither in `lines` nor in `refused` waits on.

    `order_id` and `fulfillment_id` are the hub's, `number` is the order's for people. `proof` is how the customer showed whose
    it is: "code", "token" (signed by the hub, read without it) or "known" (by number; a person looked). `age`: this age was
    looked at and passed. `proxy`: somebody else collected; the SHA-256 of order_id and the name, in hexadecimal digits, so
    that a name can be compared and not read. `claim` is the hub's number of the till's claim, 0 where the till was alone
    (`alone`). `terms` is the state of the order's lines and amounts that the till knew. `receipt` is the number, in this
    epoch, of the sale that took `paid_minor` for it (or gave `returned_minor` of a down payment back), and whose lines count the goods; 0: nothing was paid, this fact counts them.
    """

    order_id: str
    fulfillment_id: str
    number: int
    business_day: str
    operator: str
    at_ms: int
    offset_min: int
    lines: tuple[HandedLine, ...]
    value_minor: int
    refused: tuple[RefusedLine, ...] = ()
    currency: str = "EUR"
    proof: str = "code"
    age: int = 0
    proxy: str = ""
    claim: int = 0
    alone: bool = False
    terms: int = 0
    receipt: int = 0
    paid_minor: int = 0
    returned_minor: int = 0
    approvals: tuple[Approval, ...] = ()
