"""Price lists as they stood, what articles cost in them, and the history of prices with them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0023_price_lists"
down_revision: str | None = "0022_prices"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "price_list_history",
        sa.Column("list", sa.Text, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("list", "since_ms"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "list_price",
        sa.Column("list", sa.Text, nullable=False),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("prices", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("list", "sku"),
        sa.Index("list_price_sku", "sku"),
        sqlite_with_rowid=False,
    )
    op.add_column("price_history", sa.Column("listed", sa.Text, nullable=False, server_default=""))
