"""Messages to customers, and webhooks."""

from collections.abc import Sequence

revision = "0014_messages"
down_revision: str | None = "0013_cards"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Nothing yet."""
