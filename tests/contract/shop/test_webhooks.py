"""Webhooks on both databases against a receiver on a real socket: each event arrives, whatever the receiver does."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sync.hub.shop.kit.work import Work
from sync.hub.shop.webhooks.deliveries import RETRY_MS, TRIES_MAX
from sync.hub.shop.webhooks.guard import Rules
from sync.hub.shop.webhooks.sender import LEASE_MS, WebhookSender
from sync.hub.shop.webhooks.signing import verify
from tests.contract.hub_kit import Ids
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import Channel, do
from tests.contract.shop.receiver import Receiver, receiving
from tests.contract.test_tls import certificate

LOCAL = Rules((ipaddress.ip_network("127.0.0.0/8"),))
MINUTE, HOUR = 60_000, 3_600_000


class Bench:
    """A hub, its office's token, a receiver, and senders."""

    def __init__(self, rig: Rig, receiver: Receiver) -> None:
        self.rig = rig
        self.receiver = receiver
        self.office = Channel(rig)
        self.sender = self.new_sender()

    def new_sender(self, name: str = "one", **options: Any) -> WebhookSender:
        given = {"limit_s": 5.0, "rules": LOCAL, **options}
        return WebhookSender(self.rig.hub.database, self.rig.clock, Ids(name), **given)

    def happen(self, type_: str = "order.ready", store: str = "demo", count: int = 1) -> None:
        def say(work: Work, _: None) -> None:
            for _n in range(count):
                work.event(store, type_, "order/17", {"order": 17})

        do(self.rig, say, None)

    async def subscribe(self, *types: str, **changes: Any) -> str:
        about = {"url": self.receiver.url, "types": list(types) or ["*"], **changes}
        webhook_id: str = (await self.office.post("/webhooks", about))["webhook_id"]
        return webhook_id

    async def secret(self, webhook_id: str) -> str:
        first: str = (await self.office.get(f"/webhooks/{webhook_id}/secrets"))["secrets"][0]
        return first

    async def log(self, webhook_id: str, query: str = "") -> list[Any]:
        found: list[Any] = (await self.office.get(f"/webhooks/{webhook_id}/deliveries{query}"))["deliveries"]
        return found

    def sequences(self) -> list[str]:
        return [received.event["sequence"] for received in self.receiver.got]


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url, webhook_rules=LOCAL)
    yield rig
    rig.close()


@asynccontextmanager
async def bench_of(rig: Rig) -> AsyncIterator[Bench]:
    async with receiving() as receiver:
        yield Bench(rig, receiver)


def play(rig: Rig, scene: Callable[[Bench], Awaitable[None]]) -> None:
    async def run() -> None:
        async with bench_of(rig) as bench:
            await scene(bench)

    asyncio.run(run())


def test_what_happened_arrives_in_order_as_a_signed_cloud_event(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        bench.happen("order.placed")  # before anybody asked for it
        webhook = await bench.subscribe("order.*")
        bench.happen("stock.changed")
        bench.happen("order.ready", count=3)
        await bench.sender.turn()
        assert bench.sequences() == ["3", "4", "5"]
        got = bench.receiver.got[0]
        assert got.path == "/hook?x=1"
        assert got.headers["host"] == f"127.0.0.1:{bench.receiver.port}"
        assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        events = (await bench.office.get("/stores/demo/events"))["events"]
        assert got.event == {
            "specversion": "1.0", "id": events[2]["id"], "source": "urn:tresen:store:demo", "type": "order.ready",
            "subject": "order/17", "time": got.event["time"], "datacontenttype": "application/json", "sequence": "3",
            "data": {"order": 17},
        }  # fmt: skip
        assert got.event["time"].endswith("Z")
        secret = await bench.secret(webhook)
        now_s = rig.clock.wall_ms() // 1000
        assert verify(secret, got.headers, got.body, now_s)
        assert not verify(secret, got.headers, got.body + b" ", now_s)
        await bench.sender.turn()
        assert len(bench.receiver.got) == 3

    play(rig, scene)


@pytest.mark.parametrize(
    ("step", "status", "reason"),
    [
        (500, 500, ""),
        (404, 404, ""),
        ("redirect", 302, "redirect"),
        ("cut", 0, "broken"),
        ("hang", 0, "slow"),
        ("drip", 0, "slow"),
    ],
)
def test_what_did_not_arrive_goes_again_under_its_id(
    rig: Rig, step: int | str, status: int, reason: str
) -> None:
    async def scene(bench: Bench) -> None:
        bench.sender = bench.new_sender(limit_s=0.3)
        webhook = await bench.subscribe()
        bench.happen()
        bench.receiver.script = [step]
        await bench.sender.turn()
        (waiting,) = await bench.log(webhook)
        assert (waiting["state"], waiting["attempts"]) == ("waiting", 1)
        assert [(one["status"], one["reason"]) for one in waiting["log"]] == [(status, reason)]
        await bench.sender.turn()
        assert len(bench.receiver.got) == 1
        rig.clock.ms += 6_000
        await bench.new_sender(limit_s=5).turn()
        (done,) = await bench.log(webhook)
        assert done["state"] == "delivered"
        first, second = bench.receiver.got
        assert first.headers["webhook-id"] == second.headers["webhook-id"] == done["delivery_id"]
        assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
        assert {received.path for received in bench.receiver.got} == {"/hook?x=1"}  # no redirect was followed

    play(rig, scene)


def test_a_receiver_that_stays_away_is_tried_for_more_than_a_day_then_it_is_dead_and_a_task(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        webhook = await bench.subscribe()
        bench.happen()
        bench.receiver.script = [503] * 50
        began, tried, state = rig.clock.ms, [], "waiting"
        while state == "waiting":
            before = len(bench.receiver.got)
            await bench.sender.turn()
            if len(bench.receiver.got) > before:
                tried.append(rig.clock.ms - began)
            (delivery,) = await bench.log(webhook)
            state = delivery["state"]
            rig.clock.ms += max(1, delivery["next_ms"] - rig.clock.wall_ms())
        assert len(tried) == TRIES_MAX
        assert tried[-1] >= sum(RETRY_MS) > 24 * HOUR
        assert tried[-1] <= sum(RETRY_MS) * 1.11
        (dead,) = await bench.log(webhook, "?state=dead")
        assert len(dead["log"]) == TRIES_MAX
        (task,) = (await bench.office.get("/stores/demo/tasks"))["tasks"]
        assert (task["kind"], task["key"]) == ("webhook-dead", webhook)
        # It is back: what is dead goes again when somebody asks for it.
        bench.receiver.script = []
        rig.clock.ms += HOUR
        replay = {"store": "demo", "first": 1, "last": 100, "only_dead": True}
        assert await bench.office.post(f"/webhooks/{webhook}/replay", replay) == {"count": 1}
        await bench.sender.turn()
        again = {one["type"]: one["state"] for one in await bench.log(webhook)}
        assert again["order.ready"] == "delivered"

    play(rig, scene)


def test_a_range_goes_again_whatever_became_of_it(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        bench.happen(count=2)
        webhook = await bench.subscribe("order.*")
        bench.happen(count=3)
        await bench.sender.turn()
        assert bench.sequences() == ["3", "4", "5"]
        path = f"/webhooks/{webhook}/replay"
        assert await bench.office.post(path, {"store": "demo", "first": 2, "last": 4}) == {"count": 3}
        await bench.sender.turn()
        assert sorted(bench.sequences()[3:]) == ["2", "3", "4"]
        ids = {
            received.event["sequence"]: received.headers["webhook-id"] for received in bench.receiver.got[:3]
        }
        assert all(
            ids.get(r.event["sequence"], r.headers["webhook-id"]) == r.headers["webhook-id"]
            for r in bench.receiver.got
        )
        wrong = await bench.office.ask("POST", path, {"store": "demo", "first": 5, "last": 4})
        assert (wrong.status_code, wrong.json()["type"]) == (422, "urn:tresen:problem:range")

    play(rig, scene)


def test_a_ping_shows_that_messages_arrive(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        webhook = await bench.subscribe("order.ready", store="demo")
        made = await bench.office.post(f"/webhooks/{webhook}/ping")
        await bench.sender.turn()
        (got,) = bench.receiver.got
        assert (got.event["type"], got.headers["webhook-id"]) == ("webhook.ping", made["delivery_id"])
        (delivery,) = await bench.log(webhook)
        assert (delivery["state"], delivery["log"][0]["status"]) == ("delivered", 200)

    play(rig, scene)


def test_a_new_secret_signs_beside_the_old_one_for_a_day(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        webhook = await bench.subscribe()
        old = await bench.secret(webhook)
        turned = await bench.office.ask("POST", f"/webhooks/{webhook}/rotate")
        assert "whsec" not in turned.text  # an answer that is kept with its key holds no secret
        new = await bench.secret(webhook)
        bench.happen()
        await bench.sender.turn()
        rig.clock.ms += 24 * HOUR
        bench.happen()
        await bench.sender.turn()
        checks = [
            [
                verify(secret, got.headers, got.body, int(got.headers["webhook-timestamp"]))
                for secret in (old, new)
            ]
            for got in bench.receiver.got
        ]
        assert checks == [[True, True], [False, True]]

    play(rig, scene)


def test_a_receiver_that_says_it_is_gone_is_left_alone_until_somebody_begins_again(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        webhook = await bench.subscribe()
        bench.happen(count=2)
        bench.receiver.script = [410]
        await bench.sender.turn()
        stopped = await bench.office.get(f"/webhooks/{webhook}")
        assert (stopped["state"], stopped["reason"]) == ("stopped", "gone")
        rig.clock.ms += HOUR
        await bench.sender.turn()
        assert len(bench.receiver.got) == 1
        about = {"url": bench.receiver.url, "types": ["*"]}
        assert (await bench.office.put(f"/webhooks/{webhook}", about))["state"] == "active"
        await bench.sender.turn()
        assert sorted(bench.sequences()[1:]) == ["1", "2"]

    play(rig, scene)


def test_who_asks_to_be_left_alone_is_left_alone_for_that_long(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        await bench.subscribe()
        bench.happen(count=2)
        bench.receiver.script = ["wait"]
        await bench.sender.turn()
        rig.clock.ms += 599_000
        await bench.sender.turn()
        assert len(bench.receiver.got) == 1
        rig.clock.ms += 61_000
        await bench.sender.turn()
        assert len(bench.receiver.got) == 3

    play(rig, scene)


def test_one_receiver_that_hangs_holds_up_no_other(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        async with receiving() as other:
            await bench.subscribe()
            await bench.subscribe(url=other.url)
            bench.happen(count=5)
            bench.receiver.script = ["hang"] * 9
            await bench.new_sender(limit_s=2).turn()
            assert len(other.got) == 5
            assert len(bench.receiver.got) == 1

    play(rig, scene)


def test_several_processes_deliver_each_event_once_and_one_at_a_time(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        await bench.subscribe()
        bench.happen(count=30)
        await asyncio.gather(*(bench.new_sender(f"process {n}").turn() for n in range(4)))
        assert sorted(bench.sequences(), key=int) == [str(n) for n in range(1, 31)]
        assert bench.sequences() == sorted(bench.sequences(), key=int)
        assert bench.receiver.most_at_once == 1

    play(rig, scene)


def test_a_process_that_dies_while_it_delivers_is_followed_by_another_with_the_same_ids(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        webhook = await bench.subscribe()
        bench.happen()
        dead = bench.new_sender("dead")
        await rig.hub.database.run("", dead._take, 16)  # it has the lease, and nothing more is heard of it
        await bench.sender.turn()
        assert bench.receiver.got == []
        rig.clock.ms += LEASE_MS
        await bench.sender.turn()
        assert [one["state"] for one in await bench.log(webhook)] == ["delivered"]

    play(rig, scene)


def test_paused_keeps_what_happens_for_later_and_removed_keeps_nothing(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        webhook = await bench.subscribe()
        about = {"url": bench.receiver.url, "types": ["*"]}
        await bench.office.put(f"/webhooks/{webhook}", {**about, "state": "paused"})
        bench.happen(count=2)
        await bench.sender.turn()
        assert bench.receiver.got == []
        await bench.office.put(f"/webhooks/{webhook}", about)
        await bench.sender.turn()
        assert bench.sequences() == ["1", "2"]
        bench.happen()
        assert (await bench.office.ask("DELETE", f"/webhooks/{webhook}")).status_code == 200
        await bench.sender.turn()
        assert len(bench.receiver.got) == 2
        assert (await bench.office.ask("GET", f"/webhooks/{webhook}")).status_code == 404
        assert (await bench.office.get("/webhooks"))["webhooks"] == []

    play(rig, scene)


def test_events_of_one_store_go_to_its_subscribers_and_of_new_stores_to_those_of_all(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        async with receiving() as other:
            await bench.subscribe(store="demo")
            await bench.subscribe(url=other.url)
            bench.happen()
            bench.happen(store="neu")
            await bench.sender.turn()
            assert [got.event["source"] for got in bench.receiver.got] == ["urn:tresen:store:demo"]
            assert sorted(got.event["source"] for got in other.got) == [
                "urn:tresen:store:demo",
                "urn:tresen:store:neu",
            ]

    play(rig, scene)


def test_nothing_goes_to_an_address_inside_also_when_a_name_changes_its_mind(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        for url in (
            "http://127.0.0.1/",
            "https://10.0.0.1/",
            "https://[::1]/",
            "ftp://x.example/",
            "https://u:p@x.example/",
        ):
            rig.hub.webhook_rules = Rules()
            answer = await bench.office.ask("POST", "/webhooks", {"url": url, "types": ["*"]})
            assert (answer.status_code, answer.json()["type"]) == (422, "urn:tresen:problem:url"), url
        webhook = await bench.subscribe(url=f"https://erp.example:{bench.receiver.port}/hook")
        bench.happen()
        asked = []

        async def look(host: str, _port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"]

        await bench.new_sender(rules=Rules(), look=look).turn()
        assert asked == ["erp.example"]
        assert bench.receiver.got == []
        (waiting,) = await bench.log(webhook)
        assert [one["reason"] for one in waiting["log"]] == ["private-address"]

    play(rig, scene)


def test_over_tls_the_certificate_must_be_the_names_though_the_connection_goes_to_an_address(
    rig: Rig, tmp_path: Path
) -> None:
    tls = certificate(tmp_path)

    async def look(_host: str, _port: int) -> list[str]:
        return ["127.0.0.1"]

    async def scene(bench: Bench) -> None:
        async with receiving(tls) as secure:
            believed = ssl.create_default_context(cafile=tls[0])
            good = await bench.subscribe(url=f"https://127.0.0.1:{secure.port}/")
            other = await bench.subscribe(url=f"https://erp.example:{secure.port}/")
            bench.happen()
            await bench.new_sender(tls=believed, look=look).turn()
            assert [one["state"] for one in await bench.log(good)] == ["delivered"]
            (refused,) = await bench.log(other)
            assert [(one["status"], one["reason"]) for one in refused["log"]] == [(0, "tls")]
            assert len(secure.got) == 1

    play(rig, scene)


def test_who_may_see_and_change_subscriptions(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        webhook = await bench.subscribe()
        about = {"url": bench.receiver.url, "types": ["*"]}
        for role in ("storefront", "staff"):
            assert (await Channel(rig, role).ask("GET", "/webhooks")).status_code == 403
        one_store = Channel(rig, "connector", "demo")
        assert (await one_store.get("/webhooks"))["webhooks"] == []
        assert (await one_store.ask("GET", f"/webhooks/{webhook}/secrets")).status_code == 404
        assert (await one_store.ask("POST", "/webhooks", about)).status_code == 403
        own = await one_store.post("/webhooks", {**about, "store": "demo"})
        assert (await one_store.ask("GET", f"/webhooks/{own['webhook_id']}")).headers["etag"] == '"1"'
        stale = await bench.office.ask("PUT", f"/webhooks/{webhook}", about, If_Match='"9"')
        assert stale.status_code == 412
        wrong: list[dict[str, Any]] = [
            {"types": []},
            {"types": ["Order Ready"]},
            {"types": ["*"] * 51},
            {"url": "x"},
            {"extra": 1},
        ]
        for bad in wrong:
            assert (await bench.office.ask("POST", "/webhooks", {**about, **bad})).status_code == 400, bad

    play(rig, scene)


def test_the_task_delivers_at_a_kick(rig: Rig) -> None:
    async def scene(bench: Bench) -> None:
        await bench.subscribe()
        task = asyncio.create_task(bench.sender.run())
        await asyncio.sleep(0)
        bench.happen()
        bench.sender.kick()
        async with asyncio.timeout(20):
            while not bench.receiver.got:  # noqa: ASYNC110 - a receiver on a socket has no bell
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    play(rig, scene)
