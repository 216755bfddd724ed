"""Attacks on the line between machines and their hub. Each is refused, whole, and changes nothing.

Attacks on enrolment stand in test_enrolment.py.
"""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from pos.domain.commands import HubReported
from sync.client import HubClient
from sync.downlink import News
from sync.hub import machines, quarantine
from sync.hub import tables as t
from sync.hub.database import transact
from sync.identity import Identity, Node
from sync.keys import SigningKey
from sync.line import Line, UntrustedAnswerError
from sync.signatures import answer_headers, content_digest, read_signature, request_headers
from sync.wire import (
    Ack,
    EpochRequest,
    Fork,
    Grant,
    Hello,
    Problem,
    decode_answer,
    encode_batch,
    encode_json,
    epoch_bytes,
)
from tests.contract.hub_kit import NOW_MS, SHOP, Ids, InlineWorker, Memory, Reports, Till, key_for, sealed_by
from tests.contract.hub_rig import JSON, Rig, Signing, hub_rig, say_hello, send

SIGNATURE = "urn:tresen:problem:signature"
FORBIDDEN = "urn:tresen:problem:forbidden"
FACTS = "/v1/tills/demo/1/facts"


def run(url: str, scenario: Callable[[Rig], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with hub_rig(url) as rig:
            await scenario(rig)

    asyncio.run(whole())


def content_of(till: Till, first: int = 1, last: int = 1, key: SigningKey | None = None) -> bytes:
    return encode_batch(sealed_by(till.batch(first, last), key))[0]


def signed(
    rig: Rig, method: str = "POST", path: str = FACTS, content: bytes = b"", **options: str
) -> httpx.Request:
    """A request as an enrolled till makes it."""
    headers = {**JSON, "Content-Encoding": "gzip"} if content[:2] == b"\x1f\x8b" else JSON if content else {}
    request = httpx.Request(method, f"http://hub{path}", content=content, headers=headers)
    return next(Signing(rig, **options).auth_flow(request))


def altered(request: httpx.Request, **changes: Any) -> httpx.Request:
    """The same headers around something else."""
    headers = {**request.headers, **changes.get("headers", {})}
    content = changes.get("content", request.content)
    headers["content-length"] = str(len(content))
    return httpx.Request(
        changes.get("method", request.method),
        changes.get("url", request.url),
        headers=headers,
        content=content,
    )


async def ask(rig: Rig, request: httpx.Request) -> httpx.Response:
    async with rig.stranger("203.0.113.66") as line:
        return await line.send(request)


async def refused(rig: Rig, request: httpx.Request, kind: str = SIGNATURE) -> Problem:
    """The request is refused with a problem of this kind, and the hub holds what it held."""
    before = rows(rig)
    answer = await ask(rig, request)
    problem = msgspec.json.decode(answer.content, type=Problem)
    assert (answer.status_code, problem.type) == (403 if kind == FORBIDDEN else 401, kind), problem
    assert rows(rig) == before
    return problem


def rows(rig: Rig) -> dict[str, int]:
    counted = (t.fact, t.quarantine, t.till, t.till_head, t.till_epoch, t.machine_key, t.exception)
    with rig.engine.connect() as connection:
        return {
            table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in counted
        }


def epoch_request(store: str = "demo", till: str = "1", key: SigningKey | None = None) -> bytes:
    key = key or key_for(store, till)
    request = EpochRequest(store, till, "wish-1", "restored", 1, 0, bytes(32), key.key_id)
    return encode_json(msgspec.structs.replace(request, signature=key.sign(epoch_bytes(request))))


# Requests that were made by somebody else, or changed, or kept


def test_a_request_that_nobody_signed_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.enrolled()
        for method, path, content in (
            ("PUT", "/v1/tills/demo/1", encode_json(Hello("demo", "1", 1))),
            ("POST", FACTS, content_of(Till())),
            ("GET", "/v1/changes?cursor=chain@0", b""),
            ("POST", "/v1/tills/demo/1/epochs", epoch_request()),
            ("POST", "/v1/keys", b"{}"),
            ("GET", "/v1/relays", b""),
        ):
            plain = httpx.Request(method, f"http://hub{path}", content=content, headers=JSON)
            await refused(rig, plain)

    run(hub_url, scenario)


@pytest.mark.parametrize(
    "path", ["//v1/relays", "/v1//relays", "/v1/relays/", "/x/../v1/relays", "/V1/relays"]
)
def test_no_other_spelling_of_a_path_leads_around_the_gate(new_url: Callable[[str], str], path: str) -> None:
    async def scenario(rig: Rig) -> None:
        request = httpx.Request("GET", "http://hub/")
        request.url = request.url.copy_with(raw_path=path.encode())
        assert (await ask(rig, request)).status_code in {400, 401, 404}

    run(new_url("sqlite"), scenario)


def test_a_request_that_is_sent_again_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        request = signed(rig, content=content_of(Till()))
        assert (await ask(rig, request)).status_code == 200
        problem = await refused(rig, altered(request))
        assert problem.detail == "the request was sent before"

    run(hub_url, scenario)


def test_a_request_kept_back_until_the_hub_was_started_anew_is_refused(hub_url: str) -> None:
    """A hub that starts has forgotten what was sent before; what was signed before its start counts for nothing."""

    async def scenario(rig: Rig) -> None:
        request = signed(rig, content=content_of(Till()))
        assert (await ask(rig, request)).status_code == 200
        rig.clock.ms += 2_000
        rig.restart()
        await refused(rig, altered(request), "urn:tresen:problem:clock")

    run(hub_url, scenario)


def test_a_request_sent_again_after_the_hubs_clock_leapt_ahead_and_came_back_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        request = signed(rig, content=content_of(Till()))
        assert (await ask(rig, request)).status_code == 200
        rig.clock.leap_ms = 3_600_000
        hello = signed(rig, "PUT", "/v1/tills/demo/1", encode_json(Hello("demo", "1", 1)))
        assert (await ask(rig, hello)).status_code == 200
        rig.clock.leap_ms = 0
        problem = await refused(rig, altered(request))
        assert problem.detail == "the request was sent before"

    run(hub_url, scenario)


def test_an_altered_body_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        till, other = Till(), Till()
        other.sell(1)
        request = signed(rig, content=content_of(till))
        await refused(rig, altered(request, content=content_of(other, 1, 2)))
        forged = content_of(other, 1, 2)
        digest = {"content-digest": content_digest(forged)}
        await refused(rig, altered(request, content=forged, headers=digest))

    run(hub_url, scenario)


def test_an_altered_path_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        request = signed(rig, "PUT", "/v1/tills/demo/1", encode_json(Hello("demo", "1", 1)))
        await refused(rig, altered(request, url="http://hub/v1/tills/demo/2"))
        await refused(rig, altered(request, url="http://hub/v1/tills/demo/%31"))

    run(hub_url, scenario)


def test_an_altered_query_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        request = signed(rig, "GET", "/v1/changes?cursor=chain@0")
        for query in ("cursor=store:demo@0", "cursor=chain@0&limit=1", ""):
            await refused(rig, altered(request, url=f"http://hub/v1/changes?{query}"))

    run(hub_url, scenario)


def test_an_altered_method_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        request = signed(rig, "PUT", "/v1/tills/demo/1", encode_json(Hello("demo", "1", 1)))
        await refused(rig, altered(request, method="POST"))

    run(hub_url, scenario)


@pytest.mark.parametrize(
    "header",
    [
        {"content-type": "application/x-ndjson"},
        {"content-encoding": "identity"},
        {"signature": "tresen=:AAAA:"},
        {"signature-input": "tresen=()"},
    ],
)
def test_an_altered_header_is_refused(hub_url: str, header: dict[str, str]) -> None:
    async def scenario(rig: Rig) -> None:
        await refused(rig, altered(signed(rig, content=content_of(Till())), headers=header))

    run(hub_url, scenario)


def test_an_encoding_that_was_added_on_the_way_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        request = signed(rig, "PUT", "/v1/tills/demo/1", encode_json(Hello("demo", "1", 1)))
        assert "content-encoding" not in request.headers
        await refused(rig, altered(request, headers={"content-encoding": "gzip"}))

    run(hub_url, scenario)


def test_a_body_without_a_digest_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        content = content_of(Till())
        empty = signed(rig, "POST", FACTS)
        assert "content-digest" not in empty.headers
        for request in (
            altered(empty, content=content),
            altered(empty, content=content, headers={**JSON, "content-encoding": "gzip"}),
            altered(signed(rig, "GET", "/v1/relays"), content=b"{}"),
        ):
            problem = await refused(rig, request)
            assert problem.detail == "a body must have a content-digest"

    run(hub_url, scenario)


def test_a_request_for_another_node_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        till = rig.identity()
        other = Node("http://hub", "hub", "another", SigningKey(b"another " * 4).public)
        elsewhere = msgspec.structs.replace(till, nodes=(other,))
        caught: list[httpx.Request] = []

        def keep(request: httpx.Request) -> httpx.Response:
            caught.append(request)
            raise httpx.ConnectError("kept")

        async with Line(
            other, elsewhere, clock=rig.clock, ids=Ids(), transport=httpx.MockTransport(keep)
        ) as line:
            with pytest.raises(httpx.ConnectError):
                await line.ask("POST", FACTS, body=content_of(Till()), gzipped=True)
        problem = await refused(rig, altered(caught[0]))
        assert problem.detail == "the request was signed for another node"

    run(hub_url, scenario)


@pytest.mark.parametrize("away_ms", [-121_000, -86_400_000, 10_000, 86_400_000])
def test_a_request_from_another_time_is_refused_and_told_the_hubs_time(hub_url: str, away_ms: int) -> None:
    async def scenario(rig: Rig) -> None:
        rig.clock.ms += 200_000_000
        rig.restart()
        rig.clock.ms += 100_000_000
        now_ms = rig.clock.wall_ms()
        rig.clock.ms += away_ms
        request = signed(rig, content=content_of(Till()))
        rig.clock.ms -= away_ms
        problem = await refused(rig, request, "urn:tresen:problem:clock")
        assert problem.hub_time_ms == now_ms

    run(hub_url, scenario)


def test_a_request_that_is_good_for_too_long_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        key = rig.enrolled()
        for expires in (301, 0, -1):
            created = NOW_MS // 1000
            headers = request_headers(
                key.sign,
                keyid=f"demo/1/{key.key_id}",
                tag=rig.hub.key.key_id,
                method="GET",
                path="/v1/relays",
                query="",
                headers={},
                body=b"",
                created=created,
                expires=created + expires,
                nonce=b"n" * 16,
            )
            problem = await refused(rig, httpx.Request("GET", "http://hub/v1/relays", headers=headers))
            assert "good for 1 to 300 seconds" in problem.detail

    run(hub_url, scenario)


def test_a_key_that_is_not_known_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.enrolled()
        rig._enrolled.add(("demo", "9"))  # not in the tables
        await refused(rig, signed(rig, "GET", "/v1/relays", store="demo", machine="9"))
        for keyid in ("", "demo/1", f"demo/1/{key_for('demo', '9').key_id}", "demo/1/x/y", "a" * 3000):
            request = signed(rig, "GET", "/v1/relays")
            known = f"demo/1/{key_for('demo', '1').key_id}"
            forged = request.headers["signature-input"].replace(known, keyid)
            await refused(rig, altered(request, headers={"signature-input": forged}))

    run(hub_url, scenario)


def test_one_machines_key_under_another_machines_name_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.enrolled("demo", "1")
        mine = rig.enrolled("demo", "2")
        request = httpx.Request("GET", "http://hub/v1/relays")
        created = NOW_MS // 1000
        request.headers.update(
            request_headers(
                mine.sign,
                keyid=f"demo/1/{key_for('demo', '1').key_id}",
                tag=rig.hub.key.key_id,
                method="GET",
                path="/v1/relays",
                query="",
                headers={},
                body=b"",
                created=created,
                expires=created + 60,
                nonce=b"n" * 16,
            )
        )
        await refused(rig, request)

    run(hub_url, scenario)


# Machines that want what is another's


def test_no_machine_reaches_into_another_store(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.enrolled("demo", "1")
        foreign = {"store": "other", "machine": "1"}
        for method, path, content in (
            ("POST", FACTS, content_of(Till())),
            ("PUT", "/v1/tills/demo/1", encode_json(Hello("demo", "1", 1))),
            ("POST", "/v1/tills/demo/1/epochs", epoch_request()),
            ("GET", "/v1/changes?cursor=store:demo@0", b""),
            ("GET", "/v1/changes?cursor=chain@0&cursor=till:demo/1@0", b""),
        ):
            rig.enrolled("other", "1")
            await refused(rig, signed(rig, method, path, content, **foreign), FORBIDDEN)

    run(hub_url, scenario)


def test_a_relay_reaches_its_own_stores_tills_and_no_others(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.enrolled("demo", "1")
        rig.enrolled("demo", "relay", "relay")
        rig.enrolled("other", "1")
        relay = {"store": "demo", "machine": "relay"}
        hello = encode_json(Hello("demo", "1", 1, shop=SHOP))
        for method, path, content in (
            ("PUT", "/v1/tills/demo/1", hello),
            ("POST", FACTS, content_of(Till())),
            ("GET", "/v1/changes?cursor=store:demo@0&cursor=till:demo/1@0", b""),
        ):
            assert (await ask(rig, signed(rig, method, path, content, **relay))).status_code == 200
        for method, path, content in (
            ("PUT", "/v1/tills/other/1", encode_json(Hello("other", "1", 1))),
            ("POST", "/v1/tills/other/1/facts", content_of(Till("other"))),
            ("GET", "/v1/changes?cursor=till:other/1@0", b""),
            ("GET", "/v1/changes?cursor=till:demo2/1@0", b""),
        ):
            await refused(rig, signed(rig, method, path, content, **relay), FORBIDDEN)

    run(hub_url, scenario)


def test_a_till_speaks_for_no_other_till_of_its_store(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.enrolled("demo", "1")
        rig.enrolled("demo", "2")
        other = {"store": "demo", "machine": "2"}
        for method, path, content in (
            ("PUT", "/v1/tills/demo/1", encode_json(Hello("demo", "1", 1))),
            ("POST", "/v1/tills/demo/1/epochs", epoch_request()),
            ("GET", "/v1/changes?cursor=till:demo/1@0", b""),
        ):
            await refused(rig, signed(rig, method, path, content, **other), FORBIDDEN)

    run(hub_url, scenario)


@pytest.mark.parametrize("machine", ["2", "relay"])
def test_nobody_appends_facts_in_another_tills_name(hub_url: str, machine: str) -> None:
    """Any machine of the store may bring a till's facts, but what counts is the till's own seal."""

    async def scenario(rig: Rig) -> None:
        rig.enrolled("demo", "1")
        forger = rig.enrolled("demo", machine, "relay" if machine == "relay" else "till")
        before = rows(rig)
        batch = Till().batch(1, 1)
        stolen = sealed_by(batch)
        assert stolen.seal is not None
        renamed = msgspec.structs.replace(stolen.seal, signature=forger.sign(b"anything"))
        for forged in (
            sealed_by(batch, forger),
            batch,
            msgspec.structs.replace(stolen, seal=renamed),
            msgspec.structs.replace(stolen, seal=msgspec.structs.replace(stolen.seal, key_id=forger.key_id)),
        ):
            request = signed(rig, content=encode_batch(forged)[0], store="demo", machine=machine)
            answer = await ask(rig, request)
            assert answer.status_code == 400, answer.text
            assert "seal" in answer.json()["title"]
        assert rows(rig) == before
        carried = signed(rig, content=encode_batch(stolen)[0], store="demo", machine=machine)
        assert (await ask(rig, carried)).status_code == 200

    run(hub_url, scenario)


def test_a_relay_cannot_wish_for_an_epoch_that_the_till_did_not_ask_for(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.enrolled("demo", "1")
        relay = rig.enrolled("demo", "relay", "relay")
        path, carrier = "/v1/tills/demo/1/epochs", {"store": "demo", "machine": "relay"}
        honest = EpochRequest("demo", "1", "wish-1", "restored", 1, 0, bytes(32), key_for("demo", "1").key_id)
        honest = msgspec.structs.replace(honest, signature=key_for("demo", "1").sign(epoch_bytes(honest)))
        for forged in (
            epoch_request(key=relay),
            encode_json(msgspec.structs.replace(honest, last_seq=99)),
            encode_json(msgspec.structs.replace(honest, request_id="wish-2")),
            encode_json(msgspec.structs.replace(honest, signature=b"")),
            encode_json(msgspec.structs.replace(honest, store="demo", till="1", key_id="")),
        ):
            await refused(rig, signed(rig, "POST", path, forged, **carrier), FORBIDDEN)
        answer = await ask(rig, signed(rig, "POST", path, encode_json(honest), **carrier))
        assert msgspec.json.decode(answer.content, type=Grant).epoch == 2

    run(hub_url, scenario)


def test_a_message_that_names_another_till_than_its_address_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.enrolled("demo", "2")
        before = rows(rig)
        for path, content in (
            ("/v1/tills/demo/1/facts", content_of(Till(till="2"))),
            ("/v1/tills/demo/1/epochs", epoch_request(till="2")),
        ):
            answer = await ask(rig, signed(rig, "POST", path, content))
            assert (answer.status_code, answer.json()["title"]) == (
                400,
                "Address and message name different tills",
            )
        assert {**rows(rig), "machine_key": 0} == {**before, "machine_key": 0}

    run(hub_url, scenario)


# Keys that have ended


def test_a_revoked_key_gets_nothing_and_its_facts_are_kept_aside(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        till = Till()
        till.sell(3)
        async with rig.asking_from() as line:
            assert (await send(line, till.batch(1, 2))).status_code == 200
        transact(rig.engine, machines.revoke, "demo", "1", "", NOW_MS)
        rig.clock.ms += 2_000  # as long as a key is remembered
        for method, path, content in (
            ("GET", "/v1/changes?cursor=chain@0", b""),
            ("GET", "/v1/relays", b""),
            ("POST", "/v1/tills/demo/1/epochs", epoch_request()),
            ("POST", "/v1/keys", b"{}"),
        ):
            await refused(rig, signed(rig, method, path, content), FORBIDDEN)
        async with rig.asking_from() as line:
            welcome = await say_hello(line)
            assert welcome.standing == "revoked"
            answer = await send(line, till.batch(3, 4))
        problem = decode_answer(answer.status_code, answer.content)
        assert isinstance(problem, Problem)
        assert (problem.status, problem.type) == (403, "urn:tresen:problem:revoked")
        with rig.engine.connect() as connection:
            (branch,) = quarantine.branches(connection)
            held = connection.execute(sa.select(sa.func.count()).select_from(t.fact)).scalar_one()
        assert (branch.reason, branch.first_seq, branch.last_seq, held) == ("revoked", 3, 4, 2)

    run(hub_url, scenario)


def test_a_command_is_refused_from_the_very_moment_of_the_revocation(hub_url: str) -> None:
    """The gate remembers a key for two seconds; a command looks again in its own transaction."""

    async def scenario(rig: Rig) -> None:
        assert (await ask(rig, signed(rig, "GET", "/v1/relays"))).status_code == 200
        transact(rig.engine, machines.revoke, "demo", "1", "", NOW_MS)
        await refused(rig, signed(rig, "POST", "/v1/tills/demo/1/epochs", epoch_request()), FORBIDDEN)
        async with rig.asking_from() as line:
            answer = await send(line, Till().batch(1, 1))
        assert answer.status_code == 403

    run(hub_url, scenario)


def test_a_replaced_machines_tail_is_welcome_and_its_new_epoch_is_not(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        till = Till()
        till.sell(4)
        key = rig.enrolled()
        async with rig.asking_from() as line:
            assert (await send(line, till.batch(1, 3))).status_code == 200
            transact(rig.engine, machines.retire_others, "demo", "1", "")
            rig.clock.ms += 2_000
            tail = await send(line, till.batch(4, 5))
            assert isinstance(decode_answer(tail.status_code, tail.content), Ack)
            till.new_epoch()
            fork = await send(line, sealed_by(till.batch(6, 6), key))
            assert isinstance(decode_answer(fork.status_code, fork.content), Fork)
        for method, path, content in (
            ("GET", "/v1/changes?cursor=chain@0", b""),
            ("POST", "/v1/tills/demo/1/epochs", epoch_request()),
        ):
            await refused(rig, signed(rig, method, path, content), FORBIDDEN)
        with rig.engine.connect() as connection:
            (branch,) = quarantine.branches(connection)
        assert (branch.epoch, branch.reason) == (2, "retired")

    run(hub_url, scenario)


# Hubs that are none


class Fake(httpx.AsyncBaseTransport):
    """Stands where the hub was; `answer` makes what it says of the request."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.method} {request.url.path}")
        return self.answer(request)


def said(key: SigningKey, request: httpx.Request, message: Any, status: int = 200) -> httpx.Response:
    body = encode_json(message)
    signature = read_signature(dict(request.headers)).signature
    headers = answer_headers(
        key.sign,
        keyid=key.key_id,
        status=status,
        body=body,
        request_signature=signature,
        created=NOW_MS // 1000,
    )
    return httpx.Response(status, headers=headers, content=body)


class Selling:
    """A till with sales and its real client, in front of whatever answers."""

    def __init__(self, identity: Identity, transport: httpx.AsyncBaseTransport, rig: Rig) -> None:
        self.till = Till()
        self.till.sell(3)
        self.reports = Reports()
        self.memory = Memory()
        self.applied: list[Any] = []
        self._rig = rig
        self.client = HubClient(
            identity,
            epoch=lambda: self.till.epoch,
            source=self.till,
            memory=self.memory,
            clock=rig.clock,
            ids=Ids("selling"),
            worker=InlineWorker(),
            submit=self.reports,
            apply_changes=self.apply,
            sleep=self.sleep,
            transport=lambda _node: transport,
        )

    async def apply(self, news: News) -> None:
        self.applied += news.changes

    async def sleep(self, seconds: float) -> None:
        self._rig.clock.ms += int(seconds * 1000)
        await asyncio.sleep(0)

    async def untrusted(self) -> HubReported:
        task = asyncio.create_task(self.client.run())
        try:
            return await self.reports.until(lambda report: report.problem == "untrusted")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


THIEF = SigningKey(b"the thief's own key".ljust(32))


@pytest.mark.parametrize("fake", ["unsigned", "its own key", "a proxy's page"])
def test_a_till_believes_no_fake_hub_and_discards_nothing(new_url: Callable[[str], str], fake: str) -> None:
    async def scenario(rig: Rig) -> None:
        till = Till()
        till.sell(3)
        flattering = Ack(1, 4, till.facts[3].hash, NOW_MS, "hub", "demo", "1")

        def answer(request: httpx.Request) -> httpx.Response:
            if fake == "its own key":
                return said(THIEF, request, flattering)
            body = (
                encode_json(flattering) if fake == "unsigned" else b"<html>Log in to the guest network</html>"
            )
            return httpx.Response(200, content=body)

        selling = Selling(rig.identity(), Fake(answer), rig)
        report = await selling.untrusted()
        assert not report.online
        assert report.acked_seq == 0
        assert selling.applied == []
        assert selling.client.receipt_link() == ""
        assert rows(rig)["fact"] == 0

    run(new_url("sqlite"), scenario)


def test_a_till_believes_no_old_answer_of_its_own_hub(new_url: Callable[[str], str]) -> None:
    async def scenario(rig: Rig) -> None:
        kept: list[tuple[httpx.Headers, bytes]] = []

        class Recorder(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                if request.method == "PUT" and kept:
                    headers, body = kept[0]
                    return httpx.Response(200, headers=headers, content=body)
                answer = await rig.transport().handle_async_request(request)
                await answer.aread()
                if request.method == "PUT":
                    kept.append((answer.headers, answer.content))
                return answer

        identity = rig.identity()
        transport = Recorder()
        async with Line(
            identity.nodes[0], identity, clock=rig.clock, ids=Ids("l"), transport=transport
        ) as line:
            hello = encode_json(Hello("demo", "1", 1))
            assert (await line.ask("PUT", "/v1/tills/demo/1", body=hello)).status == 200
            with pytest.raises(UntrustedAnswerError):
                await line.ask("PUT", "/v1/tills/demo/1", body=hello)
        selling = Selling(identity, transport, rig)
        assert not (await selling.untrusted()).online

    run(new_url("sqlite"), scenario)


def test_a_till_believes_no_answer_that_was_changed_on_the_way(new_url: Callable[[str], str]) -> None:
    async def scenario(rig: Rig) -> None:
        class Changing(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                answer = await rig.transport().handle_async_request(request)
                body = (await answer.aread()).replace(b"beleg.example", b"thief.example")
                headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
                return httpx.Response(answer.status_code, headers=headers, content=body)

        selling = Selling(rig.identity(), Changing(), rig)
        await selling.untrusted()
        assert selling.client.public_url == ""

    run(new_url("sqlite"), scenario)


def test_an_acknowledgement_that_the_hub_did_not_sign_moves_no_cursor(new_url: Callable[[str], str]) -> None:
    """Even one who could speak as the hub on the line has not signed the acknowledgement itself."""

    async def scenario(rig: Rig) -> None:
        till = Till()
        till.sell(3)

        def answer(request: httpx.Request) -> httpx.Response:
            if request.method == "POST":
                ack = Ack(1, 4, till.facts[3].hash, NOW_MS, "hub", "demo", "1", THIEF.key_id, b"s" * 64)
                return said(rig.hub.key, request, ack)
            if request.method == "PUT":
                welcome = {"link_key": "", "public_url": "", "acked_epoch": 0, "acked_seq": 0}
                return said(rig.hub.key, request, {**welcome, "acked_hash": "", "hub_time_ms": NOW_MS})
            return said(rig.hub.key, request, {"scopes": [], "hub_time_ms": NOW_MS})

        selling = Selling(rig.identity(), Fake(answer), rig)
        assert (await selling.untrusted()).acked_seq == 0

    run(new_url("sqlite"), scenario)


def test_a_gzip_bomb_of_an_enrolled_machine_is_cut_off(new_url: Callable[[str], str]) -> None:
    async def scenario(rig: Rig) -> None:
        bomb = gzip.compress(bytes(64 * 1024 * 1024))
        answer = await ask(rig, signed(rig, content=bomb))
        assert answer.status_code == 413

    run(new_url("sqlite"), scenario)


def test_a_body_that_is_longer_than_any_is_not_read_into_memory(new_url: Callable[[str], str]) -> None:
    async def scenario(rig: Rig) -> None:
        request = signed(rig, content=b"x" * (17 * 1024 * 1024))
        answer = await ask(rig, request)
        assert answer.status_code == 413

    run(new_url("sqlite"), scenario)


def test_the_seal_of_one_run_serves_no_other_till_epoch_or_run() -> None:
    key = key_for("demo", "1")
    longer = Till()
    longer.sell(1)
    runs = [
        Till().batch(1, 1),
        Till("other").batch(1, 1),
        Till(till="2").batch(1, 1),
        Till(epoch=2).batch(1, 1),
        longer.batch(1, 2),
    ]
    seals = [sealed_by(run, key).seal for run in runs]
    assert len({seal.signature for seal in seals if seal is not None}) == len(runs)
