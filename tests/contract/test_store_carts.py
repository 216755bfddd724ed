"""Parked carts of the store: one arbiter, one till that goes on with each, on SQLite and PostgreSQL alike."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from sqlalchemy.engine import Engine

from pos.cart_facts import CartParked, CartResumed, TaxKey
from pos.domain import commands as c
from pos.domain.commands import Command, StoreCartsHeard
from pos.domain.store_carts import ClaimAnswer
from pos.facts import body_of
from pos.sale_facts import SaleLine
from sync.cart_line import CartLine
from sync.cart_messages import BUSY, GONE, UNKNOWN, Claim, Claimed, Given, ParkedAsk, ParkedList
from sync.hub import carts, exceptions, ledger, projector, rebuild
from sync.hub.database import migrate, open_engine, transact
from sync.hub.digest import digest
from sync.wire import Ack, Problem
from tests.contract.hub_kit import NOW_MS, Clock, Ids, Till, as_json
from tests.contract.hub_rig import JSON, Rig, hub_rig, send
from tests.tui.fakes import MILK, PIN, Shop


@pytest.fixture
def engine(hub_url: str) -> Iterator[Engine]:
    engine = open_engine(hub_url)
    migrate(engine)
    yield engine
    engine.dispose()


def parked(cart_id: str, note: str = "", parked_ms: int = NOW_MS) -> CartParked:
    line = SaleLine(1, "Artikel", 119, 119, "A", Decimal(19), 1)
    keys = (TaxKey("A", Decimal(19), 1),)
    return CartParked(
        cart_id, "2026-11-22", "1", 1, parked_ms, 60, (line,), keys, 119, 1, note=note, travels=True
    )


def resumed(cart_id: str, new_cart_id: str, taken: CartParked | None = None, till: str = "") -> CartResumed:
    return CartResumed(cart_id, new_cart_id, "2026-11-22", "1", 3, 60, taken=taken, from_till=till)


def bring(engine: Engine, till: Till) -> None:
    answer = transact(engine, ledger.ingest, till.batch(1, len(till.facts)), NOW_MS)
    assert isinstance(answer, Ack)


def ask(engine: Engine, till: str, *given: str, released: tuple[str, ...] = ()) -> ParkedList:
    message = ParkedAsk("demo", till, tuple(Given(one) for one in given), released)
    return transact(engine, carts.answer, message, NOW_MS)[0]


def claim(
    engine: Engine, till: str, cart_id: str, key: str, *, now_ms: int = NOW_MS, **how: bool
) -> Claimed | Problem:
    return transact(engine, carts.claim, Claim("demo", till, cart_id, key, **how), now_ms)


def refused(answer: Claimed | Problem) -> tuple[str, str]:
    assert isinstance(answer, Problem), answer
    return answer.type, answer.detail


def test_a_cart_that_was_given_is_listed_claimed_once_and_gone_when_it_went_on(engine: Engine) -> None:
    first, second = Till(till="1"), Till(till="2")
    place = first.write(parked("c1", "blaue Jacke"))[0]
    bring(engine, first)
    assert ask(engine, "2").carts == ()  # until its till has promised to ask
    assert refused(claim(engine, "2", "c1", "k1")) == (UNKNOWN, "1")
    assert [cart.cart_id for cart in ask(engine, "1", "c1").carts] == ["c1"]
    (cart,) = ask(engine, "2").carts
    assert (cart.till, cart.note, cart.total_minor, cart.text) == ("1", "blaue Jacke", 119, "Artikel")
    got = claim(engine, "2", "c1", "k2")
    assert isinstance(got, Claimed)
    assert (got.till, got.epoch, got.seq, got.body) == (
        "1",
        1,
        place.seq,
        body_of(parked("c1", "blaue Jacke")),
    )
    assert claim(engine, "2", "c1", "k2") == got  # the answer was lost, the question comes again
    assert refused(claim(engine, "1", "c1", "k3", own=True)) == (BUSY, "2")
    assert refused(claim(engine, "2", "c1", "k9")) == (
        BUSY,
        "2",
    )  # it may have gone on with it under the other key
    assert ask(engine, "1", "c1").carts[0].claimed_by == "2"
    second.write(resumed("c1", "k2", parked("c1"), "1"))
    bring(engine, second)
    heard = ask(engine, "1", "c1")
    assert (heard.carts, [(one.cart_id, one.till) for one in heard.gone]) == ((), [("c1", "2")])
    assert refused(claim(engine, "1", "c1", "k4", own=True)) == (GONE, "2")
    with engine.connect() as connection:
        assert exceptions.listing(connection, "demo") == []


def test_of_many_tills_that_claim_at_once_one_gets_the_cart(engine: Engine) -> None:
    first = Till(till="1")
    first.write(parked("c1"))
    bring(engine, first)
    ask(engine, "1", "c1")
    names = [str(n) for n in range(1, 7)]
    workers = 1 if engine.dialect.name == "sqlite" else 4
    with ThreadPoolExecutor(workers) as pool:
        answers = list(pool.map(lambda till: claim(engine, till, "c1", f"k{till}", own=till == "1"), names))
    won = [till for till, answer in zip(names, answers, strict=True) if isinstance(answer, Claimed)]
    assert len(won) == 1
    assert {refused(one) for one in answers if isinstance(one, Problem)} == {(BUSY, won[0])}


def test_a_claim_that_was_given_up_frees_the_cart_and_only_its_own_key_does(engine: Engine) -> None:
    first = Till(till="1")
    first.write(parked("c1"))
    bring(engine, first)
    ask(engine, "1", "c1")
    assert isinstance(claim(engine, "2", "c1", "k1"), Claimed)
    ask(engine, "3", released=("k1",))  # not the one who asked
    ask(engine, "2", released=("k0",))  # another key
    assert refused(claim(engine, "3", "c1", "k3")) == (BUSY, "2")
    ask(engine, "2", released=("k1",))
    assert isinstance(claim(engine, "3", "c1", "k3"), Claimed)


def test_a_claim_stands_until_a_person_overrides_it_after_a_while(engine: Engine) -> None:
    first = Till(till="1")
    first.write(parked("c1"))
    bring(engine, first)
    ask(engine, "1", "c1")
    assert isinstance(claim(engine, "2", "c1", "k1"), Claimed)
    later = NOW_MS + carts.FORCE_MS
    assert refused(claim(engine, "3", "c1", "k3", now_ms=later)) == (BUSY, "2")
    assert refused(claim(engine, "3", "c1", "k3", now_ms=later - 1, force=True)) == (BUSY, "2")
    assert isinstance(claim(engine, "3", "c1", "k3", now_ms=later, force=True), Claimed)


def test_a_cart_that_nobody_knows_is_only_its_own_tills(engine: Engine) -> None:
    assert refused(claim(engine, "2", "c9", "k1")) == (UNKNOWN, "")
    assert isinstance(claim(engine, "1", "c9", "k2", own=True), Claimed)
    assert refused(claim(engine, "2", "c9", "k3", own=True)) == (BUSY, "1")


def test_another_till_cannot_give_what_it_did_not_park(engine: Engine) -> None:
    first = Till(till="1")
    first.write(parked("c1"))
    bring(engine, first)
    ask(engine, "2", "c1")
    assert ask(engine, "3").carts == ()
    assert refused(claim(engine, "2", "c1", "k1")) == (UNKNOWN, "1")


def test_a_cart_that_went_on_twice_is_noted_once_in_any_order_and_after_a_rebuild(engine: Engine) -> None:
    first, second = Till(till="1"), Till(till="2")
    first.write(parked("c1"), resumed("c1", "n1"))
    second.write(resumed("c1", "n2", parked("c1"), "1"))
    bring(engine, second)
    ask(engine, "3")
    bring(engine, first)
    ask(engine, "3")
    bring(engine, first)
    before = transact(engine, lambda connection: digest(connection).projections)
    transact(engine, rebuild.rebuild, NOW_MS)
    assert transact(engine, lambda connection: digest(connection).projections) == before
    with engine.connect() as connection:
        (noted,) = exceptions.listing(connection, "demo")
        assert projector.lagging(connection) == []
    assert (noted.kind, noted.key, noted.detail) == (
        "parked-twice",
        "c1",
        "a parked cart went on twice: 1 1/3, 2 1/2",
    )


# -- through the API


async def parked_at(rig: Rig, till: Till) -> None:
    async with rig.asking_from() as line:
        assert (await send(line, till.batch(1, len(till.facts)))).status_code == 200


class Carts:
    """One till's line for parked carts, and what it was told."""

    def __init__(self, rig: Rig, till: str) -> None:
        self.told: list[Command] = []
        self.news = asyncio.Event()
        self.line = CartLine(
            rig.identity(machine=till), rig.identity(machine=till).nodes[0], clock=Clock(), ids=Ids(till),
            submit=self._hear, sleep=asyncio.sleep, transport=lambda _: rig.transport(),
        )  # fmt: skip

    def _hear(self, command: Command) -> None:
        self.told.append(command)
        self.news.set()

    async def until(self, holds: Callable[[StoreCartsHeard], bool]) -> StoreCartsHeard:
        async with asyncio.timeout(10):
            while True:
                if self.told and isinstance(self.told[-1], StoreCartsHeard) and holds(self.told[-1]):
                    return self.told[-1]
                self.news.clear()
                await self.news.wait()


def test_what_one_till_gives_another_hears_at_once_and_takes(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            one, two = Carts(rig, "1"), Carts(rig, "2")
            tasks = [asyncio.ensure_future(cart.line.run()) for cart in (one, two)]
            two.line.tell((), ())
            await two.until(lambda heard: heard.online and not heard.carts)
            first, second = Till(till="1"), Till(till="2")
            first.write(parked("c1", "x" * 3))
            await parked_at(rig, first)
            one.line.tell([("c1", "tag")], ())
            heard = await two.until(lambda heard: bool(heard.carts))
            assert (heard.carts[0].cart_id, heard.carts[0].follows) == ("c1", "tag")
            answer = await two.line.claim("c1", "k2", own=False)
            assert (answer.verdict, answer.till, answer.body) == (
                "granted",
                "1",
                body_of(parked("c1", "xxx")),
            )
            assert (await one.line.claim("c1", "k1", own=True)) == msgspec.structs.replace(
                answer, verdict="busy", till="2", epoch=0, seq=0, body=b""
            )
            second.write(resumed("c1", "k2", parked("c1"), "1"))
            await parked_at(rig, second)
            gone = await one.until(lambda heard: bool(heard.gone))
            assert [(cart.cart_id, cart.till) for cart in gone.gone] == [("c1", "2")]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scenario())


def test_nobody_asks_in_another_tills_name_and_a_hub_with_a_relay_decides_nothing(
    new_url: Callable[[str], str],
) -> None:
    async def post(line: Any, till: str) -> int:
        answer = await line.post(
            f"/v1/tills/demo/{till}/claims", content=as_json(Claim("demo", till, "c1", "k")), headers=JSON
        )
        return int(answer.status_code)

    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            async with rig.asking_from(store="demo", machine="2") as line:
                assert await post(line, "1") == 403
                assert await post(line, "2") == 409
            rig.enrolled("demo", "relay-1", "relay")
            two = Carts(rig, "2")
            assert (await two.line.claim("c1", "k", own=True)).verdict == "refused"

    asyncio.run(scenario())


def test_a_line_that_is_down_gives_no_cart(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            two = Carts(rig, "2")
            rig.app = None  # whoever asks now gets no answer
            assert (await two.line.claim("c1", "k", own=True)).verdict == "silent"

    asyncio.run(scenario())


class _Arbiter:
    """The hub's own decision, asked without a line by one till; its clock is `now_ms`."""

    arbiter = "hub"

    def __init__(self, engine: Engine, till: str) -> None:
        self._engine = engine
        self._till = till
        self.now_ms = NOW_MS

    def tell(self, given: Sequence[tuple[str, str]], released: Sequence[str]) -> None:
        ask(self._engine, self._till, *(cart_id for cart_id, _ in given), released=tuple(released))

    async def claim(self, cart_id: str, key: str, *, own: bool, force: bool = False) -> ClaimAnswer:
        found = claim(self._engine, self._till, cart_id, key, now_ms=self.now_ms, own=own, force=force)
        if isinstance(found, Problem):
            return ClaimAnswer("busy" if found.type == BUSY else "gone", found.detail)
        return ClaimAnswer("granted", found.till, found.epoch, found.seq, found.version, found.body)

    async def news(self, shop: Shop) -> None:
        await shop.till.handle(StoreCartsHeard(True, ask(self._engine, self._till).carts))


async def _till(engine: Engine, name: str) -> tuple[Shop, _Arbiter]:
    arbiter = _Arbiter(engine, name)
    shop = Shop(parks=arbiter)
    shop.journal.head = msgspec.structs.replace(shop.journal.head, till=name, store="demo")
    shop.till._desk.world.ids._count = int(name) * 1000  # type: ignore[attr-defined]
    await shop.open()
    await arbiter.news(shop)
    return shop, arbiter


async def _heard(shop: Shop) -> str:
    async with asyncio.timeout(5):
        while shop.till.view.claiming:  # noqa: ASYNC110 - the answer comes from a task of the till's
            await asyncio.sleep(0)
    message = shop.till.view.message
    return message.code if message is not None else ""


def test_a_person_takes_over_what_a_dead_till_has_claimed_and_the_fact_says_over_whom(engine: Engine) -> None:
    async def case() -> None:
        first = Till(till="1")
        first.write(parked("c1", "blaue Jacke"))
        bring(engine, first)
        ask(engine, "1", "c1")
        assert isinstance(claim(engine, "2", "c1", "k1"), Claimed)  # and till 2 is never heard of again
        shop, arbiter = await _till(engine, "3")
        assert shop.till.view.parked == ()
        await shop.till.handle(c.Do("cart-take-over"))
        assert shop.till.view.state == "approval", "it is a right of its own"
        await shop.till.handle(c.Approve("Alex", PIN))
        question = shop.till.view.question
        assert question is not None
        (option,) = question.options
        assert (option.text, option.note) == ("blaue Jacke", "Kasse 2 seit 21.09. 15:13")
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Choose(2))
        assert await _heard(shop) == "parked-busy-yet", "it may be just slow"
        arbiter.now_ms += carts.FORCE_MS
        await arbiter.news(shop)
        await shop.till.handle(c.Do("cart-take-over"))
        await shop.till.handle(c.Approve("Alex", PIN))
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Choose(1))
        assert await _heard(shop) == "stays-claimed"
        await shop.till.handle(c.Do("cart-take-over"))
        await shop.till.handle(c.Approve("Alex", PIN))
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Choose(2))
        assert await _heard(shop) == "cart-resumed"
        went_on = shop.journal.facts[-1]
        assert isinstance(went_on, CartResumed)
        assert (went_on.claimed_over, went_on.from_till, went_on.taken) == (
            "2",
            "1",
            parked("c1", "blaue Jacke"),
        )
        assert [one.by for one in went_on.approvals] == ["2"]
        late = claim(engine, "2", "c1", "k1", now_ms=arbiter.now_ms)
        assert refused(late) == (BUSY, "3"), "the dead till, back again, goes on with nothing"

    asyncio.run(case())


def test_a_till_takes_its_own_cart_over_and_one_without_the_right_or_a_line_does_not(engine: Engine) -> None:
    async def case() -> None:
        shop, arbiter = await _till(engine, "1")
        await shop.till.handle(c.Do("cart-take-over"))
        assert await _heard(shop) == "nothing-claimed"
        shop.scan(MILK)
        await shop.till.handle(c.ParkCart())
        fact = shop.journal.facts[-1]
        assert isinstance(fact, CartParked)
        head = shop.journal.head
        await shop.till.handle(c.HubReported(True, head.epoch, head.seq, node="hub"))
        own = Till(till="1")
        own.write(fact)
        bring(engine, own)
        ask(engine, "1", fact.cart_id)
        assert isinstance(claim(engine, "2", fact.cart_id, "k1"), Claimed)
        arbiter.now_ms += carts.FORCE_MS
        await arbiter.news(shop)
        await shop.till.handle(StoreCartsHeard(online=False))
        await shop.till.handle(c.Do("cart-take-over"))
        assert await _heard(shop) == "parked-no-line"
        await arbiter.news(shop)
        await shop.till.handle(c.Do("cart-take-over"))
        await shop.till.handle(c.Approve("Alex", PIN))
        await shop.till.handle(c.Choose(1))
        await shop.till.handle(c.Choose(2))
        assert await _heard(shop) == "cart-resumed"
        went_on = shop.journal.facts[-1]
        assert isinstance(went_on, CartResumed)
        assert (went_on.claimed_over, went_on.from_till, went_on.taken) == ("2", "", None)

    asyncio.run(case())
