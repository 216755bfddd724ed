"""Tables of the stock ledger. Quantities are integers in millionths of the article's unit; times milliseconds.

`stock_movement` and `stock_counted` are the truth and take inserts only. `stock_level` follows from them and from the
reservations, and can be built anew (see rebuild).
"""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text

from sync.hub.tables import metadata

__all__ = ["count", "count_line", "counted", "level", "movement", "reservation", "shipment"]


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


# What came and went. `cause` names what it follows from, once for each type; `occurred_ms` is when it happened.
movement: Final = Table(
    "stock_movement",
    metadata,
    _text("store"),
    _text("sku"),
    _text("type"),
    _text("cause"),
    _text("location"),
    _number("qty"),
    _number("occurred_ms"),
    _number("recorded_ms"),
    _text("reason"),
    _text("actor"),
    PrimaryKeyConstraint("store", "sku", "type", "cause"),
    Index("stock_movement_time", "store", "sku", "location", "occurred_ms"),
)

# What was there at a time, as people counted it.
counted: Final = Table(
    "stock_counted",
    metadata,
    _text("store"),
    _text("sku"),
    _text("location"),
    _text("count_id"),
    _number("counted_ms"),
    _number("qty"),
    _number("recorded_ms"),
    _text("actor"),
    PrimaryKeyConstraint("store", "sku", "location", "count_id"),
)

# What is there now. `counted_ms` and `count_id` are of the newest count (-1 and empty before the first). `safety` is what
# is promised to nobody, -1: as the store says.
level: Final = Table(
    "stock_level",
    metadata,
    _text("store"),
    _text("sku"),
    _text("location"),
    _number("on_hand"),
    _number("reserved"),
    _number("safety"),
    _number("counted_ms"),
    _text("count_id"),
    PrimaryKeyConstraint("store", "sku", "location"),
)

# What is promised to whom until when. `state` is active, or one of committed, released, expired, broken for ever.
reservation: Final = Table(
    "stock_reservation",
    metadata,
    _text("store"),
    _text("reservation_id"),
    _text("sku"),
    _number("qty"),
    _text("purpose"),
    _text("subject"),
    Column("paid", Boolean, nullable=False),
    _text("state"),
    _number("created_ms"),
    _number("expires_ms"),
    _number("ended_ms"),
    _text("cause"),
    _text("actor"),
    PrimaryKeyConstraint("store", "reservation_id"),
    Index("stock_reservation_sku", "store", "sku", "state"),
    Index("stock_reservation_due", "store", "state", "expires_ms"),
    Index("stock_reservation_subject", "store", "subject"),
)

# Goods on their way to `store`: a transfer from another store, or a supplier's delivery. `body` holds the lines.
shipment: Final = Table(
    "stock_shipment",
    metadata,
    _text("store"),
    _text("shipment_id"),
    _text("kind"),
    _text("source"),
    _text("number"),
    _text("state"),
    _number("version"),
    _number("created_ms"),
    _number("changed_ms"),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("store", "shipment_id"),
    Index("stock_shipment_state", "store", "kind", "state", "created_ms"),
    Index("stock_shipment_number", "store", "kind", "number"),
    Index("stock_shipment_source", "source", "kind", "state"),
)

# A count by people, open until it is closed; above its limit somebody must approve it.
count: Final = Table(
    "stock_count",
    metadata,
    _text("store"),
    _text("count_id"),
    _text("location"),
    _text("name"),
    _text("state"),
    _number("version"),
    _number("created_ms"),
    _number("ended_ms"),
    _text("opened_by"),
    _text("ended_by"),
    _number("approve_over"),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("store", "count_id"),
    Index("stock_count_state", "store", "state", "created_ms"),
)

# What was counted of an article: `qty` in all, and when counting it began.
count_line: Final = Table(
    "stock_count_line",
    metadata,
    _text("store"),
    _text("count_id"),
    _text("sku"),
    _number("qty"),
    _number("counted_ms"),
    PrimaryKeyConstraint("store", "count_id", "sku"),
)
