"""The stock ledger: movements, counts, levels, reservations, shipments."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import blob, flag, keep, number, text

revision = "0008_stock"
down_revision: str | None = "0007_channels"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "stock_movement",
        *(text(name) for name in ("store", "sku", "type", "cause", "location")),
        *(number(name) for name in ("qty", "occurred_ms", "recorded_ms")),
        *(text(name) for name in ("reason", "actor")),
        sa.PrimaryKeyConstraint("store", "sku", "type", "cause"),
    )
    op.create_index("stock_movement_time", "stock_movement", ["store", "sku", "location", "occurred_ms"])
    keep("stock_movement")
    op.create_table(
        "stock_counted",
        *(text(name) for name in ("store", "sku", "location", "count_id")),
        *(number(name) for name in ("counted_ms", "qty", "recorded_ms")),
        text("actor"),
        sa.PrimaryKeyConstraint("store", "sku", "location", "count_id"),
    )
    keep("stock_counted")
    op.create_table(
        "stock_level",
        *(text(name) for name in ("store", "sku", "location")),
        *(number(name) for name in ("on_hand", "reserved", "safety", "counted_ms")),
        text("count_id"),
        sa.PrimaryKeyConstraint("store", "sku", "location"),
    )
    op.create_table(
        "stock_reservation",
        *(text(name) for name in ("store", "reservation_id", "sku")),
        number("qty"),
        *(text(name) for name in ("purpose", "subject")),
        flag("paid"),
        text("state"),
        *(number(name) for name in ("created_ms", "expires_ms", "ended_ms")),
        *(text(name) for name in ("cause", "actor")),
        sa.PrimaryKeyConstraint("store", "reservation_id"),
    )
    op.create_index("stock_reservation_sku", "stock_reservation", ["store", "sku", "state"])
    op.create_index("stock_reservation_due", "stock_reservation", ["store", "state", "expires_ms"])
    op.create_index("stock_reservation_subject", "stock_reservation", ["store", "subject"])
    _by_people()


def _by_people() -> None:
    op.create_table(
        "stock_shipment",
        *(text(name) for name in ("store", "shipment_id", "kind", "source", "number", "state")),
        *(number(name) for name in ("version", "created_ms", "changed_ms")),
        blob("body"),
        sa.PrimaryKeyConstraint("store", "shipment_id"),
    )
    op.create_index("stock_shipment_state", "stock_shipment", ["store", "kind", "state", "created_ms"])
    op.create_index("stock_shipment_number", "stock_shipment", ["store", "kind", "number"])
    op.create_index("stock_shipment_source", "stock_shipment", ["source", "kind", "state"])
    op.create_table(
        "stock_count",
        *(text(name) for name in ("store", "count_id", "location", "name", "state")),
        *(number(name) for name in ("version", "created_ms", "ended_ms")),
        *(text(name) for name in ("opened_by", "ended_by")),
        number("approve_over"),
        blob("body"),
        sa.PrimaryKeyConstraint("store", "count_id"),
    )
    op.create_index("stock_count_state", "stock_count", ["store", "state", "created_ms"])
    op.create_table(
        "stock_count_line",
        *(text(name) for name in ("store", "count_id", "sku")),
        *(number(name) for name in ("qty", "counted_ms")),
        sa.PrimaryKeyConstraint("store", "count_id", "sku"),
    )
