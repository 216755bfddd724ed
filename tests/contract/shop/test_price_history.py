"""What a piece cost before: kept by the hub with its times, told to channels, and known to a till whose line is down."""

import asyncio
import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import sync.hub
from pos.catalogue.changes import apply_changes
from pos.catalogue.feed import read_changes
from pos.catalogue.news import records_of
from pos.catalogue.schema import CATALOGUE_FILE
from pos.domain.lowest import Lowest
from pos.domain.lowest_price import lowest_30d
from pos.domain.price_past import Past
from pos.promotions.feed import take_changes
from pos.promotions.source import PromotionFiles
from sync.hub import changes
from sync.hub.articles import put_articles, read_article
from sync.hub.changes import CHAIN, Cursor
from sync.hub.database import migrate, open_engine, transact
from sync.hub.promotions import put_promotions, read_promotion
from sync.hub.shop.catalogue import tables as t
from tests.contract.hub_kit import NOW_MS
from tests.contract.hub_rig import Rig
from tests.contract.postgres import create_database
from tests.contract.relay_rig import shop, until
from tests.contract.shop.kit import Channel
from tests.unit.catalogue_shop import open_reader

HOUR = 3_600_000
DAY = 24 * HOUR
STAMP = "00000001"
ZONE = dt.timezone(dt.timedelta(hours=2))  # Berlin on these days


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def bring(rig: Rig, at_ms: int, *records: dict[str, object]) -> int:
    read = [read_article(msgspec.json.encode(record)) for record in records]
    return transact(rig.engine, put_articles, read, STAMP, NOW_MS + at_ms)


def promote(rig: Rig, at_ms: int, **row: object) -> int:
    given = {
        "id": "week",
        "text": "Teewoche",
        "kind": "percent",
        "percent": 20,
        "selection": {"skus": ["A"]},
    } | row
    read = [read_promotion(msgspec.json.encode(given))]
    return transact(rig.engine, put_promotions, read, STAMP, NOW_MS + at_ms)


def tea(price_minor: int | None = 500, **more: object) -> dict[str, object]:
    return {"sku": "A", "text": "Tee", "tax_code": "B", "price_minor": price_minor, **more}


def kept(rig: Rig, table: sa.Table = t.price_history) -> list[tuple[Any, ...]]:
    with rig.engine.connect() as connection:
        rows = connection.execute(sa.select(table).order_by(*table.primary_key.columns)).fetchall()
    return [
        (row[0], row[1] - NOW_MS, row[2] and row[2] - NOW_MS, msgspec.json.decode(row[3])) for row in rows
    ]


def day(days: int) -> str:
    return (dt.datetime.fromtimestamp(NOW_MS / 1000, ZONE).date() + dt.timedelta(days)).isoformat()


def test_each_price_is_kept_with_its_times_and_what_says_the_same_is_no_change(rig: Rig) -> None:
    bring(rig, 0, tea(), tea() | {"sku": "B"})
    bring(rig, DAY, tea(text="Tee, lose"))  # another text at the same price
    bring(rig, 2 * DAY, tea(450))
    offer = [{"price_minor": 450}, {"price_minor": 400, "valid_from": day(4), "valid_to": day(5)}]
    bring(rig, 3 * DAY, tea(450, prices=offer))
    bring(rig, 6 * DAY, {"sku": "A", "gone": True})
    bring(rig, 7 * DAY, tea(600))
    assert kept(rig) == [
        ("A", 0, 2 * DAY, [[500, None, None]]),
        ("A", 2 * DAY, 3 * DAY, [[450, None, None]]),
        ("A", 3 * DAY, 6 * DAY, [[450, None, None], [400, day(4), day(5)]]),
        ("A", 6 * DAY, 7 * DAY, []),
        ("A", 7 * DAY, None, [[600, None, None]]),
        ("B", 0, None, [[500, None, None]]),
    ]


def test_two_changes_in_one_moment_and_a_clock_that_was_put_back_leave_one_price_that_holds(rig: Rig) -> None:
    for at_ms, price in ((0, 500), (DAY, 400), (DAY, 450), (DAY - HOUR, 470), (DAY + HOUR, 480)):
        bring(rig, at_ms, tea(price))
    open_ones = [(since, prices) for _, since, until, prices in kept(rig) if until is None]
    assert open_ones == [(DAY + HOUR, [[480, None, None]])]
    assert all(until is None or since <= until for _, since, until, _ in kept(rig))


def test_promotions_for_everybody_are_kept_as_they_stood_and_no_others(rig: Rig) -> None:
    promote(rig, 0)
    promote(rig, 0, id="code", coupon="TEE")
    promote(rig, DAY, percent=10)
    promote(rig, 2 * DAY, percent=10, active=False)
    found = [
        (name, since, until, row["percent"], row.get("active", True))
        for name, since, until, row in kept(rig, t.promotion_history)
    ]
    assert found == [
        ("week", 0, DAY, "20", True), ("week", DAY, 2 * DAY, "10", True), ("week", 2 * DAY, None, "10", False),
    ]  # fmt: skip


def test_a_commit_that_fails_keeps_neither_the_price_nor_its_history(rig: Rig) -> None:
    bring(rig, 0, tea())

    def fails(connection: Any) -> None:
        put_articles(connection, [read_article(msgspec.json.encode(tea(400)))], STAMP, NOW_MS + DAY)
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        transact(rig.engine, fails)
    assert kept(rig) == [("A", 0, None, [[500, None, None]])]


async def told(rig: Rig, at_ms: int, path: str = "/articles/A") -> tuple[Any, Any]:
    rig.clock.leap_ms = at_ms
    found = await Channel(rig, "storefront").get(path)
    return found["lowest_30d"], found["reduced"]


def test_channels_hear_the_lowest_price_and_what_may_be_announced(rig: Rig) -> None:
    async def go() -> None:
        bring(rig, 0, tea(500), {**tea(900), "sku": "B"}, {**tea(None), "sku": "C"})
        assert await told(rig, HOUR) == ({"price_minor": 500, "known_from": day(0)}, None)
        bring(rig, 10 * DAY, tea(480))
        bring(rig, 12 * DAY, tea(500))
        promote(rig, 13 * DAY, valid_from=day(35), valid_to=day(40))
        assert await told(rig, 33 * DAY) == ({"price_minor": 480, "known_from": ""}, None)
        assert await told(rig, 36 * DAY) == (
            {"price_minor": 480, "known_from": ""},
            {"price_minor": 400, "percent": 16},
        )
        # over a month later the promotion's own price is what must be named
        assert await told(rig, 45 * DAY) == ({"price_minor": 400, "known_from": ""}, None)
        assert await told(rig, 45 * DAY, "/articles/C") == (None, None)
        listed = (await Channel(rig, "storefront").get("/articles"))["articles"]
        assert [one["lowest_30d"] and one["lowest_30d"]["price_minor"] for one in listed] == [400, 900, None]

    asyncio.run(go())


def test_the_day_is_that_of_the_store_that_is_asked_about(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig, "admin")
        for store, zone in (("east", "Asia/Tokyo"), ("west", "America/New_York")):
            body = {"name": store, "time_zone": zone}
            assert (await office.ask("PUT", f"/stores/{store}", body)).status_code == 200
        bring(rig, 0, tea(500))
        promote(rig, 0, valid_from=day(3), valid_to=day(3))
        begins = dt.datetime.fromisoformat(day(3)).replace(tzinfo=ZONE).timestamp() * 1000 - NOW_MS
        for hours, reduced in (
            (-8, (False, False)),
            (-6, (True, False)),
            (5, (True, False)),
            (7, (True, True)),
            (18, (False, True)),
        ):
            at_ms = int(begins) + hours * HOUR
            found = [(await told(rig, at_ms, f"/articles/A?store={store}"))[1] for store in ("east", "west")]
            assert tuple(one is not None for one in found) == reduced, hours

    asyncio.run(go())


def feed(rig: Rig) -> list[dict[str, Any]]:
    with rig.engine.connect() as connection:
        (answer,) = changes.read_changes(connection, [Cursor(CHAIN)], 5000)
    found: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(answer.changes))
    return found


def at_the_till(state: Path, rows: list[dict[str, Any]], at: dt.datetime, sku: str = "A") -> Lowest | None:
    """What a till says that heard these changes and now has no line."""
    take_changes(state, [row for row in rows if row["kind"] == "promotion"])
    records = records_of(row for row in rows if row["kind"] == "article")
    records.append({"change": "cursor", "cursor": f"chain:{len(rows)}", "now_ms": NOW_MS + 20 * DAY})
    apply_changes(state, read_changes(msgspec.json.encode(record) for record in records))
    files = PromotionFiles(state)
    files.refresh()

    async def look() -> Lowest | None:
        with open_reader(state / CATALOGUE_FILE, at.date()) as reader:
            before = await reader.prices_before([sku])
            article = reader.by_sku(sku)
            assert article is not None
            return lowest_30d(
                Past(before.held.get(sku, ()), files.ran, before.lists, before.place), article, at
            )

    return asyncio.run(look())


def moment(days: float) -> dt.datetime:
    return dt.datetime.fromtimestamp((NOW_MS + days * DAY) / 1000, ZONE)


def test_a_till_without_a_line_says_of_each_day_what_the_hub_says(rig: Rig, tmp_path: Path) -> None:
    """All of it came down before: a week's promotion that was called off, an offer to come, a price without a day."""
    bring(rig, 0, tea(500))
    promote(rig, 2 * DAY, id="off", percent=30)
    promote(rig, 4 * DAY, id="off", percent=30, active=False)
    bring(rig, 5 * DAY, tea(490))
    offer = [{"price_minor": 490}, {"price_minor": 300, "valid_from": day(20), "valid_to": day(22)}]
    bring(rig, 6 * DAY, tea(490, prices=offer))
    promote(rig, 6 * DAY, valid_from=day(35), valid_to=day(40))
    heard = feed(rig)
    for days in (6.5, 19.9, 21, 24, 36, 50):
        rig.clock.leap_ms = int(days * DAY)
        at_hub = asyncio.run(told(rig, int(days * DAY)))
        till = at_the_till(tmp_path, heard, moment(days))
        assert till is not None
        known = till.known_from.isoformat() if till.known_from else ""
        assert at_hub[0] == {"price_minor": till.minor, "known_from": known}, days
        assert (at_hub[1] is not None) == till.announced, days
    on_offer = at_the_till(tmp_path, heard, moment(21))
    assert on_offer is not None
    # 500 less 30 %, until it was called off
    assert (on_offer.minor, on_offer.price_minor, on_offer.percent) == (350, 300, 14)


def test_a_till_of_before_and_a_hub_of_before_do_without(rig: Rig, tmp_path: Path) -> None:
    bring(rig, 0, tea(500))
    promote(rig, 0, valid_from=day(25))
    bare = [{name: value for name, value in row.items() if name != "history"} for row in feed(rig)]
    assert [row["history"] for row in feed(rig)] == [{"since_ms": NOW_MS}, {"since_ms": NOW_MS, "was": []}]
    # known since the day on which the till heard it first, by its own clock
    assert at_the_till(tmp_path, bare, moment(10)) is None
    found = at_the_till(tmp_path, bare, moment(26))
    assert found is not None
    assert (found.minor, found.announced, found.known_from and found.known_from.isoformat()) == (
        500,
        True,
        day(20),
    )


def test_a_history_that_cannot_be_read_holds_up_no_article(rig: Rig, tmp_path: Path) -> None:
    bring(rig, 0, tea(500))
    broken = [{**row, "history": {"since_ms": "soon"}} for row in feed(rig)]
    assert at_the_till(tmp_path, broken, moment(25)) is not None


def test_a_relay_passes_histories_on(hub_url: str, tmp_path: Path) -> None:
    async def go() -> None:
        async with shop(hub_url, f"sqlite:///{tmp_path / 'relay.db'}") as both:
            bring(both.hub, 0, tea(500))
            bring(both.hub, DAY, tea(400))
            both.hub.hub.feeds.ring({CHAIN})
            await until(lambda: len(both.held(CHAIN).changes) == 2)
            assert msgspec.json.encode(both.held(CHAIN).changes) == msgspec.json.encode(
                both.held(CHAIN, rig=both.hub).changes
            )
            assert feed(both.relay)[1]["history"] == {
                "since_ms": NOW_MS + DAY, "was": [[NOW_MS, NOW_MS + DAY, [[500, None, None]], []]],
            }  # fmt: skip

    asyncio.run(go())


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bare.db'}"
    return create_database(request.getfixturevalue("postgres_url"), f"bare_{os.getpid()}", "template0")


def test_articles_of_before_begin_their_history_with_their_newest_record(bare_url: str) -> None:
    engine = open_engine(bare_url)
    config = Config()
    config.set_main_option("script_location", str(Path(sync.hub.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with engine.execution_options(tresen_write=True).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0021_staff")
        offer = tea(450, prices=[{"price_minor": 450}, {"price_minor": 400, "valid_to": "2026-12-24"}])
        for sku, body in (("A", offer), ("G", {"sku": "G", "gone": True})):
            values = {"sku": sku, "body": msgspec.json.encode(body).decode()}
            connection.execute(sa.text("insert into article (sku, body) values (:sku, :body)"), values)
        for n, kind, key, at_ms in (
            (1, "article", "A", 0),
            (2, "article", "A", DAY),
            (3, "article", "G", DAY),
            (4, "promotion", "week", DAY),
        ):
            connection.execute(
                sa.text("insert into change (scope, n, kind, key, body, stamp, changed_ms) values ('chain', :n, :kind, :key, :body, 's', :at)"),
                {"n": n, "kind": kind, "key": key, "body": '{"id":"week"}', "at": NOW_MS + at_ms},
            )  # fmt: skip
    migrate(engine)
    with engine.connect() as connection:
        rows = connection.execute(
            sa.text("select sku, since_ms, until_ms, prices from price_history order by sku")
        ).fetchall()
        assert [tuple(row) for row in rows] == [
            ("A", NOW_MS + DAY, None, '[[450,null,null],[400,null,"2026-12-24"]]'), ("G", NOW_MS + DAY, None, "[]"),
        ]  # fmt: skip
        turns = connection.execute(sa.text("select day, sku from price_turn")).fetchall()
        assert [tuple(row) for row in turns] == [("2026-12-25", "A")]
        histories = connection.execute(sa.text("select history from change order by n")).scalars().all()
        assert histories == [None, *[f'{{"since_ms":{NOW_MS + DAY}}}'] * 3]
        assert connection.execute(
            sa.text("select promotion, since_ms from promotion_history")
        ).fetchall() == [("week", NOW_MS + DAY)]
    engine.dispose()
