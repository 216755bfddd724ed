"""A channel's own number of an order is a column, so that orders are found by it."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0020_external"
down_revision: str | None = "0019_notes"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
_PAGE = 500


def upgrade() -> None:
    op.add_column("orders", sa.Column("external", sa.Text, nullable=False, server_default=""))
    connection, last = op.get_bind(), ""
    query = sa.text("select order_id, body from orders where order_id > :last order by order_id limit :page")
    write = sa.text("update orders set external = :external where order_id = :order_id")
    while rows := connection.execute(query, {"last": last, "page": _PAGE}).fetchall():
        found = [
            {"order_id": row.order_id, "external": external}
            for row in rows
            if (external := msgspec.json.decode(bytes(row.body)).get("external", ""))
        ]
        if found:
            connection.execute(write, found)
        last = rows[-1].order_id
    op.create_index("orders_external", "orders", ["external", "store"])
