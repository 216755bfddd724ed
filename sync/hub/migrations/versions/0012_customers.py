"""Customers, their identifiers, consents, points and keys."""

from collections.abc import Sequence

revision = "0012_customers"
down_revision: str | None = "0011_returns"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Nothing yet."""
