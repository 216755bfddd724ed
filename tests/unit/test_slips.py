"""Deposit slips are paid out once; stickers mark down the article before them; a parked sale's slip takes it up again."""

import datetime as dt
from decimal import Decimal

import pytest

from pos.domain import commands as c
from pos.domain.document import Document
from pos.domain.scans import LabelRule, ScanKind, ScanTable, SlipRule, StickerRule, own_code, short_number
from pos.entry import Entry
from pos.sale_facts import Sale
from pos.storage_ports import JournalUnavailableError
from tests.tui.fakes import APPLES, BUTTER, MILK, SHIRT, UNKNOWN, WATER, FakeHistory, FakeJournal, Shop, run
from tests.unit.scan_samples import full

TABLE = ScanTable(
    label=(LabelRule(prefix="22", item_digits=5, value_digits=5, value="price"),),
    slip=(
        SlipRule(prefix="2999", number_digits=5, amount_digits=3),
        SlipRule(prefix="2998", number_digits=8, amount_digits=0),
    ),
    sticker=(
        StickerRule(prefix="2997", number_digits=6, value_digits=2, value="percent"),
        StickerRule(prefix="2996", number_digits=3, value_digits=5, value="price"),
    ),
)
SLIP = full("299900042125")
OTHER_SLIP = full("299900043050")
BARE_SLIP = full("299800000042")


def percent(value: int) -> str:
    return full(f"2997000000{value:02d}")


def new_price(cents: int) -> str:
    return full(f"2996000{cents:05d}")


async def opened(journal: FakeJournal | None = None) -> Shop:
    shop = Shop(scans=TABLE, journal=journal)
    await shop.open()
    return shop


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


async def scan(shop: Shop, *codes: str) -> None:
    for code in codes:
        await shop.till.handle(c.Scan(code))


def live(shop: Shop) -> list[tuple[str, int]]:
    return [(line.kind, line.pay_minor) for line in shop.till.view.lines if line.live]


# Slips


def test_a_slip_pays_out_what_it_says_at_the_deposits_rate() -> None:
    async def test() -> None:
        shop = await opened()
        await scan(shop, SHIRT, SLIP)
        assert live(shop) == [("article", 1299), ("deposit", -125)]
        line = shop.till.view.lines[1]
        assert (line.serial, line.tax_code, line.quantity) == (SLIP, "A", Decimal(-1))
        assert shop.till.view.total_minor == 1174
        await shop.till.handle(c.VoidLast())
        assert live(shop) == [("article", 1299)]

    run(test)


def test_a_slip_is_taken_once_in_a_sale_and_once_in_all_sales() -> None:
    async def test() -> None:
        shop = await opened()
        await scan(shop, SHIRT, SLIP, SLIP)
        assert (said(shop), len(live(shop))) == ("slip-in-cart", 2)
        await shop.till.handle(c.PayCash())
        assert len(shop.journal.sales) == 1
        await scan(shop, MILK, SLIP)
        assert (said(shop), len(live(shop))) == ("slip-redeemed", 1)
        message = shop.till.view.message
        assert message is not None
        assert message.fields == {"day": "2026-11-21", "time": "14:07", "receipt": "3-1-20417"}
        await scan(shop, OTHER_SLIP)
        assert len(live(shop)) == 2

    run(test)


def test_after_a_restart_the_journal_still_knows_the_slip() -> None:
    async def test() -> None:
        shop = await opened()
        await scan(shop, SHIRT, SLIP)
        await shop.till.handle(c.PayCash())
        again = await opened(shop.journal)
        await scan(again, SLIP)
        assert (said(again), live(again)) == ("slip-redeemed", [])

    run(test)


def test_a_slip_in_a_sale_that_was_taken_back_or_given_up_may_be_taken_again() -> None:
    async def test() -> None:
        shop = await opened()
        await scan(shop, SHIRT, SLIP)
        await shop.till.handle(c.VoidCart())
        await shop.till.handle(c.VoidCart())
        await scan(shop, SHIRT, SLIP)
        assert len(live(shop)) == 2
        await shop.till.handle(c.PayCash())
        sale = shop.journal.sales[-1]
        shop.journal.facts.append(_taken_back(sale))
        await scan(shop, SLIP)
        assert live(shop) == [("deposit", -125)]

    run(test)


def _taken_back(sale: Sale) -> Sale:
    import msgspec

    lines = tuple(
        msgspec.structs.replace(line, qty=-line.qty, total_minor=-line.total_minor) for line in sale.lines
    )
    return msgspec.structs.replace(sale, lines=lines, number=sale.number + 1, cart_id="back")


def test_a_slip_in_a_parked_sale_is_not_taken_in_another() -> None:
    async def test() -> None:
        shop = await opened()
        await scan(shop, SHIRT, SLIP)
        await shop.till.handle(c.ParkCart("Bea"))
        await scan(shop, MILK, SLIP)
        assert (said(shop), len(live(shop))) == ("slip-parked", 1)

    run(test)


def test_two_scans_of_one_slip_that_come_at_once_pay_once() -> None:
    async def test() -> None:
        shop = await opened()
        shop.scan(SHIRT, SLIP, SLIP, MILK)
        await scan(shop, BUTTER)
        assert live(shop) == [("article", 1299), ("deposit", -125), ("article", 139), ("article", 249)]

    run(test)


def test_a_slip_without_an_amount_asks_for_it_and_within_its_limit() -> None:
    async def test() -> None:
        shop = await opened()
        await scan(shop, BARE_SLIP)
        question = shop.till.view.question
        assert question is not None
        assert (question.code, question.kind) == ("slip-amount", "amount")
        await scan(shop, MILK)
        assert said(shop) == "answer-first"
        await shop.till.handle(c.Answer("9999999"))
        assert said(shop) == "slip-limit"
        await shop.till.handle(c.Answer("325"))
        assert live(shop) == [("deposit", -325)]

    run(test)


def test_a_journal_that_cannot_be_asked_takes_no_slip(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_self: FakeHistory, _kind: str, _key: str) -> list[object]:
        raise JournalUnavailableError("disk-error", "EIO")

    monkeypatch.setattr(FakeHistory, "mentions", broken)

    async def test() -> None:
        shop = await opened()
        await scan(shop, MILK, SLIP)
        assert (said(shop), len(live(shop))) == ("disk-error", 1)

    run(test)


# Stickers


@pytest.mark.parametrize(
    ("sticker", "left"),
    [(percent(30), 909), (percent(99), 13), (new_price(999), 999), (new_price(1298), 1298)],
)
def test_a_sticker_marks_down_the_article_before_it(sticker: str, left: int) -> None:
    async def test() -> None:
        shop = await opened()
        await scan(shop, MILK, SHIRT, sticker)
        assert live(shop) == [("article", 139), ("article", left)]
        discount = shop.till.view.lines[1].discounts[0]
        assert (discount.source, discount.by, discount.code) == ("mark-down", "1", sticker)
        assert said(shop) == "marked-down"

    run(test)


def test_each_piece_has_one_sticker_and_what_is_weighed_has_one() -> None:
    async def test() -> None:
        shop = await opened()
        await shop.till.handle(c.SetQuantity(Decimal(2)))
        await scan(shop, MILK, percent(50), percent(50))
        assert live(shop) == [("article", 138)]
        await scan(shop, percent(50))
        assert (said(shop), live(shop)) == ("sticker-twice", [("article", 138)])
        await shop.till.handle(c.SetQuantity(Decimal("0.842")))
        await scan(shop, APPLES, percent(50), percent(50))
        assert (said(shop), live(shop)[1]) == ("sticker-twice", ("article", 105))

    run(test)


def test_a_sticker_alone_or_after_something_else_is_refused() -> None:
    async def test() -> None:
        shop = await opened()
        await scan(shop, percent(30))
        assert (said(shop), shop.till.view.lines) == ("sticker-alone", ())
        await scan(shop, MILK, UNKNOWN, percent(30))
        assert said(shop) == "sticker-not-here"
        await shop.till.handle(c.VoidLast())
        await scan(shop, SLIP, percent(30))
        assert said(shop) == "sticker-not-here"
        assert live(shop) == [("article", 139), ("deposit", -125)]

    run(test)


def test_a_sticker_over_the_price_changes_nothing_and_one_under_a_deposit_finds_its_article() -> None:
    async def test() -> None:
        shop = await opened()
        await scan(shop, MILK, new_price(139))
        assert (said(shop), live(shop)) == ("sticker-higher", [("article", 139)])
        await scan(shop, WATER, percent(10))
        assert live(shop) == [("article", 139), ("article", 80), ("deposit", 25)]

    run(test)


def test_a_sticker_of_no_or_all_percent_is_broken() -> None:
    async def test() -> None:
        shop = await opened()
        await scan(shop, MILK, percent(0))
        assert said(shop) == "scan-broken"

    run(test)


# Parked sales


def _parking_slip(shop: Shop) -> Document:
    (job,) = [job for job in shop.printer.jobs if job.document is not None]
    assert job.document is not None
    return job.document


def test_a_parked_sales_slip_takes_it_up_by_its_code_and_by_its_number() -> None:
    async def test() -> None:
        shop = Shop(scans=TABLE, park_slip=True)
        await shop.open()
        await scan(shop, MILK, SHIRT)
        cart_id = shop.till.view.lines and shop.till.parts.selling.the_cart().cart_id
        await shop.till.handle(c.ParkCart("Bea"))
        slip = _parking_slip(shop)
        (code,) = [row.left for row in slip.rows if row.style == "code"]
        assert code == own_code(ScanKind.PARKED, str(cart_id))
        texts = " ".join(row.left for row in slip.rows)
        assert all(word in texts for word in ("Bea", "2 Teile", short_number(str(cart_id))))
        assert not shop.till.view.lines
        await scan(shop, code)
        assert live(shop) == [("article", 139), ("article", 1299)]
        await scan(shop, code)
        assert said(shop) == "cart-open"
        await shop.till.handle(c.ParkCart())
        await scan(shop, code)
        assert said(shop) == "no-such-parked"  # it went on under another id, with a slip of its own

        entry = Entry()
        for char in short_number(shop.till.view.parked[0].cart_id):
            entry.type(char)
        command = entry.press("park", shop.till.view)
        assert command == c.ResumeParked(shop.till.view.parked[0].cart_id)

    run(test)


def test_without_the_setting_parking_prints_nothing() -> None:
    async def test() -> None:
        shop = await opened()
        await scan(shop, MILK)
        await shop.till.handle(c.ParkCart())
        assert not shop.printer.jobs

    run(test)


def test_a_number_that_two_parked_sales_share_takes_up_neither() -> None:
    from types import SimpleNamespace
    from typing import Any

    twin = short_number("0" * 26)
    view: Any = SimpleNamespace(lines=(), parked=[SimpleNamespace(cart_id="0" * 26)] * 2)
    entry = Entry()
    for char in twin:
        entry.type(char)
    assert entry.press("park", view) == c.Mistyped("no-such-parked", twin)


def test_the_slip_says_its_day_as_people_do() -> None:
    async def test() -> None:
        shop = Shop(scans=TABLE, park_slip=True, language="en")
        shop.clock.time = dt.datetime(2026, 3, 4, 9, 5, tzinfo=dt.UTC)
        await shop.open()
        await scan(shop, MILK)
        await shop.till.handle(c.ParkCart())
        assert "4 Mar 2026 09:05" in {row.left for row in _parking_slip(shop).rows}

    run(test)
