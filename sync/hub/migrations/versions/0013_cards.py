"""Gift cards and store credit."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import flag, number, text

revision = "0013_cards"
down_revision: str | None = "0012_customers"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "gift_card",
        sa.Column("number", sa.Text, primary_key=True),
        text("kind"),
        text("currency"),
        number("moved_minor"),
        number("held_minor"),
        flag("blocked"),
        text("reason"),
        text("store"),
        number("issued_ms"),
        number("expires_ms"),
    )
    op.create_table(
        "gift_card_move",
        text("number"),
        text("cause"),
        text("kind"),
        number("minor"),
        number("at_ms"),
        text("store"),
        sa.PrimaryKeyConstraint("number", "cause"),
    )
    op.create_table(
        "gift_card_hold",
        sa.Column("hold_id", sa.Text, primary_key=True),
        text("number"),
        number("minor"),
        text("state"),
        text("holder"),
        number("made_ms"),
        number("expires_ms"),
        number("ended_ms"),
    )
    op.create_index("gift_card_hold_of", "gift_card_hold", ["number", "state"])
    op.create_index("gift_card_hold_open", "gift_card_hold", ["state", "expires_ms"])
