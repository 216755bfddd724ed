"""Parked carts: where each was parked and went on, and who may go on with it."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0006_carts"
down_revision: str | None = "0005_relay"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "cart_move",
        _text("store"),
        _number("generation"),
        _text("cart_id"),
        _text("what"),
        _text("till"),
        _number("epoch"),
        _number("seq"),
        sa.PrimaryKeyConstraint("store", "generation", "cart_id", "what", "till", "epoch", "seq"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cart_claim",
        _text("store"),
        _text("cart_id"),
        _text("till"),
        _text("follows"),
        sa.Column("done", sa.Boolean, nullable=False),
        _text("claimed_by"),
        _text("claim_key"),
        _number("claimed_ms"),
        sa.PrimaryKeyConstraint("store", "cart_id"),
    )
    op.create_index("cart_claim_open", "cart_claim", ["store", "done"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)
