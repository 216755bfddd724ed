"""Messages to customers: the outbox."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0012_messages"
down_revision: str | None = "0006_carts"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_TEXTS = ("kind", "purpose", "channel", "language", "customer")


def upgrade() -> None:
    op.create_table(
        "message",
        _text("store"),
        _text("key"),
        *(_text(name) for name in _TEXTS),
        sa.Column("urgent", sa.Boolean, nullable=False),
        _text("state"),
        _text("reason"),
        _text("answer"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("unknowns", sa.Integer, nullable=False),
        _number("created_ms"),
        _number("next_ms"),
        _number("until_ms"),
        _text("lease"),
        _number("lease_until_ms"),
        _number("settled_ms"),
        sa.Column("address_mark", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("store", "key"),
    )
    op.create_index("message_due", "message", ["state", "next_ms"])
    op.create_index("message_customer", "message", ["customer"])
    op.create_index("message_address", "message", ["address_mark"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)
