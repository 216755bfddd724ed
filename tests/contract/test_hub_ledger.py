"""The ledger takes every fact once, in order, on both databases, and proves it."""

import random
import threading
from collections.abc import Callable, Iterator

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from pos.facts import StoredFact, body_of
from sync.hub import articles, changes, ledger, projector, rebuild, records
from sync.hub import tables as t
from sync.hub.database import DatabaseUnavailableError, migrate, open_engine, transact
from sync.hub.digest import Digest, digest
from sync.hub.shop import tables as _shop_tables  # noqa: F401 - so that its tables count
from sync.links import split_link
from sync.wire import Ack, Batch, Fork, Gap, Hello, Problem
from tests.contract.hub_kit import NOW_MS, Till, link_of, sale

KEY = bytes(range(32))


@pytest.fixture
def engine(hub_url: str) -> Iterator[Engine]:
    engine = open_engine(hub_url)
    migrate(engine)
    yield engine
    engine.dispose()


def take(engine: Engine, batch: Batch) -> Ack | Gap | Fork | Problem:
    return transact(engine, ledger.ingest, batch, NOW_MS)


def ack(till: Till, epoch: int, fact: StoredFact) -> Ack:
    return Ack(epoch, fact.seq, fact.hash, NOW_MS, store=till.store, till=till.till)


def project(engine: Engine) -> None:
    with engine.connect() as connection:
        todo = projector.lagging(connection)
    for store, till, epoch in todo:
        while transact(engine, projector.follow, store, till, epoch, NOW_MS, careful=True):
            pass


def digest_of(engine: Engine) -> Digest:
    with engine.connect() as connection:
        return digest(connection)


def held(engine: Engine, till: Till, epoch: int = 1) -> list[StoredFact]:
    with engine.connect() as connection:
        return ledger.read_facts(connection, till.store, till.till, epoch=epoch, after_seq=0, limit=10_000)


def test_facts_come_back_byte_by_byte(engine: Engine) -> None:
    till = Till()
    till.sell(20)
    answer = take(engine, till.batch(1, 21))
    assert answer == ack(till, 1, till.facts[-1])
    assert held(engine, till) == till.facts


def test_the_same_batch_again_is_an_acknowledgement_and_changes_nothing(engine: Engine) -> None:
    till = Till()
    till.sell(9)
    first = take(engine, till.batch(1, 10))
    before = digest_of(engine)
    assert take(engine, till.batch(1, 10)) == first
    assert take(engine, till.batch(3, 5)) == first
    assert digest_of(engine) == before


def test_a_batch_that_overlaps_adds_only_what_is_new(engine: Engine) -> None:
    till = Till()
    till.sell(9)
    take(engine, till.batch(1, 6))
    assert take(engine, till.batch(4, 10)) == ack(till, 1, till.facts[-1])
    assert held(engine, till) == till.facts


def test_missing_facts_are_asked_for(engine: Engine) -> None:
    till = Till()
    till.sell(9)
    assert take(engine, till.batch(3, 4)) == Gap(expected_seq=1)
    take(engine, till.batch(1, 4))
    assert take(engine, till.batch(7, 10)) == Gap(expected_seq=5)
    assert held(engine, till) == till.facts[:4]


def test_any_order_and_any_cut_of_batches_gives_the_same_hub(
    new_url: Callable[[str], str], engine: Engine
) -> None:
    tills = [Till(till=name) for name in ("1", "2")]
    for till in tills:
        till.sell(30)
        assert isinstance(take(engine, till.batch(1, 31)), Ack)
    project(engine)
    chance = random.Random(7)
    other = open_engine(new_url("sqlite"))
    migrate(other)
    for till in tills:
        done = False
        while not done:
            first = chance.randint(1, 31)
            answer = take(other, till.batch(first, min(31, first + chance.randint(0, 9))))
            assert isinstance(answer, Ack | Gap)
            done = isinstance(answer, Ack) and answer.acked_seq == 31
            if chance.random() < 0.3:
                project(other)
    project(other)
    assert digest_of(other) == digest_of(engine)
    other.dispose()


def test_a_cloned_till_is_found_at_its_first_fact_and_both_branches_are_kept(engine: Engine) -> None:
    till = Till()
    till.sell(4)
    clone = till.clone()
    till.sell(3)
    take(engine, till.batch(1, 8))
    clone.number += 50
    clone.sell(2)
    answer = take(engine, clone.batch(6, 7))
    assert answer == Fork(seq=6, hub_hash=till.facts[5].hash, kept_seq=7)
    assert held(engine, till) == till.facts
    assert take(engine, clone.batch(6, 7)) == answer
    with engine.connect() as connection:
        rows = connection.execute(
            sa.select(t.quarantine.c.seq, t.quarantine.c.hash).order_by(t.quarantine.c.seq)
        )
        assert [(row.seq, bytes(row.hash)) for row in rows] == [(f.seq, f.hash) for f in clone.facts[5:]]


def test_a_branch_that_leaves_exactly_at_the_head_is_a_fork_too(engine: Engine) -> None:
    till = Till()
    till.sell(2)
    clone = till.clone()
    till.sell(1)
    take(engine, till.batch(1, 4))
    clone.number += 50
    clone.sell(2)
    assert take(engine, clone.batch(5, 5)) == Fork(seq=4, hub_hash=till.facts[3].hash, kept_seq=5)
    assert digest_of(engine).quarantined == 1


@pytest.mark.parametrize("field", ["kind", "version", "wall_ms", "mono_ms", "boot_id", "body", "hash"])
def test_any_altered_field_breaks_the_chain(engine: Engine, field: str) -> None:
    till = Till()
    till.sell(3)
    good = till.batch(1, 4)
    value = getattr(good.facts[2], field)
    altered = bytes([value[0] ^ 1]) + value[1:] if isinstance(value, bytes) else (
        value + 1 if isinstance(value, int) else value + "x"
    )  # fmt: skip
    facts = list(good.facts)
    facts[2] = msgspec.structs.replace(facts[2], **{field: altered})
    answer = take(engine, msgspec.structs.replace(good, facts=tuple(facts)))
    assert isinstance(answer, Problem)
    assert "fact 3" in answer.detail
    assert held(engine, till) == []


def test_facts_of_another_till_do_not_pass_as_ones_own(engine: Engine) -> None:
    till = Till(till="1")
    till.sell(2)
    assert isinstance(take(engine, msgspec.structs.replace(till.batch(1, 3), till="2")), Problem)


@pytest.mark.parametrize(
    "change",
    [
        {"facts": ()},
        {"epoch": 0},
        {"epoch": 2},
        {"first_seq": 2},
    ],
)
def test_a_batch_that_does_not_hold_together_is_refused(engine: Engine, change: dict[str, object]) -> None:
    till = Till()
    till.sell(2)
    assert isinstance(take(engine, msgspec.structs.replace(till.batch(1, 3), **change)), Problem)


def test_kinds_nobody_knows_yet_are_stored_as_they_are(engine: Engine) -> None:
    till = Till()
    till.write_raw("weather.noted", 7, b"\x00\xffanything")
    till.sell(1)
    assert isinstance(take(engine, till.batch(1, 3)), Ack)
    assert held(engine, till) == till.facts
    project(engine)
    assert digest_of(engine).kinds == {"epoch.opened": 1, "sale": 1, "weather.noted": 1}


def test_a_new_epoch_goes_on_and_a_late_tail_of_the_old_one_still_comes_in(engine: Engine) -> None:
    till = Till()
    till.sell(5)
    take(engine, till.batch(1, 4))
    old = till.clone()
    del till.facts[4:]
    till.seq = 4
    till.new_epoch()
    till.sell(2)
    assert take(engine, till.batch(6, 7)) == Gap(expected_seq=1)
    assert take(engine, till.batch(5, 7)) == ack(till, 2, till.facts[-1])
    assert take(engine, old.batch(5, 6)) == ack(old, 1, old.facts[-1])
    welcome = transact(engine, ledger.hello, Hello("demo", "1", 1), KEY, "http://hub", NOW_MS)
    assert (welcome.acked_epoch, welcome.acked_seq, welcome.latest_epoch) == (1, 6, 2)
    welcome = transact(engine, ledger.hello, Hello("demo", "1", 2), KEY, "http://hub", NOW_MS)
    assert (welcome.acked_epoch, welcome.acked_seq, welcome.acked_hash) == (2, 7, till.facts[-1].hash)


def test_a_new_epoch_may_count_from_one_again(engine: Engine) -> None:
    take(engine, Till().batch(1, 1))
    second = Till(epoch=2)
    second.sell(1)
    assert take(engine, second.batch(1, 2)) == ack(second, 2, second.facts[-1])


def test_one_store_has_one_link_key_and_another_store_another(engine: Engine) -> None:
    keys = [
        transact(engine, ledger.hello, Hello(store, till, 1), bytes([n]) * 32, "u", NOW_MS).link_key
        for n, (store, till) in enumerate([("a", "1"), ("a", "2"), ("b", "1")])
    ]
    assert keys == [bytes([0]) * 32, bytes([0]) * 32, bytes([2]) * 32]


@pytest.mark.parametrize("table", ["fact", "quarantine"])
def test_what_is_stored_cannot_be_changed_or_removed(engine: Engine, table: str) -> None:
    till = Till()
    till.sell(2)
    clone = till.clone()
    till.sell(1)
    clone.sell(1, lines=5)
    take(engine, till.batch(1, 4))
    take(engine, clone.batch(4, 4))
    statements = [f"delete from {table}", f"update {table} set kind = 'x'"]
    if engine.dialect.name == "sqlite":
        statements.append(f"insert or replace into {table} select * from {table}")
    else:
        statements.append(f"truncate {table}")
    before = digest_of(engine)
    for statement in statements:
        with pytest.raises(DBAPIError, match="takes inserts only"):
            transact(engine, lambda connection, sql: connection.execute(sa.text(sql)), statement)
    assert digest_of(engine) == before
    assert before.quarantined == 1


def test_receipts_and_day_totals_follow_the_facts(engine: Engine) -> None:
    till = Till()
    link = link_of("demo", KEY)
    till.sell(3)
    till.sell(1, link=link)
    till.sell(1, link=f"/r/{link_of('demo', KEY, 1)}")
    till.sell(2, training=True)
    take(engine, till.batch(1, 8))
    project(engine)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(t.day_total).order_by(t.day_total.c.training)).all()
        assert [(row.sales, row.training) for row in rows] == [(5, False), (2, True)]
        assert rows[0].gross_minor == till.gross_minor
        tokens = connection.execute(sa.select(t.receipt.c.token)).scalars().all()
        assert len(tokens) == 2
        parts = split_link(link)
        assert parts is not None
        found = ledger.find_receipt(connection, "demo", parts[1])
        assert found == ("1", till.facts[4])
        assert ledger.find_receipt(connection, "other", parts[1]) is None


def test_poison_is_marked_and_holds_nothing_up(engine: Engine) -> None:
    till = Till()
    till.sell(2)
    till.write_raw("sale", 1, b"this is no deflate")
    till.write(sale(99, link="https://elsewhere.example/r/no-link"))
    huge = body_of(msgspec.structs.replace(sale(100), total_minor=2**63))
    till.write_raw("sale", 1, huge)
    till.write(sale(101, day="2026-09-2\0"))
    till.sell(2)
    assert isinstance(take(engine, till.batch(1, 9)), Ack)
    project(engine)
    with engine.connect() as connection:
        poison = connection.execute(sa.select(t.poison.c.seq).order_by(t.poison.c.seq)).scalars().all()
        assert poison == [4, 5, 6, 7]
        assert connection.execute(sa.select(sa.func.sum(t.day_total.c.sales))).scalar_one() == 5
        assert projector.lagging(connection) == []


def test_what_the_database_itself_refuses_is_poison_too(
    new_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector, "AMOUNT_MAX", 2**63 - 1)
    engine = open_engine(new_url("postgresql"))
    till = Till()
    for number in (1, 2, 3):
        till.write(msgspec.structs.replace(sale(number), total_minor=2**62))
    take(engine, till.batch(1, 4))
    project(engine)
    with engine.connect() as connection:
        assert projector.lagging(connection) == []
        assert connection.execute(sa.select(t.day_total.c.sales)).scalar_one() == 1
        poison = connection.execute(sa.select(t.poison.c.seq).order_by(t.poison.c.seq)).scalars().all()
    assert poison == [3, 4]
    engine.dispose()


def test_projections_built_anew_are_the_same(engine: Engine) -> None:
    for name in ("1", "2"):
        till = Till(till=name)
        for n in range(40):
            till.sell(1, link=link_of("demo", KEY, n), day=f"2026-09-{n // 4 + 10}")
        till.write_raw("sale", 1, b"poison")
        take(engine, till.batch(1, 42))
    project(engine)
    before = digest_of(engine)
    assert transact(engine, rebuild.rebuild, NOW_MS + 5) == 84
    assert digest_of(engine) == before
    transact(engine, lambda connection: connection.execute(t.day_total.update().values(gross_minor=0)))
    assert digest_of(engine).projections != before.projections
    transact(engine, rebuild.rebuild, NOW_MS)
    assert digest_of(engine) == before


def test_both_databases_give_the_same_digests(new_url: Callable[[str], str]) -> None:
    tills = [Till("nord", "2"), Till("Nord", "1"), Till("nord", "10")]
    found = []
    for kind in ("sqlite", "postgresql"):
        engine = open_engine(new_url(kind))
        migrate(engine)
        for till in tills:
            if kind == "sqlite":
                till.sell(12, link=link_of(till.store, KEY))
                till.write_raw("sale", 1, b"poison")
            take(engine, till.batch(1, 14))
        project(engine)
        found.append(digest_of(engine))
        engine.dispose()
    assert found[0] == found[1]
    assert found[0].gross_minor == sum(till.gross_minor for till in tills)
    assert found[0].sales == 36


def test_a_rolled_back_batch_leaves_nothing(engine: Engine) -> None:
    till = Till()
    till.sell(4)
    take(engine, till.batch(1, 2))

    def cut(connection: sa.Connection) -> None:
        ledger.ingest(connection, till.batch(3, 5), NOW_MS)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transact(engine, cut)
    assert held(engine, till) == till.facts[:2]
    assert isinstance(take(engine, till.batch(3, 5)), Ack)


def test_many_at_once_store_each_fact_once(new_url: Callable[[str], str]) -> None:
    engine = open_engine(new_url("postgresql"))
    till = Till()
    till.sell(60)
    answers: list[object] = []

    def send(seed: int) -> None:
        chance = random.Random(seed)
        for first in range(1, 62, 5):
            batch = till.batch(max(1, first - chance.randint(0, 3)), min(61, first + 4))
            answers.append(take(engine, batch))

    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(isinstance(answer, Ack | Gap) for answer in answers)
    assert len(answers) == 52
    take(engine, till.batch(1, 61))
    assert held(engine, till) == till.facts
    engine.dispose()


def test_changes_count_without_gaps_and_unchanged_articles_make_none(engine: Engine) -> None:
    def record(n: int, price: int) -> articles.ArticleRecord:
        return articles.read_article(b'{"sku":"%d","text":"x","tax_code":"A","price_minor":%d}' % (n, price))

    assert (
        transact(engine, articles.put_articles, [record(n, 100) for n in range(50)], "00000001", NOW_MS) == 50
    )
    assert (
        transact(engine, articles.put_articles, [record(n, 100) for n in range(50)], "00000001", NOW_MS) == 0
    )
    assert transact(engine, articles.put_articles, [record(7, 120), record(8, 100)], "00000001", NOW_MS) == 1
    with engine.connect() as connection:
        (answer,) = changes.read_changes(connection, [changes.Cursor("chain")], 500)
    assert [change.n for change in answer.changes] == list(range(1, 52))
    assert answer.changes[-1].key == "7"
    assert (answer.cursor, answer.head) == (51, 51)


@pytest.mark.parametrize(
    "line", [b"[]", b"nonsense", b"{}", b'{"sku":""}', b'{"sku":7}', b'{"sku":"a","x":"\\u0000"}', b'{"sku":"' + b"a" * 65 + b'"}']
)  # fmt: skip
def test_records_without_a_sound_sku_are_refused(line: bytes) -> None:
    with pytest.raises(records.RecordError):
        articles.read_article(line)


def test_the_migrations_make_the_tables_that_the_code_means(engine: Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), t.metadata) == []


def test_sqlite_runs_with_a_rollback_journal_and_syncs_all(new_url: Callable[[str], str]) -> None:
    engine = open_engine(new_url("sqlite"))
    with engine.connect() as connection:
        values = [connection.exec_driver_sql(f"pragma {name}").scalar_one() for name in ("journal_mode", "synchronous", "foreign_keys")]  # fmt: skip
    assert values == ["delete", 3, 1]
    engine.dispose()


def test_a_wal_is_refused_where_sqlite_can_damage_it(new_url: Callable[[str], str]) -> None:
    url = new_url("sqlite") + "?journal_mode=wal"
    with pytest.raises(DatabaseUnavailableError, match=r"3\.51\.2 can damage"):
        open_engine(url, sqlite_version=(3, 51, 2))
    open_engine(url, sqlite_version=(3, 51, 3)).dispose()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite:////no/such/folder/hub.db", "cannot be used: unable to open"),
        ("postgresql://u:secret@127.0.0.1:1/x", "cannot be used: .*refused"),
        ("mysql://u:secret@h/x", "no database address"),
        ("nonsense", "no database address"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_sentence_without_the_password(url: str, words: str) -> None:
    with pytest.raises(DatabaseUnavailableError, match=words) as caught:
        open_engine(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_epoch_that_begins_with_a_sale_at_one_is_taken(engine: Engine) -> None:
    till = Till()
    till.facts.clear()
    till.seq = 0
    till.sell(1)
    assert isinstance(take(engine, till.batch(1, 1)), Ack)
