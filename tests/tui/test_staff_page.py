"""A code for a phone or tablet at the till, with a real hub behind it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from pos.customer_page import picture
from pos.domain import commands as c
from pos.domain.rights import Role
from pos.resources import texts
from pos.till.stock.staff_page import end_pages_of_removed
from sync.hub.shop.staff import tables as t
from tests.contract.shop.test_staff import Phone
from tests.tui.fakes import FakeIds, Shop, run
from tests.tui.shop_rig import HubBehind, hub_behind

STOCK = ("stock-move", "stock-write-off")
SCOPES = {
    "stock-move": "stock:write",
    "stock-write-off": "stock:adjust",
    "pickup": "orders:pick",
    "tasks": "tasks:write",
}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubBehind]:
    with hub_behind(tmp_path, store="s") as line:
        yield line


async def opened(hub: HubBehind | None, *rights: str) -> Shop:
    """A till at which Kim, operator 1, is signed in."""
    shop = Shop(shop=hub, roles=(Role("cashier", rights), Role("supervisor", ("*",))))
    await shop.open()
    return shop


async def asked(shop: Shop) -> str:
    await shop.till.handle(c.Do("staff-page"))
    view = shop.till.view
    if view.question is not None:
        return f"? {view.question.code}"
    return view.message.code if view.message is not None else ""


def test_a_code_stands_on_the_tills_own_screen_and_on_no_other(hub: HubBehind) -> None:
    async def go() -> None:
        shop = await opened(hub, *STOCK)
        assert await asked(shop) == "? staff-page"
        question = shop.till.view.question
        assert question is not None
        (code, _), (page, _) = question.rows
        assert [len(part) for part in code.split("-")] == [4, 4, 4]
        assert question.qr == f"{page}#{code.replace('-', '')}"
        assert page == "https://beleg.example/staff/"
        idle = ("Willkommen", "")
        seen = picture(shop.till.view, texts("de"), idle, "<svg>code</svg>")
        assert "<svg>" not in seen
        assert "Willkommen" in seen, "the customer sees nothing of it"
        phone = Phone(hub.rig)
        assert (await phone.pair(code)).json()["who"] == "s/1/1"
        await shop.till.handle(c.Answer("1"))
        assert shop.till.view.question is None

    run(go)


@pytest.mark.parametrize("rights", [(*STOCK, "pickup", "tasks"), STOCK[:1], ()])
def test_the_page_may_what_the_operator_may_alone(hub: HubBehind, rights: tuple[str, ...]) -> None:
    async def go() -> None:
        shop = await opened(hub, *rights)
        assert await asked(shop) == ("? staff-page" if rights else "staff-page-no-rights")
        with hub.rig.engine.connect() as connection:
            scopes = {
                scope for row in connection.execute(t.staff_code.select()) for scope in row.scopes.split()
            }
        assert scopes & set(SCOPES.values()) == {SCOPES[right] for right in rights}

    run(go)


def test_what_it_needs_is_said_before_it_begins(hub: HubBehind) -> None:
    async def go() -> None:
        assert await asked(await opened(None, *STOCK)) == "stock-no-hub"
        shop = await opened(hub, "training", *STOCK)
        hub.away = True
        assert await asked(shop) == "staff-page-silent"
        hub.away = False
        assert await asked(shop) == "? staff-page"
        await shop.till.handle(c.Cancel())
        await shop.till.handle(c.Do("training"))
        await shop.till.handle(c.Answer("1"))
        assert await asked(shop) == "staff-page-training"

    run(go)


def test_whoever_is_no_operator_any_more_has_no_page_as_soon_as_the_hub_hears(hub: HubBehind) -> None:
    async def go() -> None:
        shop = await opened(hub, *STOCK)
        await asked(shop)
        assert shop.till.view.question is not None
        phone, ids = Phone(hub.rig), FakeIds()
        await phone.pair(shop.till.view.question.rows[0][0])
        ids.new_id()  # the till's own had that one

        async def look(*here: str) -> int:
            await end_pages_of_removed(shop.memory, hub, ids, here)
            hub.rig.clock.ms += 2_001
            return (await phone.ask("GET", "/stores")).status_code

        assert await look("1", "2") == 200
        hub.away = True
        assert await look("2") == 200
        hub.away = False
        assert await look("2") == 401
        asked_before = len(hub.asked)
        await look("2")
        assert len(hub.asked) == asked_before, "it is told once"

    asyncio.run(go())
