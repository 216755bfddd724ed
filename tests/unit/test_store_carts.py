"""A till among others of its store: what it gives, what it must ask for, and what it never does twice."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from pos.cart_facts import CartAbandoned, CartLeft, CartParked, CartResumed
from pos.domain import commands as c
from pos.domain.line import Line, Mark, Origin
from pos.domain.store_carts import CartGone, ClaimAnswer, StoreCart, person_tag, travels
from pos.facts import body_of
from pos.sale_facts import Sale
from pos.storage_ports import JournalUnavailableError
from pos.till import Till
from tests.tui.fakes import BUTTER, MILK, PIN, FakeJournal, FakeMemory, Shop, opened, run


class FakeParks:
    """Answers claims as it is told to, and remembers what was asked."""

    arbiter = "relay"

    def __init__(self) -> None:
        self.given: list[str] = []
        self.follows: dict[str, str] = {}
        self.released: list[str] = []
        self.asked: list[tuple[str, str, bool]] = []
        self.forced: list[bool] = []
        self.answer = ClaimAnswer("granted")
        self.gate: asyncio.Event | None = None

    def tell(self, given: Sequence[tuple[str, str]], released: Sequence[str]) -> None:
        self.given = [cart_id for cart_id, _ in given]
        self.follows = dict(given)
        self.released = list(released)

    async def claim(self, cart_id: str, key: str, *, own: bool, force: bool = False) -> ClaimAnswer:
        self.asked.append((cart_id, key, own))
        self.forced.append(force)
        if self.gate is not None:
            await self.gate.wait()
        return self.answer


async def till_of_a_store(**setup: object) -> tuple[Shop, FakeParks]:
    parks = FakeParks()
    shop = Shop(parks=parks, **setup)  # type: ignore[arg-type]
    await shop.open()
    await shop.till.handle(c.StoreCartsHeard(online=True))
    return shop, parks


async def other_till(**setup: object) -> tuple[Shop, FakeParks]:
    shop, parks = await till_of_a_store(**setup)
    shop.till._desk.world.ids._count = 500  # type: ignore[attr-defined]
    return shop, parks


async def acked(shop: Shop) -> None:
    head = shop.journal.head
    await shop.till.handle(c.HubReported(True, head.epoch, head.seq, node="relay"))


async def park(shop: Shop, *codes: str) -> CartParked:
    shop.scan(*(codes or (MILK,)))
    await shop.till.handle(c.ParkCart())
    fact = shop.journal.facts[-1]
    assert isinstance(fact, CartParked)
    return fact


async def answered(till: Till) -> None:
    async with asyncio.timeout(5):
        while till.view.claiming:  # noqa: ASYNC110 - the answer comes from a task of the till's
            await asyncio.sleep(0)


def elsewhere(fact: CartParked, till: str = "2", **changes: str) -> StoreCart:
    cart = StoreCart(
        fact.cart_id, till, fact.parked_ms, fact.offset_min, "7", fact.pieces, fact.total_minor, "EUR"
    )
    return msgspec.structs.replace(cart, **changes)


def code(shop: Shop) -> str:
    message = shop.till.view.message
    return message.code if message is not None else ""


def test_before_the_acknowledgement_a_cart_is_its_tills_own_and_needs_no_line() -> None:
    async def case() -> None:
        shop, parks = await till_of_a_store()
        await park(shop)
        await shop.till.handle(c.StoreCartsHeard(online=False))
        await shop.till.handle(c.ResumeParked())
        assert shop.till.view.state == "selling"
        assert (parks.asked, parks.given) == ([], [])

    run(case)


def test_after_it_the_cart_is_the_stores_and_goes_on_by_a_claim_alone() -> None:
    async def case() -> None:
        shop, parks = await till_of_a_store()
        fact = await park(shop)
        assert fact.travels
        await acked(shop)
        assert parks.given == [fact.cart_id]
        await shop.till.handle(c.ResumeParked())
        assert shop.till.view.claiming
        await answered(shop.till)
        assert (shop.till.view.state, shop.till.view.parked) == ("selling", ())
        ((cart_id, key, own),) = parks.asked
        resumed = shop.journal.facts[-1]
        assert isinstance(resumed, CartResumed)
        assert (cart_id, own, key, resumed.taken) == (fact.cart_id, True, resumed.new_cart_id, None)
        assert (parks.given, parks.released) == ([], [])

    run(case)


def test_without_a_line_a_cart_of_the_store_stays_and_the_till_says_why() -> None:
    async def case() -> None:
        shop, parks = await till_of_a_store()
        await park(shop)
        await acked(shop)
        await shop.till.handle(c.StoreCartsHeard(online=False))
        assert shop.till.view.parked[0].away
        await shop.till.handle(c.ResumeParked())
        assert (code(shop), shop.till.view.lines, parks.asked) == ("parked-no-line", (), [])

    run(case)


def test_a_cart_of_another_till_comes_whole_and_is_sold_here() -> None:
    async def case() -> None:
        there, _ = await other_till()
        fact = await park(there, MILK, BUTTER)
        shop, parks = await till_of_a_store()
        await shop.till.handle(c.StoreCartsHeard(online=True, carts=(elsewhere(fact),)))
        (shown,) = shop.till.view.parked
        assert (shown.till, shown.total_minor) == ("2", fact.total_minor)
        parks.answer = ClaimAnswer("granted", "2", 1, 9, body=body_of(fact))
        await shop.till.handle(c.ResumeParked())
        await answered(shop.till)
        resumed = shop.journal.facts[-1]
        assert isinstance(resumed, CartResumed)
        assert (resumed.taken, resumed.from_till, resumed.from_seq) == (fact, "2", 9)
        await shop.till.handle(c.PayCash())
        sale = shop.journal.facts[-1]
        assert isinstance(sale, Sale)
        assert (sale.cart_id, sale.total_minor) == (parks.asked[0][1], fact.total_minor)
        assert shop.journal.head.resumed is None

    run(case)


def test_scans_wait_for_no_answer_and_a_cart_begun_meanwhile_leaves_the_parked_one_where_it_is() -> None:
    async def case() -> None:
        shop, parks = await till_of_a_store()
        await park(shop)
        await acked(shop)
        parks.gate = asyncio.Event()
        await shop.till.handle(c.ResumeParked())
        shop.scan(BUTTER)
        assert len(shop.till.view.lines) == 1
        parks.gate.set()
        await answered(shop.till)
        assert (code(shop), len(shop.till.view.lines)) == ("parked-not-now", 1)
        assert parks.released == [parks.asked[0][1]]
        assert not any(isinstance(fact, CartResumed) for fact in shop.journal.facts)

    run(case)


def test_each_no_has_its_sentence_and_gives_the_key_up() -> None:
    async def case() -> None:
        shop, parks = await till_of_a_store()
        await park(shop)
        await acked(shop)
        for verdict, sentence in (
            ("busy", "parked-busy"),
            ("unknown", "parked-unknown"),
            ("silent", "parked-no-answer"),
            ("refused", "parked-refused"),
            ("gone", "parked-gone"),
        ):
            parks.answer = ClaimAnswer(verdict, "2")
            await shop.till.handle(c.ResumeParked())
            await answered(shop.till)
            assert (code(shop), shop.till.view.lines) == (sentence, ())
        assert len(parks.released) == 5

    run(case)


def test_what_went_on_elsewhere_leaves_the_till_by_a_fact_and_cannot_come_back() -> None:
    async def case() -> None:
        shop, _ = await till_of_a_store()
        fact = await park(shop)
        await acked(shop)
        await shop.till.handle(c.StoreCartsHeard(online=True, gone=(CartGone(fact.cart_id, "2"),)))
        left = shop.journal.facts[-1]
        assert isinstance(left, CartLeft)
        assert (left.cart_id, left.till, shop.till.view.parked) == (fact.cart_id, "2", ())
        await shop.till.handle(c.ResumeParked(fact.cart_id))
        assert code(shop) == "nothing-parked"

    run(case)


def test_what_was_given_is_remembered_before_it_is_told_and_after_a_restart() -> None:
    async def case() -> None:
        shop, parks = await till_of_a_store()
        fact = await park(shop)

        class Broken(FakeMemory):
            async def put(self, key: str, value: bytes) -> None:
                raise JournalUnavailableError("disk-full", "no room")

        kept = shop.memory
        shop.till._desk.world = msgspec.structs.replace(shop.till._desk.world, memory=Broken())
        await acked(shop)
        assert parks.given == []
        shop.till._desk.world = msgspec.structs.replace(shop.till._desk.world, memory=kept)
        await acked(shop)
        assert parks.given == [fact.cart_id]
        again, parks = await restarted(shop.journal, kept)
        await again.till.handle(c.ResumeParked())
        assert (again.till.view.lines, code(again)) == ((), "parked-no-line")
        assert parks.given == [fact.cart_id]

    run(case)


async def restarted(journal: FakeJournal, memory: FakeMemory) -> tuple[Shop, FakeParks]:
    parks = FakeParks()
    shop = Shop(parks=parks, journal=journal)
    shop.memory.kept.update(memory.kept)
    await shop.open()
    return shop, parks


def test_who_forgot_what_was_given_asks_for_everything() -> None:
    async def case() -> None:
        shop, _ = await till_of_a_store()
        fact = await park(shop)
        again, parks = await restarted(shop.journal, FakeMemory())
        assert parks.given == [fact.cart_id]
        await again.till.handle(c.ResumeParked())
        assert code(again) == "parked-no-line"

    run(case)


def test_a_key_that_was_asked_with_before_a_cut_is_given_up_unless_the_cart_went_on() -> None:
    async def case() -> None:
        shop, parks = await till_of_a_store()
        await park(shop)
        await acked(shop)
        parks.gate = asyncio.Event()
        await shop.till.handle(c.ResumeParked())
        await asyncio.sleep(0)
        key = parks.asked[0][1]
        _, parks_after = await restarted(shop.journal, shop.memory)
        assert parks_after.released == [key]
        parks.gate.set()
        await answered(shop.till)
        assert shop.till.view.state == "selling"
        forgetful = FakeMemory()
        forgetful.kept = {**shop.memory.kept, "carts.asked": msgspec.json.encode({key: "x"})}
        again, parks_after = await restarted(shop.journal, forgetful)
        assert (parks_after.released, again.till.view.state) == ([], "selling")

    run(case)


def test_what_only_this_till_can_count_does_not_travel() -> None:
    line = Line(1, "article", "x", Decimal(1), 119, 119, Mark(1, "1"), "scanner", tax_code="A")
    of = msgspec.structs.replace
    assert travels((line, of(line, kind="deposit")))
    for stays in (
        of(line, origin=Origin("1", 1, 2, 3)),
        of(line, kind="voucher"),
        of(line, kind="deposit", serial="12"),
    ):
        assert not travels((line, stays))
        assert travels((line, of(stays, voided=Mark(2, "1"))))


def test_a_shop_that_shares_nothing_asks_nobody() -> None:
    async def case() -> None:
        shop, parks = await till_of_a_store(share_parked=False)
        assert not (await park(shop)).travels
        await acked(shop)
        await shop.till.handle(c.ResumeParked())
        assert (shop.till.view.state, parks.asked, parks.given) == ("selling", [], [])

    run(case)


def test_a_sale_follows_its_operator_to_the_next_till() -> None:
    async def case() -> None:
        there, there_parks = await other_till(cart_follows_operator=True)
        there.scan(MILK)
        await there.till.handle(c.Lock())
        fact = there.journal.facts[-1]
        assert isinstance(fact, CartParked)
        await acked(there)
        tag = there_parks.follows[fact.cart_id]
        assert tag == person_tag("s", "kim")
        shop, parks = await till_of_a_store(cart_follows_operator=True)
        await shop.till.handle(c.Lock())
        await shop.till.handle(c.StoreCartsHeard(online=True, carts=(elsewhere(fact, follows=tag),)))
        parks.answer = ClaimAnswer("granted", "2", 1, 9, body=body_of(fact))
        await shop.till.handle(c.SignIn("Alex", PIN))
        assert parks.asked == []
        await shop.till.handle(c.SignIn("Kim", PIN))
        await answered(shop.till)
        assert [line.text for line in shop.till.view.lines] == [fact.lines[0].text]

    run(case)


def test_at_the_closing_a_cart_of_the_store_is_voided_only_with_its_arbiters_yes() -> None:
    async def case() -> None:
        journal = FakeJournal()
        journal.head = msgspec.structs.replace(journal.head, business_day="", next_number=1)
        shop, parks = await till_of_a_store(journal=journal)
        await shop.till.handle(c.SignIn("Alex", PIN))
        fact = await park(shop)
        await acked(shop)
        for verdict in ("busy", "granted"):
            parks.answer = ClaimAnswer(verdict, "2")
            await shop.till.handle(c.Do("close-day", ""))
            for choice in (1, 2, 1):  # the cart, to be voided, as it was left
                await shop.till.handle(c.Choose(choice))
            if verdict == "busy":
                assert code(shop) == "parked-busy"
                assert not any(isinstance(one, CartAbandoned) for one in shop.journal.facts)
        resumed, given_up = (
            fact for fact in shop.journal.facts if isinstance(fact, CartResumed | CartAbandoned)
        )
        assert isinstance(resumed, CartResumed)
        assert isinstance(given_up, CartAbandoned)
        assert (resumed.cart_id, resumed.new_cart_id) == (fact.cart_id, parks.asked[-1][1])
        assert parks.released == [parks.asked[0][1]]

    run(case)


def test_in_training_no_cart_leaves_and_none_is_shown() -> None:
    async def case() -> None:
        shop, parks = await till_of_a_store()
        fact = await park(shop)
        await acked(shop)
        there = msgspec.structs.replace(fact, cart_id="there")
        await shop.till.handle(c.SignIn("Alex", PIN))
        await shop.till.handle(c.Do("training", ""))
        while shop.till.view.question is not None:
            await shop.till.handle(c.Choose(1))
        assert shop.till.view.training
        heard = c.StoreCartsHeard(True, (elsewhere(there),), (CartGone(fact.cart_id, "2"),))
        await shop.till.handle(heard)
        assert (shop.till.view.parked, len(shop.journal.facts)) == ((), 2)
        shop.scan(MILK)
        await shop.till.handle(c.ParkCart())
        await acked(shop)
        assert parks.given == [fact.cart_id]

    run(case)


def test_the_list_names_the_other_till_and_what_cannot_be_brought_now() -> None:
    async def case() -> None:
        there, _ = await other_till()
        fact = await park(there)
        parks = FakeParks()
        async with opened(Shop(parks=parks)) as screen:
            await screen.shop.till.handle(c.StoreCartsHeard(True, (elsewhere(fact),)))
            await park(screen.shop)
            await acked(screen.shop)
            await screen.press("f6")
            assert "Kasse 2" in screen.text
            await screen.press("escape")
            screen.shop.clock.ms += 2_000
            await screen.shop.till.handle(c.StoreCartsHeard(False))
            await screen.press("f6")
            assert "Kasse 2" not in screen.text
            assert "gehört dem Laden" in screen.text

    run(case)
