"""The stock ledger: movements, levels, reservations, counts, transfers."""

from collections.abc import Sequence

revision = "0008_stock"
down_revision: str | None = "0007_channels"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Nothing yet."""
