"""Transfers by code: shown, let go or not, open until their money came; and where the code is seen."""

from typing import Any

import msgspec
import pytest
import zxingcpp
from PIL import Image, ImageDraw

from pos.customer_page import picture
from pos.device_ports import DeviceState
from pos.domain import commands as c
from pos.domain.rights import ALL, Role
from pos.domain.tender import Tender, TenderRules
from pos.domain.transfer import CreditorAccount, is_reference
from pos.resources import texts
from pos.sale_facts import Reference, Sale
from pos.transfer_facts import TransferGivenUp, TransferOffered, TransferReceived
from pos.transfers import OpenTransfer, follow_transfers
from pos.tui.screens.code import code_room
from receipts.model import Shop as ReceiptShop
from receipts.model import build
from receipts.qr import qr_fitting, qr_sextants, qr_svg
from receipts.text import render_text
from tests.tui.fakes import BREAD, MILK, PIN, SHIRT, Shop, opened, run

ACCOUNT = CreditorAccount("Müller & Söhne", "DE89370400440532013000")
OPEN = (Role("cashier", (ALL,)), Role("supervisor", (ALL,)))


def rules(release: Any = "word") -> TenderRules:
    return TenderRules(card_number="none", transfer_to=ACCOUNT, transfer_release=release)


async def shop_with(*codes: str, release: str = "word", **options: Any) -> Shop:
    options.setdefault("roles", OPEN)
    shop = Shop(tenders=rules(release), **options)
    await shop.open()
    shop.scan(*codes)
    return shop


async def do(shop: Shop, name: str, *answers: str, text: str = "") -> None:
    await shop.till.handle(c.Do(name, text))
    for answer in answers:
        await shop.till.handle(c.Answer(answer))


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def asked(shop: Shop) -> str:
    question = shop.till.view.question
    return question.code if question is not None else ""


def seen(rows: list[str]) -> str:
    """What a phone reads off half blocks: light modules are ink."""
    scale = 6
    width = max(len(row) for row in rows)
    image = Image.new("L", (width * scale + 8 * scale, len(rows) * 2 * scale + 8 * scale), 255)
    draw = ImageDraw.Draw(image)
    for y, row in enumerate(rows):
        for x, sign in enumerate(row):
            for half, light in enumerate({"█": (1, 1), "▀": (1, 0), "▄": (0, 1)}.get(sign, (0, 0))):
                at = ((x + 4) * scale, (y * 2 + half + 4) * scale)
                draw.rectangle((*at, at[0] + scale - 1, at[1] + scale - 1), fill=255 * light)
    found = zxingcpp.read_barcodes(image)
    return found[0].text if found else ""


def seen_fine(rows: list[str], cell: tuple[int, int]) -> str:
    """What a phone reads off sextants, each drawn into a cell of so many points, wide and high."""
    signs = {chr(0x1FB00 + bits - 1 - (bits > 21) - (bits > 42)): bits for bits in range(1, 63)}
    signs |= {" ": 0, "▌": 21, "▐": 42, "█": 63}
    wide, high = cell
    image = Image.new("L", (wide * len(rows[0]), high * len(rows)), 0)
    draw = ImageDraw.Draw(image)
    for y, row in enumerate(rows):
        for x, sign in enumerate(row):
            for n in (n for n in range(6) if signs.get(sign, 0) >> n & 1):
                left, top = x * wide + n % 2 * wide // 2, y * high + n // 2 * high // 3
                right, low = x * wide + (n % 2 + 1) * wide // 2, y * high + (n // 2 + 1) * high // 3
                draw.rectangle((left, top, right - 1, low - 1), fill=255)
    found = zxingcpp.read_barcodes(image.resize((image.width * 3, image.height * 3), 0))
    return found[0].text if found else ""


@pytest.mark.parametrize("length", [120, 240, 340])
def test_a_link_of_a_payment_service_is_read_off_a_screen_of_80_columns(length: int) -> None:
    link = "https://checkout.example/c/pay/cs_live_a1".ljust(length, "x")
    columns, rows = code_room(80, 24)
    blocks = qr_fitting(link, columns, rows, fine=True)
    assert len(blocks) <= rows
    assert len(blocks[0]) <= columns
    fine = any(sign not in "█▀▄ " for row in blocks for sign in row)
    assert (seen_fine(blocks, (12, 24)) if fine else seen(blocks)) == link


def test_a_link_that_is_too_long_for_any_drawing_has_no_room() -> None:
    columns, rows = code_room(80, 24)
    assert len(qr_fitting("https://checkout.example/" + "x" * 420, columns, rows, fine=True)) > rows


def test_goods_go_on_a_persons_word_and_the_tender_stays_open_until_its_money_came() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT)
        await do(shop, "transfer")
        question = shop.till.view.question
        assert question is not None
        assert question.qr.split("\n")[:2] == ["BCD", "002"]
        offered = shop.journal.facts[-1]
        assert isinstance(offered, TransferOffered)
        assert is_reference(offered.reference)
        assert question.qr.endswith(f"EUR12.99\n\n{offered.reference}")
        await shop.till.handle(c.Answer("1"))
        (sale,) = shop.journal.sales
        assert [(t.kind, t.amount_minor, t.reference) for t in sale.tenders] == [
            ("bank-transfer-qr", 1_299, offered.reference)
        ]
        assert shop.drawer.opened == 0
        assert [one.reference for one in shop.journal.head.transfers] == [offered.reference]
        receipt = build(
            sale, ReceiptShop("Laden"), till="3", epoch=1, public_url="", copy=False, language="de"
        )
        assert any("Überweisung, offen" in row for row in render_text(receipt, 42))
        await do(shop, "transfers", "1", "", "", "Auszug 17")
        received = shop.journal.facts[-1]
        assert isinstance(received, TransferReceived)
        assert (received.amount_minor, received.booked_on, received.note) == (
            1_299,
            "2026-11-21",
            "Auszug 17",
        )
        assert (said(shop), shop.journal.head.transfers) == ("transfer-came", ())
        await do(shop, "transfers")
        assert said(shop) == "transfers-none"

    run(case)


def test_where_the_shop_waits_for_the_money_the_sale_is_paid_when_it_was_seen() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT, release="wait")
        await do(shop, "transfer", "1")
        (sale,) = shop.journal.sales
        assert [(t.kind, t.amount_minor) for t in sale.tenders] == [("transfer", 1_299)]
        assert shop.journal.head.transfers == ()

    run(case)


def test_it_is_not_for_everybody_and_who_agreed_stands_in_the_sale() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT, roles=(Role("cashier"), Role("supervisor", (ALL,))))
        await do(shop, "transfer", "1")
        assert (shop.till.view.asked_right, shop.journal.sales) == ("transfer-release", [])
        await shop.till.handle(c.Approve("Alex", PIN))
        (sale,) = shop.journal.sales
        assert [(one.right, one.by) for one in sale.approvals] == [("transfer-release", "2")]

    run(case)


def test_a_code_that_was_given_up_pays_nothing_and_its_reference_is_kept() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT)
        await do(shop, "transfer", "3")
        assert (said(shop), shop.journal.sales, shop.till.view.due_minor) == ("transfer-given-up", [], 1_299)
        first = shop.journal.facts[-1]
        assert isinstance(first, TransferOffered)
        await do(shop, "transfer")
        await shop.till.handle(c.Cancel())
        second = shop.journal.facts[-1]
        assert isinstance(second, TransferOffered)
        assert second.reference != first.reference, "no reference is used twice"
        assert (asked(shop), shop.journal.sales) == ("", [])
        assert shop.journal.head.transfers == ()

    run(case)


def test_a_part_by_transfer_and_the_rest_in_cash() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT)
        await do(shop, "transfer", "1", text="1000")
        assert (shop.till.view.due_minor, shop.journal.head.transfers) == (299, ())
        await shop.till.handle(c.PayCash())
        (sale,) = shop.journal.sales
        assert [(t.kind, t.amount_minor) for t in sale.tenders] == [
            ("bank-transfer-qr", 1_000),
            ("cash", 299),
        ]
        assert [one.amount_minor for one in shop.journal.head.transfers] == [1_000]
        await do(shop, "transfers", "1", "400", "", "")
        assert (said(shop), [one.amount_minor for one in shop.journal.head.transfers]) == (
            "transfer-part-came",
            [600],
        )

    run(case)


def given_up(shop: Shop) -> list[tuple[int, bool]]:
    return [
        (fact.amount_minor, fact.came) for fact in shop.journal.facts if isinstance(fact, TransferGivenUp)
    ]


def test_a_part_whose_money_has_not_come_is_taken_back_and_that_is_kept() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT)
        await do(shop, "transfer", "1", text="1000")
        await do(shop, "tender-back")
        assert asked(shop) == "transfer-back"
        await shop.till.handle(c.Answer("1"))
        assert (said(shop), shop.till.view.due_minor) == ("part-back", 1_299)
        assert (given_up(shop), shop.journal.head.transfers) == ([(1_000, False)], ())
        await shop.till.handle(c.PayCash())
        assert [tender.kind for tender in shop.journal.sales[0].tenders] == ["cash"]

    run(case)


def test_a_part_whose_money_is_there_stays_or_the_shop_owes_it() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT)
        await do(shop, "transfer", "1", text="1000")
        await do(shop, "tender-back", "2")
        assert asked(shop) == "transfer-there"
        await shop.till.handle(c.Answer("1"))
        assert (said(shop), shop.till.view.due_minor, given_up(shop)) == ("part-stays", 299, [])
        await do(shop, "tender-back", "2", "2")
        assert (said(shop), shop.till.view.due_minor) == ("transfer-owed", 1_299)
        assert given_up(shop) == [(1_000, True)]
        await shop.till.handle(c.PayCash())
        (owed,) = shop.journal.head.transfers
        assert (owed.amount_minor, owed.number) == (-1_000, 0)
        await do(shop, "transfers")
        question = shop.till.view.question
        assert question is not None
        assert question.options[0].text.startswith("ohne Bon")
        for answer in ("1", "", ""):
            await shop.till.handle(c.Answer(answer))
        assert (said(shop), shop.journal.head.transfers) == ("transfer-came", ())

    run(case)


def test_a_part_that_somebody_saw_on_the_account_is_not_asked_for_again() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT, release="wait")
        await do(shop, "transfer", "1", text="1000")
        await do(shop, "tender-back")
        assert asked(shop) == "transfer-there"
        await shop.till.handle(c.Answer("2"))
        assert [one.amount_minor for one in shop.journal.head.transfers] == [-1_000]

    run(case)


def test_a_sale_that_holds_the_part_after_a_cut_owes_nothing() -> None:
    gone = TransferGivenUp("RF1", "c", 1_299, "EUR", True, "1", "2026-11-21", 0, 60)
    (owed,) = follow_transfers((), gone, 1)
    assert owed.amount_minor == -1_299
    assert follow_transfers((owed,), sale(1_299), 1) == ()
    seen_one = msgspec.structs.replace(sale(1_299).tenders[0], kind="transfer")
    assert follow_transfers((owed,), msgspec.structs.replace(sale(1_299), tenders=(seen_one,)), 1) == ()
    assert follow_transfers((), msgspec.structs.replace(sale(1_299), tenders=(seen_one,)), 1) == ()


def test_the_slip_holds_the_code_and_says_that_it_is_no_receipt() -> None:
    async def case() -> None:
        shop = await shop_with(SHIRT)
        await do(shop, "transfer", "2")
        assert (asked(shop), said(shop)) == ("transfer-word", "transfer-printed")
        document = shop.printer.jobs[-1].document
        assert document is not None
        question = shop.till.view.question
        assert question is not None
        assert [row.left for row in document.rows if row.style == "code"] == [question.qr]
        assert any("kein Zahlungsnachweis" in row.left for row in document.rows)

    run(case)


def test_without_an_account_it_is_not_offered() -> None:
    async def case() -> None:
        shop = Shop(tenders=TenderRules())
        await shop.open()
        shop.scan(MILK)
        await do(shop, "transfer")
        assert said(shop) == "transfer-no-account"
        await do(shop, "tenders")
        question = shop.till.view.question
        assert question is not None
        assert "transfer" not in [option.key for option in question.options]

    run(case)


def test_in_training_no_transfer_is_open() -> None:
    async def case() -> None:
        shop = await shop_with()
        await do(shop, "training", "1")
        shop.scan(SHIRT)
        await do(shop, "transfer", "1")
        assert shop.journal.sales == []
        assert shop.journal.head.transfers == ()

    run(case)


def test_the_code_fills_a_screen_of_80_columns_and_a_phone_reads_it() -> None:
    async def case() -> None:
        shop = Shop(tenders=rules(), roles=OPEN)
        async with opened(shop, size=(80, 24)) as till:
            shop.scan(SHIRT)
            await do(shop, "transfer")
            await till.settled()
            rows = till.text.splitlines()
            question = shop.till.view.question
            assert question is not None
            width = max(row.rfind("█") for row in rows) + 1
            assert seen([row[:width] for row in rows[:-1] if row[:1] in {"█", "▀"}]) == question.qr
            assert any("Ware mitgeben?" in row for row in rows)
            assert any("3  Nicht bezahlt" in row for row in rows)

    run(case)


@pytest.mark.parametrize("cell", [(8, 16), (12, 24), (10, 20)])
def test_on_a_screen_of_64_columns_it_is_drawn_finer_and_a_phone_reads_it(cell: tuple[int, int]) -> None:
    async def case() -> None:
        shop = Shop(tenders=rules(), roles=OPEN)
        async with opened(shop, size=(64, 18)) as till:
            shop.scan(SHIRT)
            await do(shop, "transfer")
            await till.settled()
            question = shop.till.view.question
            assert question is not None
            rows = till.text.splitlines()
            width = len(qr_sextants(question.qr)[0])
            assert seen_fine([row[:width].ljust(width) for row in rows[:-1]], cell) == question.qr
            assert any("Ware mitgeben?" in row for row in rows)
            assert any("3  Nicht bezahlt" in row for row in rows)

    run(case)


def test_a_screen_of_64_columns_without_finer_characters_is_too_small_and_says_so() -> None:
    async def case() -> None:
        shop = Shop(tenders=rules(), roles=OPEN)
        async with opened(
            shop, size=(64, 18), qr_fitting=lambda *about: qr_fitting(*about, fine=False)
        ) as till:
            shop.scan(SHIRT)
            await do(shop, "transfer")
            await till.settled()
            text = till.text
            assert "zu klein" in text
            assert "Code auf Zettel drucken" in text

    run(case)


def test_the_customers_screen_shows_the_code_and_the_till_its_question() -> None:
    async def case() -> None:
        shop = Shop(tenders=rules(), roles=OPEN)
        async with opened(shop) as till:
            shop.till.submit(c.DeviceReported("customer-screen", DeviceState.READY))
            shop.scan(SHIRT, BREAD)
            await do(shop, "transfer")
            await till.settled()
            assert "Code steht auf dem Kundenbildschirm" in till.text
        question = shop.till.view.question
        assert question is not None
        shown = picture(shop.till.view, texts("de"), ("Laden", ""), qr_svg(question.qr))
        assert "16,28 EUR" in shown
        assert "Mit der Banking-App" in shown
        assert "<svg" in shown

    run(case)


def sale(amount: int, *references: Reference, number: int = 1) -> Sale:
    tender = Tender("bank-transfer-qr", amount, amount, reference="RF1")
    return Sale(
        "c", number, "2026-11-21", "1-2", "1", 0, 0, 0, 60, (), (tender,), (), amount, 1, references=references
    )  # fmt: skip


def received(amount: int) -> TransferReceived:
    return TransferReceived("RF1", amount, "EUR", "2026-11-22", "1", "2026-11-22", 0, 60)


def fold(*facts: Any) -> list[int]:
    transfers: tuple[OpenTransfer, ...] = ()
    for fact in facts:
        transfers = follow_transfers(transfers, fact, 1)
    return [one.amount_minor for one in transfers]


def test_open_transfers_follow_from_the_facts() -> None:
    assert fold(sale(500)) == [500]
    assert fold(sale(500), received(200), received(300)) == []
    assert fold(sale(500), received(700)) == [], "more than was owed is between shop and customer"
    assert fold(sale(500), sale(-500)) == [], "a void takes back what is open"
    assert fold(sale(500), received(500), sale(-500)) == [-500], "the shop owes what came"
    assert fold(sale(500), received(500), sale(-500), received(-500)) == []
    assert fold(received(500)) == []
    assert fold(msgspec.structs.replace(sale(500), training=True)) == []
