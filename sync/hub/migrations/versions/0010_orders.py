"""Orders and their fulfillments."""

from collections.abc import Sequence

revision = "0010_orders"
down_revision: str | None = "0009_baskets"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Nothing yet."""
