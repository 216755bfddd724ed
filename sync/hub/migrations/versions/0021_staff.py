"""Codes for phones and tablets of the store's people; tokens that end by themselves and may do less than their role."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import blob, number, small, text

revision = "0021_staff"
down_revision: str | None = "0020_external"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("api_token", sa.Column("expires_ms", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("api_token", sa.Column("scopes", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "staff_code",
        sa.Column("code_id", sa.Text, primary_key=True),
        *(text("store"), text("maker"), text("operator"), text("name"), text("scopes")),
        *(blob("secret_hash"), number("expires_ms"), number("until_ms"), small("wrong")),
        *(blob("used_hash"), text("token_id")),
    )
    op.create_index("staff_code_maker", "staff_code", ["maker", "operator"])
