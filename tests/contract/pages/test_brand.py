"""One brand for pages, messages, paper and screen: put by the office, refused where nobody could read it."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from pos.brand import take_changes
from pos.colours import TEXT, contrast, readable
from receipts.logo import PAPER_BYTES, raster
from sync.hub import tables as t
from sync.hub.brand import Brand, read_brand, style_of
from sync.hub.database import transact
from sync.hub.shop.brand.core import brand_now, publish
from tests.contract.hub_kit import NOW_MS
from tests.contract.pages.site import Site
from tests.contract.shop.kit import Channel
from tests.unit.test_brand import picture

LOGO = "data:image/svg+xml;base64," + base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg"/>').decode()
PICTURE = picture()
OURS = {
    "name": "Kaufladen",
    "accent": "#7a1f5c",
    "logo": LOGO,
    "address": ["Kaufladen GmbH", "Marktplatz 1"],
    "help_phone": "030 123456",
    "help_email": "hilfe@kaufladen.example",
}


def data_of(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


@pytest.fixture
def site(new_url: Callable[[str], str]) -> Iterator[Site]:
    site = Site(new_url("sqlite"))
    yield site
    site.rig.close()


def test_what_the_office_puts_is_seen_on_every_page_and_in_messages(site: Site) -> None:
    async def go() -> None:
        office = Channel(site.rig)
        link = await site.receipt(1)
        put = await office.put("/brand", OURS)
        assert (put["version"], put["about"]["ink"]) == (1, read_brand().ink)
        async with site.visitor() as line:
            for path in ("/stores", f"/o/{site.link(site.order())}", f"/r/{link}", "/me", "/o/nothing"):
                page = (await line.get(path)).text
                for said in (
                    "--accent:#7a1f5c",
                    "hilfe@kaufladen.example",
                    "Marktplatz 1",
                    'alt="Kaufladen"',
                ):
                    assert said in page, path
            logo = await line.get("/brand/logo")
            assert (logo.status_code, logo.headers["content-type"]) == (200, "image/svg+xml")
            assert "default-src 'none'" in logo.headers["content-security-policy"]
        with site.rig.engine.connect() as connection:
            assert brand_now(connection).name == "Kaufladen", "which messages read too"

    asyncio.run(go())


def told(site: Site) -> list[Any]:
    """What the tills hear of the brand: the bodies of its changes, in their order."""
    query = sa.select(t.change.c.body).where(t.change.c.kind == "brand").order_by(t.change.c.n)
    with site.rig.engine.connect() as connection:
        return [msgspec.json.decode(body) for body in connection.execute(query).scalars()]


def test_the_tills_hear_what_they_show_of_it_ready_for_paper(site: Site, tmp_path: Path) -> None:
    async def go() -> None:
        office = Channel(site.rig)
        closing = {"closing_de": ["Bis bald!"], "website": "kaufladen.example"}
        await office.put("/brand", {**OURS, **closing, "paper_logo": data_of(PICTURE)})
        await office.put("/brand", {"ink": "#000000"})
        first, last = told(site)
        assert last is None, "it looks as it ships again"
        brand = take_changes(tmp_path, [{"kind": "brand", "key": "brand", "body": first}])
        assert brand is not None
        assert (brand.name, brand.accent, brand.on_accent) == ("Kaufladen", "#7a1f5c", "#ffffff")
        assert (brand.closing_de, brand.contact) == (("Bis bald!",), ("030 123456", "kaufladen.example"))
        assert 300 < len(raster(brand.logo, 512)) <= PAPER_BYTES + 8

    asyncio.run(go())


def test_a_brand_that_was_put_before_tills_knew_any_is_told_once(site: Site) -> None:
    def tell(brand: Brand | None) -> bool:
        return transact(site.rig.engine, publish, brand, site.rig.hub.ids, NOW_MS)

    assert not tell(None)
    named = read_brand({"name": "Kaufladen"})
    assert tell(named)
    assert not tell(named)
    asyncio.run(Channel(site.rig).put("/brand", {"name": "Laden"}))
    assert not tell(named), "what the office put is what holds"
    assert [one["name"] for one in told(site)] == ["Kaufladen", "Laden"]


def test_a_receipts_page_ends_as_its_paper_does(site: Site) -> None:
    async def go() -> None:
        link = await site.receipt(1)
        async with site.visitor() as line:
            before = (await line.get(f"/r/{link}.txt")).text
            await Channel(site.rig).put("/brand", {"closing_de": ["Bis bald!", "Ihr Kaufladen"]})
            after = (await line.get(f"/r/{link}.txt")).text
        assert "Bis bald!" not in before
        assert [row.strip() for row in after.splitlines() if row.strip()][-2:] == [
            "Bis bald!",
            "Ihr Kaufladen",
        ]

    asyncio.run(go())


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("accent", "#ffee00", "brand.on_accent on brand.accent has a contrast of 1."),
        ("logo", "data:image/png;base64,AAAA", "brand.logo is no PNG"),
        ("paper_logo", LOGO, "brand.paper_logo is a PNG"),
        ("logo", LOGO.replace("PHN2", "PHN4"), "brand.logo is no SVG"),
        ("paper_logo", "data:image/png;base64," + "A" * 200_000, "brand.paper_logo is a picture"),
        ("closing_de", ["x" * 65], "brand.closing_de has at most 4 lines of 64"),
        ("name", "", "brand.name has 1 to 60"),
    ],
)
def test_what_is_refused_is_named(site: Site, field: str, value: Any, said: str) -> None:
    async def go() -> None:
        answer = await Channel(site.rig).ask("PUT", "/brand", {**OURS, field: value})
        assert answer.status_code == 422
        assert said in answer.json()["detail"]
        assert told(site) == []

    asyncio.run(go())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(
            ("accent", "#ffee00"),
            ("ink", "#777777"),
            ("muted", "#aaaaaa"),
            ("accent", "red"),
            ("unknown", "x"),
        ),
        *(("logo", "https://elsewhere.example/logo.png"), ("logo", "data:text/html;base64,PGI+")),
        *(("logo", "data:image/png;base64," + "A" * 200_000), ("address", "one line")),
    ],
)
def test_a_brand_that_nobody_could_read_is_refused(site: Site, field: str, value: str) -> None:
    async def go() -> None:
        answer = await Channel(site.rig).ask("PUT", "/brand", {**OURS, field: value})
        assert answer.status_code in {400, 422}
        assert (await Channel(site.rig, "staff", "demo").ask("PUT", "/brand", OURS)).status_code == 403
        async with site.visitor() as line:
            assert (await line.get("/brand/logo")).status_code == 404

    asyncio.run(go())


def test_whatever_the_accent_links_can_be_read_in_light_and_dark() -> None:
    for accent, on_accent in (
        ("#ffdd00", "#000000"),
        ("#0b5c4f", "#ffffff"),
        ("#111111", "#ffffff"),
        ("#ff0000", "#000000"),
    ):
        brand = msgspec.structs.replace(read_brand(), accent=accent, on_accent=on_accent)
        for grounds in ((brand.paper, brand.ground), ("#1c1f25", "#111317")):
            link = readable(accent, *grounds)
            assert all(contrast(link, ground) >= TEXT for ground in grounds)
            assert link in style_of(brand)


def test_contrast_is_that_of_the_guidelines() -> None:
    found: list[Any] = [
        contrast("#ffffff", "#000000"),
        contrast("#767676", "#ffffff"),
        contrast("#123456", "#123456"),
    ]
    assert [round(one, 2) for one in found] == [21.0, 4.54, 1.0]
