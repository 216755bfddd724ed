"""Carts that travel between phone and till."""

from collections.abc import Sequence

revision = "0009_baskets"
down_revision: str | None = "0008_stock"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Nothing yet."""
