"""Orders whose note stands unencrypted; the hub seals them as it runs."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import text

revision = "0019_notes"
down_revision: str | None = "0018_refunds"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None
_PAGE = 500


def upgrade() -> None:
    table = op.create_table(
        "orders_unsealed", text("store"), text("order_id"), sa.PrimaryKeyConstraint("store", "order_id")
    )
    connection, last = op.get_bind(), ""
    query = sa.text(
        "select store, order_id, body from orders where order_id > :last order by order_id limit :page"
    )
    while rows := connection.execute(query, {"last": last, "page": _PAGE}).fetchall():
        found = [
            {"store": row.store, "order_id": row.order_id}
            for row in rows
            if msgspec.json.decode(bytes(row.body)).get("note")
        ]
        if found:
            connection.execute(table.insert(), found)
        last = rows[-1].order_id
