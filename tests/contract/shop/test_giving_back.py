"""What was paid down for an order that is over goes back at a till: one till at a time, counted once, said when it was too much."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from pos.sale_facts import Reference, Sale
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.orders import core, giving_back
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import OFFICE, Channel, do
from tests.contract.shop.orders_kit import hand_over, heard, made_ready, placed, seen
from tests.contract.shop.returns_kit import bought, sold_line

TILLS = [Actor("till", f"demo/{n}", "till", "demo") for n in range(1, 5)]


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def receipt(order: Any, number: int, minor: int, *refs: Reference) -> Sale:
    """A receipt of a down payment; negative: one that gives it back."""
    line = sold_line(1, minor, "1" if minor > 0 else "-1", sku="", kind="down-payment", order=order.order_id)
    return bought(number, line, references=refs)


def void(of: Sale, number: int) -> Sale:
    """The counter-document of till 1's receipt."""
    (line,) = of.lines
    turned = sold_line(1, -line.total_minor, str(-line.qty), sku="", kind=line.kind, order=line.order)
    return bought(number, turned, references=(Reference("void", "1", 1, of.number),))


def paid_down(rig: Rig, *, minor: int = 500, cancelled: bool = True) -> Any:
    """An order that till 1 took money for, over."""
    order = placed(rig, kind="in_store", purpose="put-aside")
    heard(rig, receipt(order, 17, minor), seq=2)
    if cancelled:
        do(rig, core.cancel, core.CancelAsk(order.order_id, "customer"), OFFICE)
    return seen(rig, order)


def take(rig: Rig, order: Any, till: Actor = TILLS[0]) -> Any:
    return do(rig, giving_back.take, giving_back.TakeAsk("demo", order.order_id), till)


def refused(rig: Rig, order: Any, till: Actor = TILLS[0]) -> str:
    with pytest.raises(RefusedError) as caught:
        take(rig, order, till)
    return caught.value.code


def tasks(rig: Rig) -> dict[str, Any]:
    found = do(rig, lambda work, _: todo.listing(work, "demo", limit=20), None, OFFICE)
    return {task.kind: task for task in found}


def test_of_many_tills_that_want_to_give_it_back_one_does(rig: Rig) -> None:
    with ThreadPoolExecutor(len(TILLS)) as pool:
        for _ in range(10):
            order = paid_down(rig)

            def go(till: Actor, order: Any = order) -> str:
                try:
                    return f"won {take(rig, order, till).amount_minor}"
                except RefusedError as refusal:
                    return refusal.code

            assert sorted(pool.map(go, TILLS)) == ["claimed"] * 3 + ["won 500"]


def test_a_lease_is_renewed_ends_by_itself_and_is_given_up_by_its_name(rig: Rig) -> None:
    order = paid_down(rig)
    first = take(rig, order)
    assert (first.paid_by, first.receipts, first.order.number) == (("demo/1-1-17",), (), order.number)
    rig.clock.ms += 9 * 60_000
    assert take(rig, order).n == first.n
    rig.clock.ms += 9 * 60_000
    assert refused(rig, order, TILLS[1]) == "claimed"
    rig.clock.ms += 2 * 60_000
    second = take(rig, order, TILLS[1])
    assert second.n == first.n + 1
    do(rig, giving_back.free, giving_back.FreeAsk("demo", order.order_id, first.n), TILLS[0])
    assert refused(rig, order) == "claimed", "an old lease gives up nothing"
    do(rig, giving_back.free, giving_back.FreeAsk("demo", order.order_id, second.n), TILLS[1])
    assert take(rig, order).n == second.n + 1


def test_the_receipt_ends_the_task_once_however_often_it_is_told(rig: Rig) -> None:
    order = paid_down(rig)
    take(rig, order)
    for _ in range(2):
        heard(rig, receipt(order, 18, -500), seq=3)
        now = seen(rig, order)
        assert (now.given_back_minor, now.paid_minor, list(tasks(rig))) == (500, 0, [])
    assert refused(rig, order) == "nothing-back"


def test_a_receipt_that_was_voided_and_is_heard_again_ends_no_lease_of_its_till(rig: Rig) -> None:
    order = paid_down(rig)
    take(rig, order)
    gave = receipt(order, 18, -500)
    for fact, seq in ((gave, 3), (void(gave, 19), 4)):
        heard(rig, fact, seq=seq)
    take(rig, order)
    heard(rig, gave, seq=3)
    assert refused(rig, order, TILLS[1]) == "claimed"
    assert seen(rig, order).given_back_minor == 0


@pytest.mark.parametrize("first", ["receipt", "void"])
def test_a_voided_receipt_gave_nothing_back_whichever_is_heard_first(rig: Rig, first: str) -> None:
    order = paid_down(rig)
    gave = receipt(order, 18, -500)
    facts = [(gave, 3), (void(gave, 19), 4)]
    for fact, seq in facts if first == "receipt" else facts[::-1]:
        heard(rig, fact, seq=seq)
    assert seen(rig, order).given_back_minor == 0
    assert [task.kind for task in tasks(rig).values()] == ["order-refund"]
    assert take(rig, order).amount_minor == 500


def test_what_two_tills_gave_back_is_said_once_and_taken_back_with_one_of_them(rig: Rig) -> None:
    order = paid_down(rig)
    gave = receipt(order, 18, -500)
    heard(rig, gave, seq=3)
    heard(rig, receipt(order, 5, -500), till="2", seq=9)
    assert list(tasks(rig)) == ["given-back-twice"]
    assert b'"value_minor":500' in bytes(tasks(rig)["given-back-twice"].data)
    heard(rig, void(gave, 19), seq=4)
    assert (list(tasks(rig)), seen(rig, order).given_back_minor) == ([], 500)


def test_what_a_person_did_by_hand_and_a_till_does_now_are_one_thing(rig: Rig) -> None:
    order = paid_down(rig)
    take(rig, order)

    async def by_hand() -> tuple[int, str]:
        task = tasks(rig)["order-refund"]
        body = {"kind": task.kind, "key": task.key}
        answer = await Channel(rig, "staff", "demo").ask("POST", "/stores/demo/tasks/done", body)
        return answer.status_code, answer.json().get("type", "").rpartition(":")[2]

    assert asyncio.run(by_hand()) == (409, "claimed")
    rig.clock.ms += 11 * 60_000
    assert asyncio.run(by_hand())[0] == 200
    assert refused(rig, order) == "nothing-back"
    heard(rig, receipt(order, 18, -500), seq=3)  # a till that was cut off did it all the same
    assert list(tasks(rig)) == ["given-back-twice"]


def test_only_an_order_that_is_over_and_only_what_tills_took_goes_back_there(rig: Rig) -> None:
    order = paid_down(rig, cancelled=False)
    assert refused(rig, order) == "nothing-back"
    elsewhere = Actor("till", "far/1", "till", "far")
    with pytest.raises(RefusedError) as caught:
        do(rig, giving_back.take, giving_back.TakeAsk("far", order.order_id), elsewhere)
    assert caught.value.status == 404
    with pytest.raises(RefusedError) as caught:
        do(rig, giving_back.take, giving_back.TakeAsk("demo", order.order_id), OFFICE)
    assert caught.value.status == 403


def test_a_part_that_left_took_its_share_and_a_hand_over_says_itself_what_it_gives_back(rig: Rig) -> None:
    order = placed(rig, kind="in_store", purpose="put-aside")
    heard(rig, receipt(order, 17, 500), seq=2)
    order = made_ready(rig, seen(rig, order))
    fact = hand_over(order, (1, 2), receipt=18, at_ms=2_000)
    heard(rig, fact, seq=3)
    heard(rig, receipt(order, 18, -500, Reference("order", external=order.order_id)), seq=4)
    now = seen(rig, order)
    assert (now.given_back_minor, list(tasks(rig))) == (0, [])
    assert (now.state, now.lines[0].delivered, now.fulfillments[0].state) == (
        "confirmed",
        Decimal(2),
        "ready",
    )


def test_a_down_payment_whose_receipt_is_voided_is_owed_by_nobody_also_heard_again(rig: Rig) -> None:
    order = paid_down(rig)
    assert list(tasks(rig)) == ["order-refund"]
    took = receipt(order, 17, 500)
    heard(rig, void(took, 18), seq=3)
    heard(rig, took, seq=2)
    assert (list(tasks(rig)), refused(rig, order)) == ([], "nothing-back")


def test_what_was_given_back_before_its_receipt_was_voided_went_back_twice(rig: Rig) -> None:
    order = paid_down(rig)
    heard(rig, receipt(order, 5, -500), till="2", seq=9)
    heard(rig, void(receipt(order, 17, 500), 18), seq=3)
    assert list(tasks(rig)) == ["given-back-twice"]


def test_given_back_by_a_person_and_used_by_a_till_that_was_cut_off_is_said(rig: Rig) -> None:
    order = placed(rig, kind="in_store", purpose="put-aside")
    heard(rig, receipt(order, 17, 500), seq=2)
    order = made_ready(rig, seen(rig, order))
    do(rig, core.cancel, core.CancelAsk(order.order_id, "customer"), OFFICE)
    task = tasks(rig)["order-refund"]
    do(rig, lambda work, _: todo.settle(work, "demo", task.kind, task.key, "2"), None, OFFICE)
    heard(rig, hand_over(order, receipt=18, at_ms=2_000, paid_minor=order.value_minor - 500), seq=3)
    assert b'"value_minor":500' in bytes(tasks(rig)["given-back-twice"].data)


@pytest.mark.parametrize("late", [False, True])
def test_a_down_payment_that_is_heard_after_the_hand_over_is_kept_in_the_same_place(
    rig: Rig, late: bool
) -> None:
    order = placed(rig, kind="in_store", purpose="put-aside")
    order = made_ready(rig, order)
    facts: list[Any] = [
        (receipt(order, 17, 500), "1", 2),
        (hand_over(order, receipt=18, at_ms=2_000, paid_minor=900), "2", 3),
    ]
    for fact, till, seq in facts[::-1] if late else facts:
        heard(rig, fact, till=till, seq=seq)
    assert [one.provider for one in seen(rig, order).payments] == ["down-payment", "counter"]
