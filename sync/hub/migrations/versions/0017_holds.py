"""What an amount of a gift card is held for."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "0017_holds"
down_revision: str | None = "0016_mended"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("gift_card_hold", sa.Column("subject", sa.Text, nullable=False, server_default=""))
    op.create_index("gift_card_hold_for", "gift_card_hold", ["holder", "subject"])
