"""Gift cards: held for one, captured by the sale, never spent twice while the hub decides; what tills did alone is booked."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest

from pos.domain.tender import Tender
from pos.sale_facts import Sale
from sync.hub.database import transact
from sync.hub.shop.cards import core
from sync.hub.shop.cards.messages import HoldCard, IssueCard
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from tests.contract.hub_kit import Till, sale
from tests.contract.hub_rig import Rig, say_hello, send
from tests.contract.shop.kit import OFFICE, Channel, do, hear

NUMBER = "K" * 25


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def loaded(number: int, minor: int) -> Sale:
    """A sale in which a card is sold."""
    sold = sale(number, lines=1)
    line = msgspec.structs.replace(
        sold.lines[0], kind="voucher", serial=NUMBER, unit_minor=minor, total_minor=minor
    )
    return msgspec.structs.replace(
        sold, lines=(line,), tenders=(Tender("cash", minor, minor, 0),), total_minor=minor
    )


def paid(number: int, minor: int, hold: str = "") -> Sale:
    sold = sale(number, lines=1)
    tender = Tender("gift-card", minor, minor, 0, reference=NUMBER, hold=hold)
    return msgspec.structs.replace(sold, tenders=(tender,))


async def arrive(rig: Rig, till: Till, *facts: Sale) -> None:
    first = len(till.facts) + 1
    till.write(*facts)
    async with rig.asking_from() as line:
        await say_hello(line, till=till.till)
        answer = await send(line, till.batch(1 if first == 2 else first, len(till.facts)))
        assert answer.status_code == 200, answer.text
    hear(rig)


def test_a_card_that_a_till_sold_is_held_and_spent_at_another_and_only_so_far(rig: Rig) -> None:
    async def go() -> None:
        one, two = Channel(rig, till="1", store="demo"), Channel(rig, till="2", store="demo")
        first, second = Till(), Till(till="2")
        assert (await two.ask("GET", f"/gift-cards/{NUMBER}")).status_code == 404
        await arrive(rig, first, loaded(1, 5000))
        assert (await two.get(f"/gift-cards/{NUMBER}"))["available_minor"] == 5000
        hold = await two.post(f"/gift-cards/{NUMBER}/holds", {"minor": 3000})
        assert (hold["state"], hold["left_minor"]) == ("held", 2000)
        refused = await one.ask("POST", f"/gift-cards/{NUMBER}/holds", {"minor": 2001})
        assert (refused.status_code, refused.json()["type"].split(":")[-1], refused.json()["detail"]) == (
            *(409, "too-little", "2000"),
        )
        await arrive(rig, second, paid(1, 3000, hold["hold_id"]))
        card = await one.get(f"/gift-cards/{NUMBER}")
        assert (card["available_minor"], card["held_minor"]) == (2000, 0)
        assert (await two.post(f"/gift-card-holds/{hold['hold_id']}/release"))["state"] == "captured"

    asyncio.run(go())


def test_a_hold_lapses_by_the_hubs_clock_and_ends_once(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        card = await office.post("/gift-cards", {"minor": 1000, "store": "demo"})
        path = f"/gift-cards/{card['number']}"
        hold = await office.post(f"{path}/holds", {"minor": 1000, "minutes": 1})
        rig.clock.ms += 60_001
        assert (await office.post(f"{path}/holds", {"minor": 1000}))["left_minor"] == 0
        assert (await office.post(f"/gift-card-holds/{hold['hold_id']}/release"))["state"] == "expired"
        assert (await office.get(path))["held_minor"] == 1000
        await office.post(f"{path}/block", {"blocked": True, "reason": "lost"})
        assert (await office.ask("POST", f"{path}/holds", {"minor": 1})).json()["type"].endswith(":blocked")

    asyncio.run(go())


@pytest.mark.parametrize("turn", [False, True])
def test_two_tills_on_their_own_spend_one_card_twice_and_a_person_is_asked_once(rig: Rig, turn: bool) -> None:
    async def go() -> None:
        first, second = Till(), Till(till="2")
        alone = [(first, loaded(1, 5000)), (first, paid(2, 5000))]
        other = [(second, paid(1, 5000))]
        for till, fact in (*other, *alone) if turn else (*alone, *other):
            await arrive(rig, till, fact)
        hear(rig)
        office = Channel(rig)
        card = await office.get(f"/gift-cards/{NUMBER}")
        assert (card["available_minor"], card["overdrawn_minor"]) == (0, 5000)
        (task,) = (await office.get("/stores/demo/tasks"))["tasks"]
        assert (task["kind"], task["key"]) == ("gift-card-overdrawn", NUMBER)
        assert len((await office.get(f"/gift-cards/{NUMBER}/history"))["moves"]) == 3

    asyncio.run(go())


def test_a_second_hold_for_the_same_part_of_a_cart_takes_the_first_ones_place(rig: Rig) -> None:
    number = do(rig, core.issue_new, IssueCard(100, "demo")).number
    other = do(rig, core.issue_new, IssueCard(100, "demo")).number

    def held(card: str, minor: int, subject: str, till: str = "1") -> Any:
        actor = Actor("till", f"demo/{till}", "till", "demo")
        return do(rig, core.hold, core.HoldAsk(card, HoldCard(minor, subject=subject)), actor)

    first = held(number, 100, "cart/0")
    assert held(number, 80, "cart/0").left_minor == 20
    assert do(rig, core.release, first.hold_id).state == "released"
    held(number, 20, "cart/1")  # another part
    with pytest.raises(RefusedError):
        held(number, 1, "cart/0", "2")  # another till
    held(other, 50, "cart/0")
    assert (do(rig, core.get, number).held_minor, do(rig, core.get, other).held_minor) == (20, 50)


def test_of_many_that_hold_the_last_amount_at_once_one_gets_it(rig: Rig) -> None:
    number = do(rig, core.issue_new, IssueCard(100, "demo")).number

    def attempt(_: int) -> bool:
        def run(connection: object) -> bool:
            work = Work(connection, rig.clock.wall_ms(), rig.hub.ids, OFFICE)  # type: ignore[arg-type]
            try:
                core.hold(work, core.HoldAsk(number, HoldCard(100)))
            except RefusedError:
                return False
            return True

        return transact(rig.engine, run)

    count = 1 if rig.engine.dialect.name == "sqlite" else 4
    with ThreadPoolExecutor(count) as threads:
        assert sum(threads.map(attempt, range(20))) == 1
