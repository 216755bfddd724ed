"""Books and papers have one price: the till gives no discount on them, and says why; other goods keep theirs."""

from decimal import Decimal
from typing import Any

import msgspec

from pos.domain import commands as c
from pos.domain.article import Article
from pos.domain.goods_rules import GoodsRules
from pos.domain.promotions import Promotion
from tests.tui.fakes import MILK, FakeCatalogue, Shop, articles, run

BOOK = "9783161484100"
RULES = GoodsRules(fixed_price_codes=("978",), discount_percent_max=50)


async def _shop(*codes: str, rules: GoodsRules = RULES, **more: Any) -> Shop:
    shop = Shop(goods=rules, **more)
    book = Article("B1", "Taschenbuch Küstenkrimi", "B", 1200, gtin=BOOK)
    shop.till._desk.world.catalogue.__init__([*articles(), book])  # type: ignore[misc]
    assert isinstance(shop.till._desk.world.catalogue, FakeCatalogue)
    await shop.open()
    shop.scan(*codes)
    return shop


def _said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def test_no_discount_and_no_other_price_on_a_book() -> None:
    async def case() -> None:
        for choice in (1, 2, 3, 4, 5):
            shop = await _shop(BOOK)
            await shop.till.handle(c.Do("discount", "10"))
            await shop.till.handle(c.Choose(choice))
            assert (_said(shop), shop.till.view.total_minor) == ("price-is-fixed", 1200)
        shop = await _shop(BOOK)
        await shop.till.handle(c.Do("override", "500"))
        assert (_said(shop), shop.till.view.total_minor) == ("price-is-fixed", 1200)

    run(case)


def test_neither_a_promotion_nor_a_staff_purchase_takes_anything_off_a_book() -> None:
    async def case() -> None:
        rules = msgspec.structs.replace(RULES, staff_percent=20)
        off = Promotion("all", "Alles 10 %", "percent", percent=Decimal(10))
        shop = await _shop(rules=rules, promotions=(off,))
        shop.scan(BOOK, MILK)
        assert [line.pay_minor for line in shop.till.view.lines] == [1200, 125]
        await shop.till.handle(c.Do("staff-purchase"))
        await shop.till.handle(c.Choose(2))
        assert _said(shop) == "staff-is"
        book, milk = shop.till.view.lines
        assert (book.pay_minor, book.discounts) == (1200, ())
        assert milk.pay_minor == 100

    run(case)


def test_a_discount_on_the_whole_sale_leaves_the_book_alone_also_one_that_comes_later() -> None:
    async def case() -> None:
        shop = await _shop(MILK)
        await shop.till.handle(c.Do("discount", "10"))
        await shop.till.handle(c.Choose(4))
        assert _said(shop) == "discount-given"
        assert shop.till.view.total_minor == 125
        shop.scan(BOOK)
        assert shop.till.view.total_minor == 1325
        assert [line.pay_minor for line in shop.till.view.lines] == [125, 1200]

    run(case)
