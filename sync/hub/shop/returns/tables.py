"""Tables of returns. A purchase's row is the lock for all that comes back of it; an order's own row is that for an order.

`purchase` is `TILL-EPOCH-NUMBER` of a receipt of that store, or `order:ID` of an order of that store.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from sync.hub.tables import metadata

__all__ = [
    "return_announced",
    "return_find",
    "return_hold",
    "return_paid",
    "return_refund",
    "return_sale",
    "return_taken",
]

# A receipt that something can come back of, and where its fact stands (`seq` 0: what came back of it was heard before it).
return_sale: Final = Table(
    "shop_return_sale",
    metadata,
    Column("store", Text, primary_key=True),
    Column("purchase", Text, primary_key=True),
    Column("till", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("sold_ms", BigInteger, nullable=False),
    Column("day", Text, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("customer", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("lines_text", Text, nullable=False),
    Index("shop_return_sale_number", "purchase"),
    Index("shop_return_sale_token", "token"),
    Index("shop_return_sale_day", "store", "day", "sold_ms"),
    Index("shop_return_sale_customer", "customer", "sold_ms"),
)

# By what else a purchase is found: "serial" a serial number, "card" the last four digits and the day, "order" an order whose
# goods this receipt counts.
return_find: Final = Table(
    "shop_return_find",
    metadata,
    Column("store", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("value", Text, primary_key=True),
    Column("purchase", Text, primary_key=True),
    Column("sold_ms", BigInteger, nullable=False),
    Index("shop_return_find_value", "kind", "value", "sold_ms"),
)

# What is kept for a return until `until_ms` by the hub's clock. `body`: returns.messages.Kept.
return_hold: Final = Table(
    "shop_return",
    metadata,
    Column("store", Text, primary_key=True),
    Column("return_id", Text, primary_key=True),
    Column("purchase", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("shop_return_purchase", "store", "purchase"),
)

# What the tills' facts say came back of line `n`: `place` is STORE/TILL/EPOCH/SEQ/LINE. A document that takes a return back has a
# negative quantity. `n` 0: a document that takes the whole receipt back; -1: one that puts other tenders in its tenders' place; -2: of
# the receipt, by its number alone: which line, its article says.
return_taken: Final = Table(
    "shop_return_taken",
    metadata,
    Column("store", Text, primary_key=True),
    Column("purchase", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("qty", BigInteger, nullable=False),
    Column("minor", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

# What went back of a purchase's tender, as the tills' facts say.
return_paid: Final = Table(
    "shop_return_paid",
    metadata,
    Column("store", Text, primary_key=True),
    Column("purchase", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("minor", BigInteger, nullable=False),
)

# Money that a payment service gives back for an order. `receipt` is STORE/TILL-EPOCH-NUMBER of the document that says so; empty for
# an order that ended. `return_id` is the hold's, where there was one. It was asked for `asked` times; `next_ms` is when it is asked for
# again, or a person is (0: never).
return_refund: Final = Table(
    "shop_return_refund",
    metadata,
    Column("store", Text, primary_key=True),
    Column("refund_id", Text, primary_key=True),
    Column("order_id", Text, nullable=False),
    Column("receipt", Text, nullable=False),
    Column("return_id", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("asked", Integer, nullable=False, server_default="1"),
    Column("next_ms", BigInteger, nullable=False, server_default="0"),
    Index("shop_return_refund_next", "next_ms"),
    Index("shop_return_refund_order", "store", "order_id"),
    Index("shop_return_refund_receipt", "store", "receipt"),
    Index("shop_return_refund_return", "store", "return_id"),
)

# What a customer said will come back; nothing is kept for it. `body`: its lines.
return_announced: Final = Table(
    "shop_return_announced",
    metadata,
    Column("store", Text, primary_key=True),
    Column("announcement_id", Text, primary_key=True),
    Column("purchase", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("shop_return_announced_code", "code"),
    Index("shop_return_announced_purchase", "store", "purchase"),
)
