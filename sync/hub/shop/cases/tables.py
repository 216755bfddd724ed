"""Tables of cases and of the survey. What people wrote is sealed, each case under a key of its own or its customer's."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, Table, Text

from sync.hub.tables import metadata

__all__ = ["case", "case_counter", "case_message", "survey_answer"]

# `kind`: help, invoice. `about_kind` receipt (`about`: till-epoch-number) or order (its id). `state`: open, answered,
# closed. `once` is what there is one case of. `subject` names the key. `contact`: messages.Contact as JSON, sealed.
case: Final = Table(
    "case_head",
    metadata,
    Column("store", Text, primary_key=True),
    Column("case_id", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("once", Text, nullable=False),
    Column("about_kind", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("language", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("contact", LargeBinary, nullable=False),
    Index("case_once", "store", "once", unique=True),
    Index("case_number", "store", "number", unique=True),
    Index("case_about", "store", "about_kind", "about"),
    Index("case_listed", "store", "state", "number"),
    Index("case_old", "state", "changed_ms"),
)

# `side`: customer or staff; `said_by` is the operator or token. `sealed` is empty once the case was erased.
case_message: Final = Table(
    "case_message",
    metadata,
    Column("store", Text, primary_key=True),
    Column("case_id", Text, primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("side", Text, nullable=False),
    Column("said_by", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

case_counter: Final = Table(
    "case_counter",
    metadata,
    Column("store", Text, primary_key=True),
    Column("n", BigInteger, nullable=False),
)

# One answer a receipt: `subject` is till-epoch-number, `score` 0 to 10, `sealed` the sentence under the key of survey/STORE/subject.
survey_answer: Final = Table(
    "survey_answer",
    metadata,
    Column("store", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("score", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Index("survey_at", "store", "at_ms", "subject"),
)
