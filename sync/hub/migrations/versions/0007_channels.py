"""The channels: tokens, keys of requests, events, tasks, stores, and how far the shop has heard the facts."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import blob, flag, keep, number, small, text

revision = "0007_channels"
down_revision: str | None = "0006_carts"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("token_id", sa.Text, primary_key=True),
        text("name"),
        text("role"),
        text("store"),
        blob("secret_hash"),
        number("created_ms"),
        number("revoked_ms"),
    )
    op.create_table(
        "idempotency",
        text("caller"),
        text("key"),
        blob("digest"),
        small("status"),
        blob("body"),
        text("tag"),
        number("created_ms"),
        sa.PrimaryKeyConstraint("caller", "key"),
    )
    op.create_index("idempotency_created", "idempotency", ["created_ms"])
    op.create_table(
        "event",
        text("store"),
        number("n"),
        text("event_id"),
        text("type"),
        text("subject"),
        number("at_ms"),
        blob("data"),
        sa.PrimaryKeyConstraint("store", "n"),
    )
    keep("event")
    op.create_table("event_counter", sa.Column("store", sa.Text, primary_key=True), number("n"))
    op.create_table(
        "task",
        text("store"),
        text("kind"),
        text("key"),
        text("subject"),
        text("state"),
        number("created_ms"),
        number("due_ms"),
        number("done_ms"),
        text("done_by"),
        blob("data"),
        sa.PrimaryKeyConstraint("store", "kind", "key"),
    )
    op.create_index("task_open", "task", ["store", "state", "created_ms"])
    op.create_table(
        "store_info",
        sa.Column("store", sa.Text, primary_key=True),
        number("version"),
        flag("active"),
        blob("body"),
    )
    op.create_table(
        "shop_cursor",
        text("store"),
        text("till"),
        number("epoch"),
        number("seq"),
        sa.PrimaryKeyConstraint("store", "till", "epoch"),
        sqlite_with_rowid=False,
    )
