"""The outbox's table."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from sync.hub.tables import metadata

__all__ = ["message"]

# Messages to customers. `key` is its writer's: a message is written once, however often its command is repeated. `state`
# is "waiting", "sending" (until `lease_until_ms`, by `lease`), "sent", "refused" or "given_up"; `reason` says why it is
# what it is. `next_ms` is when it is tried next, `until_ms` when it is worth nothing any more. `sealed` holds address
# and fields, encrypted, and is empty once they are removed; `address_mark` finds an address again without holding it.
message: Final = Table(
    "message",
    metadata,
    Column("store", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("answer", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("unknowns", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("lease", Text, nullable=False),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("settled_ms", BigInteger, nullable=False),
    Column("address_mark", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    PrimaryKeyConstraint("store", "key"),
    Index("message_due", "state", "next_ms"),
    Index("message_customer", "customer"),
    Index("message_address", "address_mark"),
)
