"""Gift cards and store credit."""

from collections.abc import Sequence

revision = "0013_cards"
down_revision: str | None = "0012_customers"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Nothing yet."""
