"""Tables of orders. An order's row is the lock for all that happens to it, its fulfillments and hand-overs too."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from sync.hub.tables import metadata

__all__ = [
    "order_counter",
    "order_fulfillment",
    "order_hand_over",
    "order_head",
    "order_receipt",
    "order_unsealed",
]

# An order as it stands: `body` is orders.body.Body as JSON (lines with their counters, payments). `code` is what the
# customer shows, `external` the number that the channel has for it; `version` counts every change, `terms` those of lines, amounts
# and times, by which an offline token ages.
order_head: Final = Table(
    "orders",
    metadata,
    Column("store", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("terms", BigInteger, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("customer", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("external", Text, nullable=False, server_default=""),
    Index("orders_code", "store", "code", unique=True),
    Index("orders_number", "store", "number", unique=True),
    Index("orders_id", "order_id"),
    Index("orders_customer", "customer", "created_ms"),
    Index("orders_external", "external", "store"),
    Index("orders_listed", "store", "created_ms", "order_id"),
)

order_counter: Final = Table(
    "orders_counter",
    metadata,
    Column("store", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
)

# What one store does for an order: `store` does it, the order may be another store's (`order_store`). `clock_ms` is when its
# clock must next be looked at (0: never). `claimed_by` is a till until `lease_ms` by the hub's clock. `body`: orders.body.Doing.
order_fulfillment: Final = Table(
    "orders_fulfillment",
    metadata,
    Column("store", Text, primary_key=True),
    Column("fulfillment_id", Text, primary_key=True),
    Column("order_store", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("deadline_ms", BigInteger, nullable=False),
    Column("clock_ms", BigInteger, nullable=False),
    Column("reminded", Integer, nullable=False),
    Column("claimed_by", Text, nullable=False),
    Column("lease_ms", BigInteger, nullable=False),
    Column("claims", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("orders_fulfillment_list", "store", "state", "due_ms", "fulfillment_id"),
    Index("orders_fulfillment_order", "order_store", "order_id"),
    Index("orders_fulfillment_clock", "clock_ms"),
)

# Hand-overs as the tills told them, all of them; which one is primary follows from them (1: it is).
order_hand_over: Final = Table(
    "orders_hand_over",
    metadata,
    Column("store", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("main", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# Receipts `TILL-EPOCH-NUMBER` of a store that count goods of an order; the row without an order is the receipt's own, and the lock
# for the others: `voided_ms` is when it was taken back, 0: it stands.
order_receipt: Final = Table(
    "orders_receipt",
    metadata,
    Column("store", Text, primary_key=True),
    Column("receipt", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
    Column("voided_ms", BigInteger, nullable=False),
)

# Orders from before notes were encrypted, until theirs is.
order_unsealed: Final = Table(
    "orders_unsealed",
    metadata,
    Column("store", Text, primary_key=True),
    Column("order_id", Text, primary_key=True),
)
