"""The shop page as it is served: light, alone with its own origin, with a token that everyone may hold."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pos.resources import config_path
from sync.hub.database import transact
from sync.hub.shop.kit.actor import issue_token
from sync.hub.shop_page import ShopPage, ShopPageError, demand_public, read_shop_page
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import Channel

LOGO = "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4="
FILES = ("/shop/", "/shop/shop.css", "/shop/shop.js", "/shop/brand.css")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(f"sqlite:///{tmp_path / 'hub.db'}")
    yield rig
    rig.close()


def asked(rig: Rig, *paths: str) -> list[httpx.Response]:
    async def go() -> list[httpx.Response]:
        async with rig.stranger("198.51.100.7") as line:
            return [await line.get(path) for path in paths]

    return asyncio.run(go())


def test_the_page_is_light_and_speaks_with_nobody_but_its_hub(rig: Rig) -> None:
    rig.hub.shop_page = ShopPage("tresen_x_y", "Kaufladen", note="<b>")
    answers = asked(rig, *FILES, "/shop", "/shop/settings.json")
    assert [answer.status_code for answer in answers] == [200] * 6
    assert sum(len(answer.content) for answer in answers[:4]) <= 50_000
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert not re.findall(r"https?://(?!127)[^\s\"'`]+", answer.text)
    assert "<noscript>" in answers[0].text
    assert answers[4].content == answers[0].content
    assert answers[3].content == b"", "the page's own colours, where the shop has none"
    assert answers[5].json() == {
        "token": "tresen_x_y", "name": "Kaufladen", "payment_url": "", "payment_note": "", "note": "<b>", "logo": "",
    }  # fmt: skip


def test_it_wears_the_brand_that_the_office_put(rig: Rig) -> None:
    rig.hub.shop_page = ShopPage("tresen_x_y")
    asyncio.run(Channel(rig).put("/brand", {"name": "Kaufladen", "accent": "#7a1f5c", "logo": LOGO}))
    settings, style, logo = asked(rig, "/shop/settings.json", "/shop/brand.css", "/brand/logo")
    assert (settings.json()["name"], settings.json()["logo"]) == ("Kaufladen", "/brand/logo")
    assert "--accent:#7a1f5c" in style.text
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert logo.status_code == 200
    rig.hub.shop_page = ShopPage("tresen_x_y", "Kaufladen am Hafen")
    assert asked(rig, "/shop/settings.json")[0].json()["name"] == "Kaufladen am Hafen"


def test_without_settings_there_is_no_page_and_with_them_no_other_file(rig: Rig) -> None:
    assert {answer.status_code for answer in asked(rig, *FILES, "/shop/settings.json")} == {404}
    rig.hub.shop_page = ShopPage("tresen_x_y")
    for answer in asked(rig, "/shop/index.html", "/shop/..%2Fdefaults.toml", "/shop/%2e%2e/brand.toml"):
        assert answer.status_code == 404


def test_only_a_token_that_everyone_may_hold_is_shown_to_everyone(rig: Rig) -> None:
    def token(role: str) -> str:
        return transact(rig.engine, issue_token, role, role, "", rig.hub.ids, rig.clock.wall_ms())

    transact(rig.engine, demand_public, ShopPage(token("storefront")))
    for role in ("admin", "connector", "staff"):
        with pytest.raises(ShopPageError, match=role):
            transact(rig.engine, demand_public, ShopPage(token(role)))
    with pytest.raises(ShopPageError, match="not in use"):
        transact(rig.engine, demand_public, ShopPage("tresen_000000000000_00"))


@pytest.mark.parametrize(
    "said", ["", "token = 1", 'token = "t"\nunknown = 1', 'token = "t"\npayment_url = "javascript:1"', "["]
)
def test_settings_that_cannot_be_are_one_sentence(said: str, tmp_path: Path) -> None:
    file = tmp_path / "page.toml"
    file.write_text(said)
    with pytest.raises(ShopPageError):
        read_shop_page(file)
    with pytest.raises(ShopPageError):
        read_shop_page(tmp_path / "missing.toml")


def test_both_languages_say_the_same_things_with_the_same_pieces() -> None:
    script = (config_path() / "shop_page" / "shop.js").read_text()
    german, english = script.partition("  de: {")[2].split("  en: {", 1)
    english = english.partition("\n};")[0]

    def words(text: str) -> dict[str, set[str]]:
        found = re.findall(r'"?([\w-]+)"?: "((?:[^"\\]|\\.)*)"', text)
        return {name: set(re.findall(r"\{(\w+)\}", said)) for name, said in found}

    assert words(german) == words(english)
    assert len(words(german)) > 80
    used = set(re.findall(r'\bt\("([\w-]+)"', script))
    assert used <= set(words(german)), used - set(words(german))
