"""Whole screens as text, to be read in a review. `TRESEN_GOLDEN=write` writes them anew."""

import datetime as dt
import os

import pytest

from pos.domain import commands as c
from pos.domain.rights import Role, Roles
from tests.tui.fakes import GOLDEN, MILK, SHIRT, YOGHURT, Screen, Shop, opened, run

SIZES = ((80, 24), (64, 18), (128, 37))


async def ready(screen: Screen) -> None:
    await screen.pause()


async def selling(screen: Screen) -> None:
    await screen.shop.sell_sketch()
    await screen.type("2000")


async def paid(screen: Screen) -> None:
    await screen.scan(MILK)
    await screen.type("5000")
    await screen.press("f12")
    await screen.settled()


async def search(screen: Screen) -> None:
    await screen.type("tee")
    await screen.press("enter", "down", "down")


async def functions(screen: Screen) -> None:
    await screen.scan(MILK)
    await screen.press("f9")


async def help_page(screen: Screen) -> None:
    await screen.press("f1")


async def sign_in(screen: Screen) -> None:
    await screen.scan(MILK)
    await screen.press("f9", "6")


async def parked(screen: Screen) -> None:
    shop = screen.shop
    shop.clock.time -= dt.timedelta(days=1, hours=2)
    await screen.scan(MILK, YOGHURT)
    await screen.press("f6")
    shop.clock.time += dt.timedelta(days=1, hours=1, minutes=50)
    await shop.sell_sketch()
    await screen.type("blaue Jacke, holt noch Geld")
    shop.clock.ms += 10_000
    await screen.press("f6")
    shop.clock.time += dt.timedelta(minutes=10)
    await screen.scan(SHIRT)
    shop.clock.ms += 10_000
    await screen.press("f6")


async def parked_list(screen: Screen) -> None:
    await parked(screen)
    screen.shop.clock.ms += 10_000
    await screen.press("f6", "down")


async def parked_waits(screen: Screen) -> None:
    await parked(screen)
    await screen.press("escape")


async def training(screen: Screen) -> None:
    till = screen.shop.till
    till._desk.roles = Roles((Role("cashier", ("training",)),))
    for command in (c.Do("training"), c.Choose(1), c.Cancel()):
        await till.handle(command)
    await screen.pause()


async def training_sale(screen: Screen) -> None:
    await training(screen)
    await selling(screen)


async def training_paid(screen: Screen) -> None:
    await training(screen)
    await paid(screen)


CASES = {
    "training": training,
    "training-paid": training_paid,
    "training-sale": training_sale,
    "parked": parked,
    "parked-list": parked_list,
    "parked-waits": parked_waits,
    "ready": ready,
    "selling": selling,
    "paid": paid,
    "search": search,
    "functions": functions,
    "help": help_page,
    "sign-in": sign_in,
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", CASES)
def test_the_screen_is_as_it_was_reviewed(name: str, size: tuple[int, int]) -> None:
    async def case() -> None:
        async with opened(Shop(), size=size) as screen:
            await CASES[name](screen)
            path = GOLDEN / f"{name}-{size[0]}x{size[1]}.txt"
            if os.environ.get("TRESEN_GOLDEN") == "write":
                path.write_text(screen.text, encoding="utf-8")
            assert screen.text == path.read_text(encoding="utf-8")
            assert screen.painted() == screen.text

    run(case)
