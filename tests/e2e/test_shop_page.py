"""The shop page in a real browser: page -> API -> hub, and the till that takes what came of it."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.contract.browser import Browser, browsing, chromium_is_here
from tests.e2e.shop_rig import RealShop, real_shop

pytestmark = pytest.mark.skipif(not chromium_is_here(), reason="there is no Chromium here")
CUCUMBER = "2000000000299"


@pytest.fixture
def shop(state: Path, tmp_path: Path) -> Iterator[RealShop]:
    with real_shop(tmp_path, state / "catalogue.db", payment_url="https://pay.example/{order}") as shop:
        yield shop


async def put_in_cart(page: Browser, words: str, pieces: int = 1) -> None:
    await page.until("document.querySelectorAll('ul.goods li').length > 0")
    await page.js(f"document.querySelector('#q').value = '{words}'")
    await page.js("document.querySelector('.search button').click()")
    await page.until(
        f"[...document.querySelectorAll('ul.goods h2')].every(one => one.textContent.includes('{words}'))"
    )
    for _ in range(pieces):
        was = await page.js("document.querySelector('#to-cart').textContent")
        await page.js("document.querySelector('ul.goods li button.main').click()")
        await page.until("document.querySelector('#said').textContent.length > 0")
        await page.until(f"'{was}' !== '' && document.querySelector('#said').textContent.includes('{words}')")


async def speak(page: Browser, language: str) -> None:
    await page.until("document.querySelector('#lang') !== null")
    await page.js(f"document.querySelector('#lang').value = '{language}'")
    await page.js("document.querySelector('#lang').dispatchEvent(new Event('change'))")
    await page.until(f"document.documentElement.lang === '{language}'")


async def text(page: Browser, selector: str) -> str:
    return str(await page.js(f"document.querySelector('{selector}').textContent"))


async def open_cart(page: Browser) -> None:
    await page.js("document.querySelector('#to-cart').click()")
    await page.until("document.querySelector('#total') !== null")


def test_a_cart_of_the_page_is_claimed_at_the_till_and_a_piece_goes_back_to_the_page(
    shop: RealShop, state: Path, tmp_path: Path
) -> None:
    till = shop.till(state)

    async def go() -> None:
        async with browsing(tmp_path / "profile") as page:
            await page.open(f"{shop.url}/shop/", 390, 844)
            await speak(page, "de")
            await put_in_cart(page, "Salatgurke")
            await put_in_cart(page, "Zitrone Stück")
            await open_cart(page)
            assert "1,34" in (await text(page, "#total")).replace(".", ",")
            await page.js("document.querySelector('#share').click()")
            await page.until("document.querySelector('img.qr')?.naturalWidth > 0")
            share = (await text(page, "#sharecode")).replace(" ", "")
            view = till.send(f"scan {await text(page, '#scancode')}")
            assert [one["text"] for one in view["expected"]] == ["Salatgurke Stück", "Zitrone Stück"], view
            await page.until("document.querySelector('#cartstate').textContent.includes('k3')")
            till.send(f"scan {CUCUMBER}")
            view = till.send("key cash")
            assert view["question"]["code"] == "phone-cart-rest", view
            till.send("1")
            view = till.send("")
            if view["state"] != "paid":
                view = till.send("key cash")
            assert (view["state"], view["total_minor"]) == ("paid", 89), view
            await page.until("document.querySelector('#to-cart').textContent.includes('(1)')", 20)
            await page.until("document.querySelector('#said').textContent.startsWith('Gekauft')")
            await page.until("document.querySelector('#total').textContent.includes('0,45')")
            assert (await text(page, "#sharecode")).replace(" ", "") != share

    asyncio.run(go())


def test_an_order_is_placed_by_keyboard_and_followed_to_its_code(shop: RealShop, tmp_path: Path) -> None:
    async def go() -> None:
        async with browsing(tmp_path / "profile") as page:
            await page.open(f"{shop.url}/shop/", 1280, 900)
            await speak(page, "en")
            await put_in_cart(page, "Salatgurke", 2)
            await open_cart(page)
            assert await page.js("document.activeElement.tagName") in {"H1", "BODY", "A"}
            for field, said in (("who", "Erika Muster"), ("mail", "erika@example.org")):
                await page.js(f"document.querySelector('#{field}').focus()")
                await page.call("Input.insertText", text=said)
            for kind in ("rawKeyDown", "char", "keyUp"):
                await page.call(
                    "Input.dispatchKeyEvent", type=kind, key="Enter", windowsVirtualKeyCode=13, text="\r"
                )
            await page.until("document.querySelector('#orderstate') !== null")
            assert (await text(page, "#said")).startswith("Order 1")
            (order,) = shop.office.ask("GET", "/orders")["orders"]
            assert (order["state"], order["value_minor"], order["rest_minor"]) == ("confirmed", 178, 178)
            task = order["fulfillments"][0]
            step = f"/stores/demo/fulfillments/{task['fulfillment_id']}"
            shop.office.ask("POST", f"{step}/pick", {"lines": [{"n": 1, "qty": "2"}]})
            shop.office.ask("POST", f"{step}/ready", {"shelf": "A1"})
            await page.until("document.querySelector('img.qr')?.naturalWidth > 0", 20)
            assert await text(page, "#pickupcode") == order["code"]
            level = shop.office.ask("GET", "/stock?store=demo&sku=" + order["lines"][0]["sku"])["levels"][0]
            assert (level["on_hand"], level["reserved"]) == ("24", "2")

    asyncio.run(go())


def test_what_is_refused_is_said_aloud_and_changes_nothing(shop: RealShop, tmp_path: Path) -> None:
    async def go() -> None:
        async with browsing(tmp_path / "profile") as page:
            await page.open(f"{shop.url}/shop/")
            await speak(page, "de")
            await put_in_cart(page, "Salatgurke")
            await open_cart(page)
            await page.js("document.querySelector('ol.lines input').value = '25'")
            await page.js("document.querySelector('ol.lines input').dispatchEvent(new Event('change'))")
            await page.until("document.querySelector('#total').textContent.includes('22,25')")
            for field, said in (("who", "E"), ("mail", "e@example.org")):
                await page.js(f"document.querySelector('#{field}').value = '{said}'")
            await page.js("document.querySelector('#order button.main').click()")
            await page.until("document.querySelector('#said').className === 'bad'")
            assert await text(page, "#said") == "Davon ist nicht genug da."
            assert await page.js("document.querySelector('#said').getAttribute('aria-live')") == "polite"
            assert shop.office.ask("GET", "/orders")["orders"] == []
            assert await page.js("Object.keys(JSON.parse(localStorage['tresen.shop']).lines).length") == 1

    asyncio.run(go())


def test_a_reduced_price_stands_beside_the_lowest_one_of_the_30_days(shop: RealShop, tmp_path: Path) -> None:
    """The gherkin was never cheaper than it is; since a moment ago it is on offer, which the page may say."""
    gherkin = shop.office.ask("GET", f"/articles/by-code/{CUCUMBER}")
    today = dt.datetime.now(ZoneInfo("Europe/Berlin")).date()
    record = {name: gherkin[name] for name in ("sku", "text", "tax_code", "gtin", "codes", "department")}
    offer = {"price_minor": 59, "valid_to": (today + dt.timedelta(3)).isoformat()}
    dated = {**record, "price_minor": 89, "prices": [{"price_minor": 89}, offer]}
    shop.office.ask("PUT", "/catalogue/articles", [dated], lines=True)

    async def go() -> None:
        async with browsing(tmp_path / "profile") as page:
            await page.open(f"{shop.url}/shop/", 390, 844)
            for language, title, price, said in (
                ("de", "Artikel", "0,59", "33 % weniger · Niedrigster Preis seit"),
                ("en", "Articles", "0.59", "33% less · Lowest price since"),
            ):
                await speak(page, language)
                await page.until(f"document.querySelector('h1')?.textContent === '{title}'")
                await page.until("document.querySelectorAll('ul.goods li').length > 0")
                await page.js("document.querySelector('#q').value = 'Salatgurke'")
                await page.js("document.querySelector('.search button').click()")
                await page.until("document.querySelectorAll('.reduced').length === 1")
                assert price in await text(page, "ul.goods li .price")
                assert said in await text(page, ".reduced")
                assert price.replace("59", "89") in await text(page, ".reduced")
                assert await page.js("document.querySelectorAll('s, del').length") == 0, (
                    "no other former price"
                )

    asyncio.run(go())
