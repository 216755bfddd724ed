"""Goods on the real screen, key by key."""

import pytest

from pos.domain.article import Article
from pos.domain.goods_rules import GoodsRules
from pos.domain.rights import ALL, Role
from tests.tui.fakes import BEER, BUTTER, MILK, WATER, YOGHURT, Screen, Shop, code, opened, run

RULES = GoodsRules("ask", discount_reasons=("damaged", "goodwill"), price_reasons=("wrong-label",))
EVERYTHING = (Role("cashier", (ALL,)),)


def shop(rules: GoodsRules = RULES) -> Shop:
    return Shop(goods=rules, roles=EVERYTHING)


def test_three_of_an_item_is_two_keys_and_the_scan() -> None:
    async def case() -> None:
        async with opened(shop()) as screen:
            await screen.press("3", "asterisk")
            await screen.scan(YOGHURT)
            assert "3 x" in screen.row("Joghurt Erdbeere")
            assert screen.shop.till.view.total_minor == 177
            await screen.scan(MILK)
            assert "1 " in screen.row("Bio-Vollmilch")

    run(case)


def test_three_of_the_last_item_and_back_to_two_is_a_number_star_and_enter() -> None:
    async def case() -> None:
        async with opened(shop()) as screen:
            await screen.scan(WATER)
            await screen.press("3", "asterisk", "enter")
            assert screen.shop.till.view.total_minor == 3 * 114
            screen.shop.clock.ms += 1_000
            await screen.press("2", "asterisk", "enter")
            assert screen.shop.till.view.total_minor == 2 * 114
            assert screen.row("storniert: Mineralwasser")

    run(case)


@pytest.mark.parametrize("size", [(80, 24), (64, 18)])
def test_the_age_is_a_number_and_enter_and_shows_the_birth_date_that_still_passes(
    size: tuple[int, int],
) -> None:
    async def case() -> None:
        async with opened(shop(), size=size) as screen:
            await screen.scan(BEER)
            assert "geboren am 21.11.2010 oder früher?" in screen.row("Ab 16 Jahren")
            assert screen.row("Bier Pils").rstrip().endswith("16")
            assert "Esc: später." in screen.row("1: alt genug.")
            await screen.type("1000")  # money, typed too early, answers nothing
            assert screen.shop.till.view.state == "question"
            await screen.press("escape")
            await screen.press("f12")
            screen.shop.clock.ms += 1_000
            await screen.press("1", "enter")
            assert screen.row("1,19")
            assert len(screen.shop.journal.sales) == 1

    run(case)


def test_a_refused_age_says_what_to_do_and_the_sale_goes_on() -> None:
    async def case() -> None:
        async with opened(shop()) as screen:
            await screen.scan(BEER, MILK)
            assert screen.row("Das Alter ist noch zu prüfen (ab 16).")
            await screen.press("f12")
            assert screen.row("Ab 16 Jahren"), "no payment before the answer"
            screen.shop.clock.ms += 1_000
            await screen.press("2", "enter")
            assert screen.row("storniert: Bier Pils")
            assert screen.row("Zu jung für ab 16")
            await screen.press("f12")
            assert [sale.total_minor for sale in screen.shop.journal.sales] == [139]

    run(case)


def test_a_birth_date_is_typed_and_never_stays_on_the_screen() -> None:
    async def case() -> None:
        async with opened(shop(GoodsRules("date"))) as screen:
            await screen.scan(BEER)
            await screen.type("241208")
            screen.shop.clock.ms += 1_000
            await screen.press("enter")
            assert screen.shop.till.view.state == "selling"
            assert "241208" not in screen.text
            assert "2008" not in screen.text

    run(case)


@pytest.mark.parametrize("size", [(80, 24), (64, 18)])
def test_ten_per_cent_off_the_last_line_are_five_keys(size: tuple[int, int]) -> None:
    async def case() -> None:
        async with opened(shop(), size=size) as screen:
            await screen.scan(BUTTER)
            await screen.press("1", "0", "f4")
            assert screen.row("Prozent auf diese Zeile").rstrip().endswith("2,24")
            await screen.press("1")
            assert screen.row("Grund für den Rabatt?")
            await screen.press("1")
            assert screen.shop.till.view.total_minor == 224
            assert screen.row("Rabatt gegeben: 0,25 weniger.")

    run(case)


def test_a_price_alone_and_its_department_sell() -> None:
    async def case() -> None:
        async with opened(shop()) as screen:
            await screen.type("250")
            await screen.press("f3")
            assert screen.row("Textil")
            await screen.type("12")
            screen.shop.clock.ms += 1_000
            await screen.press("enter")
            assert screen.row("Textil").rstrip().endswith("2,50")

    run(case)


@pytest.mark.parametrize("size", [(80, 24), (64, 18)])
def test_a_size_is_never_cut(size: tuple[int, int]) -> None:
    long = "Wanderjacke mit einem sehr langen Namen, der auf keinen Bildschirm passt"
    sizes = ("XS", "S", "M", "L", "XL", "XXL", "3XL")

    async def on(screen: Screen) -> None:
        await screen.press("f2")
        await screen.type("wander")
        await screen.press("enter")
        screen.shop.clock.ms += 1_000
        await screen.press("1", "enter")
        for at, value in enumerate(sizes, start=1):
            row = screen.row(f"{at}  {value}").rstrip()
            assert row.endswith(f"{100 + at},99"), screen.text
        await screen.press("7")
        assert screen.shop.till.view.lines[0].sku == "J3XL"

    async def case() -> None:
        jackets = shop()
        jackets.catalogue.add(
            *(
                Article(
                    f"J{value}",
                    f"{long} {value}",
                    "A",
                    100 * (100 + at) + 99,
                    gtin=code(900 + at),
                    options=(value,),
                    product=9,
                )
                for at, value in enumerate(sizes, start=1)
            )
        )
        async with opened(jackets, size=size) as screen:
            await on(screen)

    run(case)


def test_goods_whose_serial_number_is_missing_are_marked_until_it_is_there() -> None:
    async def case() -> None:
        phones = shop()
        phones.catalogue.add(Article("P", "Telefon", "A", 39900, gtin=code(990), serial_required=True))
        async with opened(phones) as screen:
            await screen.scan(code(990))
            assert screen.row("Seriennummer von Telefon?")
            await screen.press("escape")
            assert screen.row("Seriennummer fehlt: Telefon")
            await screen.press("f12")
            assert screen.row("Seriennummer von Telefon?")
            await screen.type("SN1")
            screen.shop.clock.ms += 1_000
            await screen.press("enter")
            assert [line.serial for line in screen.shop.journal.sales[0].lines] == ["SN1"]

    run(case)
