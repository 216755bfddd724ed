"""What the customer reads on two rows of 20, at each moment of a sale."""

from decimal import Decimal

import pytest

from pos.customer import COLUMNS, customer_rows
from pos.domain import commands as c
from pos.resources import texts
from tests.tui.fakes import APPLES, MILK, UNKNOWN, WATER, YOGHURT, Shop, run

IDLE = ("Laden", "Herzlich willkommen")


def rows(shop: Shop, language: str = "de") -> tuple[str, str]:
    found = customer_rows(shop.till.view, texts(language), IDLE)
    assert all(len(row) <= COLUMNS for row in found)
    return found


def test_a_sale_from_welcome_to_change() -> None:
    async def body() -> None:
        shop = Shop()
        await shop.open(signed_in=False)
        assert rows(shop) == ("Kasse geschlossen", "")
        await shop.till.handle(c.SignIn("Kim", "4711"))
        assert rows(shop) == IDLE
        shop.scan(MILK)
        assert rows(shop) == ("Bio-Vollmilch 3 1,39", "Summe           1,39")
        shop.till.submit(c.SetQuantity(Decimal(3)))
        shop.scan(YOGHURT)
        assert rows(shop) == ("3x Joghurt Erdb 1,77", "Summe           3,16")
        shop.till.submit(c.SetQuantity(Decimal("0.842")))
        shop.scan(APPLES)
        assert rows(shop) == ("0,842kg Äpfel E 2,10", "Summe           5,26")
        shop.scan(WATER)
        assert rows(shop)[0] == "Mineralwasser c 0,89", "its deposit goes with it"
        assert rows(shop)[1] == "Summe           6,40"
        shop.clock.time = shop.clock.time.replace(minute=8)
        shop.till.submit(c.VoidLast())
        assert rows(shop) == ("Storno Mineral -0,89", "Summe           5,26")
        shop.clock.time = shop.clock.time.replace(minute=9)
        shop.scan(UNKNOWN)
        assert rows(shop)[0] == "Einen Moment, bitte"
        shop.till.submit(c.DropOpenLines())
        await shop.till.handle(c.PayCash(1000))
        assert rows(shop) == ("Summe           5,26", "Rückgeld        4,74")
        assert rows(shop, "en") == ("Total           5.26", "Change          4.74")

    run(body)


def test_exact_money_is_thanked_for() -> None:
    async def body() -> None:
        shop = Shop()
        await shop.open()
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        assert rows(shop) == ("Summe           1,39", "Vielen Dank!")

    run(body)


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_word_for_the_customer_fits_its_row(language: str) -> None:
    words = texts(language)
    keys = [
        key
        for key in sorted(words.keys())
        if key.startswith("customer.") and not key.startswith("customer.page")
    ]
    assert keys
    assert all(len(words(key)) <= COLUMNS for key in keys)
