"""Tables of carts."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text

from sync.hub.tables import metadata

__all__ = ["basket", "basket_sale"]

# `state` is open, claimed, converted, abandoned or expired; a claim whose `lease_ms` is over holds nobody. `parent`: the
# cart whose rest this is. `ended_by` is a sale's place, "order/ID" or "basket/ID". `body` is core.Content as JSON.
basket: Final = Table(
    "basket",
    metadata,
    Column("store", Text, nullable=False),
    Column("basket_id", Text, nullable=False),
    Column("share_code", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("customer", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("till", Text, nullable=False),
    Column("till_by", Text, nullable=False),
    Column("lease_ms", BigInteger, nullable=False),
    Column("ended_by", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("store", "basket_id"),
    Index("basket_share_code", "store", "share_code", unique=True),
    Index("basket_expires", "store", "state", "expires_ms"),
)

# Each sale that a till says it made of a cart. `body`: sku -> quantity, as JSON.
basket_sale: Final = Table(
    "basket_sale",
    metadata,
    Column("store", Text, nullable=False),
    Column("basket_id", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("wall_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("store", "basket_id", "place"),
)
