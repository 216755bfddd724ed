"""Orders and their fulfillments."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import blob, number, small, text

revision = "0010_orders"
down_revision: str | None = "0009_baskets"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "orders",
        text("store"),
        text("order_id"),
        number("number"),
        text("code"),
        text("kind"),
        text("state"),
        number("version"),
        number("terms"),
        blob("secret_hash"),
        text("customer"),
        number("created_ms"),
        blob("body"),
        sa.PrimaryKeyConstraint("store", "order_id"),
    )
    op.create_index("orders_code", "orders", ["store", "code"], unique=True)
    op.create_index("orders_number", "orders", ["store", "number"], unique=True)
    op.create_index("orders_id", "orders", ["order_id"])
    op.create_index("orders_customer", "orders", ["customer", "created_ms"])
    op.create_index("orders_listed", "orders", ["store", "created_ms", "order_id"])
    op.create_table("orders_counter", sa.Column("store", sa.Text, primary_key=True), number("n"))
    op.create_table(
        "orders_fulfillment",
        text("store"),
        text("fulfillment_id"),
        text("order_store"),
        text("order_id"),
        text("state"),
        number("due_ms"),
        number("deadline_ms"),
        number("clock_ms"),
        small("reminded"),
        text("claimed_by"),
        number("lease_ms"),
        number("claims"),
        blob("body"),
        sa.PrimaryKeyConstraint("store", "fulfillment_id"),
    )
    op.create_index(
        "orders_fulfillment_list", "orders_fulfillment", ["store", "state", "due_ms", "fulfillment_id"]
    )
    op.create_index("orders_fulfillment_order", "orders_fulfillment", ["order_store", "order_id"])
    op.create_index("orders_fulfillment_clock", "orders_fulfillment", ["clock_ms"])
    op.create_table(
        "orders_hand_over",
        text("store"),
        text("order_id"),
        text("place"),
        number("at_ms"),
        small("main"),
        blob("body"),
        sa.PrimaryKeyConstraint("store", "order_id", "place"),
    )
