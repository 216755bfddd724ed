"""What goes into a price and what comes out, as plain records that are the reference's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal


@dataclass(frozen=True)
class Line:
    n: int
    sku: str
    department: int
    quantity: Decimal
    unit: str
    unit_minor: int
    total_minor: int


@dataclass(frozen=True)
class Selection:
    skus: tuple[str, ...] = ()
    departments: tuple[int, ...] = ()
    without_skus: tuple[str, ...] = ()
    without_departments: tuple[int, ...] = ()


@dataclass(frozen=True)
class Part:
    selection: Selection
    count: int


@dataclass(frozen=True)
class Promotion:
    """None, an empty text and an empty tuple say that something is not given."""

    id: str
    kind: str
    text: str = ""
    priority: int = 0
    combinable: bool = False
    selection: Selection = Selection()
    percent: Decimal | None = None
    amount_minor: int | None = None
    price_minor: int | None = None
    n: int | None = None
    m: int | None = None
    parts: tuple[Part, ...] = ()
    min_minor: int | None = None
    each: bool = False
    active: bool = True
    valid_from: date | None = None
    valid_to: date | None = None
    weekdays: tuple[int, ...] = ()
    time_from: time | None = None
    time_to: time | None = None
    groups: tuple[str, ...] = ()
    coupon: str = ""
    per_sale: int = 0
    per_coupon: int = 0


@dataclass(frozen=True)
class Left:
    """What is left of a budget; None: no such limit."""

    uses: int | None = None
    minor: int | None = None


@dataclass(frozen=True)
class Basket:
    """Everything that a price depends on."""

    lines: tuple[Line, ...]
    promotions: tuple[Promotion, ...]
    moment: datetime
    groups: tuple[str, ...] = ()
    coupons: Mapping[str, int] = field(default_factory=dict)
    left: Mapping[str, Left] = field(default_factory=dict)


@dataclass(frozen=True)
class Application:
    """`shares` are (line number, minor units)."""

    promotion: str
    text: str
    shares: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Result:
    """`used` holds (times, minor units taken off) of each promotion that was used."""

    applications: tuple[Application, ...]
    used: Mapping[str, tuple[int, int]]
