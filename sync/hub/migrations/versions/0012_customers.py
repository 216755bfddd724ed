"""Customers, their identifiers, consents, points and keys."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import blob, flag, number, text

revision = "0012_customers"
down_revision: str | None = "0011_returns"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "customer",
        sa.Column("customer_id", sa.Text, primary_key=True),
        number("version"),
        text("state"),
        text("merged_into"),
        text("language"),
        number("created_ms"),
        number("changed_ms"),
        blob("body"),
    )
    op.create_index("customer_merged", "customer", ["merged_into"])
    op.create_table(
        "customer_key",
        sa.Column("subject", sa.Text, primary_key=True),
        blob("wrapped"),
        number("created_ms"),
    )
    op.create_table(
        "customer_identifier",
        text("kind"),
        blob("lookup"),
        text("customer_id"),
        blob("value"),
        number("added_ms"),
        sa.PrimaryKeyConstraint("kind", "lookup"),
    )
    op.create_index("customer_identifier_of", "customer_identifier", ["customer_id"])
    op.create_table(
        "customer_consent",
        text("customer_id"),
        text("consent_id"),
        text("purpose"),
        text("channel"),
        flag("given"),
        number("at_ms"),
        text("source"),
        text("text_version"),
        blob("evidence"),
        sa.PrimaryKeyConstraint("customer_id", "consent_id"),
    )
    op.create_table(
        "customer_points",
        text("customer_id"),
        text("cause"),
        text("kind"),
        number("points"),
        number("at_ms"),
        number("expires_ms"),
        sa.PrimaryKeyConstraint("customer_id", "cause"),
    )
    op.create_table(
        "customer_purchase",
        text("customer_id"),
        text("channel"),
        text("reference"),
        text("store"),
        number("at_ms"),
        number("total_minor"),
        text("currency"),
        number("pieces"),
        sa.PrimaryKeyConstraint("customer_id", "channel", "reference"),
    )
    op.create_index("customer_purchase_at", "customer_purchase", ["customer_id", "at_ms"])
    op.create_table(
        "customer_link",
        sa.Column("secret_hash", sa.LargeBinary, primary_key=True),
        text("customer_id"),
        number("expires_ms"),
    )
    op.create_index("customer_link_of", "customer_link", ["customer_id"])
    op.create_table(
        "customer_access",
        text("customer_id"),
        text("access_id"),
        number("at_ms"),
        text("who"),
        text("what"),
        sa.PrimaryKeyConstraint("customer_id", "access_id"),
    )
    op.create_table(
        "loyalty", sa.Column("programme", sa.Text, primary_key=True), number("version"), blob("body")
    )
