"""The tables and the statements stay such that stores can be spread over several databases."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync.hub import ledger, machines, projector, quarantine, rebuild
from sync.hub import tables as t
from sync.hub.database import migrate, open_engine, transact
from sync.hub.rights import Intake
from sync.hub.shop import tables as _shop_tables  # noqa: F401 - so that its tables count
from sync.keys import SigningKey
from sync.links import split_link
from sync.wire import Hello, sealed
from tests.contract.hub_kit import NOW_MS, Till, link_of

# What belongs to the chain of stores, or to this node alone, has no store.
WITHOUT_STORE = {
    *("article", "change", "change_counter", "enrolment_code", "node_key"),
    *("api_token", "idempotency", "staff_code"),
    *("webhook", "brand"),
    *("article_code", "article_deposit", "article_word"),
    *("list_price", "price_history", "price_list_history", "price_turn", "promotion_history"),
    *(
        "customer",
        "customer_access",
        "customer_consent",
        "customer_identifier",
        "customer_key",
        "customer_link",
    ),
    *("customer_points", "customer_purchase", "loyalty", "gift_card", "gift_card_hold", "gift_card_move"),
}
OF_ONE_DATABASE = re.compile(
    r"\b(listen|notify|lock table|pg_advisory|nextval|currval|serial|deferrable|exclude|inherits|returns trigger)\b",
    re.IGNORECASE,
)


@pytest.fixture
def engine(hub_url: str) -> Iterator[Engine]:
    engine = open_engine(hub_url)
    migrate(engine)
    yield engine
    engine.dispose()


def test_every_key_begins_with_the_store() -> None:
    found = {table.name: next(iter(table.primary_key.columns)).name for table in t.metadata.sorted_tables}
    assert {name for name, first in found.items() if first != "store"} == WITHOUT_STORE


def test_every_unique_index_and_reference_has_the_store() -> None:
    for table in t.metadata.sorted_tables:
        if table.name in WITHOUT_STORE:
            continue
        for index in table.indexes:
            if index.unique:
                assert "store" in index.columns, index
        for constraint in table.foreign_key_constraints:
            assert "store" in constraint.columns, constraint


def test_no_column_counts_by_itself(engine: Engine) -> None:
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        names = inspector.get_table_names()
        assert {table.name for table in t.metadata.sorted_tables} <= set(names)
        for name in names:
            for column in inspector.get_columns(name):
                assert "nextval" not in str(column["default"]), (name, column)
                assert not column.get("identity"), (name, column)
        if engine.dialect.name == "postgresql":
            assert inspector.get_sequence_names() == []


def test_statements_name_the_store_and_use_what_several_databases_know(engine: Engine) -> None:
    """Everything that a till's day asks of the database, and a rebuild of one store."""
    statements: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def _note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(" ".join(statement.split()))

    key = SigningKey(bytes(32))
    intake = Intake(rights=machines.Rights(lambda: NOW_MS), relay=True)
    till = Till()
    till.sell(5, link=link_of("demo", bytes(32)))
    clone = till.clone()
    till.sell(2)
    clone.number += 9
    clone.sell(2)

    def take(who: Till, first: int, last: int) -> None:
        batch = sealed(who.batch(first, last), key.key_id, key.sign)
        transact(engine, ledger.ingest, batch, NOW_MS, intake)

    transact(engine, machines.lock, "demo", "1", "till", NOW_MS)
    transact(engine, machines.add_key, "demo", "1", key.public, NOW_MS)
    transact(engine, ledger.hello, Hello("demo", "1", 1, "x"), bytes(32), "u", NOW_MS, intake, key.key_id)
    take(till, 1, 6)
    take(till, 4, 8)
    take(clone, 7, 8)
    till.new_epoch()
    take(till, 9, 9)
    while transact(engine, projector.follow, "demo", "1", 1, NOW_MS):
        pass
    link = split_link(link_of("demo", bytes(32)))
    assert link is not None
    with engine.connect() as connection:
        assert ledger.find_receipt(connection, "demo", link[1])
        assert ledger.read_batch(connection, "demo", "1", epoch=1, after_seq=0)
        assert quarantine.branches(connection, "demo")
        projector.lagging(connection, "demo")
    generation = transact(engine, rebuild.begin, "demo")
    transact(engine, rebuild.switch, "demo", generation, NOW_MS)
    transact(engine, rebuild.sweep, "demo")

    of_stores = {table.name for table in t.metadata.sorted_tables} - WITHOUT_STORE
    seen = set()
    for statement in statements:
        assert not OF_ONE_DATABASE.search(statement), statement
        named = {
            name
            for name in of_stores
            if re.search(rf"(from|join|into|update) {name}\b", statement, re.IGNORECASE)
        }
        seen |= named
        for name in named:
            if re.match(rf"insert into {name}\b", statement, re.IGNORECASE):
                assert re.match(rf"insert into {name} \(store, ", statement, re.IGNORECASE), statement
            else:
                assert re.search(rf"\b{name}\.store = |\.store = {name}\.store", statement), statement
    assert {"fact", "seal", "till_head", "receipt", "day_total", "quarantine", "generation"} <= seen
