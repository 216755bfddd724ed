"""When a payment service is asked again for money that it should give back."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0018_refunds"
down_revision: str | None = "0017_holds"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("shop_return_refund", sa.Column("asked", sa.Integer, nullable=False, server_default="1"))
    op.add_column(
        "shop_return_refund", sa.Column("next_ms", sa.BigInteger, nullable=False, server_default="0")
    )
    op.create_index("shop_return_refund_next", "shop_return_refund", ["next_ms"])
