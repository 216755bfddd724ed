"""Gift receipts: paper without prices, by wish before or after the payment; its code gives goods or credit, never cash."""

from pos.domain import commands as c
from pos.domain.document import Document
from receipts.document import layout_document
from receipts.model import Shop as ShopOnPaper
from tests.tui.fakes import MILK, SHIRT, Shop, run
from tests.tui.test_returning import TOKEN, Counter


def _papers(shop: Shop) -> list[Document]:
    return [job.document for job in shop.printer.jobs if job.document is not None]


def _text(document: Document) -> str:
    rows = layout_document(document, ShopOnPaper("Laden"), 42, public_url="https://bon.example")
    return "\n".join(row.text for row in rows)


def test_a_gift_receipt_is_wished_before_the_payment_and_printed_after_it() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.scan(SHIRT, MILK)
        await counter.do(c.Do("gift-receipt"))
        assert counter.said == "gift-on"
        assert _papers(counter.shop) == []
        await counter.do(c.PayCash())
        (paper,) = _papers(counter.shop)
        text = _text(paper)
        assert "T-Shirt Basic" in text
        assert "3-1-20417-G" in text
        assert f"https://bon.example/g/{TOKEN[::-1]}" in text
        assert "12,99" not in text
        assert "1,39" not in text

    run(case)


def test_the_wish_can_be_taken_back() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.scan(SHIRT)
        await counter.do(c.Do("gift-receipt"), c.Do("gift-receipt"), c.PayCash())
        assert _papers(counter.shop) == []

    run(case)


def test_after_the_payment_and_from_the_list_it_comes_at_once() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        await counter.do(c.Do("gift-receipt"))
        assert (counter.said, len(_papers(counter.shop))) == ("gift-printing", 1)
        await counter.do(c.Do("gift-receipt", "20417"))
        await counter.do(c.Do("receipts"), c.Choose(1), c.Choose(3))
        assert len(_papers(counter.shop)) == 3

    run(case)


def test_a_gift_comes_back_for_goods_and_never_for_cash() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(SHIRT)
        token = "demo.BBBBBBBBBBBBBBBBBBBBBB.BBBBBBBB"
        counter.shop.till._desk.world.hub.receipt_of_gift = lambda _: TOKEN  # type: ignore[method-assign, union-attr]
        await counter.scan(f"https://bon.example/g/{token}")
        assert counter.asked == "return-gift"
        await counter.do(c.Choose(1), c.Choose(3), c.PayCash())
        sale = counter.shop.journal.sales[-1]
        assert [(tender.kind, tender.amount_minor) for tender in sale.tenders] == [("credit", -1299)]
        assert sale.lines[0].origin is not None
        assert sale.lines[0].origin.gift

    run(case)


def test_the_number_on_the_gift_receipt_and_its_code_without_a_hub_are_a_gifts_too() -> None:
    async def case() -> None:
        counter = await Counter(hub=False).open()
        await counter.sell(SHIRT)
        await counter.back("3-1-20417-G")
        assert counter.asked == "return-gift"
        await counter.do(c.Cancel(), c.Do("gift-receipt", "20417"))
        code = next(row.left for row in _papers(counter.shop)[-1].rows if row.style == "code")
        await counter.scan(code)
        assert counter.asked == "return-gift"

    run(case)
