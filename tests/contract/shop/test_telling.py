"""What customers are told of their orders, on both databases: each thing once, and nothing that does not hold any more."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from sync.hub.database import transact
from sync.hub.shop.customers import core as customers
from sync.hub.shop.customers.messages import About, NewCustomer
from sync.hub.shop.kit.ticks import tick
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters import core as letters
from sync.hub.shop.letters import outbox, people, telling
from sync.hub.shop.letters.kinds import kinds
from sync.hub.shop.letters.outbox import Content
from sync.hub.shop.letters.rendering import write
from sync.hub.shop.letters.settings import read_settings
from sync.hub.shop.letters.shops import Shop
from sync.hub.shop.letters.tables import message as t
from sync.hub.shop.letters.telling import Contact, ContactOf
from sync.hub.shop.orders import core, moves
from sync.hub.shop.orders.body import Held
from sync.hub.shop.orders.messages import Extend, ShipTo, Short
from sync.hub.shop.orders.watch import ring_due
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import do
from tests.contract.shop.orders_kit import claimed, hand_over, heard, made_ready, picked, placed, seen, step

DAY_MS = 24 * 3600 * 1000


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def contact_of(_work: Work, held: Held) -> Contact | None:
    return Contact("erika@example.com", "", held.customer) if held.customer != "nobody" else None


def told(rig: Rig, whom: ContactOf = contact_of) -> list[tuple[str, str, dict[str, Any]]]:
    """Let the hub write down what is to be said; gives kind, state and fields of all messages, in order."""

    def read(connection: sa.engine.Connection) -> list[tuple[str, str, dict[str, Any]]]:
        seals = letters.seals_of(connection, rig.hub.ids)
        found = []
        for row in connection.execute(sa.select(t).order_by(t.c.created_ms, t.c.key)):
            plain = seals.open(connection, row.customer, bytes(row.sealed)) or b'{"to":"","fields":{}}'
            content = msgspec.json.decode(plain, type=Content)
            found.append((row.kind, row.state, content.fields))
        return found

    while transact(rig.engine, telling.follow, whom, frozenset({"email"}), rig.clock.wall_ms(), rig.hub.ids):
        pass
    said = transact(rig.engine, read)
    brand = read_settings().brand
    for kind, _, fields in said:
        if fields:
            assert fields.keys() - {"order", "currency"} <= {*kinds()[kind].needs, *kinds()[kind].may}
            assert write(kind, "de", fields, Shop(), brand).text
    return said


def kinds_of(rig: Rig) -> list[tuple[str, str]]:
    return [(kind, state) for kind, state, _ in told(rig)]


def test_an_order_is_told_when_it_came_when_it_is_ready_and_never_twice(rig: Rig) -> None:
    order = placed(rig)
    ((kind, _, fields),) = told(rig)
    assert (kind, fields["order"], fields["total_minor"], fields["pickup"]) == (
        "order-received",
        "1",
        1577,
        True,
    )
    assert fields["lines"][0] == {
        "quantity": "2",
        "name": "Bio-Vollmilch 3,8 % 1 l",
        "unit": "",
        "amount_minor": 278,
    }
    rig.clock.ms += 1000
    ready = made_ready(rig, order)
    kind, _, fields = told(rig)[1]
    assert (kind, fields["code"], fields["due_minor"]) == ("order-ready", order.code, 1577)
    assert fields["deadline_ms"] == ready.fulfillments[0].deadline_ms
    assert len(told(rig)) == 2


def test_what_is_missing_is_told_with_what_is_ready(rig: Rig) -> None:
    order = placed(rig)
    step(rig, moves.short, order, Short(1, Decimal(1)))
    assert kinds_of(rig) == [("order-received", "waiting")]
    rig.clock.ms += 1000
    made_ready(rig, seen(rig, order))
    said = {kind: fields for kind, _, fields in told(rig)}
    assert list(said) == ["order-received", "order-partly", "order-ready"]
    assert said["order-partly"]["missing"] == [
        {"quantity": "1", "name": "Bio-Vollmilch 3,8 % 1 l", "unit": ""}
    ]
    assert [line["quantity"] for line in said["order-ready"]["lines"]] == ["1", "1"]


def test_a_reminder_more_time_and_the_end_are_told_and_what_waited_is_taken_back(rig: Rig) -> None:
    order = made_ready(rig, placed(rig))
    told(rig)
    step(rig, moves.extend, order, Extend(5))
    deadline = seen(rig, order).fulfillments[0].deadline_ms
    extended = [fields for kind, _, fields in told(rig) if kind == "pickup-extended"]
    assert [fields["deadline_ms"] for fields in extended] == [deadline]
    while rig.clock.wall_ms() <= deadline:
        rig.clock.ms += DAY_MS // 4
        transact(rig.engine, tick, ring_due, rig.clock.wall_ms(), rig.hub.ids)
        told(rig)
    found = kinds_of(rig)
    assert ("pickup-expired", "waiting") in found
    reminders = [state for kind, state in found if kind == "pickup-reminder"]
    assert reminders
    assert set(reminders) == {"given_up"}
    assert {state for kind, state in found if kind in {"order-ready", "pickup-extended"}} == {"given_up"}
    assert "order-cancelled" not in [kind for kind, _ in found]  # it was told once that it is over


def test_a_message_that_waits_for_the_morning_is_taken_back_when_the_order_was_collected(rig: Rig) -> None:
    order = made_ready(rig, placed(rig))
    told(rig)
    claimed(rig, order)
    heard(rig, hand_over(order))
    assert ("order-ready", "given_up") in kinds_of(rig)


def test_a_cancelled_order_is_told_once(rig: Rig) -> None:
    order = picked(rig, placed(rig))
    do(rig, core.cancel, core.CancelAsk(order.order_id, "customer"))
    found = {kind: fields for kind, _, fields in told(rig)}
    assert found["order-cancelled"]["by_customer"] is True
    assert [kind for kind, _ in kinds_of(rig)].count("order-cancelled") == 1


def test_nobody_to_tell_and_events_that_are_old_are_told_to_nobody(rig: Rig) -> None:
    placed(rig, customer="nobody")
    assert told(rig) == []
    order = placed(rig)
    rig.clock.ms += 2 * DAY_MS
    assert told(rig) == []
    made_ready(rig, order)
    assert [kind for kind, _ in kinds_of(rig)] == ["order-ready"]


def test_an_erased_customer_is_erased_from_the_outbox(rig: Rig) -> None:
    placed(rig, customer="c1")
    assert kinds_of(rig) == [("order-received", "waiting")]

    def erased(work: Work, _: None) -> None:
        work.event("", "customer.erased", "c1", {})

    do(rig, erased, None)
    assert told(rig) == [("order-received", "given_up", {})]
    with rig.engine.connect() as connection:
        assert outbox.counts(connection) == {"given_up": 1}


def addresses(rig: Rig) -> list[str]:
    def read(connection: sa.engine.Connection) -> list[str]:
        seals = letters.seals_of(connection, rig.hub.ids)
        rows = connection.execute(sa.select(t).order_by(t.c.created_ms, t.c.key)).all()
        plain = [seals.open(connection, row.customer, bytes(row.sealed)) for row in rows]
        return [msgspec.json.decode(one, type=Content).to for one in plain if one]

    return transact(rig.engine, read)


def test_a_guest_is_told_at_the_address_that_the_order_names(rig: Rig) -> None:
    placed(rig, person=ShipTo("Gast", email="gast@example.com"))
    placed(rig)  # nobody knows who it is
    assert [kind for kind, *_ in told(rig, people.contact_of)] == ["order-received"]
    assert addresses(rig) == ["gast@example.com"]
    with rig.engine.connect() as connection:
        bodies = connection.execute(sa.text("select body from orders")).scalars().all()
    assert not any(b"gast@" in bytes(body) for body in bodies)


def test_a_customer_is_told_at_the_newest_address_until_the_key_is_destroyed(rig: Rig) -> None:
    made = do(rig, customers.create, NewCustomer(About(name="Erika", email="alt@example.com")))
    order = placed(rig, customer=made.customer_id)
    told(rig, people.contact_of)
    rig.clock.ms += 1000
    made_ready(rig, order)
    do(rig, customers.put, customers.Put(made.customer_id, About(name="Erika", email="neu@example.com"), ""))
    told(rig, people.contact_of)
    assert addresses(rig) == ["alt@example.com", "neu@example.com"]
    do(rig, customers.erase, made.customer_id)
    assert addresses(rig) == ["neu@example.com"]
    assert [kind for kind, state in kinds_of(rig) if state != "given_up"] == ["erasure-done"]
