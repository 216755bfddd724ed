"""One brand for pages and messages: put by the office, refused where nobody could read it."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from pos.colours import TEXT, contrast, readable
from sync.hub.brand import read_brand, style_of
from sync.hub.shop.brand.core import brand_now
from tests.contract.pages.site import Site
from tests.contract.shop.kit import Channel

LOGO = "data:image/svg+xml;base64," + base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg"/>').decode()
OURS = {
    "name": "Kaufladen",
    "accent": "#7a1f5c",
    "logo": LOGO,
    "address": ["Kaufladen GmbH", "Marktplatz 1"],
    "help_phone": "030 123456",
    "help_email": "hilfe@kaufladen.example",
}


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
