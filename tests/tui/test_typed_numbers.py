"""A number that was typed finds its receipt in every epoch; where two have it, the till asks which."""

from typing import Any

import msgspec

from pos.domain import commands as c
from pos.sale_facts import Sale
from pos.storage_ports import Found
from tests.tui.fakes import BUTTER, MILK, FakeHistory, FakeJournal, Shop, run


class TwoEpochs(FakeHistory):
    """The first sale was made in epoch 1, the others in epoch 2, with numbers of their own."""

    def _all(self) -> list[Found]:
        sales = 0
        found = []
        for one in super()._all():
            sales += isinstance(one.fact, Sale)
            found.append(Found(1 if sales <= 1 else 2, one.seq, one.fact))
        return found


async def shop_of_two_epochs() -> Shop:
    shop = Shop()
    shop.journal.head = _head(shop.journal, next_number=7)
    await shop.open()
    history: Any = TwoEpochs(shop.journal)
    shop.till._desk.world = msgspec.structs.replace(shop.till._desk.world, history=history)
    shop.scan(MILK)
    await shop.till.handle(c.PayCash())
    for number in (6, 7):
        shop.journal.head = _head(shop.journal, epoch=2, next_number=number)
        shop.scan(BUTTER)
        await shop.till.handle(c.PayCash())
    return shop


def _head(journal: FakeJournal, **changes: Any) -> Any:
    return msgspec.structs.replace(journal.head, **changes)


def test_a_return_asks_which_of_two_receipts_with_one_number_is_meant() -> None:
    async def case() -> None:
        shop = await shop_of_two_epochs()
        await shop.till.handle(c.Do("return", "7"))
        question = shop.till.view.question
        assert question is not None
        assert (question.code, [option.key for option in question.options]) == ("receipt-which", ["2", "1"])
        await shop.till.handle(c.Choose(2))
        question = shop.till.view.question
        assert question is not None
        assert question.code != "receipt-which"
        assert any("Milch" in row[0] or "milch" in row[0] for row in question.rows) or any(
            "milch" in option.text.casefold() for option in question.options
        )

    run(case)


def test_a_number_that_only_one_has_is_found_without_a_question_also_in_an_older_epoch() -> None:
    async def case() -> None:
        shop = await shop_of_two_epochs()
        for number, code in (("6", "receipt-what"), ("7", "receipt-which")):
            await shop.till.handle(c.Do("receipts", number))
            question = shop.till.view.question
            assert question is not None
            assert question.code == code
            await shop.till.handle(c.Cancel())

    run(case)


def test_an_older_epochs_receipt_can_be_voided_by_its_number() -> None:
    async def case() -> None:
        shop = await shop_of_two_epochs()
        await shop.till.handle(c.Do("void-sale", "7"))
        question = shop.till.view.question
        assert question is not None
        assert question.code == "receipt-which"
        await shop.till.handle(c.Do("void-sale", "12345"))
        message = shop.till.view.message
        assert message is not None
        assert message.code == "no-such-receipt"

    run(case)
