"""The receipt by e-mail from the till: two keys after a sale, also while nothing is heard of the hub; a letter really arrives."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pos.domain import commands as c
from pos.sale_facts import Sale
from pos.till_facts import EpochOpened, ReceiptWanted
from sync.hub.shop.customers import core as customers
from sync.hub.shop.customers.consents import Given, add
from sync.hub.shop.customers.messages import About, AddConsent, NewCustomer
from sync.hub.shop.kit import tasks
from tests.contract.hub_rig import Rig
from tests.contract.mail_rig import Box, part
from tests.contract.shop.kit import do
from tests.contract.shop.test_letters_sent import posted, rows
from tests.tui.fakes import MILK, Shop, opened, run
from tests.tui.shop_rig import HubBehind, till_at

ADDRESS = "erika@example.com"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(f"sqlite:///{tmp_path / 'hub.db'}")
    yield rig
    rig.close()


class At:
    """A till whose journal the hub hears as it was written."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.shop, self.line = till_at(rig)
        self.shop.journal.facts.append(EpochOpened("demo", "1", "new", "test"))
        self._heard = 1

    async def sold(self, customer: str = "") -> Sale:
        await self.shop.open()
        self.shop.scan(MILK)
        await self.shop.till.settle()
        if customer:
            await self.do(c.Do("customer", ADDRESS))
        await self.do(c.PayCash())
        return self.shop.journal.sales[-1]

    async def do(self, *commands: c.Command) -> str:
        for command in commands:
            await self.shop.till.handle(command)
        await self.rest()
        view = self.shop.till.view
        if view.question is not None:
            return f"? {view.question.code}"
        return view.message.code if view.message is not None else ""

    async def rest(self) -> None:
        """What is told in the background is told."""
        tasks_ = [task for task in asyncio.all_tasks() if task.get_name() == "receipt letters"]
        if tasks_:
            await asyncio.wait(tasks_)

    async def later(self) -> None:
        """Half a minute passes."""
        self.shop.clock.ms += 30_000
        await self.do(c.Tick())

    async def tell(self) -> None:
        fresh = self.shop.journal.facts[self._heard :]
        self._heard += len(fresh)
        await self.line.hear(*fresh)

    @property
    def wanted(self) -> list[ReceiptWanted]:
        return [fact for fact in self.shop.journal.facts if isinstance(fact, ReceiptWanted)]

    @property
    def kept(self) -> bytes:
        return self.shop.memory.kept.get("receipt-letters", b"[]")


def test_an_address_that_is_typed_gets_the_receipt_and_stands_in_no_fact(rig: Rig) -> None:
    at = At(rig)

    async def case() -> None:
        sale = await at.sold()
        await at.tell()
        assert await at.do(c.Do("receipt-mail")) == "? receipt-mail"
        assert await at.do(c.Answer("erika.example.com")) == "? receipt-mail", (
            "that is none, and is asked for again"
        )
        assert await at.do(c.Answer(ADDRESS)) == "receipt-mail-goes"
        (wanted,) = at.wanted
        assert (wanted.number, wanted.epoch, wanted.customer) == (sale.number, 1, "")
        assert ADDRESS.encode() not in msgspec.json.encode(at.wanted)
        assert at.kept == b"[]", "the till forgets it as soon as the hub has it"

    run(case)
    box = Box()
    assert posted(rig, box) == [ADDRESS]
    text = part(box.mails[0], "plain")
    assert f"1-1-{at.shop.journal.sales[-1].number}" in text
    assert "https://beleg.example/r/" in text
    assert "1,39" in text


def test_while_the_hub_is_silent_it_waits_and_survives_a_restart(rig: Rig) -> None:
    at = At(rig)

    async def case() -> None:
        await at.sold()
        at.line.away = True
        at.shop.till.submit(c.HubReported(online=False, acked_epoch=1, acked_seq=0))
        assert await at.do(c.Do("receipt-mail"), c.Answer(ADDRESS)) == "receipt-mail-waits"
        again, line = till_at(rig)
        line.away = True
        again.memory.kept = at.shop.memory.kept
        at.shop.till, at.shop.clock = again.till, again.clock  # the till's program starts anew
        await again.open()
        await at.later()
        assert line.asked == ["POST /receipts/letters"]
        line.away = False
        await at.later()
        assert at.kept != b"[]", "the sale itself is not at the hub yet"
        await at.tell()
        line.cut = "after"
        await at.later()
        assert at.kept != b"[]", "its answer was lost: asked again under the same key"
        await at.later()
        assert at.kept == b"[]"

    run(case)
    box = Box()
    assert posted(rig, box) == [ADDRESS], "once"


def test_what_the_hub_never_takes_is_given_up_and_told(rig: Rig) -> None:
    at = At(rig)

    async def case() -> None:
        await at.sold()
        at.line.away = True
        await at.do(c.Do("receipt-mail"), c.Answer(ADDRESS))
        at.shop.clock.time += dt.timedelta(days=8)
        await at.later()
        await at.shop.till.settle()
        assert at.kept == b"[]", "no address waits for ever"
        message = at.shop.till.view.message
        assert message is not None
        assert message.code == "receipt-mail-refused"

    run(case)
    assert rows(rig) == []


def test_the_customer_of_the_sale_is_written_to_by_a_reference(rig: Rig) -> None:
    who = do(rig, customers.create, NewCustomer(About("Erika", ADDRESS, language="en"))).customer_id
    at = At(rig)

    async def case() -> None:
        sale = await at.sold(customer=who)
        assert sale.customer == who
        at.line.away = True
        assert await at.do(c.Do("receipt-mail")) == "? receipt-mail-to"
        assert await at.do(c.Choose(1)) == "receipt-mail-goes"
        assert [one.customer for one in at.wanted] == [who]
        assert at.kept == b"[]"
        await at.tell()

    run(case)
    box = Box()
    assert posted(rig, box) == [ADDRESS]
    assert str(box.mails[0]["Subject"]).startswith("Your receipt 1-1-")


def test_a_customer_without_an_address_becomes_a_task_of_the_store(rig: Rig) -> None:
    who = do(rig, customers.create, NewCustomer(About("Erika", ADDRESS))).customer_id
    at = At(rig)

    async def case() -> None:
        await at.sold(customer=who)
        await at.do(c.Do("receipt-mail"), c.Choose(1))
        do(rig, customers.put, customers.Put(who, About("Erika")))
        await at.tell()

    run(case)
    assert rows(rig) == []
    (task,) = do(rig, lambda work, _: tasks.listing(work, "demo", limit=5), None)
    assert (task.kind, msgspec.json.decode(task.data)["reason"]) == ("message-failed", "no-address")


def test_whoever_agreed_gets_each_receipt_until_they_take_it_back(rig: Rig) -> None:
    who = do(rig, customers.create, NewCustomer(About("Erika", ADDRESS))).customer_id
    at = At(rig)

    def word(*, given: bool) -> None:
        rig.clock.ms += 1000
        do(rig, add, Given(who, AddConsent("receipt", "email", given, "page", "1", "")))

    async def buy() -> None:
        await at.sold(customer=who)
        await at.tell()

    run(buy)
    assert rows(rig) == [], "silence is a no"
    word(given=True)
    run(buy)
    box = Box()
    assert posted(rig, box) == [ADDRESS]
    run(buy)
    word(given=False)
    assert posted(rig, box) == [], "looked up when it is sent"
    assert [(row.state, row.reason) for row in rows(rig)][-1] == ("given_up", "consent")
    run(buy)
    assert len(rows(rig)) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [({}, "receipt-mail-no-hub"), ({"link": "", "shop": True}, "receipt-mail-no-page")],
)
def test_where_it_cannot_be_the_cashier_hears_so_before_anything_is_typed(
    rig: Rig, options: dict[str, object], said: str
) -> None:
    async def case() -> None:
        given = {**options, "shop": HubBehind(rig)} if "shop" in options else options
        shop = Shop(**given)  # type: ignore[arg-type]
        await shop.open()
        shop.scan(MILK)
        await shop.till.handle(c.PayCash())
        await shop.till.handle(c.Do("receipt-mail"))
        view = shop.till.view
        assert view.message is not None
        assert (view.message.code, view.question) == (said, None)
        assert not [fact for fact in shop.journal.facts if isinstance(fact, ReceiptWanted)]

    run(case)


@pytest.mark.parametrize("size", [(80, 24), (64, 18)])
def test_m_on_the_paid_screen_asks_and_esc_leaves_all_as_it_was(rig: Rig, size: tuple[int, int]) -> None:
    async def case() -> None:
        shop, _ = till_at(rig)
        async with opened(shop, size=size) as screen:
            await screen.scan(MILK)
            await screen.press("f12")
            if size == (80, 24):
                assert screen.row("M: Bon per E-Mail")
            await screen.press("m")
            assert "E-Mail-Adresse" in screen.text
            await screen.press("escape")
            assert "E-Mail-Adresse" not in screen.text
            await screen.press("m")
            await screen.type(ADDRESS)
            await screen.press("enter")
            assert "per E-Mail" in screen.text
            assert [fact.number for fact in shop.journal.facts if isinstance(fact, ReceiptWanted)]

    run(case)
