"""Cases, answers to the survey, invoices asked for, the brand."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from sync.hub.migrating import blob, number, small, text

revision = "0015_cases"
down_revision: str | None = "0014_messages"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table("brand", sa.Column("name", sa.Text, primary_key=True), number("version"), blob("body"))
    op.create_table(
        "case_head",
        text("store"),
        text("case_id"),
        number("number"),
        *(text(name) for name in ("kind", "once", "about_kind", "about", "state")),
        number("version"),
        *(text(name) for name in ("language", "customer", "subject")),
        number("created_ms"),
        number("changed_ms"),
        blob("contact"),
        sa.PrimaryKeyConstraint("store", "case_id"),
    )
    op.create_index("case_once", "case_head", ["store", "once"], unique=True)
    op.create_index("case_number", "case_head", ["store", "number"], unique=True)
    op.create_index("case_about", "case_head", ["store", "about_kind", "about"])
    op.create_index("case_listed", "case_head", ["store", "state", "number"])
    op.create_index("case_old", "case_head", ["state", "changed_ms"])
    op.create_table(
        "case_message",
        text("store"),
        text("case_id"),
        small("n"),
        number("at_ms"),
        text("side"),
        text("said_by"),
        blob("sealed"),
        sa.PrimaryKeyConstraint("store", "case_id", "n"),
    )
    op.create_table("case_counter", text("store"), number("n"), sa.PrimaryKeyConstraint("store"))
    op.create_table(
        "survey_answer",
        text("store"),
        text("subject"),
        number("at_ms"),
        small("score"),
        blob("sealed"),
        sa.PrimaryKeyConstraint("store", "subject"),
    )
    op.create_index("survey_at", "survey_answer", ["store", "at_ms", "subject"])
