"""What is in stock follows from movements and counts, in whichever order they come; promises end once."""

import itertools
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from pos.domain.line import Origin
from pos.sale_facts import Reference, Sale, SaleLine
from sync.hub import ledger
from sync.hub.database import transact
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.facts import Arrived
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.ticks import tick
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import core, facts, rebuild
from sync.hub.shop.stock import tables as t
from sync.hub.shop.stock.core import Move, Reserve, available
from sync.hub.shop.stock.levels import Counted
from sync.hub.shop.stock.units import ONE
from sync.wire import Hello
from tests.contract.hub_kit import NOW_MS, Till, sale, sealed_by
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import OFFICE, do, hear
from tests.simulation.shop_races import RACES, race_on

LATER = NOW_MS + 10_000_000


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


@pytest.fixture
def lite(new_url: Any) -> Iterator[Rig]:
    rig = Rig(new_url("sqlite"))
    yield rig
    rig.close()


def moved(
    qty: int | str,
    cause: str,
    *,
    at: int = NOW_MS,
    kind: str = "receipt",
    sku: str = "mug",
    store: str = "demo",
) -> Move:
    return Move(store, sku, Decimal(qty), kind, cause, at)


def wanted(
    qty: int | str = 1, *, paid: bool = False, subject: str = "o1", expires_ms: int = LATER
) -> Reserve:
    return Reserve("demo", "mug", Decimal(qty), "pickup", subject, expires_ms, paid)


def level(rig: Rig, sku: str = "mug") -> tuple[str, str, str]:
    found = do(rig, lambda work, _: available(work, "demo", [sku]), None)[sku]
    return str(found.on_hand), str(found.reserved), str(found.available)


def test_each_order_of_movements_and_counts_ends_in_the_same_level(lite: Rig) -> None:
    movements = [
        moved(10, "a", at=100),
        moved(-1, "b", at=200, kind="sale"),
        moved(-2, "c", at=300, kind="sale"),
        moved("-0.350", "d", at=400, kind="sale"),
    ]
    counts = [
        Counted("demo", "mug", "c1", 8 * ONE, 250),
        Counted("demo", "mug", "c0", 99 * ONE, 150),
    ]
    expected = 8 - 2 - Decimal("0.350")
    for number, order in enumerate(itertools.permutations([*movements, *counts])):
        again = (*order, order[number % 6])

        def run(work: Work, steps: Any) -> Decimal:
            nested = work.connection.begin_nested()
            for step in steps:
                if isinstance(step, Move):
                    core.move(work, step)
                else:
                    core.put_count(work, step)
            found = available(work, "demo", ["mug"])["mug"].on_hand
            nested.rollback()
            return found

        with lite.engine.begin() as connection:
            assert run(Work(connection, NOW_MS, lite.hub.ids, OFFICE), again) == expected, order


def test_random_deliveries_agree_with_the_definition(lite: Rig) -> None:
    chance = random.Random(7)
    for _ in range(60):
        steps: list[Any] = [
            moved(chance.randint(-5, 9) or 1, f"m{n}", at=chance.randint(1, 50)) for n in range(12)
        ]
        steps += [
            Counted("demo", "mug", f"c{n}", chance.randint(0, 20) * ONE, chance.randint(1, 50))
            for n in range(chance.randint(0, 3))
        ]
        counts = [step for step in steps if isinstance(step, Counted)]
        newest = max(counts, key=lambda said: (said.counted_ms, said.count_id), default=None)
        expected = Decimal(newest.qty if newest else 0) / ONE + sum(
            step.qty
            for step in steps
            if isinstance(step, Move) and step.occurred_ms > (newest.counted_ms if newest else -1)
        )
        chance.shuffle(steps)
        with lite.engine.begin() as connection:
            nested = connection.begin_nested()
            work = Work(connection, NOW_MS, lite.hub.ids, OFFICE)
            for step in [*steps, *chance.sample(steps, 5)]:
                core.move(work, step) if isinstance(step, Move) else core.put_count(work, step)
            assert available(work, "demo", ["mug"])["mug"].on_hand == expected
            nested.rollback()


def test_what_is_promised_is_not_available_and_safety_is_kept(rig: Rig) -> None:
    do(rig, core.move, moved(5, "in"))
    do(rig, lambda work, _: core.set_safety(work, "demo", "mug", 2 * ONE), None)
    first = do(rig, core.reserve, wanted(2))
    assert (first.state, first.reservation_id.partition(".")[0]) == ("active", "demo")
    assert level(rig) == ("5", "2", "1")
    with pytest.raises(RefusedError) as refused:
        do(rig, core.reserve, wanted(2))
    assert (refused.value.status, refused.value.code) == (409, "not-available")
    assert level(rig) == ("5", "2", "1")


def test_a_reservation_ends_once_and_a_second_attempt_hears_how(rig: Rig) -> None:
    do(rig, core.move, moved(5, "in"))
    kept = do(rig, core.reserve, wanted(2)).reservation_id
    assert do(rig, lambda work, _: core.commit(work, kept, "order-7"), None).state == "committed"
    assert level(rig) == ("3", "0", "3")
    assert do(rig, lambda work, _: core.release(work, kept), None).state == "committed"
    assert do(rig, lambda work, _: core.commit(work, kept, "order-7"), None).state == "committed"
    assert level(rig) == ("3", "0", "3")
    gone = do(rig, core.reserve, wanted(1)).reservation_id
    assert do(rig, lambda work, _: core.release(work, gone), None).state == "released"
    assert do(rig, lambda work, _: core.commit(work, gone, "x"), None).state == "released"
    assert level(rig) == ("3", "0", "3")
    with pytest.raises(RefusedError):
        do(rig, lambda work, _: core.release(work, "demo.nothing"), None)


def test_a_reservation_expires_by_the_hubs_clock_unless_it_is_postponed(rig: Rig) -> None:
    do(rig, core.move, moved(2, "in"))
    now = rig.clock.wall_ms()
    first = do(rig, core.reserve, wanted(1, expires_ms=now + 1000)).reservation_id
    second = do(rig, core.reserve, wanted(1, expires_ms=now + 1000)).reservation_id
    do(rig, lambda work, _: core.postpone(work, second, now + 5000), None)
    rig.clock.ms += 1000
    assert transact(rig.engine, tick, core.expire_due, rig.clock.wall_ms(), rig.hub.ids) == 1
    assert transact(rig.engine, tick, core.expire_due, rig.clock.wall_ms(), rig.hub.ids) == 0
    assert do(rig, lambda work, _: core.commit(work, first, "late"), None).state == "expired"
    assert do(rig, lambda work, _: core.find_reservation(work, second), None).state == "active"
    assert level(rig) == ("2", "1", "1")


def test_what_is_over_stands_in_nobodys_way_before_the_clock_has_ticked(rig: Rig) -> None:
    do(rig, core.move, moved(1, "in"))
    do(rig, core.reserve, wanted(1, expires_ms=rig.clock.wall_ms() + 10))
    rig.clock.ms += 10
    assert do(rig, core.reserve, wanted(1, subject="o2")).state == "active"
    assert level(rig) == ("1", "1", "0")


def test_a_sale_breaks_the_newest_unpaid_promise_and_says_so_once(rig: Rig) -> None:
    do(rig, core.move, moved(3, "in"))
    old = do(rig, core.reserve, wanted(1, subject="old")).reservation_id
    rig.clock.ms += 1
    new = do(rig, core.reserve, wanted(1, subject="new")).reservation_id
    rig.clock.ms += 1
    paid = do(rig, core.reserve, wanted(1, subject="paid", paid=True)).reservation_id
    arrived = _arrived(_line(qty=1))
    for _ in range(3):
        do(rig, facts.hear, arrived)
    states = [_state(rig, one) for one in (old, new, paid)]
    assert states == ["active", "broken", "active"]
    assert level(rig) == ("2", "2", "0")
    found = do(rig, lambda work, _: tasks.listing(work, "demo", limit=10), None)
    assert [(task.kind, task.key, task.subject) for task in found] == [("reservation-broken", new, "new")]
    do(rig, facts.hear, _arrived(_line(qty=2), seq=10))
    assert do(rig, lambda work, _: core.find_reservation(work, paid), None).state == "broken"
    assert level(rig) == ("0", "0", "0")


def test_a_sale_is_never_refused_however_little_is_there(rig: Rig) -> None:
    do(rig, facts.hear, _arrived(_line(qty=3)))
    assert level(rig) == ("-3", "0", "0")


def test_a_count_that_finds_less_breaks_promises_too(rig: Rig) -> None:
    do(rig, core.move, moved(3, "in"))
    do(rig, core.reserve, wanted(3))
    do(rig, core.put_count, Counted("demo", "mug", "c1", 2 * ONE, NOW_MS + 5))
    assert level(rig) == ("2", "0", "2")


def test_what_a_sale_moves() -> None:
    lines = (
        _line(1, qty=2),
        _line(2, sku="cheese", qty="0.350"),
        _line(3, kind="return", qty=-1),
        _line(4, kind="return", qty=-1, sku="cup", damaged=True),
        _line(5, kind="deposit", sku="crate", qty=1),
        _line(6, kind="voucher", sku="card", qty=1),
        _line(7, sku="", qty=1),
        _line(8, sku="gone", qty=1, voided=True),
    )
    moves = facts.moves_of(_arrived(*lines))
    assert [(m.sku, str(m.qty), m.type, m.location, m.cause) for m in moves] == [
        ("mug", "-2", "sale", "store", "1/1/9/1"),
        ("cheese", "-0.350", "sale", "store", "1/1/9/2"),
        ("mug", "1", "return", "store", "1/1/9/3"),
        ("cup", "1", "return", "damaged", "1/1/9/4"),
    ]
    taken_back = msgspec.structs.replace(_sale(_line(1, qty=-2)), references=(Reference("void", "1", 1, 9),))
    assert [(m.type, str(m.qty)) for m in facts.moves_of(_arrived_of(taken_back))] == [("void", "2")]
    assert facts.moves_of(_arrived_of(_sale())) == []
    assert facts.moves_of(_arrived_of(msgspec.structs.replace(_sale(_line()), training=True))) == []


def test_a_hundred_buyers_of_the_last_unit_at_once_and_one_gets_it(rig: Rig) -> None:
    do(rig, core.move, moved(1, "in"))

    def buy(number: int) -> str:
        try:
            return do(rig, core.reserve, wanted(1, subject=f"o{number}")).state
        except RefusedError as refused:
            return refused.code

    with ThreadPoolExecutor(1 if rig.engine.dialect.name == "sqlite" else 4) as pool:
        outcomes = list(pool.map(buy, range(100)))
    assert (outcomes.count("active"), outcomes.count("not-available")) == (1, 99)
    assert level(rig) == ("1", "1", "0")


def test_the_ledger_takes_inserts_only(rig: Rig) -> None:
    do(rig, core.move, moved(1, "in"))
    do(rig, core.put_count, Counted("demo", "mug", "c1", ONE, NOW_MS))
    for table in (t.movement, t.counted):
        for statement in (table.delete(), table.update().values(qty=7)):
            with pytest.raises(sa.exc.DBAPIError), rig.engine.begin() as connection:
                connection.execute(statement)


def _state(rig: Rig, reservation_id: str) -> str:
    return do(rig, lambda work, _: core.find_reservation(work, reservation_id), None).state


def _line(
    n: int = 1, *, kind: str = "article", sku: str = "mug", qty: int | str = 1, damaged: bool = False,
    voided: bool = False,
) -> SaleLine:  # fmt: skip
    origin = Origin("1", 1, 3, 1, damaged=damaged) if kind == "return" else None
    return SaleLine(
        n, "Becher", 100, 100, "A", Decimal(19), NOW_MS, Decimal(qty), kind, sku=sku, origin=origin,
        voided_ms=NOW_MS if voided else None,
    )  # fmt: skip


def _sale(*lines: SaleLine) -> Sale:
    return msgspec.structs.replace(sale(1), lines=lines)


def _arrived(*lines: SaleLine, seq: int = 9) -> Arrived:
    return _arrived_of(_sale(*lines), seq)


def _arrived_of(fact: Sale, seq: int = 9) -> Arrived:
    return Arrived("demo", "1", 1, seq, NOW_MS, fact)


def test_races_for_the_last_unit_have_one_winner_each(hub_url: str) -> None:
    assert race_on(hub_url, 5) == dict.fromkeys(RACES, 5)


def test_stock_built_anew_is_the_same_and_what_was_damaged_is_mended(rig: Rig) -> None:
    till = Till()
    till.sell(5)
    batch = sealed_by(till.batch(1, till.seq))
    rig.enrolled()
    with rig.engine.begin() as connection:
        ledger.hello(connection, Hello("demo", "1", 1, "x"), bytes(32), "u", NOW_MS, rig.hub.intake, "")
    transact(rig.engine, ledger.ingest, batch, NOW_MS, rig.hub.intake)
    hear(rig)
    do(rig, core.move, moved(5, "in"))
    do(rig, core.put_count, Counted("demo", "mug", "c1", 4 * ONE, NOW_MS + 1))
    do(rig, core.reserve, wanted(2))
    with rig.engine.connect() as connection:
        before = rebuild.digest(connection)
    with rig.engine.begin() as connection:
        connection.execute(t.level.update().values(on_hand=77, reserved=5, counted_ms=-1))
        first = connection.execute(sa.select(t.level.c.sku).order_by(t.level.c.sku).limit(1)).scalar_one()
        connection.execute(t.level.delete().where(t.level.c.store == "demo", t.level.c.sku == first))
    assert rebuild.rebuild_all(partial(transact, rig.engine), NOW_MS) == 16
    with rig.engine.connect() as connection:
        assert rebuild.digest(connection) == before
    assert level(rig) == ("4", "2", "2")
