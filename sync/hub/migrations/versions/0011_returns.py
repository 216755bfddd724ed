"""Returns in every channel, and what is left of each line."""

from collections.abc import Sequence

revision = "0011_returns"
down_revision: str | None = "0010_orders"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Nothing yet."""
