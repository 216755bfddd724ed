"""A relay: facts go up as they were sealed, changes come down as they were counted, and the hub decides."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from sync.client import HubClient
from sync.enrolling import enrol
from sync.hub import machine_feed
from sync.hub import tables as t
from sync.hub.changes import Cursor
from sync.hub.database import transact
from sync.hub.enrolment import new_code
from sync.hub.relay import HELLO_MS, WAIT_S
from sync.identity import Node
from sync.keys import verify
from sync.links import mint_link
from sync.uplink import LOOK_S as UPLINK_LOOK_S
from sync.uplink import STAND_BY_S
from sync.wire import Ack, Enrol, EpochRequest, Feed, Grant, ack_bytes, epoch_bytes, grant_bytes
from tests.contract.hub_kit import (
    NOW_MS,
    SHOP,
    Ids,
    InlineWorker,
    Memory,
    Reports,
    Till,
    as_json,
    key_for,
    sealed_by,
)
from tests.contract.hub_rig import JSON, Rig, enrol_directly, hub_rig, until_arrived
from tests.contract.relay_rig import (
    RELAY,
    STORE,
    Network,
    RelayRig,
    Shop,
    batches,
    facts_at,
    rows_of,
    shop,
    until,
)

NewUrl = Callable[[str], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def in_shop(
    request: pytest.FixtureRequest, new_url: NewUrl
) -> Callable[[Callable[[Shop], Awaitable[None]]], None]:
    """Runs a case with a hub on each kind of database, and a relay on SQLite."""

    def run(case: Callable[[Shop], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with asyncio.timeout(100), shop(new_url(request.param), new_url("sqlite")) as found:
                await case(found)

        asyncio.run(whole())

    return run


@pytest.fixture
def in_small_shop(new_url: NewUrl) -> Callable[[Callable[[Shop], Awaitable[None]]], None]:
    """The same with SQLite alone."""

    def run(case: Callable[[Shop], Awaitable[None]]) -> None:
        async def whole() -> None:
            async with asyncio.timeout(100), shop(new_url("sqlite"), new_url("sqlite")) as found:
                await case(found)

        asyncio.run(whole())

    return run


InShop = Callable[[Callable[[Shop], Awaitable[None]]], None]


# Facts up


def test_facts_of_many_tills_reach_the_hub_with_their_seals_unchanged(in_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        tills = [Till(STORE, str(n)) for n in range(1, 6)]
        await found.join(*(till.till for till in tills))
        for till in tills:
            till.sell(120)
            for batch in batches(till):
                ack = await found.ack(batch)
                assert (ack.stored_by, ack.acked_hash) == (RELAY, batch.facts[-1].hash)
                assert verify(key_for(STORE, RELAY).public, ack.signature, ack_bytes(ack))
        await found.until_passed_on(*tills)
        made = [b.seal.signature for till in tills for b in batches(till) if b.seal is not None]
        kept = sa.select(t.seal).order_by(t.seal.c.till, t.seal.c.last_seq)
        assert [bytes(row.signature) for row in rows_of(found.relay.engine, kept)] == made
        # Several batches may go up as one, under the seal of the last.
        assert {bytes(row.signature) for row in rows_of(found.hub.engine, kept)} <= set(made)
        assert {row.last_seq for row in rows_of(found.hub.engine, kept)} >= {121}

    in_shop(case)


def test_the_till_hears_through_the_relay_what_the_hub_signed(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1")
        till = Till(STORE)
        first = await found.ack(sealed_by(till.batch(1, 1)))
        assert first.upstream is None
        await found.until_passed_on(till)
        till.sell(1)
        await until(lambda: acked(found, till) == 1)
        second = await found.ack(sealed_by(till.batch(2, 2)))
        assert second.upstream is not None
        assert (second.upstream.acked_seq, second.upstream.stored_by) == (1, "hub")
        assert verify(found.hub.hub.key.public, second.upstream.signature, ack_bytes(second.upstream))
        await until(lambda: acked(found, till) == 2)
        welcome = await found.hello("1")
        assert welcome.upstream is not None
        assert welcome.upstream.acked_seq == 2

    in_small_shop(case)


def test_while_the_hub_is_away_the_relay_takes_all_and_hands_it_on_when_it_is_back(in_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1", "2")
        found.relay.network.up = False
        tills = [Till(STORE, "1"), Till(STORE, "2")]
        for till in tills:
            till.sell(300)
            for batch in batches(till, 7):
                await found.ack(batch)
        assert facts_at(found.hub, tills[0]) == []
        found.relay.network.up = True
        await found.until_passed_on(*tills)
        assert not [path for method, path in found.relay.network.asked if method == "DELETE"]

    in_shop(case)


def test_a_relay_knows_and_says_that_its_hub_is_away(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1")
        relay = found.relay.hub.relay
        assert relay is not None
        assert not relay.hub_away
        found.relay.network.up = False
        relay.kick()
        async with asyncio.timeout(10):
            while not relay.hub_away:
                found.relay.clock.ms += 1_000
                await asyncio.sleep(0.005)
        assert (await found.relay.hub.feeds.read([Cursor("chain", 0, "")], 1)).hub_away
        found.relay.network.up = True
        async with asyncio.timeout(10):
            while relay.hub_away:  # noqa: ASYNC110 - the relay tells nobody
                await asyncio.sleep(0.005)

    in_small_shop(case)


def test_lost_answers_neither_lose_nor_double_a_fact(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1")
        till = Till(STORE)
        till.sell(200)
        found.relay.network.lose_answers = 9
        for batch in batches(till, 10):
            await found.ack(batch)
        await found.until_passed_on(till)
        await until(lambda: acked(found, till) == 201)
        assert rows_of(found.hub.engine, sa.select(t.exception)) == []

    in_small_shop(case)


def test_a_hub_without_faith_in_one_till_does_not_hold_up_the_others(in_small_shop: InShop) -> None:
    """Till 1's key is one that the hub does not know."""

    async def case(found: Shop) -> None:
        await found.join("1", "2")
        with found.hub.engine.begin() as connection:
            connection.execute(t.machine_key.delete().where(t.machine_key.c.machine == "1"))
        one, two = Till(STORE, "1"), Till(STORE, "2")
        await found.ack(sealed_by(one.batch(1, 1)))
        two.sell(50)
        for batch in batches(two, 3):
            await found.ack(batch)
        await found.until_passed_on(two)
        assert facts_at(found.hub, one) == []
        posts = [path for method, path in found.relay.network.asked if method == "POST" and "/1/" in path]
        assert len(posts) == 1  # and not asked again and again

    in_small_shop(case)


def test_a_fork_above_stops_that_epoch_alone_and_the_hub_keeps_both_branches(in_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1", "2")
        till = Till(STORE)
        till.sell(5)
        clone = till.clone()
        for batch in batches(till):
            await found.ack(batch)
        await found.until_passed_on(till)
        clone.sell(1, lines=7)
        await found.ack(sealed_by(clone.batch(7, 7)), found.hub)  # it found its way to the hub first
        till.sell(40)
        for batch in batches(till, 10):
            await found.ack(batch)
        aside = sa.select(t.quarantine.c.hash).order_by(t.quarantine.c.seq)
        await until(lambda: len(rows_of(found.hub.engine, aside)) == 40)
        ours = [bytes(row.hash) for row in rows_of(found.hub.engine, aside)]
        assert ours == [fact.hash for fact in till.facts[6:]]
        await until(lambda: bool(rows_of(found.relay.engine, sa.select(t.exception))))
        (noted,) = rows_of(found.relay.engine, sa.select(t.exception))
        assert (noted.kind, noted.till, noted.epoch) == ("upstream", "1", 1)
        assert (await found.hello("1")).standing == "fork"
        other = Till(STORE, "2")
        await found.ack(sealed_by(other.batch(1, 1)))
        await found.until_passed_on(other)

        # It asks for an epoch through the relay, and goes on in it.
        last = till.facts[-1]
        grant = await ask_for_epoch(
            found.relay, EpochRequest(STORE, "1", "r1", "fork", 1, last.seq, last.hash)
        )
        assert (grant.epoch, grant.first_seq, grant.prev_hash) == (2, last.seq + 1, last.hash)
        assert verify(found.hub.hub.key.public, grant.signature, grant_bytes(grant))
        till.new_epoch()
        till.sell(3)
        await found.ack(sealed_by(till.batch(47, 50)))
        await until(lambda: [f.epoch for f in facts_at(found.hub, till)].count(2) == 4)

    in_shop(case)


def test_a_branch_that_the_relay_keeps_aside_reaches_the_hub_before_what_follows_it(
    in_small_shop: InShop,
) -> None:
    async def case(found: Shop) -> None:
        await found.join("1")
        till = Till(STORE)
        till.sell(5)
        clone = till.clone()
        till.sell(3)
        for batch in batches(till):
            await found.ack(batch)
        clone.sell(30, lines=5)
        found.relay.network.up = False
        for start in range(7, 37, 10):
            answer = await found.hand_in(sealed_by(clone.batch(start, start + 9)))
            assert answer.status_code == 409
        clone.new_epoch()
        clone.sell(2)
        await found.ack(sealed_by(clone.batch(37, 39)))
        found.relay.network.up = True
        await until(lambda: len(facts_at(found.hub, till)) == 9 + 3)
        aside = rows_of(found.hub.engine, sa.select(t.quarantine.c.hash).order_by(t.quarantine.c.seq))
        assert [bytes(row.hash) for row in aside] == [fact.hash for fact in clone.facts[6:36]]

    in_small_shop(case)


def test_what_a_revoked_key_sealed_is_kept_aside_and_the_relay_hears_of_it(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1")
        till = Till(STORE)
        await found.ack(sealed_by(till.batch(1, 1)))
        await found.until_passed_on(till)
        found.relay.network.up = False
        transact(found.hub.engine, machine_feed.revoke, STORE, "1", "", "00ffff00", NOW_MS)
        till.sell(4)
        await found.ack(sealed_by(till.batch(2, 3)))  # the relay could not know
        found.relay.network.up = True
        await until(lambda: len(rows_of(found.hub.engine, sa.select(t.quarantine))) == 2)

        async def refused() -> bool:
            return (await found.hand_in(sealed_by(till.batch(4, 5)))).status_code == 403

        async with asyncio.timeout(20):
            found.relay.clock.ms += 3_000
            while not await refused():
                found.relay.clock.ms += 3_000
                await asyncio.sleep(0.01)
        await until(lambda: len(rows_of(found.hub.engine, sa.select(t.quarantine))) == 4)

    in_small_shop(case)


def test_a_hub_that_was_restored_gets_again_what_it_lost(in_shop: InShop, new_url: NewUrl) -> None:
    async def case(found: Shop) -> None:
        await found.join("1")
        till = Till(STORE)
        till.sell(400)
        for batch in batches(till):
            await found.ack(batch)
        await found.until_passed_on(till)
        await until(lambda: acked(found, till) == 401)
        lose(found.hub, till, after=100)
        till.sell(1)
        await found.ack(sealed_by(till.batch(402, 402)))
        await found.until_passed_on(till)

    in_shop(case)


def test_a_hub_that_was_restored_gets_it_without_a_new_sale(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1")
        till = Till(STORE)
        till.sell(40)
        await found.hello("1")
        for batch in batches(till, 10):
            await found.ack(batch)
        await found.until_passed_on(till)
        await until(lambda: acked(found, till) == 41)
        lose(found.hub, till, after=21)
        found.relay.clock.ms += HELLO_MS
        assert found.relay.hub.relay is not None
        found.relay.hub.relay.kick()
        await found.until_passed_on(till)

    in_small_shop(case)


def test_a_relay_asks_for_all_its_tills_once_the_hub_above_started_anew(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1", "2")
        tills = [Till(STORE, "1"), Till(STORE, "2")]
        for till in tills:
            till.sell(40)
            await found.hello(till.till)
            for batch in batches(till, 10):
                await found.ack(batch)
        await found.until_passed_on(*tills)
        await until(lambda: all(acked(found, till) == 41 for till in tills))
        before = found.hub.hub
        for till in tills:
            lose(found.hub, till, after=21, triggers=till is tills[0])
        found.hub.restart()
        for hub in (found.hub.hub, before):  # no answer is held: the next one is the restored hub's
            hub.feeds.close()
        await found.until_passed_on(*tills)

    in_small_shop(case)


def test_an_empty_relay_in_place_of_another_takes_what_the_tills_have(
    in_small_shop: InShop, new_url: NewUrl
) -> None:
    async def case(found: Shop) -> None:
        await found.join("1")
        till = Till(STORE)
        till.sell(100)
        for batch in batches(till, 20):
            await found.ack(batch, found.hub)
        second = RelayRig(new_url("sqlite"), found.hub, "relay-2")
        async with second.hub.running():
            shop_again = Shop(found.hub, second)
            await until(lambda: bool(rows_of(second.engine, sa.select(t.upstream))))
            assert (await shop_again.hello("1")).acked_epoch == 0
            ahead = till.clone()
            ahead.sell(20)  # the hub knows nothing of what comes before these
            gap = await shop_again.hand_in(sealed_by(ahead.batch(111, 121)))
            assert gap.json()["type"] == "urn:tresen:problem:gap"
            # Its journal begins at 61: what is before was acknowledged by the hub, and left.
            for start in (61, 81):
                await shop_again.ack(sealed_by(till.batch(start, start + 19)))
            till.sell(5)
            await shop_again.ack(sealed_by(till.batch(101, 106)))
            await found.until_passed_on(till)
        second.close()

    in_small_shop(case)


def test_a_sale_is_at_the_relay_after_one_request_and_one_short_pause(in_small_shop: InShop) -> None:
    """The second copy: counted, not timed. The bar is 2 s; pauses on its way are 0.2 s at most."""

    async def case(found: Shop) -> None:
        await found.join("1")
        till, paused = Till(STORE), [0.0]
        reports = Reports()
        identity = found.hub.identity(STORE, "1")
        relay = Node("http://relay", "relay", RELAY, key_for(STORE, RELAY).public)
        ways = {"relay": Network(found.relay.transport), "hub": Network(found.hub.transport)}

        async def sleep(seconds: float) -> None:
            if seconds in {UPLINK_LOOK_S, WAIT_S}:  # beside the way
                await asyncio.sleep(3600)
            if seconds != STAND_BY_S:
                paused[-1] += seconds
            await asyncio.sleep(0.001)

        client = HubClient(
            msgspec.structs.replace(identity, nodes=(relay, *identity.nodes)),
            epoch=lambda: till.epoch, source=till, memory=Memory(), clock=found.relay.clock, ids=Ids("till"),
            worker=InlineWorker(), submit=reports, sleep=sleep, transport=lambda node: ways[node.role],
        )  # fmt: skip
        task = asyncio.create_task(client.run())
        await until(lambda: acked_by_relay(reports) == 1)
        posts = len([1 for method, _ in ways["relay"].asked if method == "POST"])
        for _ in range(60):
            paused.append(0.0)
            till.sell(1)
            client.kick()
            await until(lambda: acked_by_relay(reports) == len(till.facts))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert len([1 for method, _ in ways["relay"].asked if method == "POST"]) - posts == 60
        assert max(paused[1:]) <= 0.2
        assert ways["hub"].asked == []  # it stands by

    in_small_shop(case)


def test_a_relay_with_a_restored_disk_gets_again_what_it_lost(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1")
        till = Till(STORE)
        till.sell(120)
        for batch in batches(till, 30):
            await found.ack(batch)
        await found.until_passed_on(till)
        lose(found.relay, till, after=31)
        with found.relay.engine.begin() as connection:
            connection.execute(t.upstream.delete())
        welcome = await found.hello("1")
        assert (welcome.acked_seq, welcome.acked_hash) == (31, till.facts[30].hash)
        gap = await found.hand_in(sealed_by(till.batch(91, 121)))
        assert gap.json()["expected_seq"] == 32
        till.sell(1)
        for start in (32, 62, 92):
            await found.ack(sealed_by(till.batch(start, min(start + 29, 122))))
        await found.ack(sealed_by(till.batch(122, 122)))
        await found.until_passed_on(till)
        assert facts_at(found.relay, till) == till.facts
        for rig in (found.hub, found.relay):
            assert rows_of(rig.engine, sa.select(t.exception)) == []
            assert rows_of(rig.engine, sa.select(t.quarantine)) == []

    in_small_shop(case)


# Changes down


def test_a_mirror_has_the_hubs_numbers_and_stamps(in_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1", "2")
        found.append("chain", *(f"a{n}" for n in range(900)))
        found.append("till:demo/2", "x")
        for scope in ("chain", "store:demo", "till:demo/2"):
            await until(partial(same_end, found, scope))
            theirs, ours = found.held(scope, rig=found.hub), found.held(scope)
            assert [(c.n, c.stamp, c.kind, c.key, bytes(c.body)) for c in theirs.changes] == [
                (c.n, c.stamp, c.kind, c.key, bytes(c.body)) for c in ours.changes
            ]

    in_shop(case)


def test_a_till_at_the_relay_hears_at_once_of_what_the_hub_was_told(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1")
        async with found.relay.asking_from(machine="1", store=STORE) as line:
            cursors = {"cursor": ["chain@0", "till:demo/1@0"], "wait": "25"}
            question = asyncio.create_task(line.get("/v1/changes", params=cursors))
            found.append("till:demo/1", "new")
            feed = msgspec.json.decode((await question).content, type=Feed)
        assert [change.key for change in feed.scopes[1].changes] == ["new"]

    in_small_shop(case)


def test_the_mirror_of_a_restored_hub_begins_again(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        found.append("chain", "a", "b", "c")
        await until(lambda: found.held("chain").cursor == 3)
        old = found.held("chain").next
        with found.hub.engine.begin() as connection:
            connection.execute(t.change.delete().where(t.change.c.n > 1, t.change.c.scope == "chain"))
            connection.execute(
                t.change_counter.update().where(t.change_counter.c.scope == "chain").values(n=1)
            )
        found.append("chain", "b", "d")
        await until(lambda: found.held("chain").next != old and found.held("chain").cursor == 3)
        assert [change.key for change in found.held("chain").changes] == ["a", "b", "d"]
        n, _, stamp = old.partition(".")
        assert found.held("chain", Cursor("chain", int(n), stamp)).reset

    in_small_shop(case)


def test_a_till_that_knows_more_than_the_mirror_is_answered_by_the_hub(in_small_shop: InShop) -> None:
    """It was at the hub while the relay was away; or that hub was restored since."""

    async def case(found: Shop) -> None:
        await found.join("1")
        found.append("chain", "a", "b")
        await until(lambda: found.held("chain").cursor == 2)
        async with found.relay.asking_from(machine="1", store=STORE) as line:
            ahead = {"cursor": "chain@7.0badbeef"}
            feed = msgspec.json.decode((await line.get("/v1/changes", params=ahead)).content, type=Feed)
            assert feed.scopes[0].reset
            assert [change.key for change in feed.scopes[0].changes] == ["a", "b"]
            found.relay.network.up = False
            feed = msgspec.json.decode((await line.get("/v1/changes", params=ahead)).content, type=Feed)
            assert (feed.scopes[0].reset, feed.scopes[0].next) == (False, "7.0badbeef")

    in_small_shop(case)


def test_a_copy_in_the_making_is_not_taken_for_the_whole(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        found.append("chain", *(f"a{n}" for n in range(1200)))
        await until(lambda: found.held("chain").cursor > 0)
        assert found.held("chain").head == 1200

    in_small_shop(case)


# What only the hub decides


def test_link_key_and_public_address_are_the_hubs(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1")
        key = (await found.hello("1", found.hub)).link_key
        await until(lambda: bool(rows_of(found.relay.engine, sa.select(t.store_key))))
        welcome = await found.hello("1")
        assert (welcome.link_key, welcome.public_url) == (key, "https://beleg.example")
        till = Till(STORE)
        link = mint_link(STORE, bytes(16), key)
        till.sell(1, link=f"https://beleg.example/r/{link}")
        await found.ack(sealed_by(till.batch(1, 2)))
        async with found.relay.stranger() as line:
            page = await until_arrived(line, link)
        assert SHOP.name in page.text

    in_small_shop(case)


def test_a_relay_that_never_met_its_hub_gives_no_link_key_of_its_own(new_url: NewUrl) -> None:
    async def case() -> None:
        async with hub_rig(new_url("sqlite")) as hub:
            relay = RelayRig(new_url("sqlite"), hub)
            relay.network.up = False
            enrol_directly(relay.engine, STORE, "1", key_for(STORE, "1").public)
            async with relay.hub.running():
                welcome = await Shop(hub, relay).hello("1")
                assert (welcome.link_key, welcome.acked_epoch) == (b"", 0)
            relay.close()

    asyncio.run(case())


def test_enrolments_and_epochs_are_the_hubs_to_give(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        await found.join("1")
        async with found.relay.stranger() as line:
            wish = Enrol("ABCD", bytes(32), bytes(16), bytes(32))
            answer = await line.post("/v1/enrolments", content=as_json(wish), headers=JSON)
            assert (answer.status_code, answer.json()["title"]) == (403, "The code is wrong")
            assert answer.headers["content-type"] == "application/problem+json"
        request = EpochRequest(STORE, "1", "r1", "restored", 1, 0, bytes(32))
        first = await ask_for_epoch(found.relay, request)
        assert await ask_for_epoch(found.relay, request) == first
        await found.join("2")
        foreign = await post_epoch(found.relay, request, machine="2")
        assert foreign.status_code in {401, 403}
        found.relay.network.up = False
        answer = await post_epoch(found.relay, request)
        assert (answer.status_code, answer.json()["title"]) == (503, "The hub cannot be reached")
        async with found.relay.asking_from() as line:
            ndjson = {"Content-Type": "application/x-ndjson"}
            answer = await line.put("/v1/catalogue/articles", content=b'{"sku":"1"}', headers=ndjson)
            assert (answer.status_code, answer.json()["title"]) == (409, "This is a relay")

    in_small_shop(case)


def test_a_till_enrols_through_the_relay_and_trusts_the_hub_behind_it(in_small_shop: InShop) -> None:
    async def case(found: Shop) -> None:
        code = transact(
            found.hub.engine,
            new_code,
            found.hub.hub.ids.token,
            store=STORE,
            machine="7",
            now_ms=found.hub.clock.wall_ms(),
        )
        identity, enrolled = await enrol(
            "http://relay", code, ids=Ids("7"), transport=found.relay.transport("192.0.2.7")
        )
        assert (identity.store, identity.machine) == (STORE, "7")
        assert enrolled.node_key == found.hub.hub.key.public
        assert enrolled.grant is not None
        assert [relay.name for relay in enrolled.relays] == [RELAY]

    in_small_shop(case)


def acked_by_relay(reports: Reports) -> int:
    return max((report.acked_seq for report in reports.all if report.node == "relay"), default=0)


def same_end(found: Shop, scope: str) -> bool:
    return found.held(scope).next == found.held(scope, rig=found.hub).next != "0"


def acked(found: Shop, till: Till) -> int:
    """Up to which fact the relay knows the hub to hold the till's."""
    c = t.upstream.c
    query = sa.select(c.ack).where(c.till == till.till).order_by(c.epoch.desc())
    rows = rows_of(found.relay.engine, query)
    return msgspec.json.decode(bytes(rows[0].ack), type=Ack).acked_seq if rows else 0


def lose(rig: Rig, till: Till, after: int, *, triggers: bool = True) -> None:
    """As after a restore: the node no longer has what came after a fact. `triggers` are there yet."""
    with rig.engine.begin() as connection:
        for table in ("fact", "seal") if triggers else ():
            sqlite = rig.engine.dialect.name == "sqlite"
            name = f"{table}_no_delete" if sqlite else f"{table}_keep on {table}"
            connection.exec_driver_sql(f"drop trigger {name}")
        connection.execute(t.fact.delete().where(t.fact.c.till == till.till, t.fact.c.seq > after))
        connection.execute(t.seal.delete().where(t.seal.c.till == till.till, t.seal.c.last_seq > after))
        connection.execute(
            t.till_head.update()
            .where(t.till_head.c.till == till.till)
            .values(seq=after, hash=till.facts[after - 1].hash)
        )


async def post_epoch(rig: Rig, request: EpochRequest, machine: str = "") -> httpx.Response:
    key = key_for(request.store, request.till)
    request = msgspec.structs.replace(request, key_id=key.key_id)
    request = msgspec.structs.replace(request, signature=key.sign(epoch_bytes(request)))
    async with rig.asking_from(machine=machine, store=STORE) as line:
        path = f"/v1/tills/{request.store}/{request.till}/epochs"
        return await line.post(path, content=as_json(request), headers=JSON)


async def ask_for_epoch(rig: Rig, request: EpochRequest) -> Grant:
    answer = await post_epoch(rig, request)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=Grant)
