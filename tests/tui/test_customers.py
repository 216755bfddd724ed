"""Customers and gift cards at the till, with a real hub behind it: found, shown, spent once, and what a silent hub means."""

import asyncio
from pathlib import Path

import pytest

from pos.domain import commands as c
from pos.domain.article import Article, GroupPrice
from pos.domain.goods import override_price
from pos.domain.scans import ScanKind, own_code
from pos.domain.tender import TenderRules
from pos.till.desk import Refusal
from receipts.model import Shop as ReceiptShop
from receipts.model import build
from sync.hub.shop.cards import core
from sync.hub.shop.cards.messages import HoldCard, IssueCard
from tests.contract.shop.kit import Channel, do
from tests.tui.fakes import MILK, PIN, Shop, run
from tests.tui.shop_rig import HubBehind, hub_behind

ABOUT = {"name": "Rosalinde Querfurt", "email": "rq@x.example", "phone": "0171 2345678"}


async def shop_at(hub: HubBehind) -> Shop:
    shop = Shop(tenders=TenderRules(card_number="none"), shop=hub)
    await shop.open()
    return shop


async def press(shop: Shop, name: str, *answers: str, text: str = "") -> None:
    await shop.till.handle(c.Do(name, text))
    for answer in answers:
        await shop.till.handle(c.Answer(answer))


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def test_a_name_that_is_too_long_for_the_sentence_shows_that_it_goes_on(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            name = "Freifrau Maria-Theresia Annegret Elisabeth von Hohenwolkenkuckuck"
            await Channel(hub.rig).post("/customers", {"about": {**ABOUT, "name": name}})
            shop = await shop_at(hub)
            await press(shop, "customer", "rq@x.example")
            message = shop.till.view.message
            assert message is not None
            assert message.fields["name"] == "Freifrau Maria-Theresia Annegret Elisab…"

    run(case)


def test_a_customer_is_named_by_what_was_typed_and_the_sale_holds_a_reference_alone(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            office = Channel(hub.rig)
            who = (await office.post("/customers", {"about": ABOUT}))["customer_id"]
            shop = await shop_at(hub)
            await press(shop, "customer", "0171/2345678")
            message = shop.till.view.message
            assert message is not None
            assert (message.code, message.fields["name"]) == ("customer-is", "Rosalinde Querfurt")
            shop.scan(MILK)
            await shop.till.handle(c.PayCash())
            (sale,) = shop.journal.sales
            assert sale.customer == who
            assert b"Querfurt" not in repr(sale).encode()
            await hub.hear(sale)
            await press(shop, "customer-history", "rq@x.example")
            question = shop.till.view.question
            assert question is not None
            assert question.code == "customer-history"
            assert len(question.rows) == 1

    run(case)


CLUB = Article(
    "TEA", "Tee", "B", 500, gtin="4006381333931", group_prices=(GroupPrice(("club",), 450, "club-list"),)
)


def prices(shop: Shop) -> list[tuple[int, int | None, str]]:
    cart = shop.till.parts.selling.the_cart()
    return [(line.unit_minor, line.list_minor, line.price_list) for line in cart.lines]


def test_a_customer_of_a_group_pays_its_prices_from_the_first_line_on_and_nobody_else_does(
    tmp_path: Path,
) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            office = Channel(hub.rig)
            await office.post("/customers", {"about": {**ABOUT, "group": "club"}})
            shop = await shop_at(hub)
            shop.catalogue.add(CLUB)
            shop.scan(CLUB.gtin or "")
            shop.scan(MILK)
            milk = prices(shop)[1]
            await press(shop, "discount", "1", "1", text="10")
            await press(shop, "customer", "rq@x.example")
            message = shop.till.view.message
            assert message is not None
            assert (message.code, message.fields["count"]) == ("customer-is-priced", 1)
            shop.scan(CLUB.gtin or "")
            assert prices(shop) == [(450, 500, "club-list"), milk, (450, 500, "club-list")]
            assert shop.till.parts.selling.the_cart().lines[1].discounts, "what was given by hand stays"
            await press(shop, "customer-none")
            assert prices(shop) == [(500, None, ""), milk, (500, None, "")]
            await press(shop, "customer", "rq@x.example")
            await shop.till.handle(c.PayCash())
            (sale,) = shop.journal.sales
            assert [(line.total_minor, line.price_list) for line in sale.lines][::2] == [
                (450, "club-list")
            ] * 2
            paper = build(
                sale, ReceiptShop("Laden"), till="1", epoch=1, public_url="", copy=False, language="de"
            )
            assert [line.notes for line in paper.lines if line.text == "Tee"] == [("statt 5,00",)] * 2

    run(case)


def test_what_was_priced_by_hand_stays_so_when_the_customer_is_named(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            await Channel(hub.rig).post("/customers", {"about": {**ABOUT, "group": "club"}})
            shop = await shop_at(hub)
            shop.catalogue.add(CLUB)
            shop.scan(CLUB.gtin or "")
            selling = shop.till.parts.selling
            selling.keep(override_price(selling.the_cart(), 1, 470, "agreed"))
            before = prices(shop)
            assert before == [(470, 500, "")]
            await press(shop, "customer", "rq@x.example")
            assert said(shop) == "customer-is"
            assert prices(shop) == before

    run(case)


def test_nobody_by_that_name_is_asked_for_again_and_a_silent_hub_lets_the_sale_go_on(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            shop = await shop_at(hub)
            shop.scan(MILK)
            await press(shop, "customer", "nobody@x.example")
            question = shop.till.view.question
            assert (said(shop), question is not None) == ("customer-unknown", True)
            hub.away = True
            await shop.till.handle(c.Answer("nobody@x.example"))
            assert (said(shop), shop.till.view.question) == ("customer-hub-away", None)
            await shop.till.handle(c.PayCash())
            assert len(shop.journal.sales) == 1

    run(case)


def test_a_card_of_another_till_pays_once_and_the_hub_knows_it_before_the_goods_go(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            number = do(hub.rig, core.issue_new, IssueCard(10_000, "demo")).number
            shop = await shop_at(hub)
            shop.scan(MILK)
            await press(shop, "voucher", own_code(ScanKind.GIFT_CARD, number))
            (sale,) = shop.journal.sales
            (tender,) = sale.tenders
            assert (tender.kind, tender.reference, bool(tender.hold)) == ("gift-card", number, True)
            assert do(hub.rig, core.get, number).held_minor == tender.amount_minor
            await hub.hear(sale)
            card = do(hub.rig, core.get, number)
            assert (card.held_minor, card.available_minor) == (0, 10_000 - tender.amount_minor)

    run(case)


def test_what_somebody_else_holds_of_a_card_is_not_paid_with(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            number = do(hub.rig, core.issue_new, IssueCard(100, "demo")).number
            shop = await shop_at(hub)
            shop.scan(MILK)
            office = Channel(hub.rig)
            await office.post(f"/gift-cards/{number}/holds", {"minor": 100})
            await press(shop, "voucher", own_code(ScanKind.GIFT_CARD, number))
            assert (said(shop), shop.journal.sales) == ("voucher-empty", [])
            await office.post(f"/gift-cards/{number}/block", {"blocked": True})

    run(case)


def test_while_the_hub_is_silent_only_cards_of_this_till_pay_and_only_so_much(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            other = do(hub.rig, core.issue_new, IssueCard(10_000, "demo")).number
            shop = await shop_at(hub)
            card = own_code(ScanKind.GIFT_CARD, "CARD7")
            await press(shop, "gift-card", card, text="9000")
            await shop.till.handle(c.PayCash())
            hub.away = True
            shop.scan(MILK)
            await press(shop, "voucher", own_code(ScanKind.GIFT_CARD, other))
            assert (said(shop), len(shop.journal.sales)) == ("voucher-hub-away", 1)
            await press(shop, "voucher-balance", card)
            message = shop.till.view.message
            assert message is not None
            assert message.fields["balance"] == 5_000
            await press(shop, "voucher", card)
            assert len(shop.journal.sales) == 2
            assert shop.journal.sales[1].tenders[0].hold == ""

    run(case)


def test_an_answer_that_is_lost_holds_nothing_twice(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            number = do(hub.rig, core.issue_new, IssueCard(10_000, "demo")).number
            shop = await shop_at(hub)
            shop.scan(MILK)
            original = hub.ask

            async def lost(method: str, path: str, body: bytes = b"", **options: object) -> object:
                hub.cut = "after" if path.endswith("/holds") else ""
                return await original(method, path, body, **options)  # type: ignore[arg-type]

            hub.ask = lost  # type: ignore[method-assign, assignment]
            await press(shop, "voucher", own_code(ScanKind.GIFT_CARD, number))
            assert (said(shop), shop.journal.sales) == ("voucher-hub-away", [])
            hub.ask = original  # type: ignore[method-assign]
            await press(shop, "voucher", own_code(ScanKind.GIFT_CARD, number))
            (sale,) = shop.journal.sales
            assert do(hub.rig, core.get, number).held_minor == sale.total_minor

    run(case)


async def started_again(shop: Shop, hub: HubBehind) -> Shop:
    """The same till after a cut: its journal, its memory and the saved cart."""
    again = Shop(tenders=TenderRules(card_number="none"), shop=hub, journal=shop.journal)
    again.memory.kept = shop.memory.kept
    again.till._desk.world.ids._count = 50_000  # type: ignore[attr-defined]
    await again.till.start(shop.state.cart, (), None)
    await again.till.handle(c.SignIn("Kim", PIN))
    await again.till.parts.vouchers._hub.rest()
    return again


@pytest.mark.parametrize("cut", ["before", "after"])
def test_what_was_held_when_the_till_died_is_let_go_at_its_next_start(tmp_path: Path, cut: str) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            number = do(hub.rig, core.issue_new, IssueCard(50, "demo")).number
            shop = await shop_at(hub)
            shop.scan(MILK)
            original = hub.ask

            async def lost(method: str, path: str, body: bytes = b"", **options: object) -> object:
                hub.cut = cut if path.endswith("/holds") else ""
                return await original(method, path, body, **options)  # type: ignore[arg-type]

            hub.ask = lost  # type: ignore[method-assign, assignment]
            await press(shop, "voucher", own_code(ScanKind.GIFT_CARD, number))
            await shop.till.parts.vouchers._hub.rest()
            assert (said(shop), do(hub.rig, core.get, number).held_minor) == (
                "voucher-hub-away", 50 if cut == "after" else 0,
            )  # fmt: skip
            hub.ask = original  # type: ignore[method-assign]
            again = await started_again(shop, hub)
            assert do(hub.rig, core.get, number).held_minor == 0
            await press(again, "voucher", own_code(ScanKind.GIFT_CARD, number))
            assert do(hub.rig, core.get, number).held_minor == 50
            await again.till.handle(c.PayCash())
            again = await started_again(again, hub)
            assert do(hub.rig, core.get, number).held_minor == 50  # the sale has it, heard or not
            await hub.hear(*again.journal.sales)
            assert do(hub.rig, core.get, number).held_minor == 0

    run(case)


def test_esc_while_the_hub_is_asked_lets_the_card_go(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            number = do(hub.rig, core.issue_new, IssueCard(50, "demo")).number
            shop = await shop_at(hub)
            shop.scan(MILK)
            held, go_on = asyncio.Event(), asyncio.Event()
            original = hub.ask

            async def slow(method: str, path: str, body: bytes = b"", **options: object) -> object:
                answer = await original(method, path, body, **options)  # type: ignore[arg-type]
                if path.endswith("/holds") and not held.is_set():
                    held.set()
                    await go_on.wait()
                return answer

            hub.ask = slow  # type: ignore[method-assign, assignment]
            paying = asyncio.create_task(press(shop, "voucher", own_code(ScanKind.GIFT_CARD, number)))
            await held.wait()
            assert do(hub.rig, core.get, number).held_minor == 50
            shop.till.submit(c.Cancel())
            go_on.set()
            await paying
            await shop.till.settle()
            await shop.till.parts.vouchers._hub.rest()
            assert shop.journal.sales == []
            cart = shop.till.parts.selling.cart
            assert cart is not None
            kept = sum(tender.amount_minor for tender in cart.tenders)
            assert do(hub.rig, core.get, number).held_minor == kept

    run(case)


def test_a_release_that_was_not_heard_is_told_again(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            number = do(hub.rig, core.issue_new, IssueCard(50, "demo")).number
            shop = await shop_at(hub)
            shop.scan(MILK)
            await press(shop, "voucher", own_code(ScanKind.GIFT_CARD, number))
            hub.fail("before")
            await press(shop, "tender-back")
            assert do(hub.rig, core.get, number).held_minor == 50
            hub.fail("")
            await shop.till.handle(c.PayCash())
            await shop.till.parts.vouchers._hub.rest()
            assert do(hub.rig, core.get, number).held_minor == 0

    run(case)


def test_a_part_that_is_taken_back_is_free_for_whoever_pays_next(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            number = do(hub.rig, core.issue_new, IssueCard(50, "demo")).number
            card = own_code(ScanKind.GIFT_CARD, number)
            shop = await shop_at(hub)
            shop.scan(MILK)
            await press(shop, "voucher", card)
            assert do(hub.rig, core.get, number).held_minor == 50
            await press(shop, "tender-back")
            assert (said(shop), do(hub.rig, core.get, number).held_minor) == ("part-back", 0)
            await press(shop, "voucher", card)
            await shop.till.handle(c.PayCash())
            (sale,) = shop.journal.sales
            assert [tender.kind for tender in sale.tenders] == ["gift-card", "cash"]

    run(case)


def test_a_sale_whose_card_was_spent_at_another_till_is_not_voided(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            shop = await shop_at(hub)
            await press(shop, "gift-card", own_code(ScanKind.GIFT_CARD, "CARD7"), text="5000")
            await shop.till.handle(c.PayCash())
            (sold,) = shop.journal.sales
            await hub.hear(sold)
            do(hub.rig, core.hold, core.HoldAsk("CARD7", HoldCard(1)))  # another till is about to take of it
            vouchers = shop.till.parts.functions["voucher"].__self__  # type: ignore[attr-defined]
            with pytest.raises(Refusal, match="voucher-spent"):
                await vouchers.may_void(sold)
            hub.away = True
            with pytest.raises(Refusal, match="voucher-hub-away"):
                await vouchers.may_void(sold)
            hub.away = False
            hub.rig.clock.ms += 16 * 60_000
            assert do(hub.rig, lambda work, _: core.expire_holds(work), None) == 1
            await vouchers.may_void(sold)

    run(case)


def test_points_become_credit_that_pays_at_once(tmp_path: Path) -> None:
    async def case() -> None:
        with hub_behind(tmp_path) as hub:
            office = Channel(hub.rig)
            who = (await office.post("/customers", {"about": ABOUT}))["customer_id"]
            await office.post(f"/customers/{who}/points/adjust", {"points": 5000, "reason": "x"})
            shop = await shop_at(hub)
            shop.scan(MILK)
            await press(shop, "customer", "rq@x.example")
            await press(shop, "customer-points", "1")
            await shop.till.settle()
            (sale,) = shop.journal.sales
            assert (sale.customer, sale.tenders[0].kind) == (who, "credit")
            assert (await office.get(f"/customers/{who}/points"))["balance"] == 0

    run(case)
