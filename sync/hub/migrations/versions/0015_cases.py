"""Cases, answers to the survey, invoices asked for, the brand."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import blob, number

revision = "0015_cases"
down_revision: str | None = "0014_messages"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table("brand", sa.Column("name", sa.Text, primary_key=True), number("version"), blob("body"))
