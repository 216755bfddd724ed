"""Statements that are built once do on both databases what SQLAlchemy does."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from sync.hub.database import migrate, open_engine
from sync.hub.prepared import Inserting, prepared
from sync.hub.shop.cards import tables as t

CARD = {
    "number": "N1", "kind": "gift-card", "currency": "EUR", "moved_minor": 500, "held_minor": 0, "blocked": True,
    "reason": "", "store": "s", "issued_ms": 1, "expires_ms": 2,
}  # fmt: skip


@prepared
def _card(number: Any) -> Any:
    c = t.gift_card.c
    return sa.select(c.number, c.moved_minor, c.blocked).where(c.number == number)


@prepared
def _booked(number: Any, more: Any) -> Any:
    c = t.gift_card.c
    return t.gift_card.update().where(c.number == number).values(moved_minor=c.moved_minor + more)


@prepared
def _nonsense() -> Any:
    return sa.select(sa.column("x")).select_from(sa.table("there_is_no_such_table"))


_MAKE = Inserting(t.gift_card)
_KEEP = Inserting(t.gift_card, keep=True, returning=("number",))


@pytest.fixture
def engine(hub_url: str) -> Iterator[Engine]:
    engine = open_engine(hub_url)
    migrate(engine)
    yield engine
    engine.dispose()


def test_rows_have_their_columns_with_their_types(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.select(1))
        _MAKE.run(connection, CARD)
        _MAKE.all_of(connection, [{**CARD, "number": "N2", "blocked": False}])
        assert _booked.run(connection, "N1", -200) == 1
        assert _booked.run(connection, "N9", 1) == 0
        row = _card.first(connection, "N1")
        assert row is not None
        assert (row.number, row.moved_minor, row.blocked) == ("N1", 300, True)
        assert row.blocked is True
        assert [tuple(one) for one in _card.all(connection, "N2")] == [("N2", 500, False)]
        assert _card.first(connection, "N9") is None
        assert _card.scalar(connection, "N9") is None


def test_a_row_whose_key_is_taken_stays_as_it_is(engine: Engine) -> None:
    with engine.begin() as connection:
        assert _KEEP.first(connection, CARD) is not None
        assert _KEEP.first(connection, {**CARD, "moved_minor": 9}) is None
        assert _card.all(connection, "N1")[0].moved_minor == 500


def test_the_first_statement_of_a_transaction_begins_it(engine: Engine) -> None:
    with engine.connect() as connection:
        _MAKE.run(connection, CARD)
        connection.rollback()
    with engine.begin() as connection:
        assert _card.first(connection, "N1") is None


def test_faults_are_sqlalchemys(engine: Engine) -> None:
    with engine.begin() as connection:
        _MAKE.run(connection, CARD)
        with pytest.raises(IntegrityError), connection.begin_nested():
            _MAKE.run(connection, CARD)
        with pytest.raises((OperationalError, ProgrammingError)), connection.begin_nested():
            _nonsense.all(connection)
        assert _card.first(connection, "N1") is not None
