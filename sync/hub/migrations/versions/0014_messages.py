"""Messages to customers, and webhooks."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import blob, flag, number, small, text

revision = "0014_messages"
down_revision: str | None = "0013_cards"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "message",
        text("store"),
        text("key"),
        text("kind"),
        text("purpose"),
        text("channel"),
        text("language"),
        text("customer"),
        flag("urgent"),
        text("state"),
        text("reason"),
        text("answer"),
        small("attempts"),
        small("unknowns"),
        number("created_ms"),
        number("next_ms"),
        number("until_ms"),
        text("lease"),
        number("lease_until_ms"),
        number("settled_ms"),
        blob("address_mark"),
        blob("sealed"),
        sa.PrimaryKeyConstraint("store", "key"),
    )
    op.create_index("message_due", "message", ["state", "next_ms"])
    op.create_index("message_customer", "message", ["customer"])
    op.create_index("message_address", "message", ["address_mark"])
    _webhooks()


def _webhooks() -> None:
    op.create_table(
        "webhook",
        sa.Column("webhook_id", sa.Text, primary_key=True),
        text("store"),
        text("url"),
        blob("types"),
        text("description"),
        text("state"),
        text("reason"),
        small("failures"),
        number("version"),
        number("created_ms"),
        number("next_ms"),
        text("lease"),
        number("lease_until_ms"),
        blob("secrets"),
    )
    op.create_table(
        "webhook_cursor",
        text("store"),
        text("webhook_id"),
        number("n"),
        sa.PrimaryKeyConstraint("store", "webhook_id"),
    )
    op.create_table(
        "webhook_delivery",
        text("store"),
        text("webhook_id"),
        text("delivery_id"),
        number("n"),
        text("type"),
        text("state"),
        small("attempts"),
        small("tries"),
        number("created_ms"),
        number("next_ms"),
        number("settled_ms"),
        sa.PrimaryKeyConstraint("store", "webhook_id", "delivery_id"),
    )
    op.create_index("webhook_delivery_due", "webhook_delivery", ["webhook_id", "state", "next_ms"])
    op.create_table(
        "webhook_attempt",
        text("store"),
        text("webhook_id"),
        text("delivery_id"),
        small("attempt"),
        number("at_ms"),
        small("status"),
        text("reason"),
        number("took_ms"),
        sa.PrimaryKeyConstraint("store", "webhook_id", "delivery_id", "attempt"),
    )
    op.create_index("webhook_attempt_at", "webhook_attempt", ["at_ms"])
