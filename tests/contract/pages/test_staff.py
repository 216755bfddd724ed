"""The staff page in a real Chromium on a phone: a till's code, a delivery, a count; the line gone, the session over.

Also: small, alone with its own origin, checked by axe-core in both colours.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import httpx
import msgspec
import pytest

from pos.menu import with_ways
from pos.resources import config_path
from pos.system import SystemClock
from sync.hub.shop.staff.core import SESSION_MAX_MS
from sync.hub.shop.stock import core as stock
from sync.hub.shop.stock.levels import levels_of
from sync.hub.shop.stock.shipments import Goods, PostDelivery, announce
from tests.contract.browser import Browser, browsing, chromium_is_here
from tests.contract.pages.site import Site, served
from tests.contract.pages.test_browser import BRAND, RULES, colours, evaluated, named, tabbed
from tests.contract.shop.kit import Channel
from tests.contract.shop.test_catalogue import bring, record
from tests.contract.shop.test_staff import BOTH, code_for

FILES = tuple(
    f"/staff/{name}"
    for name in (
        "",
        "staff.css",
        "brand.css",
        "desk.js",
        "pick.js",
        "tasks.js",
        "staff.js",
        "de.json",
        "en.json",
    )
)
CUT = (  # the hub does it, and its answer is lost, once
    "{ const real = fetch; let cut = true; fetch = async (...about) => { const said = await real(...about);"
    " if (cut && about[1]?.method === 'POST') { cut = false; throw new TypeError('cut'); } return said; } }"
)

pytestmark = pytest.mark.skipif(
    not chromium_is_here() and not os.environ.get("CI"), reason="no Chromium here; in CI it must be there"
)


@pytest.fixture
def site(new_url: Callable[[str], str]) -> Iterator[Site]:
    site = Site(new_url("sqlite"))
    site.rig.clock.ms = SystemClock().wall_ms()  # the browser has the real one
    yield site
    site.rig.close()


class Phone:
    """A browser of a phone's size, at the page."""

    def __init__(self, page: Browser, url: str) -> None:
        self.page = page
        self.url = url

    async def pair(self, code: str, sees: str = "receive") -> None:
        await self.page.call("Page.navigate", url="about:blank")
        await self.page.call("Page.navigate", url=f"{self.url}/staff/#{code}")
        await self.page.until(f"document.querySelector('#to-{sees}') !== null")

    async def see(self, selector: str) -> str:
        await self.page.until(f"document.querySelector('{selector}') !== null")
        return str(await self.page.js(f"document.querySelector('{selector}').textContent"))

    async def tap(self, selector: str) -> None:
        await self.see(selector)
        await self.page.js(f"document.querySelector('{selector}').click()")

    async def speak(self, language: str) -> None:
        await self.page.js(f"document.querySelector('#lang').value = '{language}'")
        await self.page.js("document.querySelector('#lang').dispatchEvent(new Event('change'))")
        await self.page.until(f"document.documentElement.lang === '{language}'")

    async def scan(self, code: str, says: str) -> None:
        """As a scanner that types: the code, then Enter; until the page says so."""
        await self.see("#scan")
        await self.page.js("document.querySelector('#code').focus()")
        await self.page.call("Input.insertText", text=code)
        for kind in ("rawKeyDown", "char", "keyUp"):
            await self.page.call(
                "Input.dispatchKeyEvent", type=kind, key="Enter", windowsVirtualKeyCode=13, text="\r"
            )
        await self.page.until(f"document.querySelector('#said').textContent.startsWith({says!r})")

    async def line(self, *, there: bool) -> None:
        await self.page.call(
            "Network.emulateNetworkConditions", offline=not there, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )  # fmt: skip

    async def kept(self) -> list[str]:
        found = await self.page.js("Object.keys(localStorage).filter(key => key.includes('work')).sort()")
        return list(found)


@asynccontextmanager
async def phone_at(site: Site, folder: Path) -> AsyncIterator[Phone]:
    async with served(site) as url, browsing(folder / "profile", 60) as page:
        await page.open("about:blank", 390, 844)
        await page.call("Network.enable")
        await page.call("Page.navigate", url=f"{url}/staff/")
        await page.until("document.querySelector('#pair') !== null")
        phone = Phone(page, url)
        await phone.speak("de")
        yield phone


def on_hand(site: Site, sku: str) -> int:
    level = site.work(lambda work, _: levels_of(work, ["demo"], [sku], "store")).get(("demo", sku))
    return int(level.on_hand) if level is not None else 0


def expect(site: Site) -> None:
    goods = (Goods("S1", "3"), Goods("S6", "1"))
    site.work(announce, PostDelivery("demo", goods, supplier="Molkerei Nord", number="L-77"))


def test_a_delivery_is_received_and_shelves_are_counted_by_whoever_the_till_knows(
    site: Site, tmp_path: Path
) -> None:
    async def go() -> None:
        expect(site)
        before = on_hand(site, "S1")
        async with phone_at(site, tmp_path) as phone:
            await phone.pair(await code_for(site.rig))
            assert "Anna, Filiale demo" in await phone.see("#who")
            assert await phone.page.js("location.hash") == "", "the code is not left in the address"
            await phone.tap("#to-receive")
            await phone.tap("ul.picks button")
            for n in (1, 2):
                await phone.scan("S1", f"Bio-Vollmilch 3,8 % 1 l: {n}")
            await phone.scan("nonsense", "Diesen Artikel kennt der Hub nicht: nonsense")
            await phone.tap("#finish")
            assert "Bio-Vollmilch 3,8 % 1 l: 2 gekommen, 3 angekündigt" in await phone.see("#differs")
            assert "T-Shirt Basic M dunkelblau: 0 gekommen, 1 angekündigt" in await phone.see("#differs")
            await phone.tap("#asbooked")
            assert await phone.see("#outcome") == "Eingang gebucht. Die Abweichung ist eine Aufgabe."
            assert on_hand(site, "S1") == before + 2
            await phone.tap("#home")
            await phone.tap("#to-count")
            await phone.scan("S1", "Bio-Vollmilch 3,8 % 1 l: 1")
            assert "erwartet" not in await phone.see("main"), "who counts does not see what is expected"
            await phone.page.js("document.querySelector('#lines input').value = '998'")
            await phone.page.js("document.querySelector('#lines input').dispatchEvent(new Event('change'))")
            await phone.tap("#finish")
            expected = f"{before + 2:,}".replace(",", ".")
            assert await phone.see("#outcome") == "Gezählt und gebucht: 1 Artikel."
            assert f"998 gezählt, {expected} erwartet" in await phone.see("main")
            assert on_hand(site, "S1") == 998
            assert await phone.kept() == []
        moved = (await Channel(site.rig).get("/stock/movements?store=demo&sku=S1"))["movements"]
        assert {one["actor"] for one in moved} - {"office"} == {"demo/1/2"}

    asyncio.run(go())


def test_an_order_is_packed_and_what_is_missing_is_said_though_an_answer_is_lost(
    site: Site, tmp_path: Path
) -> None:
    async def go() -> None:
        order = site.order()
        async with phone_at(site, tmp_path) as phone:
            await phone.pair(await code_for(site.rig, rights=["pickup"]), "pick")
            await phone.tap("#to-pick")
            assert f"Nr. {order.number}" in await phone.see("ul.picks button")
            await phone.tap("ul.picks button")
            first, *rest = order.lines
            assert rest, "there is something that stays away"
            for n in range(1, int(first.qty) + 1):
                await phone.scan(first.sku, f"{first.text}: {n} von {first.qty}")
            await phone.scan(first.sku, f"{first.text}: davon ist genug da.")
            await phone.page.call("Page.reload")
            assert f"{first.qty} / {first.qty}" in await phone.see("#lines li")
            await phone.page.js(CUT)
            await phone.tap("#finish")
            assert "fehlt" in await phone.see("main section")
            await phone.page.js("document.querySelector('#shelf').value = 'A4'")
            await phone.page.js("document.querySelector('#pack').requestSubmit()")
            assert "gebucht wird es einmal" in await phone.see("#waits")
            await phone.tap("#again")
            assert await phone.see("#outcome") == f"Bestellung {order.number} liegt bereit."
        (task,) = (await Channel(site.rig).get(f"/orders/{order.order_id}"))["fulfillments"]
        assert (task["state"], task["shelf"]) == ("ready", "A4")
        assert [(line.get("picked", "0"), line.get("short", "0")) for line in task["lines"]] == [
            (str(first.qty), "0"), *(("0", str(line.qty)) for line in rest)
        ]  # fmt: skip

    asyncio.run(go())


def test_something_else_goes_for_what_is_missing_and_is_booked_once_though_an_answer_is_lost(
    site: Site, tmp_path: Path
) -> None:
    async def go() -> None:
        bring(
            site.rig,
            record("S2", "Hafermilch 1 l", 99),
            record("S3", "Obstkorb", None),
            record("S4", "Sojamilch 1 l", 149),
        )
        site.work(stock.move, stock.Move("demo", "S2", Decimal(9), "receipt", "delivery/demo", 0))
        order = site.order()
        milk, *rest = order.lines
        async with phone_at(site, tmp_path) as phone:

            async def chosen() -> str:
                return str(await phone.page.js(f"document.querySelector('#way{milk.n}').value"))

            await phone.pair(await code_for(site.rig, rights=["pickup"]), "pick")
            await phone.tap("#to-pick")
            await phone.tap("ul.picks button")
            for line in rest:
                for n in range(1, int(line.qty) + 1):
                    await phone.scan(line.sku, f"{line.text}: {n} von {line.qty}")
            await phone.tap("#finish")
            await phone.see("#pack")
            assert await chosen() == "partial"
            assert f"button: Anderes statt {milk.text}" in await tabbed(phone.page, 9)
            await phone.tap(f"#instead{milk.n}")
            assert await phone.see("h1") == f"Anderes statt {milk.text}"
            await phone.scan("S3", "Obstkorb: ohne Preis oder schon bestellt.")
            await phone.scan(milk.sku, f"{milk.text}: ohne Preis oder schon bestellt.")
            await phone.scan("S4", "Stattdessen: Sojamilch 1 l")
            await phone.page.js("document.querySelector('#pack').requestSubmit()")
            await phone.page.until(
                "document.querySelector('#said').textContent.startsWith('Beim Hub ist davon')"
            )
            await phone.tap("ul.picks button")
            await phone.tap("#finish")
            await phone.tap(f"#instead{milk.n}")
            await phone.line(there=False)
            await phone.scan("S2", "Der Hub antwortet nicht.")
            await phone.line(there=True)
            await phone.scan("S2", "Stattdessen: Hafermilch 1 l")
            assert await chosen() == "substitute"
            assert await phone.page.js(f"document.activeElement.id === 'instead{milk.n}'")
            await phone.page.call("Page.reload")
            await phone.tap("#finish")
            await phone.see("#pack")
            assert await chosen() == "substitute", "what was chosen is kept"
            await phone.page.js(CUT)
            await phone.page.js("document.querySelector('#pack').requestSubmit()")
            await phone.see("#waits")
            await phone.tap("#again")
            assert await phone.see("#outcome") == f"Bestellung {order.number} liegt bereit."
        after = await Channel(site.rig).get(f"/orders/{order.order_id}")
        (task,) = after["fulfillments"]
        assert task["state"] == "ready"
        (other,) = [line for line in after["lines"] if line["sku"] == "S2"]
        assert (other["for_n"], other["qty"], other["pay_minor"]) == (
            milk.n,
            str(milk.qty),
            int(99 * milk.qty),
        )
        (taken,) = [line for line in task["lines"] if line["n"] == other["n"]]
        assert taken["picked"] == str(milk.qty)

    asyncio.run(go())


def test_a_count_that_is_far_off_is_a_task_which_somebody_who_may_approves(
    site: Site, tmp_path: Path
) -> None:
    async def go() -> None:
        before = on_hand(site, "S1")
        await Channel(site.rig, till="1", store="demo").post(
            "/stock/counts",
            {"store": "demo", "name": "Regal 4", "closes": True, "lines": [{"sku": "S1", "qty": "40"}]},
        )
        expect(site)
        (sent,) = (await Channel(site.rig).get("/stock/deliveries?store=demo&state=shipped"))["shipments"]
        await Channel(site.rig).post(
            f"/stock/deliveries/{sent['shipment_id']}/receive", {"lines": [{"sku": "S6", "qty": "1"}]}
        )
        async with phone_at(site, tmp_path) as phone:
            await phone.pair(await code_for(site.rig, rights=["tasks"]), "tasks")
            await phone.tap("#to-tasks")
            assert "Zählung freigeben Regal 4" in await phone.see("ul.picks button")
            await phone.tap("ul.picks button")
            assert "40 gezählt" in await phone.see("#facts")
            assert await phone.page.js("document.querySelector('#approve')") is None, "that is not theirs"
            await phone.pair(await code_for(site.rig, rights=[*BOTH, "tasks"]))
            await phone.tap("#to-tasks")
            await phone.tap("ul.picks button")
            assert on_hand(site, "S1") == before
            await phone.tap("#approve")
            assert "Lieferung weicht ab L-77" in await phone.see("ul.picks button")
            assert on_hand(site, "S1") == 40
            await phone.tap("ul.picks button")
            assert "Bio-Vollmilch 3,8 % 1 l: 0 gekommen, 3 angekündigt" in await phone.see("#facts")
            await phone.tap("#settle")
            await phone.page.until(
                "document.querySelector('#said').textContent === 'Lieferung weicht ab L-77: erledigt'"
            )
            assert await phone.page.js("document.querySelector('ul.picks')") is None
        tasks = (await Channel(site.rig).get("/stores/demo/tasks?state=done"))["tasks"]
        assert {one["done_by"] for one in tasks} == {"demo/1/2"}

    asyncio.run(go())


def test_the_line_goes_and_the_page_is_closed_and_nothing_is_lost_or_doubled(
    site: Site, tmp_path: Path
) -> None:
    async def go() -> None:
        before = on_hand(site, "S1")
        async with phone_at(site, tmp_path) as phone:
            await phone.pair(await code_for(site.rig))
            await phone.tap("#to-receive")
            await phone.tap("#blind button")
            await phone.scan("S1", "Bio-Vollmilch 3,8 % 1 l: 1")
            await phone.line(there=False)
            await phone.scan("S6", "S6: wird nachgeschlagen, sobald der Hub antwortet")
            assert "Keine Verbindung" in await phone.see("#line")
            await phone.tap("#finish")
            await phone.page.until(
                "document.querySelector('#said').textContent.startsWith('Noch nicht alles')"
            )
            await phone.line(there=True)
            await phone.page.call("Page.reload")
            assert "S6" in await phone.see("#lines")
            await phone.page.js(CUT)
            await phone.tap("#finish")
            assert "gebucht wird es einmal" in await phone.see("#waits")
            assert on_hand(site, "S1") == before + 1
            await phone.page.call("Page.reload")
            assert await phone.see("#outcome") == "Eingang gebucht: 2 Artikel."
            assert on_hand(site, "S1") == before + 1
            assert await phone.kept() == []

    asyncio.run(go())


def test_a_session_ends_in_the_middle_and_the_work_waits_for_whose_it_is(site: Site, tmp_path: Path) -> None:
    async def go() -> None:
        before = on_hand(site, "S1")
        async with phone_at(site, tmp_path) as phone:
            await phone.pair(await code_for(site.rig))
            await phone.tap("#to-receive")
            await phone.tap("#blind button")
            await phone.scan("S1", "Bio-Vollmilch 3,8 % 1 l: 1")
            await Channel(site.rig, till="1", store="demo").post("/staff/end", {"operator": "2"})
            site.rig.clock.ms += 2_001
            await phone.tap("#finish")
            await phone.see("#pair")
            assert (await phone.see("#said")).startswith("Die Anmeldung ist zu Ende.")
            assert "Angefangene Arbeit von Anna" in await phone.see("main")
            assert on_hand(site, "S1") == before
            await phone.pair(await code_for(site.rig, "3", name="Bea"))
            assert "Lieferung annehmen" in await phone.see("#to-receive"), (
                "another person's work is not shown"
            )
            assert "Angefangene Arbeit von Anna" in await phone.see("main")
            await phone.pair(await code_for(site.rig))
            await phone.tap("#to-receive")
            await phone.page.until("document.querySelector('#outcome') !== null", 15)
            assert on_hand(site, "S1") == before + 1
            moved = (await Channel(site.rig).get("/stock/movements?store=demo&sku=S1"))["movements"]
            assert {one["actor"] for one in moved} - {"office"} == {"demo/1/2"}

    asyncio.run(go())


def test_codes_that_do_not_open_say_why_and_a_session_ends_by_the_clock(site: Site, tmp_path: Path) -> None:
    async def go() -> None:
        async with phone_at(site, tmp_path) as phone:
            used, late = await code_for(site.rig), await code_for(site.rig, "3")
            await phone.pair(used)
            await phone.tap("#leave")
            await phone.see("#pair")
            for code, says in (
                ("0000-0000-0000", "stimmt nicht"),
                (used, "schon benutzt"),
                (late, "abgelaufen"),
            ):
                site.rig.clock.ms += 300_000 if code == late else 0
                await phone.page.js(f"document.querySelector('#code').value = '{code}'")
                await phone.page.js("document.querySelector('#pair').requestSubmit()")
                await phone.page.until(f"document.querySelector('#said').textContent.includes('{says}')")
            await phone.pair(await code_for(site.rig))
            site.rig.clock.ms += SESSION_MAX_MS
            await phone.tap("#to-receive")
            await phone.see("#pair")
            assert (await phone.see("#said")).startswith("Die Anmeldung ist zu Ende.")

    asyncio.run(go())


def test_axe_finds_nothing_in_any_view_in_light_and_dark_and_keys_reach_all_of_it_in_order(
    site: Site, tmp_path: Path
) -> None:
    axe = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")

    async def go() -> None:
        expect(site)
        await Channel(site.rig).put("/brand", BRAND)
        faults: list[str] = []
        async with phone_at(site, tmp_path) as phone:

            async def look(name: str) -> None:
                await phone.page.js(axe)
                for scheme, run in (
                    ("light", f"axe.run({{runOnly: {RULES}}})"),
                    ("dark", "axe.run({runOnly: {type: 'rule', values: ['color-contrast']}})"),
                ):
                    await colours(phone.page, scheme)
                    said = "r => r.violations.map(v => v.id + ' ' + v.nodes.map(n => n.html).join())"
                    found = await evaluated(phone.page, f"{run}.then({said})")
                    faults.extend(f"{name} {scheme}: {fault}" for fault in found)
                if await phone.page.js("document.documentElement.scrollWidth - innerWidth") > 0:
                    faults.append(f"{name} is too wide for a phone")

            await look("pair")
            site.order()
            await phone.pair(await code_for(site.rig, rights=[*BOTH, "pickup", "tasks"]))
            await look("home")
            for kind in ("receive", "out", "in", "pick", "tasks"):
                await phone.tap(f"#to-{kind}")
                await phone.page.until("document.querySelector('#home') !== null")
                await look(kind)
                await phone.tap("#home")
            await phone.tap("#to-pick")
            await phone.tap("ul.picks button")
            await phone.see("#lines")
            await look("packing")
            await phone.tap("#finish")
            await phone.see("#pack")
            await look("packed")
            await phone.tap("#main section button")
            await look("something else")
            await phone.tap("#home")
            for kind, seen in (("count", "#sums"), ("off", "#sums"), ("stock", "#found h2")):
                await phone.tap(f"#to-{kind}")
                await phone.scan("S1", "Bio-Vollmilch 3,8 % 1 l: ")
                await phone.see(seen)
                await look(kind)
                await phone.tap("#home")
            await phone.speak("en")
            assert await phone.see("#to-count strong") == "Count"
            await look("home in English")
            await phone.speak("de")
            await phone.pair(await code_for(site.rig, rights=["stock-move"]))
            assert await tabbed(phone.page, 6) == [
                "link: Wareneingang Lieferung annehmen",
                "link: Zählen Angefangen: 1 Artikel, 1 Stück",
                "link: Umlagerung ab In eine andere Filiale",
                "link: Umlagerung an Was hierher unterwegs ist",
                "link: Bestand Hier und anderswo",
                "button: Gerät abmelden",
            ]
            await phone.tap("#to-count")
            await phone.scan("S6", "T-Shirt Basic M dunkelblau: 1")
            assert await tabbed(phone.page, 6) == [
                "button: Dazu",
                "button: Eins weniger: T-Shirt Basic M dunkelblau",
                "spinbutton: Menge T-Shirt Basic M dunkelblau",
                "button: Eins mehr: T-Shirt Basic M dunkelblau",
                "button: Entfernen: T-Shirt Basic M dunkelblau",
                "button: Eins weniger: Bio-Vollmilch 3,8 % 1 l",
            ], "the newest first; what was begun in the other session is here"
            assert "heading: Zählen" in await named(phone.page, "heading")
        assert faults == []

    asyncio.run(go())


def test_the_page_is_small_and_speaks_with_nobody_but_its_hub(site: Site) -> None:
    async def go() -> list[httpx.Response]:
        async with site.rig.stranger("198.51.100.7") as line:
            return [
                await line.get(path) for path in (*FILES, "/staff", "/staff/settings.json", "/staff/x.js")
            ]

    *answers, missing = asyncio.run(go())
    assert [answer.status_code for answer in answers] == [200] * 11
    assert missing.status_code == 404
    assert sum(len(answer.content) for answer in answers[:8]) <= 50_000, "with the words of one language"
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert not re.findall(r"https?://[^\s\"'`]+", answer.text)
    assert answers[0].headers["permissions-policy"].startswith("camera=(self)")
    assert "<noscript>" in answers[0].text
    german, english = (read_words(name) for name in ("de", "en"))
    for words in (german, english):
        assert set(re.findall(r"F9(?: \d)+", "".join(words.values()))) == {with_ways("F9:staff-page")}
    assert german.keys() == english.keys()
    for key, text in german.items():
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", english[key])), key
    scripts = "".join(answer.text for answer in answers[3:7])
    used = set(re.findall(r"\bt\(\"([\w-]+)\"", scripts))
    assert used <= german.keys()


def read_words(language: str) -> dict[str, str]:
    raw = (config_path() / "staff_page" / f"{language}.json").read_bytes()
    return msgspec.json.decode(raw, type=dict[str, str])
