"""Messages over the API: their state without a person in it, by order and customer; a failed one goes out again, others do not."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from sync.hub.database import transact
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters import core, outbox
from sync.hub.shop.letters.messenger import Outcome
from sync.hub.shop.letters.outbox import Message
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import OFFICE, Channel, do

ADDRESS = "erika@example.com"
FIELDS = {"order": "W-17", "code": "7K4", "deadline_ms": 1}


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def say(rig: Rig, key: str, store: str = "demo", **more: Any) -> None:
    rig.clock.ms += 1

    def run(work: Work, _: None) -> None:
        assert core.say(work, Message(store, key, "order-ready", ADDRESS, FIELDS, **more))

    do(rig, run, None)


def settled(rig: Rig, outcome: Outcome) -> list[str]:
    """Let all that waits be tried; gives the keys."""

    def run(connection: Any) -> list[str]:
        now = rig.clock.wall_ms()
        work = Work(connection, now, rig.hub.ids, OFFICE)
        leased = outbox.due(connection, now, 50, "lease", now + 1000)
        for one in leased:
            outbox.settle(work, one, "lease", outcome)
        work.finish()
        return [one.key for one in leased]

    return transact(rig.engine, run)


def test_messages_are_listed_by_order_customer_and_state_without_the_person(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        say(rig, "order/1/ready")
        say(rig, "order/1/reminder", customer="c1")
        say(rig, "order/17/ready", store="other")
        for query, keys in (
            ("", ["order/17/ready", "order/1/reminder", "order/1/ready"]),
            ("subject=order/1", ["order/1/reminder", "order/1/ready"]),
            ("customer=c1", ["order/1/reminder"]),
            ("store=other", ["order/17/ready"]),
            ("state=sent", []),
            ("subject=order/%25", []),
        ):
            found = await office.ask("GET", f"/messages?{query}")
            assert [one["key"] for one in found.json()["messages"]] == keys, query
            assert ADDRESS not in found.text
            assert "7K4" not in found.text
        first = await office.get("/messages?limit=2")
        rest = await office.get(f"/messages?limit=2&cursor={first['next']}")
        assert [one["key"] for one in rest["messages"]] == ["order/1/ready"]
        here = Channel(rig, "staff", "demo")
        assert {one["store"] for one in (await here.get("/messages"))["messages"]} == {"demo"}
        assert (await here.ask("GET", "/messages?store=other")).status_code == 403
        assert (await Channel(rig, "storefront").ask("GET", "/messages")).status_code == 403

    asyncio.run(go())


def test_a_failed_message_goes_out_again_and_its_task_is_gone(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        say(rig, "order/1/ready")
        assert settled(rig, Outcome("refused", "550 5.1.1")) == ["order/1/ready"]
        (seen,) = (await office.get("/messages?state=refused"))["messages"]
        assert (seen["answer"], seen["attempts"], seen["can_again"]) == ("550 5.1.1", 1, True)
        assert len((await office.get("/stores/demo/tasks"))["tasks"]) == 1
        rig.clock.ms += 72 * 3_600_000
        named = {"store": "demo", "key": "order/1/ready"}
        assert (await office.post("/messages/again", named))["state"] == "waiting"
        assert (await office.get("/stores/demo/tasks"))["tasks"] == []
        twice = await office.ask("POST", "/messages/again", named)
        assert (twice.status_code, twice.json()["type"]) == (409, "urn:tresen:problem:not-failed")
        assert settled(rig, Outcome("sent", "250")) == ["order/1/ready"]
        sent = await office.ask("POST", "/messages/again", named)
        assert sent.status_code == 409

    asyncio.run(go())


def test_what_must_not_be_sent_is_not_sent_again(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        say(rig, "order/1/ready")
        say(rig, "order/2/ready")
        say(rig, "order/3/ready", until_ms=rig.clock.wall_ms() + 10)
        do(rig, lambda work, _: core.take_back(work, "demo", "order/1/ready"), None)
        settled(rig, Outcome("refused", "550"))
        do(rig, lambda work, _: core.forget_address(work, ADDRESS), None)
        rig.clock.ms += 1000
        for key, code in (
            ("order/1/ready", "not-wished"),
            ("order/2/ready", "erased"),
            ("order/9/ready", "not-found"),
        ):
            answer = await office.ask("POST", "/messages/again", {"store": "demo", "key": key})
            assert answer.json()["type"].endswith(code), key
        say(rig, "order/4/ready", until_ms=rig.clock.wall_ms() + 10)
        settled(rig, Outcome("refused", "550"))
        rig.clock.ms += 1000
        late = await office.ask("POST", "/messages/again", {"store": "demo", "key": "order/4/ready"})
        assert (late.status_code, late.json()["type"]) == (409, "urn:tresen:problem:late")
        other = Channel(rig, "staff", "b")
        answer = await other.ask("POST", "/messages/again", {"store": "demo", "key": "order/4/ready"})
        assert answer.status_code == 403

    asyncio.run(go())
