"""Every page in a real Chromium: small, alone, readable without script, checked by axe-core in both languages and colours.

axe-core comes from the package axe-core-python. Without Chromium these are skipped on a desk and fail in CI.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.contract.browser import Browser, browsing, chromium_is_here
from tests.contract.pages.site import Site, served
from tests.contract.pages.test_cases import asked
from tests.contract.pages.test_mine import customer, opened
from tests.contract.pages.test_mine import send as post
from tests.contract.shop.kit import Channel
from tests.contract.shop.orders_kit import hand_over, heard

SIZE_MAX: Final = 50_000
RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
BRAND: Final = {
    "name": "Kaufladen",
    "address": ["Kaufladen GmbH", "Marktplatz 1"],
    "help_phone": "030 123456",
    "help_email": "hilfe@kaufladen.example",
    "logo": "data:image/png;base64,"
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
}

pytestmark = pytest.mark.skipif(
    not chromium_is_here() and not os.environ.get("CI"), reason="no Chromium here; in CI it must be there"
)


@pytest.fixture
def site(new_url: Callable[[str], str]) -> Iterator[Site]:
    site = Site(new_url("sqlite"))
    yield site
    site.rig.close()


async def all_pages(site: Site) -> dict[str, str]:
    """Name -> path, of every page in each of its states that differ."""
    await Channel(site.rig).put("/brand", BRAND)
    ready, doing, done = site.ready(), site.order(), site.ready()
    heard(site.rig, hand_over(done))
    site.has("nord", "S1", 2)
    customer(site)
    receipt = await site.receipt(7)
    async with site.visitor() as line:
        mine = await opened(site, line)
        case = await asked(line, f"/r/{receipt}/help")
        site.rig.clock.ms += 3_600_001
        await post(line, "/me", email="rosalinde@querfurt.example")
        site.rig.clock.ms -= 3_600_001
    order = f"/o/{site.link(ready)}"
    return {
        "order ready": f"{order}?done=extended",
        "order doing": f"/o/{site.link(doing)}",
        "order done": f"/o/{site.link(done)}",
        "order cancel": f"{order}/cancel",
        "order help": f"{order}/help",
        "cart": f"/c/{site.cart().link}",
        "gift card": f"/k/{site.gift_card()}",
        "stores": "/stores?near=nowhere",
        "stock": "/stores?sku=S1&near=52.5,13.4",
        "my data ask": "/me?done=sent",
        "my data": mine,
        "my data erase": f"{mine}/erase",
        "receipt": f"/r/{receipt}",
        "invoice": f"/r/{receipt}/invoice",
        "help": f"/r/{receipt}/help",
        "case": case,
        "not there": "/o/nothing",
    }


async def evaluated(browser: Browser, expression: str) -> Any:
    answer = await browser.call(
        "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
    )
    assert "exceptionDetails" not in answer, answer
    return answer["result"].get("value")


async def visit(browser: Browser, url: str) -> None:
    await browser.call("Page.navigate", url=url)
    await browser.until(f"location.href === {url!r} && document.readyState === 'complete'")


async def colours(browser: Browser, scheme: str) -> None:
    await browser.call(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )


@pytest.mark.parametrize("language", ["de", "en"])
def test_axe_finds_nothing_on_any_page_in_light_and_dark(site: Site, tmp_path: Path, language: str) -> None:
    """The pages load with script off; then it is on for axe, which waits by timers."""
    axe = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    everything = f"axe.run({{runOnly: {RULES}}})"
    contrast = "axe.run({runOnly: {type: 'rule', values: ['color-contrast']}})"

    async def go() -> None:
        pages = await all_pages(site)
        faults: list[str] = []
        async with served(site) as url, browsing(tmp_path / "profile", 120) as browser:
            await browser.open("about:blank", 360, 740)
            await browser.call("Network.enable")
            await browser.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": language})
            for name, path in pages.items():
                await colours(browser, "light")
                await browser.call("Emulation.setScriptExecutionDisabled", value=True)
                await visit(browser, url + path)
                await browser.call("Emulation.setScriptExecutionDisabled", value=False)
                assert await browser.js("document.documentElement.lang") == language
                await browser.js(axe)
                for scheme, run in (("light", everything), ("dark", contrast)):
                    await colours(browser, scheme)
                    found = await evaluated(
                        browser,
                        f"{run}.then(r => r.violations.map(v => v.id + ' ' + v.nodes.map(n => n.html).join()))",
                    )
                    faults += [f"{name} {scheme}: {fault}" for fault in found]
                wide = await browser.js("document.documentElement.scrollWidth - innerWidth")
                if wide > 0:
                    faults.append(f"{name}: {wide} pixels too wide for a phone")
            await browser.js("document.querySelector('h1').style.color = '#333'")
            assert await evaluated(browser, f"{contrast}.then(r => r.violations.length)") == 1, (
                "axe does look"
            )
        assert faults == []

    asyncio.run(go())


def test_pages_are_small_alone_and_say_the_same_without_script(site: Site, tmp_path: Path) -> None:
    async def go() -> None:
        pages = await all_pages(site)
        async with served(site) as url:
            async with httpx.AsyncClient(base_url=url, headers={"Accept-Language": "de"}) as line:
                sizes = {name: len((await line.get(path)).content) for name, path in pages.items()}
            async with browsing(tmp_path / "profile", 120) as browser:
                await browser.open("about:blank", 1280, 800)
                await browser.call("Network.enable")
                await browser.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": "de"})
                for name, path in pages.items():
                    said = []
                    for off in (True, False):
                        await browser.call("Emulation.setScriptExecutionDisabled", value=off)
                        await visit(browser, url + path)
                        said.append(await browser.js("document.body.innerText"))
                    assert said[0] == said[1], name
                    assert len(said[0]) > 60, name
                    loaded = await browser.js("performance.getEntriesByType('resource').map(e => e.name)")
                    assert [one for one in loaded if not one.startswith(f"{url}/brand/logo")] == [], name
                    assert await browser.js("document.cookie") == ""
        assert {name: size for name, size in sizes.items() if size > SIZE_MAX} == {}

    asyncio.run(go())


async def tabbed(browser: Browser, count: int) -> list[str]:
    """What the Tab key reaches, in its order, as a screen reader would name it."""
    found = []
    for _ in range(count):
        for kind in ("rawKeyDown", "keyUp"):
            await browser.call(
                "Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9
            )
        tree = await browser.call("Accessibility.getFullAXTree")
        focused = [
            node
            for node in tree["nodes"]
            if any(
                one["name"] == "focused" and one["value"].get("value") for one in node.get("properties", [])
            )
            and node["role"]["value"] != "RootWebArea"
        ]
        found += [f"{node['role']['value']}: {node['name']['value']}" for node in focused[:1]]
    return found


async def named(browser: Browser, *roles: str) -> list[str]:
    tree = await browser.call("Accessibility.getFullAXTree")
    return [
        f"{node['role']['value']}: {node['name']['value']}"
        for node in tree["nodes"]
        if not node.get("ignored") and node["role"]["value"] in roles
    ]


def test_who_listens_and_has_only_keys_gets_through_an_order_and_a_receipt(
    site: Site, tmp_path: Path
) -> None:
    async def go() -> None:
        pages = await all_pages(site)
        async with served(site) as url, browsing(tmp_path / "profile", 120) as browser:
            await browser.open("about:blank", 360, 740)
            await browser.call("Network.enable")
            await browser.call("Network.setExtraHTTPHeaders", headers={"Accept-Language": "de"})
            await visit(browser, url + pages["order ready"])
            assert await tabbed(browser, 6) == [
                "link: 030 000000",
                "link: mitte@kaufladen.example",
                "button: 3 Tage länger aufheben",
                "link: Bestellung stornieren",
                "link: Frage oder Problem? Schreiben Sie uns",
                "link: English",
            ]
            assert await named(browser, "heading", "status", "image") == [
                "image: Kaufladen",
                "status: ",
                "heading: Bestellung 1",
                "heading: Abholcode",
                "image: QR-Code zum Abholen",
                "heading: Hier holen Sie ab",
                "heading: Ihre Artikel",
            ]
            await visit(browser, url + pages["receipt"])
            assert await tabbed(browser, 9) == [
                "link: PDF",
                "link: Bild (PNG)",
                "link: Maschinenlesbar (eKaBS)",
                "link: JSON",
                "radio: 0",
                "textbox: Ein Satz dazu (wenn Sie mögen)",
                "button: Antwort senden",
                "link: Rechnung auf meinen Namen",
                "link: Frage oder Problem? Schreiben Sie uns",
            ]
            assert "group: Würden Sie uns weiterempfehlen?" in await named(browser, "group")
            assert len(await named(browser, "radio")) == 11
            assert "heading: Rückgabe und Garantie" in await named(browser, "heading")

    asyncio.run(go())


def test_over_a_real_line_too_many_requests_hear_when_to_come_again(site: Site) -> None:
    """429 with Retry-After, over HTTP and a socket, for looking and for sending."""

    async def go() -> None:
        order = f"/o/{site.link(site.order())}"
        async with served(site) as url, httpx.AsyncClient(base_url=url) as line:
            sent = [await line.post("/me", data={"email": "x"}) for _ in range(21)]
            assert [one.status_code for one in sent] == [303] * 20 + [429]
            assert sent[-1].headers["retry-after"] == "60"
            looked = [await line.get(order) for _ in range(301)]
            assert {one.status_code for one in looked[:300]} == {200}
            assert (looked[300].status_code, looked[300].headers["retry-after"]) == (429, "2")
            assert "Zu viele Anfragen" in looked[300].text
            assert (await line.get("/v1/health")).status_code == 200, "the API has limits of its own"

    asyncio.run(go())
