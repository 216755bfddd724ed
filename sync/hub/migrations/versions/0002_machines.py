"""Machines: the node's own key, the keys of tills and relays, enrolment codes, granted epochs."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0002_machines"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "node_key",
        sa.Column("slot", sa.Text, primary_key=True),
        _bytes("seed"),
        _number("created_ms"),
    )
    op.create_table(
        "machine",
        _text("store"),
        _text("machine"),
        _text("role"),
        _number("created_ms"),
        sa.PrimaryKeyConstraint("store", "machine"),
    )
    op.create_table(
        "machine_key",
        _text("store"),
        _text("machine"),
        _text("key_id"),
        _bytes("public_key"),
        _text("state"),
        sa.Column("last_epoch", sa.BigInteger, nullable=True),
        _number("valid_from_ms"),
        sa.Column("valid_until_ms", sa.BigInteger, nullable=True),
        sa.Column("revoked_ms", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("store", "machine", "key_id"),
    )
    op.create_table(
        "enrolment_code",
        sa.Column("code_id", sa.Text, primary_key=True),
        _text("store"),
        _text("machine"),
        _text("role"),
        sa.Column("replace", sa.Boolean, nullable=False),
        _bytes("secret_hash"),
        _number("created_ms"),
        _number("expires_ms"),
        sa.Column("wrong_attempts", sa.Integer, nullable=False),
        sa.Column("used_ms", sa.BigInteger, nullable=True),
        _text("key_id"),
        _bytes("nonce"),
        _text("answer"),
    )
    op.create_table(
        "till_epoch",
        _text("store"),
        _text("till"),
        _number("epoch"),
        _number("first_seq"),
        _bytes("prev_hash"),
        _number("previous_epoch"),
        _text("reason"),
        _number("granted_ms"),
        _text("request_id"),
        _text("key_id"),
        _bytes("signature"),
        sa.PrimaryKeyConstraint("store", "till", "epoch"),
    )
    op.create_index("till_epoch_request", "till_epoch", ["store", "till", "request_id"], unique=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary, nullable=False)
