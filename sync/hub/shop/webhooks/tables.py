"""Subscriptions, how far each has followed the events, what is to be delivered, and every attempt."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, PrimaryKeyConstraint, Table, Text

from sync.hub.tables import metadata

__all__ = ["webhook", "webhook_attempt", "webhook_cursor", "webhook_delivery"]

# A subscription. `store` empty: events of all stores. `types` is a JSON array, `secrets` the sealed Secrets as JSON.
# `state` is "active", "paused" (by a person) or "stopped" (the receiver said that it is gone, see `reason`). `lease` is
# the process that delivers for it until `lease_until_ms`; `next_ms`: not before then, the receiver is in trouble.
webhook: Final = Table(
    "webhook",
    metadata,
    Column("webhook_id", Text, primary_key=True),
    Column("store", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("types", LargeBinary, nullable=False),
    Column("description", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("lease", Text, nullable=False),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("secrets", LargeBinary, nullable=False),
)

# Up to which event of each store its deliveries are written.
webhook_cursor: Final = Table(
    "webhook_cursor",
    metadata,
    Column("store", Text, nullable=False),
    Column("webhook_id", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    PrimaryKeyConstraint("store", "webhook_id"),
)

# One event for one subscription. `n` is the event's number, 0 for a ping. `state` is "waiting", "delivered" or "dead";
# `attempts` counts all, `tries` those of this round: a replay begins a new one.
webhook_delivery: Final = Table(
    "webhook_delivery",
    metadata,
    Column("store", Text, nullable=False),
    Column("webhook_id", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("settled_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("store", "webhook_id", "delivery_id"),
    Index("webhook_delivery_due", "webhook_id", "state", "next_ms"),
)

# `status` is what the receiver answered, 0 if it did not; `reason` is then why, like "slow" or "private-address".
webhook_attempt: Final = Table(
    "webhook_attempt",
    metadata,
    Column("store", Text, nullable=False),
    Column("webhook_id", Text, nullable=False),
    Column("delivery_id", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("status", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("took_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("store", "webhook_id", "delivery_id", "attempt"),
    Index("webhook_attempt_at", "at_ms"),
)
