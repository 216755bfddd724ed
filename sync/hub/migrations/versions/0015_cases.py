"""Cases, answers to the survey, invoices asked for, the brand."""

from collections.abc import Sequence

revision = "0015_cases"
down_revision: str | None = "0014_messages"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Nothing yet."""
