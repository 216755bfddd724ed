"""Books and papers have one price: the till gives no discount on them, and says why; other goods keep theirs."""

from pos.domain import commands as c
from pos.domain.article import Article
from pos.domain.goods_rules import GoodsRules
from tests.tui.fakes import MILK, FakeCatalogue, Shop, articles, run

BOOK = "9783161484100"
RULES = GoodsRules(fixed_price_codes=("978",), discount_percent_max=50)


async def _shop(*codes: str) -> Shop:
    shop = Shop(goods=RULES)
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
