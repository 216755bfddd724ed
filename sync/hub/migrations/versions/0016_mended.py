"""Which orders a receipt handed over, and which receipts were taken back."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import number, text

revision = "0016_mended"
down_revision: str | None = "0015_cases"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    table = op.create_table(
        "orders_receipt",
        text("store"),
        text("receipt"),
        text("order_id"),
        number("voided_ms"),
        sa.PrimaryKeyConstraint("store", "receipt", "order_id"),
    )
    connection = op.get_bind()
    rows: dict[tuple[str, str, str], int] = {}
    for order_id, place, body in connection.execute(
        sa.text("select order_id, place, body from orders_hand_over")
    ):
        receipt = msgspec.json.decode(bytes(body)).get("receipt", 0)
        if receipt:
            store, till, epoch, _ = place.split("/")
            rows[store, f"{till}-{epoch}-{receipt}", order_id] = 0
    for store, receipt, at_ms in connection.execute(
        sa.text(
            "select store, purchase, min(at_ms) from shop_return_taken where n = 0 group by store, purchase"
        )
    ):
        rows[store, receipt, ""] = at_ms
    if rows:
        names = ("store", "receipt", "order_id", "voided_ms")
        connection.execute(
            table.insert(), [dict(zip(names, (*key, at), strict=True)) for key, at in sorted(rows.items())]
        )
