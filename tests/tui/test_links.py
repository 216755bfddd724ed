"""Paying by link at the till: one key, the code, a cancel that comes too late, a cut, and money that goes back online."""

import asyncio
from typing import Any

from drivers.psp.line import PspLine
from drivers.psp.stripe import Stripe
from pos.card_facts import PaymentEnded, PaymentIntent, PaymentResult
from pos.domain import commands as c
from pos.domain.rights import ALL, Role
from pos.domain.tender import TenderRules
from pos.facts import body_of
from pos.till import Till
from tests.simulators.psp import FakeService, FakeTransport
from tests.tui.fakes import MILK, PIN, SHIRT, FakeClock, Shop, run

OPEN = (Role("cashier", (ALL,)), Role("supervisor", (ALL,)))
SECRET = "sk_test_fake"


class Web:
    """A payment service, and the line of a till to it; pauses take no time."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.service = FakeService(lambda: self.clock.wall_ms() / 1000, SECRET)
        self.wire = FakeTransport(self.service, lambda _: asyncio.sleep(0))
        self.gate = asyncio.Event()
        self.gate.set()

    async def pause(self, _: float) -> None:
        await asyncio.sleep(0)
        await self.gate.wait()

    def line(self) -> PspLine:
        stripe = Stripe(SECRET, return_url="https://shop.example/", transport=self.wire)
        return PspLine("stripe", stripe, self.clock, text="Laden", sleep=self.pause)

    @property
    def session(self) -> str:
        return next(reversed(self.service.sessions))


async def opened(web: Web, *codes: str) -> Shop:
    shop = Shop(tenders=TenderRules(card_number="none"), roles=OPEN, services=(web.line(),))
    shop.clock.time = web.clock.time
    await shop.open()
    shop.scan(*codes)
    return shop


async def turn(shop: Shop, times: int = 60) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def key(shop: Shop, name: str, *answers: str) -> None:
    await shop.till.handle(c.Do(name))
    await turn(shop)
    for answer in answers:
        await shop.till.handle(c.Answer(answer))
        await turn(shop)


def asked(shop: Shop) -> str:
    question = shop.till.view.question
    return question.code if question is not None else ""


def said(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def paid(shop: Shop) -> list[tuple[str, int]]:
    return [(tender.kind, tender.amount_minor) for sale in shop.journal.sales for tender in sale.tenders]


def facts(shop: Shop, kind: Any) -> list[Any]:
    return [fact for fact in shop.journal.facts if isinstance(fact, kind)]


async def again(shop: Shop, web: Web) -> Shop:
    """The till dies and comes back on the same journal and cart."""
    for line in shop.till._desk.real.services:
        assert isinstance(line, PspLine)
        for task in list(line._tasks.values()):
            task.cancel()
    await turn(shop)
    new = Shop(
        tenders=TenderRules(card_number="none"), roles=OPEN, services=(web.line(),), journal=shop.journal
    )
    new.clock.time = web.clock.time
    await new.till.start(shop.state.cart, (), None)
    await new.till.handle(c.SignIn("Kim", PIN))
    return new


def test_a_sale_is_paid_by_link_and_holds_the_services_own_id() -> None:
    async def case() -> None:
        web = Web()
        shop = await opened(web, SHIRT)
        await key(shop, "pay-link")
        question = shop.till.view.question
        assert question is not None
        assert (question.code, question.qr[:28]) == ("link-sale", "https://checkout.stripe.com/")
        assert question.rows[-1][0] == "Der Kunde hat noch nicht bezahlt"
        assert web.service.pay(web.session)
        await turn(shop)
        assert paid(shop) == [("pay-link", 1_299)]
        tender = shop.journal.sales[0].tenders[0]
        assert tender.reference == web.session
        assert shop.till.view.state == "paid"
        (intent,) = facts(shop, PaymentIntent)
        assert (intent.provider, intent.payment_id) == ("stripe", tender.payment)
        kept = b"".join(body_of(fact) for fact in shop.journal.facts)
        assert b"https" not in kept, "who has the link can pay"
        assert SECRET.encode() not in kept
        assert (shop.journal.head.payments.open, shop.journal.head.payments.held) == ((), ())

    run(case)


def test_a_cancelled_link_cannot_be_paid_and_the_sale_goes_on_in_cash() -> None:
    async def case() -> None:
        web = Web()
        shop = await opened(web, SHIRT)
        await key(shop, "pay-link")
        await shop.till.handle(c.Cancel())
        await turn(shop)
        assert (asked(shop), paid(shop)) == ("", [])
        assert not web.service.pay(web.session)
        (ended,) = facts(shop, PaymentEnded)
        assert ended.outcome == "declined"
        await shop.till.handle(c.PayCash())
        assert paid(shop) == [("cash", 1_299)]

    run(case)


def test_what_is_paid_while_it_is_cancelled_wins_and_is_offered_back() -> None:
    async def case() -> None:
        web = Web()
        shop = await opened(web, SHIRT)

        def pays(_: str, path: str) -> None:
            if path.endswith("/expire"):
                web.service.pay(web.session)

        web.wire.before = pays
        await key(shop, "pay-link")
        await shop.till.handle(c.Cancel())
        await turn(shop)
        assert asked(shop) == "card-won"
        await shop.till.handle(c.Answer("2"))
        await turn(shop, 200)
        assert (paid(shop), web.service.charged()) == ([], 0)
        assert len(web.service.refunds) == 1
        assert (shop.journal.head.payments.open, shop.journal.head.payments.held) == ((), ())

    run(case)


def test_a_till_that_dies_with_an_open_link_asks_and_finds_it_paid() -> None:
    async def case() -> None:
        web = Web()
        shop = await opened(web, SHIRT)
        await key(shop, "pay-link")
        new = await again(shop, web)
        web.service.pay(web.session)
        await new.till.handle(c.Tick())
        await turn(new, 200)
        assert len(web.service.sessions) == 1, "never a second one"
        assert [(t.kind, t.amount_minor) for t in new.till.view.tenders] == [("pay-link", 1_299)]
        await key(new, "pay-link")
        assert paid(new) == [("pay-link", 1_299)]
        assert web.service.charged() == 1_299

    run(case)


def test_a_link_left_open_by_a_cut_can_be_closed_by_hand_and_blocks_nothing_else() -> None:
    async def case() -> None:
        web = Web()
        shop = await opened(web, SHIRT)
        web.wire.faults.append("lost")
        web.gate.clear()
        await key(shop, "pay-link")
        new = await again(shop, web)
        web.gate.set()
        await new.till.handle(c.PayCash())
        assert (said(new), paid(new)) == ("card-not-settled", [])
        await key(new, "pay-link")
        question = new.till.view.question
        assert question is not None
        assert question.code == "link-unknown"
        assert len(web.service.sessions) == 1
        keys = [option.key for option in question.options]
        assert question.qr, "it can still be paid: the code is shown again"
        await new.till.handle(c.Answer(str(keys.index("close") + 1)))
        await turn(new, 200)
        assert (asked(new), paid(new)) == ("", [])
        assert not web.service.pay(web.session)
        await new.till.handle(c.PayCash())
        assert paid(new) == [("cash", 1_299)]

    run(case)


def test_while_nobody_knows_the_next_customer_pays_by_link_too_and_only_the_closing_waits() -> None:
    async def case() -> None:
        web = Web()
        shop = await opened(web, SHIRT)
        web.wire.away = True
        await key(shop, "pay-link")
        await turn(shop, 400)
        assert asked(shop) == "link-unknown"
        await shop.till.handle(c.Cancel())
        await turn(shop)
        assert said(shop) == "card-aside"
        web.wire.away = False
        shop.scan(MILK)
        await key(shop, "pay-link")
        assert asked(shop) == "link-sale"
        web.service.pay(web.session)
        await turn(shop)
        assert paid(shop) == [("pay-link", 139)]
        await key(shop, "close-day")
        assert said(shop) == "card-open-day"

    run(case)


def test_the_same_answer_is_kept_once_however_often_the_till_asks() -> None:
    async def case() -> None:
        web = Web()
        shop = await opened(web, SHIRT)
        await key(shop, "pay-link")
        new = await again(shop, web)
        for _ in range(5):
            new.clock.ms += 20_000
            await new.till.handle(c.Tick())
            await turn(new, 100)
        assert len(facts(new, PaymentResult)) == 1

    run(case)


def test_without_a_service_there_is_no_link() -> None:
    async def case() -> None:
        shop = Shop()
        await shop.open()
        shop.scan(MILK)
        await shop.till.handle(c.Do("pay-link"))
        assert said(shop) == "link-none"
        assert isinstance(shop.till, Till)

    run(case)


async def sold(web: Web, *codes: str) -> Shop:
    shop = await opened(web, *codes)
    await key(shop, "pay-link")
    web.service.pay(web.session)
    await turn(shop)
    assert len(shop.journal.sales) == 1
    return shop


def test_goods_that_come_back_are_paid_back_online_and_never_more_than_was_paid() -> None:
    async def case() -> None:
        web = Web()
        shop = await sold(web, SHIRT, MILK)
        await shop.till.handle(c.Do("return", str(shop.journal.sales[0].number)))
        question = shop.till.view.question
        assert question is not None
        shirt = next(n for n, one in enumerate(question.options, start=1) if one.amount_minor == 1_299)
        for answer in (c.Choose(shirt), c.Choose(1)):
            await shop.till.handle(answer)
        await shop.till.handle(c.PayCash())
        question = shop.till.view.question
        assert question is not None
        keys = [option.key for option in question.options]
        assert keys[0] == "pay-link", "the way it came"
        await shop.till.handle(c.Choose(1))
        await turn(shop, 200)
        assert paid(shop) == [("pay-link", 1_438), ("pay-link", -1_299)]
        assert web.service.charged() == 139
        assert (shop.journal.head.payments.open, shop.journal.head.payments.held) == ((), ())

    run(case)


def test_a_void_gives_the_money_back_first_and_what_is_not_given_back_leaves_the_receipt() -> None:
    async def case() -> None:
        web = Web()
        shop = await sold(web, SHIRT)
        web.service.sessions[web.session]["amount_total"] = 100  # the service refuses to give more back
        await key(shop, "void-sale", "1")
        assert (said(shop), paid(shop)) == ("receipt-stays", [("pay-link", 1_299)])
        web.service.sessions[web.session]["amount_total"] = 1_299
        await key(shop, "void-sale", "1")
        await turn(shop, 200)
        assert paid(shop) == [("pay-link", 1_299), ("pay-link", -1_299)]
        assert (web.service.charged(), len(web.service.refunds)) == (0, 1)
        assert (shop.journal.head.payments.open, shop.journal.head.payments.held) == ((), ())

    run(case)


def test_a_till_that_dies_while_money_goes_back_gives_it_back_once() -> None:
    async def case() -> None:
        web = Web()
        shop = await sold(web, SHIRT)
        web.wire.faults.extend(["", "lost"])
        web.gate.clear()
        await key(shop, "void-sale", "1")
        assert len(web.service.refunds) == 1
        new = await again(shop, web)
        web.gate.set()
        await new.till.handle(c.Tick())
        await turn(new, 300)
        payments = new.journal.head.payments
        assert payments.open == ()
        assert [(one.intent.kind, one.intent.amount_minor) for one in payments.held] == [("refund", 1_299)]
        await key(new, "close-day")
        assert said(new) == "card-open-day", (
            "it stands in no sale yet: somebody must say so before the closing"
        )
        assert (len(web.service.refunds), web.service.charged()) == (1, 0)

    run(case)


async def cut_while_giving_back(web: Web) -> Shop:
    """The money went back, the till died, and no sale holds it."""
    shop = await sold(web, SHIRT)
    web.wire.faults.extend(["", "lost"])
    web.gate.clear()
    await key(shop, "void-sale", "1")
    new = await again(shop, web)
    web.gate.set()
    await new.till.handle(c.Tick())
    await turn(new, 300)
    assert len(new.journal.head.payments.held) == 1
    return new


async def void_it(shop: Shop) -> None:
    await key(shop, "void-sale")
    while asked(shop) in {"which-receipt", "void-sale"}:
        await shop.till.handle(c.Choose(1))
    await turn(shop, 300)


def test_what_went_back_before_a_cut_is_asked_for_again_and_ends_the_void() -> None:
    async def case() -> None:
        web = Web()
        shop = await cut_while_giving_back(web)
        await void_it(shop)
        assert paid(shop)[-1] == ("pay-link", -1_299)
        assert (len(web.service.refunds), web.service.charged()) == (1, 0)
        assert (shop.journal.head.payments.open, shop.journal.head.payments.held) == ((), ())

    run(case)


def test_while_the_service_is_away_nothing_goes_back_a_second_time() -> None:
    async def case() -> None:
        web = Web()
        shop = await cut_while_giving_back(web)
        web.wire.away = True
        await void_it(shop)
        assert (said(shop), len(shop.journal.sales)) == ("link-back-unknown", 1)
        assert len(shop.journal.head.payments.held) == 1
        web.wire.away = False
        await void_it(shop)
        assert (len(web.service.refunds), len(shop.journal.sales)) == (1, 2)

    run(case)


def test_a_refund_that_failed_since_is_none_and_goes_back_anew() -> None:
    async def case() -> None:
        web = Web()
        shop = await cut_while_giving_back(web)
        (before,) = web.service.refunds.values()
        before |= {"status": "failed", "amount": 0}
        await void_it(shop)
        assert paid(shop)[-1] == ("pay-link", -1_299)
        assert [one["status"] for one in web.service.refunds.values()] == ["failed", "succeeded"]
        assert shop.journal.head.payments.held == ()

    run(case)
