"""The stockroom's functions at a till, with a real hub behind it."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pos.domain import commands as c
from pos.domain.article import Article
from pos.domain.rights import ALL, Role
from sync.hub.shop.stock import core
from sync.hub.shop.stock.shipments import Goods, PostDelivery, PostTransfer, announce, request_transfer
from sync.hub.shop.stores.core import PutAsk, put_store
from sync.hub.shop.stores.messages import PutStore
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import do as at_hub
from tests.tui.fakes import BREAD, MILK, Shop, run
from tests.tui.shop_rig import HubBehind, hub_behind

STORE = "s"  # of the till in memory
EVERYBODY = (Role("cashier", (ALL,)), Role("supervisor", (ALL,)))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with hub_behind(tmp_path) as line:
        yield line.rig


class Counter:
    """A till, its hub, and what is typed and scanned."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.desk = HubBehind(rig, store=STORE)
        self.shop = Shop(shop=self.desk, roles=EVERYBODY)
        by_code = {code: self.shop.catalogue.find(code) for code in (MILK, BREAD)}
        self.milk, self.bread = (by_code[code].sku for code in (MILK, BREAD))  # type: ignore[union-attr]
        self.store = self.shop.journal.head.store

    async def do(self, name: str, *answers: str, text: str = "") -> str:
        """The function, then what answers it (`+` before a scan); gives the message or the question."""
        await self.shop.till.handle(c.Do(name, text))
        return await self.answer(*answers)

    async def answer(self, *answers: str) -> str:
        for answer in answers:
            if answer.startswith("+"):
                await self.shop.till.handle(c.Scan(answer[1:]))
            else:
                await self.shop.till.handle(c.Answer(answer))
        view = self.shop.till.view
        if view.question is not None:
            return f"? {view.question.code}"
        return view.message.code if view.message is not None else ""

    def on_hand(self, sku: str, location: str = "store") -> int:
        from sync.hub.shop.stock.levels import levels_of

        found = at_hub(self.rig, lambda work, _: levels_of(work, [self.store], [sku], location), None)
        level = found.get((self.store, sku))
        return int(level.on_hand) if level is not None else 0

    def put_store(self, store: str, **about: Any) -> None:
        at_hub(self.rig, put_store, PutAsk(store, PutStore(about.pop("name", store), **about)))

    def bring(self, sku: str, quantity: int, store: str = "") -> None:
        move = core.Move(store or self.store, sku, Decimal(quantity), "receipt", f"in/{sku}", 1)
        at_hub(self.rig, core.move, move)


def test_what_this_and_other_stores_have(rig: Rig) -> None:
    async def go() -> None:
        counter = Counter(rig)
        await counter.shop.open()
        counter.put_store(counter.store, latitude=52.5, longitude=13.4)
        counter.put_store("far", name="Seestadt", latitude=53.5, longitude=13.4)
        counter.bring(counter.milk, 3)
        counter.bring(counter.milk, 9, "far")
        assert await counter.do("stock") == "? stock-which"
        assert await counter.answer(f"+{MILK}") == "? stock-shown"
        question = counter.shop.till.view.question
        assert question is not None
        assert question.rows == (("Hier", "3 frei, 3 da"), ("Seestadt (111 km)", "9 frei, 9 da"))
        counter.shop.scan(MILK)
        await counter.shop.till.settle()
        assert await counter.do("stock") == "? stock-shown"  # of the last goods
        assert await counter.do("stock", text="nonsense") == "stock-unknown"
        counter.desk.away = True
        assert await counter.do("stock") == "stock-look-silent"

    run(go)


def test_without_a_hub_it_says_so_first() -> None:
    async def go() -> None:
        shop = Shop(roles=EVERYBODY)
        await shop.open()
        for name in ("stock", "stock-receive", "stock-send", "stock-take", "stock-count", "stock-write-off"):
            await shop.till.handle(c.Do(name))
            message = shop.till.view.message
            assert (message.code if message else "") == "stock-no-hub", name

    run(go)


def test_while_the_hub_is_silent_it_says_before_the_first_scan_what_goes_and_what_does_not(rig: Rig) -> None:
    async def go() -> None:
        counter = Counter(rig)
        await counter.shop.open()
        counter.shop.till.submit(c.HubReported(online=False, acked_epoch=1, acked_seq=0))
        for name in ("stock-count", "stock-write-off"):
            await counter.shop.till.handle(c.Do(name))
            message, question = counter.shop.till.view.message, counter.shop.till.view.question
            assert message is not None
            assert question is not None
            assert message.code == "stock-offline", name
            await counter.shop.till.handle(c.Cancel())

    run(go)


def test_a_delivery_is_received_against_its_number(rig: Rig) -> None:
    async def go() -> None:
        counter = Counter(rig)
        await counter.shop.open()
        goods = (Goods(counter.milk, "5"), Goods(counter.bread, "1"))
        at_hub(rig, announce, PostDelivery(counter.store, goods, number="B-7"))
        found = await counter.do("stock-receive", "B-7", f"+{MILK}", "4", f"+{BREAD}", "")
        assert found == "? stock-differs"
        question = counter.shop.till.view.question
        assert question is not None
        assert [right for _, right in question.rows] == ["4 / 5"]
        assert await counter.answer("1") == "stock-received-differs"
        assert (counter.on_hand(counter.milk), counter.on_hand(counter.bread)) == (4, 1)

    run(go)


def test_what_was_scanned_survives_a_cut_and_is_booked_once(rig: Rig) -> None:
    async def go() -> None:
        counter = Counter(rig)
        await counter.shop.open()
        assert await counter.do("stock-receive", "", f"+{MILK}", f"+{MILK}") == "? stock-scan"
        await counter.shop.till.handle(c.Cancel())
        assert await counter.do("stock-receive") == "? stock-go-on"
        await counter.answer("1", f"+{MILK}")
        counter.desk.cut = "after"
        assert await counter.answer("") == "stock-kept"
        assert counter.on_hand(counter.milk) == 3  # done, but nobody heard
        counter.desk.away = True
        assert await counter.do("stock-receive") == "stock-kept"
        counter.desk.away = False
        assert await counter.do("stock-receive") == "stock-received"
        assert counter.on_hand(counter.milk) == 3
        assert await counter.do("stock-receive") == "? stock-number"

    run(go)


def test_a_transfer_goes_out_and_another_one_comes_in(rig: Rig) -> None:
    async def go() -> None:
        counter = Counter(rig)
        await counter.shop.open()
        for store in (counter.store, "far"):
            counter.put_store(store)
        counter.bring(counter.milk, 10)
        counter.bring(counter.bread, 10, "far")
        assert await counter.do("stock-take") == "stock-none-coming"
        assert await counter.do("stock-send", "1", f"+{MILK}", "4", "") == "stock-sent"
        assert counter.on_hand(counter.milk) == 6
        ask = PostTransfer(counter.store, "far", (Goods(counter.bread, "2"),), shipped=True)
        at_hub(rig, request_transfer, ask)
        assert counter.on_hand(counter.bread, "transit") == 2
        assert await counter.do("stock-take", "1", f"+{BREAD}", "2", "") == "stock-received"
        assert (counter.on_hand(counter.bread), counter.on_hand(counter.bread, "transit")) == (2, 0)

    run(go)


def test_a_count_is_blind_and_a_large_difference_waits_for_somebody(rig: Rig) -> None:
    async def go() -> None:
        counter = Counter(rig)
        await counter.shop.open()
        counter.bring(counter.milk, 10)
        assert await counter.do("stock-count", "") == "? stock-scan"  # nothing yet
        assert await counter.answer(f"+{MILK}", "8", "") == "stock-counted"
        assert counter.on_hand(counter.milk) == 8
        rig.clock.ms += 5
        assert await counter.do("stock-count", f"+{BREAD}", "999", "") == "stock-count-review"
        assert counter.on_hand(counter.bread) == 0

    run(go)


def test_goods_are_written_off_with_a_reason(rig: Rig) -> None:
    async def go() -> None:
        counter = Counter(rig)
        await counter.shop.open()
        counter.bring(counter.milk, 5)
        assert await counter.do("stock-write-off", f"+{MILK}", "2", "") == "? stock-reason"
        assert await counter.answer("1") == "stock-written-off"
        assert counter.on_hand(counter.milk) == 3

    run(go)


def test_a_quantity_must_make_sense_and_an_unknown_code_is_said(rig: Rig) -> None:
    async def go() -> None:
        counter = Counter(rig)
        await counter.shop.open()
        await counter.do("stock-count", f"+{MILK}", "1,5")
        assert counter.shop.till.view.message is not None
        assert counter.shop.till.view.message.code == "stock-quantity"
        await counter.answer("+4099999999990")
        assert counter.shop.till.view.message.code == "stock-unknown"
        await counter.answer("0")
        assert await counter.answer("") == "? stock-scan"
        assert counter.shop.till.view.message.code == "stock-nothing"

    run(go)


def test_sizes_say_what_is_free_as_soon_as_the_hub_has_answered(rig: Rig) -> None:
    async def go() -> None:
        counter = Counter(rig)
        till = counter.shop.till
        await counter.shop.open()
        sizes = [
            Article(f"V{size}", f"Hemd {size}", "A", 1999, options=(size,), product=7)
            for size in ("S", "M", "L")
        ]
        counter.shop.catalogue.add(*sizes)
        counter.bring("VM", 4)
        heard = asyncio.Event()
        till.subscribe(lambda _: heard.set() if free(counter)[:1] == ["0 frei"] else None)
        await till.handle(c.Search("hemd"))
        await till.handle(c.PickResult(1))
        assert free(counter) == ["? frei"] * 3  # the list waits for nothing
        async with asyncio.timeout(20):
            await heard.wait()
        assert free(counter) == ["0 frei", "4 frei", "0 frei"]
        await till.handle(c.Choose(2))
        assert [line.sku for line in till.view.lines] == ["VM"]
        counter.desk.away = True
        await till.handle(c.Do("variant"))
        await till.settle()
        assert free(counter) == ["? frei"] * 3

    run(go)


def free(counter: Counter) -> list[str]:
    question = counter.shop.till.view.question
    return [option.note for option in question.options] if question is not None else []
