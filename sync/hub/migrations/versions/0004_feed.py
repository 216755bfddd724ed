"""The change feed: a stamp on each change, and below which number a scope's readers begin again."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0004_feed"
down_revision: str | None = "0003_seals"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("change", sa.Column("stamp", sa.Text, nullable=False, server_default="00000000"))
    op.add_column("change_counter", sa.Column("floor", sa.BigInteger, nullable=False, server_default="0"))
