"""The hub's tables. Every key begins with the store, so that stores can be spread over databases.

`fact` is the truth and, like `quarantine` and the seals, takes inserts only (triggers, in the migrations).
`receipt`, `day_total`, `poison` and `projection` follow it and can be built anew, in a new generation beside the
one that is read. `article` and the changes belong to
the whole chain of stores. The same tables stand in SQLite and PostgreSQL; a test compares the migrations
with what is written here.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

__all__ = [
    "api_token",
    "article",
    "cart_claim",
    "cart_move",
    "change",
    "change_counter",
    "day_total",
    "enrolment_code",
    "event",
    "event_counter",
    "exception",
    "fact",
    "generation",
    "idempotency",
    "machine",
    "machine_key",
    "metadata",
    "node_key",
    "poison",
    "projection",
    "quarantine",
    "quarantine_seal",
    "receipt",
    "seal",
    "shop_cursor",
    "store_info",
    "store_key",
    "task",
    "till",
    "till_epoch",
    "till_head",
    "upstream",
    "upstream_store",
]

metadata: Final = MetaData()


def _fact_columns() -> tuple[Column[int] | Column[str] | Column[bytes], ...]:
    return (
        Column("store", Text, nullable=False),
        Column("till", Text, nullable=False),
        Column("epoch", BigInteger, nullable=False),
        Column("seq", BigInteger, nullable=False),
        Column("kind", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("wall_ms", BigInteger, nullable=False),
        Column("mono_ms", BigInteger, nullable=False),
        Column("boot_id", Text, nullable=False),
        Column("body", LargeBinary, nullable=False),
        Column("hash", LargeBinary, nullable=False),
        Column("received_ms", BigInteger, nullable=False),
    )


# The facts, as the till stored them, byte by byte.
fact: Final = Table(
    "fact",
    metadata,
    *_fact_columns(),
    PrimaryKeyConstraint("store", "till", "epoch", "seq"),
    sqlite_with_rowid=False,
)

# Facts that were not taken into the chain: the other branch of a fork and what follows it, and whatever keys
# signed that had no right to it (any more). `branch` is the hash of the first fact of the branch that came.
# A fact that a person took in afterwards stands in `fact` too.
quarantine: Final = Table(
    "quarantine",
    metadata,
    *_fact_columns(),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("branch", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("store", "till", "epoch", "seq", "hash"),
    sqlite_with_rowid=False,
)


def _seal_columns() -> tuple[Column[int] | Column[str] | Column[bytes], ...]:
    return (
        Column("store", Text, nullable=False),
        Column("till", Text, nullable=False),
        Column("epoch", BigInteger, nullable=False),
        Column("last_seq", BigInteger, nullable=False),
        Column("first_seq", BigInteger, nullable=False),
        Column("last_hash", LargeBinary, nullable=False),
        Column("key_id", Text, nullable=False),
        Column("signature", LargeBinary, nullable=False),
    )


# The tills' own signatures, as they came: each vouches for its epoch up to `last_seq`.
seal: Final = Table(
    "seal",
    metadata,
    *_seal_columns(),
    PrimaryKeyConstraint("store", "till", "epoch", "last_seq"),
    sqlite_with_rowid=False,
)

# The same for branches in quarantine.
quarantine_seal: Final = Table(
    "quarantine_seal",
    metadata,
    *_seal_columns(),
    PrimaryKeyConstraint("store", "till", "epoch", "last_seq", "last_hash"),
    sqlite_with_rowid=False,
)

# What a person must look at. Each conflict has one row, however often it is replayed.
exception: Final = Table(
    "exception",
    metadata,
    Column("store", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("till", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("detail", Text, nullable=False),
    Column("noted_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("store", "kind", "key"),
)

# On a relay: the hub's newest acknowledgement of each epoch, wire.Ack as JSON, as the hub signed it.
upstream: Final = Table(
    "upstream",
    metadata,
    Column("store", Text, nullable=False),
    Column("till", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("ack", LargeBinary, nullable=False),
    PrimaryKeyConstraint("store", "till", "epoch"),
)

# On a relay: where customers find receipts, as the hub said last.
upstream_store: Final = Table(
    "upstream_store",
    metadata,
    Column("store", Text, primary_key=True),
    Column("public_url", Text, nullable=False),
)

# What a till last said of itself. `shop` is wire.ShopInfo as JSON.
till: Final = Table(
    "till",
    metadata,
    Column("store", Text, nullable=False),
    Column("till", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("software", Text, nullable=False),
    Column("shop", Text, nullable=False),
    Column("first_hello_ms", BigInteger, nullable=False),
    Column("last_hello_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("store", "till"),
)

# The key under which a store's tills make receipt links.
store_key: Final = Table(
    "store_key",
    metadata,
    Column("store", Text, primary_key=True),
    Column("link_key", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

# The newest fact of each epoch; its row is the lock under which a till's facts are taken in. `first_seq` is the
# epoch's first fact, `first_prev_hash` what that follows (which this node need not hold).
till_head: Final = Table(
    "till_head",
    metadata,
    Column("store", Text, nullable=False),
    Column("till", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("first_prev_hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("store", "till", "epoch"),
)

# Which generation of a store's projections is the one to be read; another may be being built beside it.
generation: Final = Table(
    "generation",
    metadata,
    Column("store", Text, primary_key=True),
    Column("live", BigInteger, nullable=False),
)

# Up to which fact the projections of a generation have followed an epoch.
projection: Final = Table(
    "projection",
    metadata,
    Column("store", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("till", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("store", "generation", "till", "epoch"),
    ForeignKeyConstraint(
        ("store", "till", "epoch"), ("till_head.store", "till_head.till", "till_head.epoch")
    ),
)

# Facts that the projections could not read; they were passed over and a person must look.
poison: Final = Table(
    "poison",
    metadata,
    Column("store", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("till", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("noted_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("store", "generation", "till", "epoch", "seq"),
)

# Receipts by the token of their link. Two sales with one token would be a fault of a till: both are kept.
receipt: Final = Table(
    "receipt",
    metadata,
    Column("store", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("token", LargeBinary, nullable=False),
    Column("till", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("language", Text, nullable=False),
    PrimaryKeyConstraint("store", "generation", "token", "till", "epoch", "seq"),
    sqlite_with_rowid=False,
)

# Takings of a till's business day. Training is kept apart and counts in no figure of the shop.
day_total: Final = Table(
    "day_total",
    metadata,
    Column("store", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("business_day", Text, nullable=False),
    Column("till", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("training", Boolean, nullable=False),
    Column("sales", BigInteger, nullable=False),
    Column("gross_minor", BigInteger, nullable=False),
    Column("pieces", BigInteger, nullable=False),
    PrimaryKeyConstraint("store", "generation", "business_day", "till", "currency", "training"),
)

# Where parked carts were parked, and where they went on: `what` is "parked" or "resumed". Follows the facts.
cart_move: Final = Table(
    "cart_move",
    metadata,
    Column("store", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("cart_id", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("till", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("store", "generation", "cart_id", "what", "till", "epoch", "seq"),
    sqlite_with_rowid=False,
)

# Carts that belong to the store: who gave each (`till`; empty: nobody yet), and who may go on with it. The row is
# the lock under which that is decided. `done`: it went on.
cart_claim: Final = Table(
    "cart_claim",
    metadata,
    Column("store", Text, nullable=False),
    Column("cart_id", Text, nullable=False),
    Column("till", Text, nullable=False),
    Column("follows", Text, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("claimed_by", Text, nullable=False),
    Column("claim_key", Text, nullable=False),
    Column("claimed_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("store", "cart_id"),
    Index("cart_claim_open", "store", "done"),
)

# The newest record of each article, as it was sent.
article: Final = Table(
    "article",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("body", Text, nullable=False),
)

# One row a scope. Taken in the last statement before a commit, so that numbers appear in order, without gaps.
# Readers below `floor` begin again: a tombstone up to there was dropped.
change_counter: Final = Table(
    "change_counter",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("floor", BigInteger, nullable=False, server_default="0"),
)

# `history`: what readers need beside an article's or a promotion's record, of what it cost before; JSON.
change: Final = Table(
    "change",
    metadata,
    Column("scope", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("stamp", Text, nullable=False, server_default="00000000"),
    Column("history", Text, nullable=True),
    PrimaryKeyConstraint("scope", "n"),
    Index("change_key", "scope", "kind", "key"),
)

# This node's own key: one row, made at its first start.
node_key: Final = Table(
    "node_key",
    metadata,
    Column("slot", Text, primary_key=True),
    Column("seed", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
)

# Tills and relays by name; the row is the lock under which a machine's keys and epochs change. `role` is
# "till" or "relay".
machine: Final = Table(
    "machine",
    metadata,
    Column("store", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("store", "machine"),
)

# Public keys of machines; none is ever deleted. `state` is "active", "retired" or "revoked". `last_epoch`, where
# it stands, is the last one for which the key vouches once it is no longer in use; it is in use until
# `valid_until_ms`, where that stands.
machine_key: Final = Table(
    "machine_key",
    metadata,
    Column("store", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("state", Text, nullable=False),
    Column("last_epoch", BigInteger, nullable=True),
    Column("valid_from_ms", BigInteger, nullable=False),
    Column("valid_until_ms", BigInteger, nullable=True),
    Column("revoked_ms", BigInteger, nullable=True),
    PrimaryKeyConstraint("store", "machine", "key_id"),
)

# One-time codes. `secret_hash` is all that is kept of the secret; `key_id`, `nonce` say who used it, and
# `answer` what it was told (wire.Enrolled as JSON), so that a lost answer can be given again.
enrolment_code: Final = Table(
    "enrolment_code",
    metadata,
    Column("code_id", Text, primary_key=True),
    Column("store", Text, nullable=False),
    Column("machine", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("replace", Boolean, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("wrong_attempts", Integer, nullable=False),
    Column("used_ms", BigInteger, nullable=True),
    Column("key_id", Text, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("answer", Text, nullable=False),
)

# Every epoch that this node granted, with the grant as it was signed.
till_epoch: Final = Table(
    "till_epoch",
    metadata,
    Column("store", Text, nullable=False),
    Column("till", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("prev_hash", LargeBinary, nullable=False),
    Column("previous_epoch", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("granted_ms", BigInteger, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("store", "till", "epoch"),
    Index("till_epoch_request", "store", "till", "request_id", unique=True),
)

# Who may use the API of the channels. The secret itself is nowhere; `store` empty: all stores. `expires_ms` 0: it does not end
# by itself; `scopes` empty: all of its role's.
api_token: Final = Table(
    "api_token",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("store", Text, nullable=False),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False, server_default="0"),
    Column("scopes", Text, nullable=False, server_default=""),
)

# Answers by the key of their request, of each caller: the same request again gets the same answer.
idempotency: Final = Table(
    "idempotency",
    metadata,
    Column("caller", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("tag", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("caller", "key"),
    Index("idempotency_created", "created_ms"),
)

# What happened in the channels, numbered without gaps for each store; takes inserts only. No personal data.
event: Final = Table(
    "event",
    metadata,
    Column("store", Text, nullable=False),
    Column("n", BigInteger, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("store", "n"),
)

event_counter: Final = Table(
    "event_counter",
    metadata,
    Column("store", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
)

# What people must do. One row for each cause, however often it is noted.
task: Final = Table(
    "task",
    metadata,
    Column("store", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("done_ms", BigInteger, nullable=False),
    Column("done_by", Text, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("store", "kind", "key"),
    Index("task_open", "store", "state", "created_ms"),
)

# The stores of the chain as customers see them: name, address, hours, place. `body` is shop.stores.StoreInfo as JSON.
store_info: Final = Table(
    "store_info",
    metadata,
    Column("store", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# How far the shop has heard the facts of each epoch.
shop_cursor: Final = Table(
    "shop_cursor",
    metadata,
    Column("store", Text, nullable=False),
    Column("till", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    PrimaryKeyConstraint("store", "till", "epoch"),
    sqlite_with_rowid=False,
)
