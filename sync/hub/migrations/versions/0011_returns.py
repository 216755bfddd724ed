"""Returns in every channel, and what is left of each line."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import blob, number, text

revision = "0011_returns"
down_revision: str | None = "0010_orders"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "shop_return_sale",
        text("store"),
        text("purchase"),
        text("till"),
        number("epoch"),
        number("number"),
        number("seq"),
        number("sold_ms"),
        text("day"),
        number("total_minor"),
        text("customer"),
        text("token"),
        text("lines_text"),
        sa.PrimaryKeyConstraint("store", "purchase"),
    )
    op.create_index("shop_return_sale_number", "shop_return_sale", ["purchase"])
    op.create_index("shop_return_sale_token", "shop_return_sale", ["token"])
    op.create_index("shop_return_sale_day", "shop_return_sale", ["store", "day", "sold_ms"])
    op.create_index("shop_return_sale_customer", "shop_return_sale", ["customer", "sold_ms"])
    op.create_table(
        "shop_return_find",
        text("store"),
        text("kind"),
        text("value"),
        text("purchase"),
        number("sold_ms"),
        sa.PrimaryKeyConstraint("store", "kind", "value", "purchase"),
    )
    op.create_index("shop_return_find_value", "shop_return_find", ["kind", "value", "sold_ms"])
    op.create_table(
        "shop_return",
        text("store"),
        text("return_id"),
        text("purchase"),
        text("state"),
        number("until_ms"),
        number("created_ms"),
        blob("body"),
        sa.PrimaryKeyConstraint("store", "return_id"),
    )
    op.create_index("shop_return_purchase", "shop_return", ["store", "purchase"])
    op.create_table(
        "shop_return_taken",
        text("store"),
        text("purchase"),
        text("place"),
        number("n"),
        number("qty"),
        number("minor"),
        number("at_ms"),
        sa.PrimaryKeyConstraint("store", "purchase", "place"),
    )
    op.create_table(
        "shop_return_paid",
        text("store"),
        text("purchase"),
        text("place"),
        text("kind"),
        text("reference"),
        number("minor"),
        sa.PrimaryKeyConstraint("store", "purchase", "place"),
    )
    op.create_table(
        "shop_return_refund",
        text("store"),
        text("refund_id"),
        text("order_id"),
        text("receipt"),
        text("return_id"),
        number("amount_minor"),
        text("state"),
        text("reference"),
        number("created_ms"),
        sa.PrimaryKeyConstraint("store", "refund_id"),
    )
    op.create_index("shop_return_refund_order", "shop_return_refund", ["store", "order_id"])
    op.create_index("shop_return_refund_receipt", "shop_return_refund", ["store", "receipt"])
    op.create_index("shop_return_refund_return", "shop_return_refund", ["store", "return_id"])
    op.create_table(
        "shop_return_announced",
        text("store"),
        text("announcement_id"),
        text("purchase"),
        text("code"),
        number("expires_ms"),
        blob("body"),
        sa.PrimaryKeyConstraint("store", "announcement_id"),
    )
    op.create_index("shop_return_announced_code", "shop_return_announced", ["code"])
    op.create_index("shop_return_announced_purchase", "shop_return_announced", ["store", "purchase"])
