"""The pages of orders and carts: behind their link, and behind nothing else."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from sync.hub.shop.kit.links import CART, ORDER, id_of
from sync.hub.visitors import FORM_RETRY_S, FORMS_AT_ONCE, PAGES_AT_ONCE
from sync.links import number_of_page, page_link
from tests.contract.pages.site import Site
from tests.contract.shop.orders_kit import claimed, hand_over, heard, seen

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def site(new_url: Callable[[str], str]) -> Iterator[Site]:
    site = Site(new_url("sqlite"))
    yield site
    site.rig.close()


def fields_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page))


async def send(line: httpx.AsyncClient, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
    return await line.post(path, data=fields, headers={"Sec-Fetch-Site": "same-origin", **headers})


def test_the_page_says_how_it_stands_and_holds_the_code_when_it_is_ready(site: Site) -> None:
    async def go() -> None:
        order, ready = site.order(), site.ready()
        async with site.visitor() as line:
            before = (await line.get(f"/o/{site.link(order)}")).text
            assert "Wird zusammengestellt" in before
            assert order.code not in before
            page = await line.get(f"/o/{site.link(ready)}")
            assert page.headers["cache-control"] == "private, no-store"
            for said in (
                ready.code,
                "<svg",
                "Liegt zur Abholung bereit",
                "Marktplatz 1",
                "Mo–Fr",
                "Noch zu zahlen",
            ):
                assert said in page.text
            english = (await line.get(f"/o/{site.link(ready)}?lang=en")).text
            assert "Ready to be collected" in english
            claimed(site.rig, ready)
            assert "gerade übergeben" in (await line.get(f"/o/{site.link(ready)}")).text
            heard(site.rig, hand_over(ready))
            done = (await line.get(f"/o/{site.link(ready)}")).text
            assert "Abgeholt" in done
            assert ready.code not in done

    asyncio.run(go())


def test_it_is_kept_longer_once_and_a_form_that_is_sent_twice_counts_once(site: Site) -> None:
    async def go() -> None:
        ready = site.ready()
        path = f"/o/{site.link(ready)}"
        was = ready.fulfillments[0].deadline_ms
        async with site.visitor() as line:
            fields = fields_of((await line.get(path)).text)
            for _ in range(2):
                answer = await send(line, f"{path}/extend", fields)
                assert (answer.status_code, answer.headers["location"]) == (303, f"{path}?done=extended")
            assert "Wir heben es länger auf." in (await line.get(f"{path}?done=extended")).text
            assert "extend" not in (await line.get(path)).text, "once is what the shop offers"
            now = seen(site.rig, ready)
            assert now.fulfillments[0].deadline_ms == was + 3 * DAY_MS
            again = await send(line, f"{path}/extend", {**fields, "version": str(now.version)})
            assert again.status_code == 409
            assert "Länger können wir" in again.text
            broken = await send(line, f"{path}/extend", {"part": "x", "version": "y"})
            assert broken.status_code == 400

    asyncio.run(go())


def test_it_is_cancelled_after_a_second_question_and_not_after_a_part_is_gone(site: Site) -> None:
    async def go() -> None:
        order, gone = site.order(), site.ready()
        heard(site.rig, hand_over(gone, (1, 1)))
        async with site.visitor() as line:
            path = f"/o/{site.link(order)}"
            asked = await line.get(f"{path}/cancel")
            assert "stornieren?" in asked.text
            assert seen(site.rig, order).state == "confirmed", "looking cancels nothing"
            for _ in range(2):
                assert (await send(line, f"{path}/cancel", {"lang": "en"})).headers["location"] == (
                    f"{path}?done=cancelled&lang=en"
                )
            assert seen(site.rig, order).state == "cancelled"
            assert "Storniert" in (await line.get(path)).text
            late = await send(line, f"/o/{site.link(gone)}/cancel", {})
            assert (late.status_code, seen(site.rig, gone).state) == (409, "confirmed")

    asyncio.run(go())


def test_a_link_opens_one_page_and_nobody_makes_one_without_the_hubs_key(site: Site) -> None:
    async def go() -> None:
        order, cart = site.order(), site.cart()
        link = site.link(order)
        store, number = site.work(lambda work, _: id_of(work, ORDER, link)) or ("", "")
        assert (store, number) == ("demo", order.order_id)
        assert site.work(lambda work, _: id_of(work, CART, link)) is None
        for part in (order.order_id, order.order_id.replace("-", ""), order.code, str(order.number)):
            assert part not in link, "nothing in the address says what it opens"
        raw = bytes.fromhex(order.order_id.replace("-", ""))
        key = bytes(32)
        forged = [page_link("order", "demo", raw, key), link[:-1] + ("A" if link[-1] != "A" else "B")]
        forged += [link.replace("demo.", "nord."), link.swapcase(), "x", "demo", f"{link}x", cart.link]
        async with site.visitor() as line:
            for path in (*(f"/o/{one}" for one in forged), f"/c/{link}", f"/c/{cart.link}x"):
                for answer in (await line.get(path), await send(line, f"{path}/cancel", {})):
                    assert answer.status_code in {404, 405}
                    assert order.code not in answer.text
            assert seen(site.rig, order).state == "confirmed"
        assert number_of_page("order", forged[0], key) == ("demo", raw)

    asyncio.run(go())


def test_a_form_from_another_site_does_nothing(site: Site) -> None:
    async def go() -> None:
        order = site.order()
        async with site.visitor() as line:
            path = f"/o/{site.link(order)}/cancel"
            for other in ("cross-site", "same-site"):
                answer = await send(line, path, {}, **{"Sec-Fetch-Site": other})
                assert (answer.status_code, seen(site.rig, order).state) == (403, "confirmed")

    asyncio.run(go())


def test_a_cart_shows_its_code_until_a_till_has_it_and_says_when_it_is_over(site: Site) -> None:
    async def go() -> None:
        cart = site.cart()
        path = f"/c/{cart.link}"
        shown = f"{cart.share_code[:4]} {cart.share_code[4:]}"
        async with site.visitor() as line:
            page = (await line.get(path)).text
            for said in (shown, "<svg", "Bio-Vollmilch", "15,77", "Bereit für die Kasse"):
                assert said in page
            site.rig.clock.ms += 2 * DAY_MS
            over = (await line.get(path)).text
            assert "Abgelaufen" in over
            assert shown not in over

    asyncio.run(go())


@pytest.mark.parametrize("what", ["looking", "guessing", "sending"])
def test_an_address_that_asks_too_often_hears_when_to_come_again(site: Site, what: str) -> None:
    async def go() -> None:
        order = site.order()
        path = f"/o/{site.link(order)}"
        async with site.visitor() as line, site.visitor("203.0.113.8") as other:
            statuses: list[Any] = []
            if what == "sending":
                statuses = [
                    (await send(line, f"{path}/extend", {})).status_code for _ in range(FORMS_AT_ONCE + 1)
                ]
                last = await send(line, f"{path}/extend", {})
                assert last.headers["retry-after"] == str(FORM_RETRY_S)
            elif what == "looking":
                statuses = [(await line.get(path)).status_code for _ in range(PAGES_AT_ONCE + 1)]
            else:
                tries = PAGES_AT_ONCE // 5 + 1
                statuses = [
                    (await line.get(f"/o/demo.{'A' * 22}.{'A' * 8}")).status_code for _ in range(tries)
                ]
            assert statuses[-1] == 429
            assert 429 not in statuses[:-1]
            assert (await other.get(path)).status_code == 200

    asyncio.run(go())
