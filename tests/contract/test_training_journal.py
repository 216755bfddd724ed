"""Training on a real disk: the journal says that it is on, and nothing that reads sales finds any of it."""

import asyncio
from pathlib import Path

import msgspec

from pos.bootstrap import OpenTill, create_till, open_till
from pos.domain import commands as c
from pos.facts import StoredFact, Training, decode_fact
from pos.journal.reader import iterate, sales_after, verify_journal
from pos.journal.rebuild import compare_views
from pos.settings import load_settings
from sync.hub.projector import effect_of

PIN = "4711"


async def _train(till: OpenTill) -> None:
    await till.till.handle(c.SignIn("Kim", PIN))
    await till.till.handle(c.Do("training"))
    await till.till.handle(c.Choose(1))


async def _sell(till: OpenTill) -> None:
    """An unknown code at a price: there are no articles."""
    for command in (c.Scan("4006381333931"), c.SetPrice(250, 1), c.PayCash(500)):
        await till.till.handle(command)


def _facts(state: Path) -> list[StoredFact]:
    return list(iterate(state / "journal"))


def test_it_outlives_restarts_and_is_in_no_total_of_the_journal_the_views_or_the_hub(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    create_till(tmp_path, settings, "t1", "Kim", PIN)

    async def first() -> None:
        async with open_till(tmp_path, settings) as till:
            await _train(till)
            await _sell(till)
            await till.till.handle(c.Scan("4006381333931"))
            await till.till.handle(c.ParkCart("Übung"))

    async def second() -> None:
        async with open_till(tmp_path, settings) as till:
            assert (till.till.view.training, len(till.till.view.parked)) == (True, 1)
            await till.till.handle(c.SignIn("Kim", PIN))
            await _sell(till)
            assert till.till.view.last_sale is not None
            assert till.till.view.last_sale.number == "t1-1-T2"
            history = till.till._desk._real.history
            assert history is not None
            assert [await history.recent(9), await history.receipt(1, 1)] == [[], None]
            practised = till.till._desk.world.history
            assert practised is not None
            assert len(await practised.recent(9)) == 2
            await till.till.handle(c.Do("training"))
            assert (till.till.view.training, till.till.view.parked) == (False, ())
            await _sell(till)
            assert till.till.view.last_sale.number == "t1-1-1"

    async def third() -> None:
        async with open_till(tmp_path, settings) as till:
            assert not till.till.view.training
            await _train(till)
            await _sell(till)
            assert till.till.view.last_sale is not None
            assert till.till.view.last_sale.number == "t1-1-T3"

    for run in (first, second, third):
        asyncio.run(run())
    totals = verify_journal(tmp_path / "journal")
    assert (totals.problems, totals.sales, totals.gross_minor) == ([], 1, 250)
    assert len(sales_after(tmp_path / "journal", 1, 0)) == 1
    live, fresh = compare_views(tmp_path)
    assert live == fresh
    facts = _facts(tmp_path)
    assert sum(fact.kind == "training.sale" for fact in facts) == 3
    effects = [effect for fact in facts if (effect := effect_of("shop", fact)) is not None]
    assert [effect.gross_minor for effect in effects] == [250]


def test_the_body_of_a_fact_of_training_is_that_of_the_real_one(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    create_till(tmp_path, settings, "t1", "Kim", PIN)

    async def case() -> None:
        async with open_till(tmp_path, settings) as till:
            await _train(till)
            await _sell(till)

    asyncio.run(case())
    (stored,) = [fact for fact in _facts(tmp_path) if fact.kind == "training.sale"]
    trained = decode_fact(stored.kind, stored.version, stored.body)
    assert isinstance(trained, Training)
    assert msgspec.json.encode(trained.fact) == stored.body
    assert decode_fact("sale", stored.version, stored.body) == trained.fact


def test_a_gap_in_the_numbers_of_training_is_found(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    create_till(tmp_path, settings, "t1", "Kim", PIN)

    async def case() -> None:
        async with open_till(tmp_path, settings) as till:
            await _train(till)
            await _sell(till)
            sale = till.till._desk.last_sale
            assert sale is not None
            wrong = msgspec.structs.replace(sale, cart_id="another", number=3)
            await till.till._desk.world.journal.append([wrong])

    asyncio.run(case())
    (problem,) = verify_journal(tmp_path / "journal").problems
    assert "receipt number 3, expected 2" in problem
