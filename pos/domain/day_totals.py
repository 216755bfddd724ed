"""The sums of a business day, as an X shows them and a Z keeps them. Values only; pos.totals folds them from facts.

Everything stands in a fixed order, so that equal days are equal bytes.
"""

from decimal import Decimal

import msgspec

from pos.domain.drawer import Pieces

__all__ = [
    "Book",
    "CaseSum",
    "Count",
    "ForeignDrawer",
    "ForeignSum",
    "MovementSum",
    "NumberRange",
    "OperatorSum",
    "SessionSum",
    "TaxSum",
    "TenderSum",
    "Totals",
]


class Count(msgspec.Struct, frozen=True):
    """How many, and what they come to."""

    count: int = 0
    amount_minor: int = 0


class TaxSum(msgspec.Struct, frozen=True):
    """As the receipts say it: the sums of their sums, never computed anew."""

    code: str
    key: int
    percent: Decimal
    gross_minor: int
    net_minor: int
    vat_minor: int


class CaseSum(msgspec.Struct, frozen=True):
    """Gross by business case (GV_TYP) and tax code."""

    case: str
    tax: str
    percent: Decimal
    gross_minor: int


class TenderSum(msgspec.Struct, frozen=True):
    """One means of payment: how often, and what counted towards sales."""

    kind: str
    currency: str
    count: int
    amount_minor: int


class ForeignSum(msgspec.Struct, frozen=True):
    """Cash of another currency that was taken, in its own minor units."""

    currency: str
    count: int
    given_minor: int


class OperatorSum(msgspec.Struct, frozen=True):
    operator: str
    receipts: int
    total_minor: int


class NumberRange(msgspec.Struct, frozen=True):
    """First and last receipt number in one epoch."""

    epoch: int
    first: int
    last: int


class Book(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was sold. `kind` is empty for real sales, "demo" or "training": they are never added to one another.

    `discounts` are by their source. `line_voids` were taken back before payment, `returns` are lines
    taken back, `empties` deposits paid out. `voided` and `retendered` are counter-documents: both are
    receipts as well, and in every sum. `vouchers_redeemed` were paid with; `vouchers_sold` are lines.
    """

    kind: str
    receipts: int = 0
    pieces: int = 0
    total_minor: int = 0
    rounding_minor: int = 0
    tips_minor: int = 0
    numbers: tuple[NumberRange, ...] = ()
    taxes: tuple[TaxSum, ...] = ()
    cases: tuple[CaseSum, ...] = ()
    tenders: tuple[TenderSum, ...] = ()
    foreign: tuple[ForeignSum, ...] = ()
    operators: tuple[OperatorSum, ...] = ()
    discounts: tuple[tuple[str, Count], ...] = ()
    line_voids: Count = Count()
    returns: Count = Count()
    deposits: Count = Count()
    empties: Count = Count()
    vouchers_sold: Count = Count()
    vouchers_redeemed: Count = Count()
    voided: Count = Count()
    retendered: int = 0


class MovementSum(msgspec.Struct, frozen=True):
    """Cash that moved without a sale, by kind (pos.domain.drawer.MOVEMENTS) and reason."""

    kind: str
    reason: str
    count: int
    amount_minor: int


class ForeignDrawer(msgspec.Struct, frozen=True, omit_defaults=True):
    """Cash of another currency in a drawer, in its own minor units: what lay there and what sales brought, to what was found.

    `expected_minor` = begins + sales + moves. The rest as in SessionSum.
    """

    currency: str
    begins_minor: int = 0
    sales_minor: int = 0
    expected_minor: int = 0
    pieces: tuple[Pieces, ...] = ()
    counted_minor: int | None = None
    difference_minor: int = 0
    lifted_minor: int = 0
    left_minor: int = 0
    moves: tuple[MovementSum, ...] = ()


class SessionSum(msgspec.Struct, frozen=True, omit_defaults=True):
    """A drawer from its float to its count. `float_told`: somebody said what was in it; else it is what was left.

    `cash_minor` is what sales brought. `expected_minor` = float + cash + moves, the lift not among them.
    `counted_minor` None: closed without a count, or still open. What `left_minor` says is the next session's float.
    `foreign` are the other currencies; of a closed session those that its closing named, so that one which was closed
    before they were counted shows none.
    """

    session: str
    drawer: int = 1
    operators: tuple[str, ...] = ()
    float_told: bool = False
    float_minor: int = 0
    cash_minor: int = 0
    moves: tuple[MovementSum, ...] = ()
    expected_minor: int = 0
    counts: int = 0
    pieces: tuple[Pieces, ...] = ()
    counted_minor: int | None = None
    difference_minor: int = 0
    reason: str = ""
    approved: tuple[str, ...] = ()
    lifted_minor: int = 0
    bag: str = ""
    left_minor: int = 0
    closed: bool = False
    foreign: tuple[ForeignDrawer, ...] = ()


class Totals(msgspec.Struct, frozen=True, omit_defaults=True):
    """A day's sums. Only books that hold something are here. `cart_voids` were given up whole; `no_sales`: the drawer was
    opened without a sale.
    """

    books: tuple[Book, ...] = ()
    sessions: tuple[SessionSum, ...] = ()
    cart_voids: Count = Count()
    no_sales: int = 0
    copies: int = 0
    parked: int = 0
    resumed: int = 0
    age_refusals: int = 0
