"""What screen and paper say of a receipt, a person, a gift card is one truth, and says what is not there."""

import msgspec

from pos.cash_facts import CashMoved, DayClosed
from pos.domain import commands as c
from pos.resources import read_words, texts
from receipts.model import Shop as Paper
from receipts.model import build
from receipts.text import render_text
from tests.tui.fakes import BUTTER, MILK, Shop, opened, run
from tests.tui.test_cash_day import count, do, facts, papers, ready, say, sell
from tests.tui.test_cash_day import shop as till_of_a_day
from tests.tui.test_returning import Counter


def _said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def _without_printer() -> Shop:
    shop = Shop(hub=False)
    shop.till._desk.world = msgspec.structs.replace(shop.till._desk.world, printer=None)
    return shop


def test_voided_receipts_and_counter_documents_are_told_in_the_list() -> None:
    async def case() -> None:
        counter = await Counter().open()
        await counter.sell(MILK)
        await counter.do(c.Do("void-sale"), c.Choose(1))
        await counter.sell(BUTTER)
        await counter.do(c.Do("retender"), c.Choose(1), c.Answer("4711"))
        await counter.do(c.Do("receipts"))
        question = counter.till.view.question
        assert question is not None
        texts_ = [option.text.split("  ", 2)[2] for option in question.options]
        assert texts_ == [
            "Zahlart von 20419 berichtigt",
            "Butter 250 g",
            "STORNO von 20417",
            "STORNIERT: Bio-Vollmilch 3,8 % 1 l",
        ]

    run(case)


def test_one_piece_is_never_several_in_either_language() -> None:
    assert texts("de")("plain.total", total="1,39", pieces=1) == "Summe 1,39, 1 Teil."
    assert texts("de")("plain.total", total="1,39", pieces=2) == "Summe 1,39, 2 Teile."
    assert texts("en")("ui.waiting", pieces="1") == "An open sale waits: 1 piece."
    plural = {"de": "Teile", "en": "pieces"}
    for language, mark in plural.items():
        for group, words in read_words(language).items():
            for key, text in words.items():
                if "{pieces}" in text and f"{{pieces}} {mark}" in text:
                    assert f"{key}-one" in words, f"{language} {group}.{key}"


def test_without_printer_and_hub_the_paid_screen_and_the_printing_key_say_the_same() -> None:
    async def case() -> None:
        async with opened(_without_printer()) as screen:
            screen.shop.till.submit(c.DeviceReported("printer", "none"))
            await screen.scan(MILK)
            await screen.press("f12")
            assert screen.row("Kein Drucker, kein Code: kein Bon.")
            assert not screen.row("nur auf Papier")
            await screen.press("p")
            assert screen.row("Dieser Verkauf hat keinen Bon")

    run(case)


def test_a_gift_card_that_nothing_prints_is_warned_of_and_its_number_shown() -> None:
    async def case() -> None:
        shop = _without_printer()
        await shop.open()
        await shop.till.handle(c.Do("gift-card", "2000"))
        await shop.till.handle(c.Answer(""))
        question = shop.till.view.question
        assert question is not None
        assert question.code == "gift-card-no-paper"
        await shop.till.handle(c.Choose(2))
        assert (_said(shop), shop.till.view.lines) == ("gift-card-not-sold", ())
        for command in (c.Do("gift-card", "2000"), c.Answer(""), c.Choose(1), c.PayCash()):
            await shop.till.handle(command)
        (sale,) = shop.journal.sales
        message = shop.till.view.message
        assert message is not None
        assert message.code == "gift-card-numbers"
        digits = "".join(char for char in str(message.fields["numbers"]) if char.isalnum())
        assert digits.startswith(sale.lines[0].serial)

    run(case)


def test_a_gift_card_with_a_code_of_its_own_or_with_paper_needs_no_warning() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        for command in (c.Do("gift-card", "2000"), c.Answer(""), c.PayCash()):
            await shop.till.handle(command)
        assert len(shop.journal.sales) == 1
        assert _said(shop) == ""

    run(case)


def test_reports_and_slips_name_people_and_facts_do_not() -> None:
    async def case() -> None:
        till = till_of_a_day()
        await ready(till)
        await sell(till, MILK)
        await do(till, "cash-drop", "50,00", "B-17")
        assert "Kim (1)" in [row.right for row in papers(till)[-1].rows]
        await do(till, "close-day", "#1")
        await count(till, "1x50", "1x1", "1x0,20", "1x0,10", "1x0,05", "4x0,01")
        await say(till, "")
        (closed,) = facts(till, DayClosed)
        rows = [(row.left, row.right) for row in papers(till)[-1].rows]
        assert [right for _, right in rows].count("Kim (1)") == 1
        assert any("Kim (1)" in left for left, _ in rows), "the sums by operator"
        assert "Kim" not in repr(closed)
        assert "Kim" not in repr(facts(till, CashMoved))

    run(case)


def test_after_a_return_nothing_speaks_of_paying_otherwise_or_of_fewer_than_no_articles() -> None:
    async def case() -> None:
        async with opened() as screen:
            await screen.scan(MILK)
            await screen.press("f12")
            assert screen.row("W: anders bezahlt")
            for command in (c.Do("void-sale"), c.Choose(1)):
                await screen.shop.till.handle(command)
            await screen.pause()
            assert not screen.row("W: anders bezahlt")
            sale = screen.shop.journal.sales[-1]
            receipt = build(sale, Paper("Laden"), till="3", epoch=1, public_url="", copy=False, language="de")
            assert not any("Anzahl Artikel" in row for row in render_text(receipt, 42))

    run(case)
