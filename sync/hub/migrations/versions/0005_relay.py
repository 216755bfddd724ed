"""A relay: what its hub said of its store."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0005_relay"
down_revision: str | None = "0004_feed"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "upstream_store",
        sa.Column("store", sa.Text, primary_key=True),
        sa.Column("public_url", sa.Text, nullable=False),
    )
