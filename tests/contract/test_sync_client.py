"""The till's line to the hub brings every fact up exactly once, whatever the network does."""

import asyncio
import gzip
import json
import random
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from pos.domain.commands import Command, HubReported, OpenEpoch
from sync.client import HubClient
from sync.cursors import Cursor
from sync.downlink import News
from sync.hub import machines, quarantine
from sync.hub.database import transact
from sync.hub.digest import Digest, digest
from sync.identity import Node
from sync.links import verify_link
from sync.pace import AT_WORK
from sync.signatures import answer_headers, read_signature
from sync.uplink import LOOK_S, Uplink
from sync.wire import Ack, Changes, Feed, Gap, Grant, ack_bytes
from tests.contract import hub_kit
from tests.contract.hub_kit import NOW_MS, SHOP, Ids, InlineWorker, Memory, Till, as_json
from tests.contract.hub_rig import Process, Rig, hub_process, hub_rig, send, until_arrived

Handler = Callable[[httpx.Request], httpx.Response | None]


class Line(httpx.AsyncBaseTransport):
    """The network between a till and a hub. `before` and `after` may answer instead, or break the line."""

    def __init__(self, hub: httpx.AsyncBaseTransport | None) -> None:
        self.hub = hub
        self.before: Handler = lambda _request: None
        self.after: Handler = lambda _request: None
        self.asked: list[str] = []
        self.answering = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        held = request.url.path.endswith("/changes")  # a long poll is answered when there is news
        self.answering += not held
        try:
            return await self._answer(request)
        finally:
            self.answering -= not held

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        if self.hub is None:
            raise httpx.ConnectError("no hub")
        answer = self.before(request)
        if answer is None:
            answer = await self.hub.handle_async_request(request)
            await answer.aread()
            answer = self.after(request) or answer
        return answer

    @property
    def batches(self) -> int:
        return sum(asked.endswith("/facts") for asked in self.asked)


class Reports(hub_kit.Reports):
    """What the till was told; a grant is acted upon at once."""

    def __init__(self, till: Till) -> None:
        super().__init__()
        self.till = till

    def __call__(self, command: Command) -> None:
        if isinstance(command, OpenEpoch):
            self.till.open_epoch(command)
        else:
            super().__call__(command)


class Shop:
    """A till with its client; time passes only while the client sleeps, and then at once."""

    def __init__(self, rig: Rig, line: Line | None = None, till: Till | None = None, **options: Any) -> None:
        self.line = line or Line(rig.transport())
        self.till = till or Till()
        self.identity = rig.identity(self.till.store, self.till.till)
        self.clock = rig.clock
        self.memory = Memory()
        self.reports = Reports(self.till)
        self.slept: list[float] = []
        self.real_s = 0.002
        self.patient = False  # no time passes while the node answers
        self.client = self.start(**options)

    def start(self, **options: Any) -> HubClient:
        self.client = HubClient(
            self.identity,
            epoch=lambda: self.till.epoch,
            source=self.till,
            memory=self.memory,
            clock=self.clock,
            ids=Ids(f"{self.till.till}/{len(self.reports.all)}"),
            worker=InlineWorker(),
            submit=self.reports,
            shop=SHOP,
            sleep=self.sleep,
            transport=lambda _node: self.line,
            **options,
        )
        return self.client

    @property
    def uplink(self) -> Uplink:
        return self.client._lines[0]

    async def sleep(self, seconds: float) -> None:
        while self.patient and self.line.answering:  # noqa: ASYNC110 - httpx tells nobody when it is done
            await asyncio.sleep(self.real_s)
        self.slept.append(seconds)
        self.clock.ms += int(seconds * 1000)
        await asyncio.sleep(self.real_s)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[HubClient]:
        task = asyncio.create_task(self.client.run())
        try:
            yield self.client
        finally:
            assert not task.done()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def all_acked(self) -> HubReported:
        def held(report: HubReported) -> bool:
            last = self.till.facts[-1]
            return report.online and (report.acked_epoch, report.acked_seq) == (last.epoch, last.seq)

        return await self.reports.until(held)


class PatientShop(Shop):
    """A till that never looks by itself: no hello comes because time passed."""

    async def sleep(self, seconds: float) -> None:
        if seconds == LOOK_S:
            await asyncio.Event().wait()
        await super().sleep(seconds)

    @property
    def hellos(self) -> int:
        return sum(asked.startswith("PUT") for asked in self.line.asked)


def signed(
    rig: Rig, request: httpx.Request, status: int, content: bytes = b"", **headers: str
) -> httpx.Response:
    """An answer that the hub itself could have given."""
    signature = read_signature(dict(request.headers)).signature
    signing = answer_headers(
        rig.hub.key.sign,
        keyid=rig.hub.key.key_id,
        status=status,
        body=content,
        request_signature=signature,
        created=rig.clock.wall_ms() // 1000,
    )
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=content, headers={**more, **signing})


def acked(rig: Rig, seq: int, hash_: bytes) -> Ack:
    """An acknowledgement signed by the hub's key."""
    ack = Ack(1, seq, hash_, rig.clock.wall_ms(), "hub", "demo", "1", rig.hub.key.key_id)
    return msgspec.structs.replace(ack, signature=rig.hub.key.sign(ack_bytes(ack)))


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not happened():  # noqa: ASYNC110 - it happens in code that knows of no event for us
            await asyncio.sleep(0.005)


def digest_of(rig: Rig) -> Digest:
    with rig.engine.connect() as connection:
        return digest(connection)


async def settled(rig: Rig) -> Digest:
    """The digest once the projections have caught up."""
    from sync.hub.projector import lagging

    async with asyncio.timeout(10):
        while True:
            with rig.engine.connect() as connection:
                if not lagging(connection):
                    return digest(connection)
            await asyncio.sleep(0.005)


async def reference(url: str, *tills: Till) -> Digest:
    """What a hub holds that got all of it over a perfect line."""
    async with hub_rig(url) as rig, rig.asking_from() as line:
        for till in tills:
            for epoch in sorted({fact.epoch for fact in till.facts}):
                places = [n for n, fact in enumerate(till.facts, 1) if fact.epoch == epoch]
                for first in range(places[0], places[-1] + 1, 100):
                    answer = await send(line, till.batch(first, min(first + 99, places[-1])))
                    assert answer.status_code == 200
        return await settled(rig)


def test_facts_go_up_in_order_and_news_follows_a_kick(hub_url: str) -> None:
    async def scenario() -> None:
        async with hub_rig(hub_url) as rig:
            shop = Shop(rig)
            shop.till.sell(1200)
            async with shop.running() as client:
                await shop.all_acked()
                assert shop.line.batches == 7
                shop.till.sell(1)
                client.kick()
                await shop.all_acked()
            assert shop.reports.last == HubReported(online=True, acked_epoch=1, acked_seq=1202)
            assert digest_of(rig).gross_minor == shop.till.gross_minor

    asyncio.run(scenario())


def test_while_somebody_works_a_backlog_goes_up_in_small_pieces_and_is_told_of_rarely(
    new_url: Callable[[str], str],
) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            shop = Shop(rig, at_work=lambda: True)
            shop.till.sell(2_999)  # and the fact that opened the epoch
            began_ms = shop.clock.ms
            async with shop.running() as client:
                await shop.all_acked()
                assert shop.line.batches == 3_000 // AT_WORK.facts
                needed_ms = shop.clock.ms - began_ms
                assert (
                    needed_ms < 3_000 * 7
                )  # so many facts at least in each second, whatever happens at the till
                # as it began, on the way, as it ended
                assert 2 <= len(shop.reports.all) <= 2 + needed_ms // AT_WORK.tell_ms
                told = len(shop.reports.all)
                shop.till.sell(1)  # a single sale is no backlog
                client.kick()
                await shop.all_acked()
                assert len(shop.reports.all) == told + 1

    asyncio.run(scenario())


def test_a_change_of_kind_is_told_at_once_also_while_a_backlog_drains(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            shop = Shop(rig, at_work=lambda: True)
            shop.till.sell(999)
            seen: list[int] = []

            def break_off(_request: httpx.Request) -> None:
                if shop.line.batches == 4 and not seen:
                    seen.append(len(shop.reports.all))
                    raise httpx.ReadError("the line broke")

            shop.line.before = break_off
            async with shop.running():
                await shop.all_acked()
            broken = shop.reports.all[seen[0]]
            assert broken == HubReported(online=False, acked_epoch=1, acked_seq=3 * AT_WORK.facts)

    asyncio.run(scenario())


def test_a_receipt_link_is_made_at_the_till_and_answered_by_the_hub(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig, rig.asking_from("203.0.113.9") as customer:
            shop = Shop(rig)
            assert shop.client.receipt_link() == ""
            async with shop.running() as client:
                await shop.all_acked()
                link = client.receipt_link()
                assert link != client.receipt_link()
                assert client.public_url == "https://beleg.example"
                assert "retry-after" in (await customer.get(f"/r/{link}")).headers
                shop.till.sell(1, link=link)
                client.kick()
                assert (await until_arrived(customer, link)).status_code == 200
            later = shop.start()  # a restart without any hub
            await later.load()
            assert verify_link(later.receipt_link(), shop.memory.values["hub.link_key"])

    asyncio.run(scenario())


def test_lost_answers_lost_requests_and_doubled_requests_change_nothing(
    hub_url: str, new_url: Callable[[str], str]
) -> None:
    async def scenario() -> None:
        chance = random.Random(3)
        tills = [Till(till=str(n)) for n in (1, 2)]
        for till in tills:
            till.sell(700)
        tills[1].new_epoch()
        tills[1].sell(300)
        async with hub_rig(hub_url) as rig:
            for till in tills:
                line = Line(rig.transport())
                shop = Shop(rig, line, till)

                def lose(_request: httpx.Request) -> None:
                    if chance.random() < 0.3:
                        raise httpx.ReadError("the line broke")

                line.before = lose
                line.after = lose
                shop.uplink._limit = 40
                async with shop.running():
                    await shop.all_acked()
            assert await settled(rig) == await reference(new_url("sqlite"), *tills)

    asyncio.run(scenario())


def test_others_that_send_the_same_facts_again_and_out_of_order_change_nothing(
    hub_url: str, new_url: Callable[[str], str]
) -> None:
    async def scenario() -> None:
        chance = random.Random(5)
        async with hub_rig(hub_url) as rig, rig.asking_from() as other:
            shop = Shop(rig)
            shop.till.sell(600)

            async def disturb() -> None:
                while True:
                    first = chance.randint(1, 590)
                    answer = await send(other, shop.till.batch(first, first + chance.randint(0, 10)))
                    assert answer.status_code in {200, 409}
                    assert b"problem:fork" not in answer.content

            shop.uplink._limit = 7
            noise = asyncio.create_task(disturb())
            async with shop.running():
                await shop.all_acked()
            noise.cancel()
            with suppress(asyncio.CancelledError):
                await noise
            assert await settled(rig) == await reference(new_url("sqlite"), shop.till)

    asyncio.run(scenario())


def test_the_hub_down_and_up_again(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            line = Line(None)
            shop = Shop(rig, line)
            shop.till.sell(20)
            async with shop.running():
                report = await shop.reports.until(lambda report: not report.online)
                assert report == HubReported(online=False, acked_epoch=1, acked_seq=0)
                await until(lambda: len(shop.slept) >= 40)
                assert max(shop.slept) <= 60
                assert min(shop.slept) >= 0.1
                assert max(shop.slept[:3]) <= 2
                assert len({round(pause, 3) for pause in shop.slept}) > 20
                line.hub = rig.transport()
                await shop.all_acked()
                line.hub = None
                await shop.reports.until(lambda report: not report.online)
                line.hub = rig.transport()
                await shop.all_acked()

    asyncio.run(scenario())


def test_a_restored_hub_is_noticed_by_its_next_answer_though_no_line_broke(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with hub_rig(f"sqlite:///{tmp_path}/hub.db") as rig:
            shop = PatientShop(rig)
            shop.till.sell(4)
            async with shop.running() as client:
                await shop.all_acked()
                shutil.copy(tmp_path / "hub.db", tmp_path / "old.db")
                shop.till.sell(6)
                client.kick()
                await shop.all_acked()
                await until(lambda: "GET /v1/changes" in shop.line.asked)
                async with hub_rig(f"sqlite:///{tmp_path}/old.db", "hub again") as old:
                    shop.line.hub = old.transport()
                    for hub in (old.hub, rig.hub):  # no answer is held: the next one is the restored hub's
                        hub.feeds.close()
                    await until(lambda: digest_of(old).tills == {"demo/1": {"1": 11}})
                    shop.line.hub = None

    asyncio.run(scenario())


def test_a_hub_whose_changes_are_others_is_asked_what_it_holds(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            shop = PatientShop(rig)
            reset = Feed((Changes("chain", (), 0, 0, "0", reset=True),), 0, rig.hub.run)
            answers = [reset]

            def answer(request: httpx.Request) -> httpx.Response | None:
                if request.url.path != "/v1/changes" or not answers:
                    return None
                return signed(rig, request, 200, as_json(answers.pop()))

            shop.line.before = answer
            async with shop.running():
                await until(lambda: not answers and shop.hellos == 2)

    asyncio.run(scenario())


def test_a_hub_restored_from_an_older_copy_gets_everything_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with hub_rig(f"sqlite:///{tmp_path}/hub.db") as rig:
            line = Line(rig.transport())
            shop = Shop(rig, line)
            shop.till.sell(4)
            async with shop.running() as client:
                await shop.all_acked()
                shutil.copy(tmp_path / "hub.db", tmp_path / "old.db")
                shop.till.sell(6)
                client.kick()
                await shop.all_acked()
                line.hub = None
                await shop.reports.until(lambda report: not report.online)
                async with hub_rig(f"sqlite:///{tmp_path}/old.db") as old:
                    line.hub = old.transport()
                    await shop.all_acked()
                    assert digest_of(old).tills == {"demo/1": {"1": 11}}
                    line.hub = None

    asyncio.run(scenario())


def test_a_till_that_lost_its_memory_goes_on_where_the_hub_stands(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            shop = Shop(rig)
            shop.till.sell(5)
            async with shop.running():
                await shop.all_acked()
            shop.memory.values.clear()
            shop.reports.all.clear()
            shop.start()
            sent = shop.line.batches
            async with shop.running():
                await shop.all_acked()
            assert shop.line.batches == sent

    asyncio.run(scenario())


def test_a_cloned_till_hands_its_branch_over_and_goes_on_in_an_epoch_of_its_own(hub_url: str) -> None:
    async def scenario() -> None:
        async with hub_rig(hub_url) as rig:
            shop = Shop(rig)
            shop.till.sell(5)
            clone = Shop(rig, till=shop.till.clone())
            shop.till.sell(2)
            clone.till.sell(1, lines=8)
            async with shop.running():
                await shop.all_acked()
            clone.till.sell(400)
            async with clone.running() as client:
                await clone.reports.until(lambda report: report.problem == "fork")
                report = await clone.all_acked()
                assert clone.till.epoch == 2
                clone.till.sell(1)
                client.kick()
                report = await clone.all_acked()
                assert report.acked_epoch == 2
            found = digest_of(rig)
            assert found.tills == {"demo/1": {"1": 8, "2": 409}}
            assert found.quarantined == 401
            shop.till.sell(1)  # the other machine is still the one of epoch 1
            shop.reports.all.clear()
            shop.start()
            async with shop.running():
                await shop.all_acked()
            assert digest_of(rig).tills["demo/1"]["1"] == 9

    asyncio.run(scenario())


def test_a_revoked_till_hands_over_all_it_sells_and_sends_nothing_twice(hub_url: str) -> None:
    async def scenario() -> None:
        async with hub_rig(hub_url) as rig:
            shop = Shop(rig)
            shop.till.sell(2)

            def aside() -> int:
                with rig.engine.connect() as connection:
                    return sum(branch.facts for branch in quarantine.branches(connection))

            async with shop.running() as client:
                await shop.all_acked()
                transact(rig.engine, machines.revoke, "demo", "1", "", NOW_MS)
                shop.line.asked.clear()
                for sold in (250, 251, 252):
                    shop.till.sell(sold - aside())
                    client.kick()
                    await until(lambda sold=sold: aside() == sold)  # type: ignore[misc]
                await until(lambda: shop.line.asked.count("PUT /v1/tills/demo/1") >= 2)
                assert shop.line.batches == 4
                report = await shop.reports.until(lambda report: report.problem == "revoked")
                assert (report.online, report.acked_seq) == (True, 3)
                with rig.engine.connect() as connection:
                    assert len(quarantine.branches(connection)) == 1

    asyncio.run(scenario())


def test_a_till_with_an_old_disk_gets_another_epoch_before_it_sends_anything(hub_url: str) -> None:
    async def scenario() -> None:
        async with hub_rig(hub_url) as rig:
            shop = Shop(rig)
            shop.till.sell(5)
            old = Shop(rig, till=shop.till.clone())
            shop.till.sell(7)
            async with shop.running():
                await shop.all_acked()
            async with old.running():
                await old.all_acked()
                assert old.line.batches == 1, "the node has all that was written before the new epoch"
                old.till.sell(2)
                old.client.kick()
                await old.all_acked()
            assert (old.till.epoch, old.till.facts[-3].seq) == (2, 14)
            found = digest_of(rig)
            assert found.tills == {"demo/1": {"1": 13, "2": 16}}
            assert found.quarantined == 0

    asyncio.run(scenario())


def test_a_grant_that_the_hub_did_not_sign_opens_nothing(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            line = Line(rig.transport())
            shop = Shop(rig, line)
            shop.till.sell(5)
            old = Shop(rig, line, shop.till.clone())
            shop.till.sell(7)
            async with shop.running():
                await shop.all_acked()

            def forged(request: httpx.Request) -> httpx.Response | None:
                if not request.url.path.endswith("/epochs"):
                    return None
                grant = Grant("demo", "1", 9, 14, bytes(32), 1, "restored", 0, "", bytes(64))
                return signed(rig, request, 200, as_json(grant))

            line.before = forged
            async with old.running():
                report = await old.reports.until(lambda report: report.problem == "untrusted")
            assert report.acked_seq <= 6
            assert old.till.epoch == 1

    asyncio.run(scenario())


def test_an_acknowledgement_with_anothers_hash_moves_no_cursor(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            line = Line(rig.transport())
            shop = Shop(rig, line)

            def wrong(request: httpx.Request) -> httpx.Response | None:
                if not request.url.path.endswith("/facts"):
                    return None
                return signed(rig, request, 200, as_json(acked(rig, 1, bytes(32))))

            line.before = wrong
            async with shop.running():
                report = await shop.reports.until(lambda report: report.problem == "fork")
                assert report.acked_seq == 0
            assert shop.till.epoch == 1 or digest_of(rig).facts == 0

    asyncio.run(scenario())


def test_an_acknowledgement_that_the_node_did_not_sign_moves_no_cursor(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            line = Line(rig.transport())
            shop = Shop(rig, line)
            shop.till.sell(1)

            def unsigned(request: httpx.Request) -> httpx.Response | None:
                if not request.url.path.endswith("/facts"):
                    return None
                ack = acked(rig, 2, shop.till.facts[-1].hash)
                return signed(rig, request, 200, as_json(msgspec.structs.replace(ack, signature=bytes(64))))

            line.before = unsigned
            async with shop.running():
                report = await shop.reports.until(lambda report: report.problem == "untrusted")
                assert report == HubReported(online=False, acked_epoch=1, acked_seq=0, problem="untrusted")

    asyncio.run(scenario())


def test_the_hubs_own_line_opens_when_the_relay_is_silent_and_closes_when_it_is_back(
    new_url: Callable[[str], str],
) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite"), "relay-1") as relay, hub_rig(new_url("sqlite")) as hub:
            near, far = Line(relay.transport()), Line(hub.transport())
            shop = Shop(relay, near)
            node = shop.identity.nodes[0]
            hub.enrolled()
            shop.identity = msgspec.structs.replace(
                shop.identity,
                nodes=(
                    Node(node.url, "relay", "relay-1", node.public_key),
                    Node("http://far", "hub", "hub", hub.hub.key.public),
                ),
            )
            shop.start()
            shop.patient = True
            shop.client.transport = lambda node: near if node.role == "relay" else far
            held: dict[str, tuple[int, int]] = {}

            async def until_held(by: str, seq: int) -> None:
                def known(_: HubReported) -> bool:
                    held.update((r.node, (r.acked_epoch, r.acked_seq)) for r in shop.reports.all)
                    return held.get(by) == (1, seq)

                await shop.reports.until(known)

            async with shop.running() as client:
                shop.till.sell(3)
                await until_held("relay", 4)
                assert far.asked == []
                near.hub = None
                shop.till.sell(2)
                client.kick()
                await until_held("hub", 6)
                await until(lambda: ("relay", "away") in {(r.node, r.problem) for r in shop.reports.all})
                near.hub = relay.transport()
                await until_held("relay", 6)
                assert [r.problem for r in shop.reports.all if r.node == "relay"][-1] != "away"
                await until(lambda: shop.client.stands_by(shop.client._lines[1]))
                looked = len(shop.slept)
                await until(lambda: len(shop.slept) >= looked + 50)  # the hub's line ends with its next look
                asked = far.batches
                shop.till.sell(1)
                client.kick()
                await until_held("relay", 7)
                await until(lambda: len(shop.slept) >= looked + 100)
                assert far.batches == asked

    asyncio.run(scenario())


def test_what_the_hub_holds_is_heard_through_the_relay_and_believed_only_with_the_hubs_signature(
    new_url: Callable[[str], str],
) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite"), "relay-1") as relay, hub_rig(new_url("sqlite")) as hub:
            line = Line(relay.transport())
            shop = Shop(relay, line)
            node = shop.identity.nodes[0]
            shop.identity = msgspec.structs.replace(
                shop.identity,
                nodes=(
                    Node(node.url, "relay", "relay-1", node.public_key),
                    Node("http://far", "hub", "hub", hub.hub.key.public),
                ),
            )
            shop.real_s = 0.02
            shop.start()
            shop.client.transport = lambda node: line if node.role == "relay" else Line(None)
            shop.till.sell(3)

            def with_upstream(ack: Ack) -> Handler:
                def answer(request: httpx.Request) -> httpx.Response | None:
                    if not request.url.path.endswith("/facts"):
                        return None
                    own = acked(relay, shop.till.facts[-1].seq, shop.till.facts[-1].hash)
                    return signed(relay, request, 200, as_json(msgspec.structs.replace(own, upstream=ack)))

                return answer

            async with shop.running() as client:

                def told(node: str, seq: int) -> bool:
                    return any((report.node, report.acked_seq) == (node, seq) for report in shop.reports.all)

                line.before = with_upstream(acked(relay, 4, shop.till.facts[3].hash))  # the relay's own word
                await until(lambda: told("relay", 4))
                shop.till.sell(1)
                line.before = with_upstream(acked(hub, 2, shop.till.facts[1].hash))
                client.kick()
                await until(lambda: told("hub", 2))
            assert {r.acked_seq for r in shop.reports.all if r.node == "hub"} <= {0, 2}

    asyncio.run(scenario())


def test_a_relay_says_that_the_hub_was_restored_and_the_tills_cursor_goes_back_only_by_a_newer_word(
    new_url: Callable[[str], str],
) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as hub:
            till, memory = Till(), Memory()
            till.sell(5)
            node = Node("http://far", "hub", "hub", hub.hub.key.public)
            cursor = Cursor(node, till.store, till.till, till, memory)

            def word(seq: int, at_ms: int) -> Ack:
                ack = acked(hub, seq, till.facts[seq - 1].hash)
                return hub.hub.signed(msgspec.structs.replace(ack, hub_time_ms=at_ms))

            assert await cursor.heard(word(5, 1000))
            assert not await cursor.heard(word(2, 900)), "older than what is known"
            stranger = msgspec.structs.replace(word(2, 2000), signature=bytes(64))
            assert not await cursor.heard(stranger), "the relay's own invention"
            assert cursor.place == (1, 5)
            assert await cursor.heard(word(2, 2000))
            assert cursor.place == (1, 2)
            assert memory.values["hub.cursor"] == b"1:2"
            assert not await cursor.heard(word(5, 1000)), "from before it was restored"
            assert await cursor.heard(word(6, 2001))
            assert cursor.place == (1, 6)

    asyncio.run(scenario())


def test_what_the_hub_holds_is_never_more_than_the_relay_said_last_after_a_restore(
    new_url: Callable[[str], str],
) -> None:
    """By the till's own line as well: what it heard directly is newer than what a relay remembers."""

    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as hub:
            till = Till()
            till.sell(5)
            cursor = Cursor(
                Node("http://far", "hub", "hub", hub.hub.key.public), till.store, till.till, till, Memory()
            )
            await cursor.move((1, 5), 3000)
            remembered = msgspec.structs.replace(acked(hub, 2, till.facts[1].hash), hub_time_ms=2000)
            assert not await cursor.heard(hub.hub.signed(remembered))
            assert cursor.place == (1, 5)

    asyncio.run(scenario())


def test_while_the_relay_answers_and_the_hub_does_not_the_till_hears_so(
    new_url: Callable[[str], str],
) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite"), "relay-1") as relay, hub_rig(new_url("sqlite")) as hub:
            line = Line(relay.transport())
            shop = Shop(relay, line)
            node = shop.identity.nodes[0]
            shop.identity = msgspec.structs.replace(
                shop.identity,
                nodes=(
                    Node(node.url, "relay", "relay-1", node.public_key),
                    Node("http://far", "hub", "hub", hub.hub.key.public),
                ),
            )
            shop.start()
            shop.patient = True
            shop.client.transport = lambda node: line if node.role == "relay" else Line(None)
            away = [False]
            relay.hub.feeds.hub_away = lambda: away[0]
            relay.hub.feeds.close()  # no answer is held

            def said(*, online: bool, problem: str) -> bool:
                news = [report for report in shop.reports.all if report.node == "hub"]
                return bool(news) and (news[-1].online, news[-1].problem) == (online, problem)

            async with shop.running():
                await until(lambda: said(online=True, problem=""))
                away[0] = True
                await until(lambda: said(online=False, problem="unreachable"))
                away[0] = False
                await until(lambda: said(online=True, problem=""))
                assert [r.online for r in shop.reports.all if r.node == "relay"][-1]

    asyncio.run(scenario())


def test_a_line_whose_answers_nobody_signed_is_not_the_hub(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            line = Line(rig.transport())
            line.before = lambda _request: httpx.Response(200, content=b"<html>Welcome, guest</html>")
            shop = Shop(rig, line)
            async with shop.running():
                report = await shop.reports.until(lambda report: report.problem == "untrusted")
                assert not report.online
                line.before = lambda _request: None
                await shop.all_acked()

    asyncio.run(scenario())


def test_a_batch_that_is_too_large_is_split(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            line = Line(rig.transport())
            shop = Shop(rig, line)
            shop.till.sell(99)
            sizes: list[int] = []

            def small(request: httpx.Request) -> httpx.Response | None:
                if not request.url.path.endswith("/facts"):
                    return None
                sizes.append(len(json.loads(gzip.decompress(request.content))["facts"]))
                return signed(rig, request, 413) if sizes[-1] > 20 else None

            line.before = small
            async with shop.running():
                await shop.all_acked()
            assert sizes[:4] == [100, 50, 25, 12]
            assert digest_of(rig).facts == 100

    asyncio.run(scenario())


def test_pictures_of_a_mebibyte_go_up_one_by_one(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            shop = Shop(rig)
            for n in range(3):
                shop.till.write_raw("picture", 1, random.Random(n).randbytes(900_000))
            async with shop.running():
                await shop.all_acked()
            assert digest_of(rig).kinds["picture"] == 3

    asyncio.run(scenario())


@pytest.mark.parametrize("status", [429, 503])
def test_a_hub_that_asks_for_patience_gets_it(status: int, new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            line = Line(rig.transport())
            shop = Shop(rig, line)
            line.before = lambda request: signed(rig, request, status, b"", retry_after="17")
            async with shop.running():
                await shop.reports.until(lambda report: report.online and report.problem == "busy")
                line.before = lambda _request: None
                await shop.all_acked()
            assert shop.slept[0] >= 17

    asyncio.run(scenario())


@pytest.mark.parametrize("answer", ["old ack", "gap", "silence"])
def test_a_queue_that_does_not_shrink_for_a_minute_is_reported_and_the_line_rebuilt(
    answer: str, new_url: Callable[[str], str]
) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            line = Line(rig.transport())
            shop = Shop(rig, line)
            async with shop.running() as client:
                await shop.all_acked()
                shop.till.sell(3)
                head = shop.till.facts[0]

                def stall(request: httpx.Request) -> httpx.Response | None:
                    if not request.url.path.endswith("/facts"):
                        return None
                    if answer == "silence":
                        raise httpx.ReadTimeout("no answer")
                    if answer == "gap":
                        return signed(rig, request, 409, as_json(Gap(expected_seq=2)))
                    return signed(rig, request, 200, as_json(acked(rig, 1, head.hash)))

                line.before = stall
                client.kick()
                await shop.reports.until(lambda report: report.problem == "stuck")
                assert shop.reports.last.online
                assert line.asked.count("PUT /v1/tills/demo/1") > 1
                assert line.batches < 200
                line.before = lambda _request: None
                report = await shop.all_acked()
                assert report.problem == ""

    asyncio.run(scenario())


def test_a_hub_that_lacks_what_the_till_no_longer_has_is_reported_as_a_gap(
    new_url: Callable[[str], str],
) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            shop = Shop(rig)
            shop.till.sell(5)
            shop.till.base_of[1] = (2, shop.till.facts[1].hash)
            del shop.till.facts[:2]
            async with shop.running():
                report = await shop.reports.until(lambda report: report.problem != "")
            assert report == HubReported(online=True, acked_epoch=1, acked_seq=0, problem="gap")

    asyncio.run(scenario())


def test_a_journal_that_cannot_be_read_and_a_memory_that_fails_do_not_end_the_client(
    new_url: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            shop = Shop(rig)

            async def broken(*_arguments: object) -> None:
                raise RuntimeError("broken")

            with monkeypatch.context() as patch:
                patch.setattr(shop.memory, "get", broken)
                patch.setattr(shop.till, "read_after", broken)
                async with shop.running():
                    await shop.reports.until(lambda report: not report.online)
                    patch.setattr(shop.memory, "get", Memory().get)
                    await shop.reports.until(lambda report: report.problem == "journal")
            async with shop.running():
                await shop.all_acked()

    asyncio.run(scenario())


def test_changes_come_down_and_a_failure_there_holds_no_fact_up(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        applied: list[dict[str, Any]] = []
        runs: list[tuple[bool, bool]] = []
        failing = True

        async def apply(news: News) -> None:
            if failing:
                raise ValueError("no room for articles")
            runs.append((news.begins, news.whole))
            applied.extend(news.changes)
            assert news.cursor == f"{news.changes[-1]['n']}.{news.changes[-1]['stamp']}"

        async with hub_rig(new_url("sqlite")) as rig, rig.asking_from() as line:
            lines = b"".join(b'{"sku":"%d","gone":true}\n' % n for n in range(700))
            headers = {"Content-Type": "application/x-ndjson"}
            await line.put("/v1/catalogue/articles", content=lines, headers=headers)
            shop = Shop(rig, apply_changes=apply)
            async with shop.running() as client:
                await shop.all_acked()
                shop.till.sell(3)
                client.kick()
                await shop.all_acked()
                assert applied == []
                failing = False
                await until(lambda: len(applied) >= 700)
            assert [change["n"] for change in applied] == list(range(1, 701))
            assert (applied[0]["kind"], applied[0]["key"], applied[0]["body"]) == (
                "article",
                "0",
                {"sku": "0", "gone": True},
            )
            assert runs == [(True, False), (False, True)]
            assert shop.memory.values["feed.chain"].startswith(b"700.")

    asyncio.run(scenario())


def test_a_node_that_gives_no_changes_still_gets_every_fact_and_is_not_asked_over_and_over(
    new_url: Callable[[str], str],
) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            line = Line(rig.transport())
            line.before = lambda request: (
                signed(rig, request, 403, b"{}") if request.url.path == "/v1/changes" else None
            )
            shop = Shop(rig, line)
            async with shop.running() as client:
                for _ in range(20):
                    shop.till.sell(1)
                    client.kick()
                    await shop.all_acked()
            assert line.asked.count("PUT /v1/tills/demo/1") <= shop.clock.ms // 300_000 + 2
            assert line.asked.count("GET /v1/changes") <= len([s for s in shop.slept if s >= 60]) + 2

    asyncio.run(scenario())


def test_an_idle_line_asks_for_changes_and_says_when_it_goes_silent(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            line = Line(rig.transport())

            def nothing_new(request: httpx.Request) -> httpx.Response | None:
                if request.url.path != "/v1/changes":
                    return None
                return signed(rig, request, 200, as_json(Feed((Changes("chain", (), 0, 0, "0"),), 0)))

            line.before = nothing_new
            shop = Shop(rig, line)
            async with shop.running():
                await shop.all_acked()
                await until(lambda: line.asked.count("GET /v1/changes") >= 3)
                told = len(shop.reports.all)
                assert told <= 2  # looking is no news
                line.hub = None
                await shop.reports.until(lambda report: not report.online)

    asyncio.run(scenario())


# The hub's process is killed between its commit and its answer: the worst moment there is.
KILLED_AFTER_COMMIT = """
import os, signal, sys
from sync.hub import database, ledger
commits = int(os.environ["KILL_AT_COMMIT"])
whole = database.transact
def transact(engine, function, *args, **kwargs):
    global commits
    answer = whole(engine, function, *args, **kwargs)
    if function is ledger.ingest:
        commits -= 1
        if commits == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return answer
database.transact = transact
from sync.hub.cli import hub
hub()
"""


def test_a_hub_killed_between_commit_and_answer_loses_and_doubles_nothing(
    hub_url: str, new_url: Callable[[str], str]
) -> None:
    async def scenario() -> None:
        async with hub_rig(hub_url) as rig:
            shop = Shop(rig, Line(None))
        shop.till.sell(300)
        shop.uplink._limit = 50

        networks: list[httpx.AsyncHTTPTransport] = []

        async def meet(process: Process) -> None:
            url = process.ready()
            shop.line.hub = Redirected(url)
            networks.append(shop.line.hub.network)

        async with shop.running():
            for commit in ("1", "3"):
                with hub_process(
                    "--port", "0", "--db", hub_url, env={"KILL_AT_COMMIT": commit}, script=KILLED_AFTER_COMMIT
                ) as process:
                    await meet(process)
                    code = await asyncio.to_thread(process.popen.wait, 20)
                    assert code == -signal.SIGKILL
                shop.line.hub = None
                await shop.reports.until(lambda report: not report.online)
                shop.uplink._limit = 50
            with hub_process("--port", "0", "--db", hub_url) as process:
                await meet(process)
                await shop.all_acked()
                assert process.end()[0] == 0
                shop.line.hub = None
        for network in networks:
            await network.aclose()
        async with hub_rig(hub_url) as rig:
            found = await settled(rig)
        assert found == await reference(new_url("sqlite"), shop.till)
        assert found.gross_minor == shop.till.gross_minor

    asyncio.run(scenario())


class Redirected(httpx.AsyncBaseTransport):
    """Carries requests to wherever a hub's process listens now."""

    def __init__(self, url: str) -> None:
        self.url = httpx.URL(url)
        self.network = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(host=self.url.host, port=self.url.port)
        return await self.network.handle_async_request(request)
