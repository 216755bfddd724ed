"""Tables of customers. They belong to the whole chain; what is personal in them is sealed (sync.hub.vault)."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, PrimaryKeyConstraint, Table, Text

from sync.hub.tables import metadata

__all__ = [
    "customer",
    "customer_access",
    "customer_consent",
    "customer_identifier",
    "customer_key",
    "customer_link",
    "customer_points",
    "customer_purchase",
    "loyalty",
]

# `state`: active, merged (look at `merged_into`), restricted, erased. `body`: messages.About as JSON, sealed.
customer: Final = Table(
    "customer",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("merged_into", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("customer_merged", "merged_into"),
)

# A person's key, wrapped. Also of people without an account: whom an order or a message is for.
customer_key: Final = Table(
    "customer_key",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("wrapped", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

# `lookup`: by which it is found; `value` sealed, to show it.
customer_identifier: Final = Table(
    "customer_identifier",
    metadata,
    Column("kind", Text, nullable=False),
    Column("lookup", LargeBinary, nullable=False),
    Column("customer_id", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("added_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "lookup"),
    Index("customer_identifier_of", "customer_id"),
)

# Each yes and each no, with what was read and where. The newest of a purpose and channel holds.
customer_consent: Final = Table(
    "customer_consent",
    metadata,
    Column("customer_id", Text, nullable=False),
    Column("consent_id", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("given", Boolean, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("text_version", Text, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    PrimaryKeyConstraint("customer_id", "consent_id"),
)

# Points, one row for each cause. `expires_ms` 0: never.
customer_points: Final = Table(
    "customer_points",
    metadata,
    Column("customer_id", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("customer_id", "cause"),
)

# What was bought, in every channel: a reference to the document, never the document.
customer_purchase: Final = Table(
    "customer_purchase",
    metadata,
    Column("customer_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("store", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("pieces", BigInteger, nullable=False),
    PrimaryKeyConstraint("customer_id", "channel", "reference"),
    Index("customer_purchase_at", "customer_id", "at_ms"),
)

# Addresses of "my data": the secret's digest, whose it is and until when.
customer_link: Final = Table(
    "customer_link",
    metadata,
    Column("secret_hash", LargeBinary, primary_key=True),
    Column("customer_id", Text, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Index("customer_link_of", "customer_id"),
)

# Who looked at whose data.
customer_access: Final = Table(
    "customer_access",
    metadata,
    Column("customer_id", Text, nullable=False),
    Column("access_id", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("what", Text, nullable=False),
    PrimaryKeyConstraint("customer_id", "access_id"),
)

# The programme: one row, messages.Programme as JSON.
loyalty: Final = Table(
    "loyalty",
    metadata,
    Column("programme", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
)
