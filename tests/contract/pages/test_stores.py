"""The store finder: the nearest first, today's hours, and stock in words."""

import asyncio
import datetime as dt
import re
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest

from sync.hub.shop.stores import core as stores
from sync.hub.shop.stores.hours import closes_at, coming, opens_on
from sync.hub.shop.stores.messages import OtherDay, PutStore
from sync.hub.web.near import Place, distance_km, postcode_of, read_place, remoteness
from sync.hub.web.stores import in_words
from tests.contract.pages.site import MITTE, NORD, Site
from tests.contract.shop.kit import do


@pytest.fixture
def site(new_url: Callable[[str], str]) -> Iterator[Site]:
    site = Site(new_url("sqlite"))
    yield site
    site.rig.close()


def test_stock_is_told_in_words_and_never_as_a_number(site: Site) -> None:
    async def go() -> None:
        site.has("nord", "S1", 2)
        async with site.visitor() as line:
            page = (await line.get("/stores?sku=S1")).text
            assert "Wo gibt es „Bio-Vollmilch 3,8 % 1 l“?" in page
            assert re.findall(r"<p><strong>(Verfügbar|Nur noch wenige|Zurzeit nicht da)</strong>", page) == [
                "Verfügbar",
                "Nur noch wenige",
            ]
            assert "1000" not in page
            assert "1.000" not in page
            none = (await line.get("/stores?sku=S6&lang=en")).text
            assert "Not there just now" in none
            unknown = (await line.get("/stores", params={"sku": "<b>nix</b>"})).text
            assert "Diesen Artikel kennen wir nicht" in unknown
            assert "<b>nix" not in unknown

    asyncio.run(go())


@pytest.mark.parametrize(
    ("near", "first"),
    [
        ("10115", "Mitte"),
        ("20095", "Nord"),
        ("53.5, 10.0", "Nord"),
        ("52,5 13,4", "Mitte"),
        ("überall", "Mitte"),
    ],
)
def test_the_nearest_store_comes_first(site: Site, near: str, first: str) -> None:
    async def go() -> None:
        async with site.visitor() as line:
            page = (await line.get("/stores", params={"near": near})).text
            assert re.findall(r"<h2>Kaufladen (\w+)</h2>", page)[0] == first
            assert ("finden wir keinen Ort" in page) == (near == "überall")
            assert (" km entfernt" in page) == ("," in near), "a postcode gives an order and no distance"

    asyncio.run(go())


def test_a_store_that_is_closed_to_customers_is_not_shown(site: Site) -> None:
    async def go() -> None:
        do(site.rig, stores.put_store, stores.PutAsk("nord", PutStore("Kaufladen Nord", active=False)))
        async with site.visitor() as line:
            assert "Nord" not in (await line.get("/stores")).text

    asyncio.run(go())


def test_a_place_is_read_as_it_is_typed() -> None:
    assert read_place("10115") == read_place("D-10115") == Place(postcode="10115")
    assert read_place("52,52 13,40") == read_place("52.52;13.40") == Place(52.52, 13.4)
    for wrong in ("", "91 0", "0 181", "123456", "abc", "10115 Berlin", "91 0 0", "٣٤٥٦٧"):
        assert read_place(wrong) is None
    assert postcode_of(MITTE) == "10115"
    assert postcode_of(PutStore("x", ("Straße 10115",))) == ""
    assert remoteness(Place(postcode="10117"), MITTE) < remoteness(Place(postcode="10117"), NORD)
    km = distance_km(Place(52.53, 13.38), NORD)
    assert km is not None
    assert 250 < km < 262
    assert distance_km(Place(postcode="10115"), NORD) is None


def test_other_days_hold_over_the_week() -> None:
    eve = PutStore(
        "x", hours=MITTE.hours, other_days=(OtherDay("2026-12-24", 540, 840), OtherDay("2026-12-25"))
    )
    assert opens_on(eve, dt.date(2026, 12, 23)) == [(540, 1110)]
    assert opens_on(eve, dt.date(2026, 12, 24)) == [(540, 840)]
    assert opens_on(eve, dt.date(2026, 12, 25)) == []
    assert closes_at(eve, dt.datetime(2026, 12, 24, 13, 59, tzinfo=dt.UTC)) == 840
    assert closes_at(eve, dt.datetime(2026, 12, 24, 14, 0, tzinfo=dt.UTC)) is None
    assert [day.day for day, _, _ in coming(eve, dt.date(2026, 12, 25), 7)] == [25]


@pytest.mark.parametrize(
    ("available", "said"),
    [("0", "none"), ("-1", "none"), ("0.5", "few"), ("3", "few"), ("3.001", "available")],
)
def test_few_is_up_to_three(available: str, said: str) -> None:
    assert in_words(Decimal(available)) == said
