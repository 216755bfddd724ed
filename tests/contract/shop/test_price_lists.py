"""Price lists by store, channel and customer group: brought in, priced by the hub, known to a till whose line is down."""

import asyncio
import datetime as dt
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from pos.catalogue.changes import apply_changes
from pos.catalogue.feed import read_changes
from pos.catalogue.news import records_of
from pos.catalogue.reader import CatalogueReader
from pos.catalogue.schema import CATALOGUE_FILE
from pos.domain.article import priced_for
from pos.domain.lowest_price import lowest_30d
from pos.domain.price_lists import Place
from pos.domain.price_past import Past
from sync.hub import changes
from sync.hub.articles import put_articles, read_article
from sync.hub.changes import CHAIN, Cursor
from sync.hub.database import transact
from sync.hub.shop.catalogue.core import PriceAsk, price
from sync.hub.shop.catalogue.price_lists import put_list_prices, put_price_lists, read_list, read_list_price
from sync.hub.shop.stores.core import PutAsk, put_store
from sync.hub.shop.stores.messages import PutStore
from tests.contract.hub_kit import NOW_MS
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import Channel, do
from tests.contract.shop.test_label_tasks import count, listed
from tests.contract.shop.test_price_history import DAY, HOUR, STAMP, ZONE, bring, day, moment, tea
from tests.unit.catalogue_shop import HereWorker


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def bring_lists(rig: Rig, at_ms: int, *lists: Mapping[str, object]) -> int:
    read = [read_list(msgspec.json.encode({"text": "x", **one})) for one in lists]
    return transact(rig.engine, put_price_lists, read, STAMP, NOW_MS + at_ms)


def bring_prices(rig: Rig, at_ms: int, *prices: dict[str, object]) -> int:
    read = [read_list_price(msgspec.json.encode(one)) for one in prices]
    return transact(rig.engine, put_list_prices, read, STAMP, NOW_MS + at_ms)


def listed_at(name: str, minor: int, sku: str = "A", **days: object) -> dict[str, object]:
    return {"list": name, "sku": sku, "price_minor": minor, **days}


def feed(rig: Rig, behind: int = 0) -> list[dict[str, Any]]:
    with rig.engine.connect() as connection:
        (answer,) = changes.read_changes(connection, [Cursor(CHAIN)], 5_000)
    found: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(answer.changes))
    return found[behind:]


def hear(state: Path, store: str, rows: list[dict[str, Any]], cursor: int, **mark: bool) -> None:
    """A till's catalogue takes the hub's changes."""
    records = records_of(row for row in rows if row["kind"] in {"article", "price-list"})
    records.append({"change": "cursor", "cursor": f"chain:{cursor}", "now_ms": NOW_MS, **mark})
    apply_changes(state, read_changes(msgspec.json.encode(record) for record in records), store)


def shelf(state: Path, store: str, on: dt.date) -> CatalogueReader:
    reader = CatalogueReader(state / CATALOGUE_FILE, HereWorker())
    reader.place = Place(store, "till")
    reader.refresh(on)
    return reader


def cost(rig: Rig, sku: str, place: Place, on: dt.date) -> tuple[int, str] | None:
    """What the hub takes for one piece, and by which list; None where the till asks."""
    noon = dt.datetime.combine(on, dt.time(12), ZONE)
    group = place.groups[0] if place.groups else ""
    ask = PriceAsk(place.store, [(sku, Decimal(1))], (), group, int(noon.timestamp() * 1000), place.channel)
    line = do(rig, price, ask).lines[0]
    return None if "price" in line.asks else (line.unit_minor, line.price_list)


def test_hub_and_till_come_to_the_same_price_after_any_changes(rig: Rig, tmp_path: Path) -> None:
    """Random lists, prices and articles in random order; two tills hear them in pieces, one of them begins anew in between."""
    chance = random.Random(6)
    skus = [f"S{n}" for n in range(8)]
    names = ["a", "b", "c", "d"]
    states = {"cgn": tmp_path / "cgn", "muc": tmp_path / "muc"}
    for state in states.values():
        state.mkdir()

    def span() -> dict[str, object]:
        first, last = chance.choice((None, *range(-3, 4))), chance.choice((None, *range(-3, 4)))
        if first is not None and last is not None and first > last:
            first, last = last, first
        days = {"valid_from": first, "valid_to": last}
        return {name: day(each) for name, each in days.items() if each is not None}

    def some(*of: str) -> list[str]:
        return chance.sample(of, chance.randint(1, len(of))) if chance.random() < 0.5 else []

    def change_lists(at_ms: int) -> None:
        name = chance.choice(names)
        about = {"stores": some("cgn", "muc"), "channels": some("till", "web"), "groups": some("club")}
        bring_lists(
            rig,
            at_ms,
            {
                "id": name,
                **about,
                **span(),
                "priority": chance.choice((0, 0, 3)),
                "active": chance.random() < 0.9,
            },
        )

    def change_articles(at_ms: int) -> None:
        dated = [
            {"price_minor": chance.randint(100, 999)},
            {"price_minor": chance.randint(100, 999), **span()},
        ]
        kinds: tuple[dict[str, object], ...] = ({}, {}, {"prices": dated}, {"prices": dated}, {"gone": True})
        more = chance.choice(kinds)
        bring(rig, at_ms, {**tea(chance.choice((None, 250, 500))), "sku": chance.choice(skus), **more})

    def change_prices(at_ms: int) -> None:
        prices: list[dict[str, object]] = [{"price_minor": chance.randint(100, 999), **span()}]
        what: dict[str, object] = {"gone": True} if chance.random() < 0.3 else {"prices": prices}
        bring_prices(rig, at_ms, {"list": chance.choice(names), "sku": chance.choice(skus), **what})

    bring(rig, 0, *(tea() | {"sku": sku} for sku in skus))
    for name in names:
        bring_lists(rig, 0, {"id": name})
    heard = dict.fromkeys(states, 0)
    by_list, compared = set(), 0
    for step in range(1, 200):
        chance.choice((change_lists, change_articles, change_prices, change_prices))(step * HOUR)
        if step % 5:
            continue
        store = chance.choice(("cgn", "muc"))
        anew = chance.random() < 0.2
        rows = feed(rig, 0 if anew else heard[store])
        heard[store] += len(rows) if not anew else len(rows) - heard[store]
        hear(states[store], store, rows, heard[store], begins=anew, whole=anew)
        on = dt.date.fromisoformat(day(chance.randint(-4, 4)))
        with closing(shelf(states[store], store, on)) as reader:
            for sku in skus:
                article = reader.by_sku(sku)
                if article is None:
                    continue
                for groups in ((), ("club",)):
                    mine = priced_for(article, groups)
                    till = None if mine.price_minor is None else (mine.price_minor, mine.price_list)
                    assert till == cost(rig, sku, Place(store, "till", groups), on), (step, sku, groups)
                    by_list.add(till and till[1])
                    compared += 1
    assert (by_list, compared > 300) == ({None, "", *names}, True)


def test_what_a_till_says_of_the_lowest_price_is_what_the_hub_says_for_its_store(
    rig: Rig, tmp_path: Path
) -> None:
    """Cologne's own price fell before the chain's offer: there the offer is measured by that, elsewhere by the chain's price."""
    bring(rig, 0, tea(500))
    bring_lists(rig, 0, {"id": "cgn", "stores": ["cgn"]}, {"id": "club", "groups": ["club"]})
    bring_prices(rig, 0, listed_at("club", 100))
    bring_prices(rig, 3 * DAY, listed_at("cgn", 420))
    bring_prices(rig, 9 * DAY, listed_at("cgn", 480))
    bring_lists(rig, 15 * DAY, {"id": "week", "priority": 5, "valid_from": day(20), "valid_to": day(25)})
    bring_prices(rig, 15 * DAY, listed_at("week", 400))
    hear(tmp_path, "cgn", feed(rig), 9)
    hear_muc = tmp_path / "muc"
    hear_muc.mkdir()
    hear(hear_muc, "muc", feed(rig), 9)
    known = {}
    for store, state in (("cgn", tmp_path), ("muc", hear_muc)):
        at = moment(21)
        with closing(shelf(state, store, at.date())) as reader:
            article = reader.by_sku("A")
            assert article is not None
            before = asyncio.run(reader.prices_before(["A"]))
            found = lowest_30d(Past(before.held["A"], (), before.lists, before.place), article, at)
        assert found is not None
        known[store] = (found.minor, found.price_minor, found.announced)

    async def go() -> None:
        rig.clock.leap_ms = 21 * DAY + int((moment(21) - moment(0)).total_seconds() * 1000) - 21 * DAY
        for store in ("cgn", "muc"):
            said = await Channel(rig, "storefront").get(f"/articles/A?store={store}&channel=till")
            minor, price_minor, announced = known[store]
            assert said["lowest_30d"]["price_minor"] == minor
            assert (said["reduced"] is not None, said["price_minor"], said["price_list"]) == (
                announced,
                price_minor,
                "week",
            )

    assert known == {"cgn": (420, 400, True), "muc": (500, 400, True)}
    asyncio.run(go())


def test_a_price_of_one_store_is_a_label_to_hang_there_alone(rig: Rig) -> None:
    rig.enrolled("demo", "1")
    rig.enrolled("east", "1")
    bring(rig, -DAY, tea(500), tea(500) | {"sku": "B"}, tea(500) | {"sku": "C"})
    bring_lists(rig, -DAY, {"id": "east", "stores": ["east"]}, {"id": "club", "groups": ["club"]})
    bring_prices(rig, HOUR, listed_at("club", 300))
    bring_prices(rig, HOUR, listed_at("east", 450), listed_at("east", 450, "B"), listed_at("east", 500, "C"))
    count(rig, 2 * HOUR)
    assert (listed(rig, "demo"), listed(rig, "east")) == ([], [(day(0), 2)])
    bring_lists(rig, 3 * HOUR, {"id": "east", "stores": ["east"], "valid_to": day(0)})
    count(rig, 4 * HOUR)
    assert listed(rig, "east") == [(day(0), 2)]
    count(rig, DAY)
    assert listed(rig, "east") == [(day(0), 2), (day(1), 2)], (
        "on the day after its last day the old prices are back"
    )
    assert listed(rig, "demo") == []


def test_a_till_lists_what_lists_change_with_days_and_without(rig: Rig, tmp_path: Path) -> None:
    bring(rig, 0, *(tea(500) | {"sku": sku} for sku in "ABCD"))
    bring_lists(
        rig,
        0,
        {"id": "cgn", "stores": ["cgn"]},
        {"id": "muc", "stores": ["muc"]},
        {"id": "week", "valid_from": day(2), "valid_to": day(3)},
    )
    hear(tmp_path, "cgn", feed(rig), 7)
    bring_prices(
        rig,
        HOUR,
        listed_at("cgn", 450, "A"),
        listed_at("muc", 300, "B"),
        listed_at("week", 400, "C"),
        listed_at("cgn", 440, "D", valid_from=day(1)),
    )
    hear(tmp_path, "cgn", feed(rig), 11)

    def changed(first: int, last: int) -> list[tuple[str, int | None, int | None, str]]:
        with closing(shelf(tmp_path, "cgn", dt.date.fromisoformat(day(last)))) as reader:
            found = asyncio.run(
                reader.price_changes(dt.date.fromisoformat(day(first)), dt.date.fromisoformat(day(last)))
            )
            return [(one.article.sku, one.old_minor, one.article.price_minor, str(one.day)) for one in found]

    assert changed(0, 0) == []
    assert changed(1, 1) == [("D", 500, 440, day(1))]
    assert changed(2, 2) == [("C", 500, 400, day(2))]
    assert changed(4, 4) == [("C", 400, 500, day(4))]
    assert changed(0, 3) == [("C", 500, 400, day(2)), ("D", 500, 440, day(1))]

    def repriced() -> list[tuple[str, int | None, int | None]]:
        with closing(shelf(tmp_path, "cgn", dt.date.fromisoformat(day(0)))) as reader:
            return [
                (one.article.sku, one.old_minor, one.article.price_minor)
                for one in asyncio.run(reader.repriced())
            ]

    assert repriced() == [("A", 500, 450)]
    bring_lists(rig, 2 * HOUR, {"id": "cgn", "stores": ["cgn"], "active": False})
    hear(tmp_path, "cgn", feed(rig), 12)
    assert repriced() == [("A", 450, 500)]
    with closing(shelf(tmp_path, "cgn", dt.date.fromisoformat(day(0)))) as reader:
        article = reader.by_sku("A")
        assert article is not None
        assert (article.price_minor, article.price_list) == (500, "")


# -- the API


async def send(
    channel: Channel, path: str, *lines: Mapping[str, object], text: str = "", **more: object
) -> httpx.Response:
    content = text.encode() or b"\n".join(map(msgspec.json.encode, lines))
    kind = "text/csv" if text else "application/x-ndjson"
    query = "?whole=true" if more.get("whole") else ""
    return await channel._line.put(
        f"/v1/catalogue/{path}{query}", content=content, headers={"Content-Type": kind}
    )


def test_lists_and_prices_come_in_and_go_out_by_lines_with_errors_by_line(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        bring(rig, 0, tea(500), tea(700) | {"sku": "B"})
        answer = await send(
            office,
            "price-lists",
            {"id": "cgn", "text": "Köln", "stores": ["cgn"]},
            {"id": "club", "text": "Klub", "groups": ["club"]},
            {"id": "bad", "text": "x", "shops": []},
        )
        assert (answer.status_code, answer.json()["changes"]) == (422, 2)
        assert [(one["line"], one["field"]) for one in answer.json()["errors"]] == [(3, "shops")]
        lines = (listed_at("cgn", 480), listed_at("nowhere", 1), listed_at("cgn", 1, "NO"), listed_at("club", -1), dict[str, object](list="club", sku="A"), listed_at("club", 450))  # fmt: skip
        answer = await send(office, "list-prices", *lines)
        body = answer.json()
        assert (answer.status_code, body["records"], body["changes"], body["refused"]) == (422, 6, 2, 4)
        assert [(one["line"], one["field"]) for one in body["errors"]] == [
            (2, "list"),
            (3, "sku"),
            (4, "price_minor"),
            (5, "price_minor"),
        ]
        assert "bring the list first" in body["errors"][0]["why"]
        before = len(feed(rig))
        answer = await send(office, "list-prices", listed_at("cgn", 480), listed_at("club", 450))
        assert (answer.status_code, answer.json()["changes"], len(feed(rig))) == (200, 0, before), (
            "the same again changes nothing"
        )
        answer = await send(office, "list-prices", listed_at("cgn", 470), listed_at("nowhere", 1), whole=True)
        assert (answer.status_code, answer.json()["changes"], len(feed(rig))) == (422, 0, before), (
            "all or none"
        )
        answer = await send(
            office, "list-prices", text="list,sku,price_minor,valid_to\ncgn,B,650,2026-12-24\n"
        )
        assert (answer.status_code, answer.json()["changes"]) == (200, 1)
        for form in ("ndjson", "csv"):
            exported = {
                name: await office.ask("GET", f"/catalogue/{name}?format={form}")
                for name in ("price-lists", "list-prices")
            }
            before = len(feed(rig))
            for name, answer in exported.items():
                again = await office._line.put(
                    f"/v1/catalogue/{name}",
                    content=answer.content,
                    headers={"Content-Type": answer.headers["content-type"].partition(";")[0]},
                )
                assert (again.status_code, again.json()["changes"]) == (200, 0), again.text
                assert again.json()["records"] == (2 if name == "price-lists" else 3)
            assert len(feed(rig)) == before
        answer = await send(office, "list-prices", {"list": "cgn", "sku": "A", "gone": True})
        assert answer.json()["changes"] == 1
        assert feed(rig)[-1]["body"].get("list_prices") == [
            {"list": "club", "price_minor": 450, "valid_from": None, "valid_to": None}
        ]
        answer = await send(office, "articles", tea(500, list_prices=[]))
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "list_prices")
        assert (await send(Channel(rig, "storefront"), "list-prices", listed_at("cgn", 1))).status_code == 403

    asyncio.run(go())


def test_the_offices_network_brings_lists_and_prices_without_a_token(rig: Rig) -> None:
    async def go() -> None:
        bring(rig, 0, tea(500))
        async with rig.stranger() as office:
            for path, line in (
                ("price-lists", {"id": "cgn", "text": "Köln"}),
                ("list-prices", listed_at("cgn", 480)),
            ):
                content, headers = msgspec.json.encode(line), {"Content-Type": "application/x-ndjson"}
                answer = await office.put(f"/v1/catalogue/{path}", content=content, headers=headers)
                assert (answer.status_code, answer.json()["changes"]) == (200, 1), answer.text
                assert (await office.get(f"/v1/catalogue/{path}")).status_code == 200
        async with rig.stranger("203.0.113.7") as other:
            assert (await other.get("/v1/catalogue/list-prices")).status_code == 403

    asyncio.run(go())


def test_limits_are_said_by_the_line_that_breaks_them(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        office = Channel(rig)
        bring(rig, 0, tea(500))
        days = [
            {"price_minor": 1, "valid_from": f"2027-01-{n + 1:02}", "valid_to": f"2027-0{m + 2}-01"}
            for n in range(26)
            for m in range(2)
        ]
        for line, field in (
            ({"prices": days[:51]}, "price_minor"),
            ({"prices": [{"price_minor": 1}, {"price_minor": 2}]}, "prices"),
            ({"price_minor": 1, "valid_from": "2027-01-02", "valid_to": "2027-01-01"}, "valid_to"),
            ({"price_minor": 1, "gone": True}, "price_minor"),
        ):
            answer = await send(office, "list-prices", {"list": "cgn", "sku": "A", **line})
            assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text
        bring_lists(rig, 0, *({"id": f"l{n}"} for n in range(5)))
        full: list[dict[str, object]] = [{"list": f"l{n}", "sku": "A", "prices": days[:50]} for n in range(5)]
        answer = await send(office, "list-prices", *full[:4])
        assert answer.json()["changes"] == 4
        answer = await send(office, "list-prices", full[4])
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "prices")
        monkeypatch.setattr("sync.hub.shop.catalogue.price_lists.LISTS_MAX", 6)
        answer = await send(
            office, "price-lists", *({"id": name, "text": "x"} for name in ("l0", "m0", "m1"))
        )
        assert (answer.status_code, [one["line"] for one in answer.json()["errors"]]) == (422, [2, 3])

    asyncio.run(go())


def test_an_article_with_all_prices_it_may_have_and_a_long_past_reaches_the_till(
    rig: Rig, tmp_path: Path
) -> None:
    """What a till refuses holds up all others: so much of the past goes down as it takes, the newest."""
    bring(rig, 0, tea(500))
    bring_lists(rig, 0, *({"id": f"l{n}"} for n in range(200)))
    for turn in range(40):
        bring_prices(rig, (turn + 1) * DAY, *(listed_at(f"l{n}", 100 + turn) for n in range(200)))
    rows = feed(rig)
    hear(tmp_path, "cgn", rows, len(rows))
    with closing(shelf(tmp_path, "cgn", dt.date.fromisoformat(day(0)))) as reader:
        article = reader.by_sku("A")
        assert article is not None
        assert article.price_minor == 139
        before = asyncio.run(reader.prices_before(["A"])).held["A"]
    assert before[-1].since_ms == NOW_MS + 40 * DAY
    assert 5 < len(before) < 40


def test_of_two_own_prices_with_the_same_days_the_last_counts_at_hub_and_till(
    rig: Rig, tmp_path: Path
) -> None:
    days = {"valid_from": day(-1), "valid_to": day(1)}
    bring(rig, 0, tea(500, prices=[{"price_minor": 300, **days}, {"price_minor": 400, **days}]))
    hear(tmp_path, "cgn", feed(rig), 1)
    on = dt.date.fromisoformat(day(0))
    with closing(shelf(tmp_path, "cgn", on)) as reader:
        article = reader.by_sku("A")
        assert article is not None
        assert (article.price_minor, "") == cost(rig, "A", Place("cgn", "till"), on) == (400, "")


def test_prices_of_groups_and_lists_to_come_hide_no_change_from_the_labels(rig: Rig, tmp_path: Path) -> None:
    bring(rig, 0, *(tea(500) | {"sku": sku} for sku in "AB"))
    bring_lists(
        rig, 0, {"id": "club", "groups": ["club"], "valid_to": day(9)}, {"id": "week", "valid_from": day(5)}
    )
    bring_prices(rig, 0, listed_at("club", 400, "A"), listed_at("week", 300, "B"))
    hear(tmp_path, "cgn", feed(rig), 6)
    bring(rig, HOUR, *(tea(450) | {"sku": sku} for sku in "AB"))
    hear(tmp_path, "cgn", feed(rig), 8)
    with closing(shelf(tmp_path, "cgn", dt.date.fromisoformat(day(0)))) as reader:
        found = {
            (one.article.sku, one.old_minor, one.article.price_minor)
            for one in asyncio.run(reader.repriced())
        }
    assert found == {("A", 500, 450), ("B", 500, 450)}


def test_channels_and_carts_hear_the_prices_of_their_store_channel_and_group(rig: Rig) -> None:
    async def go() -> None:
        for store in ("cgn", "muc"):
            do(rig, put_store, PutAsk(store, PutStore(store)))
        bring(rig, 0, tea(500), tea(None) | {"sku": "B"})
        bring_lists(
            rig,
            0,
            {"id": "cgn", "stores": ["cgn"]},
            {"id": "web", "channels": ["web"]},
            {"id": "club", "groups": ["club"]},
        )
        bring_prices(
            rig,
            0,
            listed_at("cgn", 480),
            listed_at("web", 490),
            listed_at("club", 450),
            listed_at("club", 90, "B"),
        )
        public, office = Channel(rig, "storefront"), Channel(rig)
        for query, minor, name in (("", 500, ""), ("?store=cgn", 480, "cgn"), ("?store=muc", 500, ""), ("?channel=web", 490, "web"), ("?store=cgn&channel=web", 480, "cgn")):  # fmt: skip
            for path in ("/articles/A", "/articles"):
                found = await public.get(f"{path}{query}")
                one = found["articles"][0] if path == "/articles" else found
                assert (one["price_minor"], one["price_list"]) == (minor, name), query
        lines = [{"sku": "A", "qty": "2"}, {"sku": "B", "qty": "1"}]
        asked = {"store": "cgn", "channel": "web", "lines": lines}
        found = await office.post("/prices", asked)
        assert [(one["unit_minor"], one["price_list"], one["asks"]) for one in found["lines"]] == [
            (480, "cgn", []),
            (0, "", ["price"]),
        ]
        found = await office.post("/prices", {**asked, "customer_group": "club"})
        assert (found["total_minor"], [one["price_list"] for one in found["lines"]]) == (
            990,
            ["club", "club"],
        )
        made = await office.post("/carts", {"store": "muc", "lines": lines[:1]})
        assert (made["channel"], made["price"]["total_minor"]) == ("till", 1000)
        put = await office.put(
            f"/carts/muc/{made['basket_id']}",
            {"lines": lines[:1], "channel": "web", "customer_group": ""},
            secret=made["secret"],
        )
        assert (put["channel"], put["price"]["total_minor"]) == ("web", 980)

    asyncio.run(go())


def test_a_storefront_names_neither_customer_nor_group(rig: Rig) -> None:
    """Its token is known to everybody: whoever could say "staff" would pay what staff pays."""

    async def go() -> None:
        bring(rig, 0, tea(500))
        public = Channel(rig, "storefront")
        lines = [{"sku": "A", "qty": "1"}]
        for path, more in (
            ("/prices", {"customer_group": "staff"}),
            ("/carts", {"customer_group": "staff"}),
            ("/carts", {"customer": "c1"}),
        ):
            answer = await public.ask("POST", path, {"store": "demo", "lines": lines, **more})
            assert (answer.status_code, answer.json()["type"]) == (403, "urn:tresen:problem:customer"), path
        made = await public.post("/carts", {"store": "demo", "lines": lines})
        answer = await public.ask(
            "PUT",
            f"/carts/demo/{made['basket_id']}",
            {"lines": lines, "customer_group": "staff"},
            secret=made["secret"],
        )
        assert answer.status_code == 403

    asyncio.run(go())


def test_an_article_and_its_list_prices_that_come_at_once_are_both_in_the_last_change(rig: Rig) -> None:
    """Two writers, each its own connection, thirty times: the newest change of the article has what both said last."""
    bring(rig, 0, tea(500))
    bring_lists(rig, 0, {"id": "cgn"})

    def write_articles() -> None:
        for n in range(1, 31):
            transact(
                rig.engine, put_articles, [read_article(msgspec.json.encode(tea(500 + n)))], STAMP, NOW_MS + n
            )

    def write_prices() -> None:
        for n in range(1, 31):
            bring_prices(rig, n, listed_at("cgn", 100 + n))

    writers = [threading.Thread(target=each) for each in (write_articles, write_prices)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    last = [row for row in feed(rig) if row["kind"] == "article"][-1]["body"]
    assert (last["price_minor"], last["list_prices"][0]["price_minor"]) == (530, 130)
