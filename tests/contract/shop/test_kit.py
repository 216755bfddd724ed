"""What every resource of the channels' API has: tokens, keys, versions, pages, problems, tasks and events."""

import asyncio
from collections.abc import Iterator

import pytest

from sync.hub.database import transact
from sync.hub.shop.kit import tasks
from sync.hub.shop.kit.actor import list_tokens, revoke_token
from sync.hub.shop.kit.work import Work, forget_keys
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import Channel, do

STORE = {
    "name": "Kaufladen",
    "lines": ["Testgasse 1"],
    "hours": [{"weekday": 1, "opens": 540, "closes": 1080}],
}


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def test_a_store_is_put_read_and_listed_and_a_version_is_held_to(rig: Rig) -> None:
    async def go() -> None:
        office, shop = Channel(rig), Channel(rig, "storefront")
        made = await office.ask("PUT", "/stores/demo", STORE)
        assert (made.status_code, made.headers["etag"]) == (200, '"1"')
        other = await office.ask("PUT", "/stores/demo", {**STORE, "name": "Neu"}, If_Match='"7"')
        assert (other.status_code, other.json()["type"]) == (412, "urn:tresen:problem:version")
        assert (await office.ask("PUT", "/stores/demo", STORE, If_Match='"1"')).headers["etag"] == '"2"'
        seen = await shop.ask("GET", "/stores/demo")
        assert seen.json()["about"]["name"] == "Kaufladen"
        assert (await shop.ask("GET", "/stores/demo", If_None_Match='"2"')).status_code == 304
        for name in ("a", "b"):
            await office.put(f"/stores/{name}", STORE)
        first = await shop.get("/stores?limit=2")
        rest = await shop.get(f"/stores?limit=2&cursor={first['next']}")
        assert [one["store"] for page in (first, rest) for one in page["stores"]] == ["a", "b", "demo"]
        assert rest["next"] == ""

    asyncio.run(go())


def test_who_may_what(rig: Rig) -> None:
    async def go() -> None:
        assert (await Channel(rig, "storefront").ask("PUT", "/stores/demo", STORE)).status_code == 403
        assert (await Channel(rig, "staff", "a").ask("GET", "/stores/demo/tasks")).status_code == 403
        assert (
            await Channel(rig, till="1", store="demo").ask("GET", "/stores/demo/tasks")
        ).status_code == 200
        assert (await Channel(rig, till="1", store="demo").ask("GET", "/stores/b/tasks")).status_code == 403
        async with rig.stranger() as stranger:
            assert (await stranger.get("/v1/stores")).status_code == 401
            for token in ("tresen_x_y", "tresen_000000000000_" + "0" * 48, "nonsense"):
                headers = {"Authorization": f"Bearer {token}"}
                assert (await stranger.get("/v1/stores", headers=headers)).status_code == 401
                asked = await stranger.put("/v1/tills/demo/1", headers=headers, json={})
                assert asked.status_code in {400, 401}  # a token is no till

    asyncio.run(go())


def test_a_revoked_token_opens_nothing(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        assert (await office.ask("GET", "/stores")).status_code == 200
        with rig.engine.connect() as connection:
            (token,) = list_tokens(connection)
        assert transact(rig.engine, revoke_token, token.token_id, rig.clock.wall_ms())
        rig.clock.ms += 2_001
        assert (await office.ask("GET", "/stores")).status_code == 401

    asyncio.run(go())


def test_a_request_that_comes_again_gets_its_first_answer_and_is_done_once(rig: Rig) -> None:
    def note(work: Work, key: str) -> None:
        tasks.add(work, "demo", "look", key, subject="x", data={"a": 1})

    async def go() -> None:
        office = Channel(rig)
        do(rig, note, "1")
        do(rig, note, "1")
        (task,) = (await office.get("/stores/demo/tasks"))["tasks"]
        assert (task["kind"], task["state"], task["data"]) == ("look", "open", {"a": 1})
        path = "/stores/demo/tasks/look/1/done"
        first = await office.ask("POST", path, key="k")
        again = await office.ask("POST", path, key="k")
        assert first.json() == again.json()
        assert (first.headers.get("idempotent-replayed"), again.headers["idempotent-replayed"]) == (
            None,
            "true",
        )
        assert (await office.ask("POST", path, key="other")).json()["type"].endswith(":task-done")
        other = await office.ask("POST", "/stores/demo/tasks/look/2/done", key="k")
        assert (other.status_code, other.json()["type"]) == (422, "urn:tresen:problem:key-reused")
        kinds = [event["type"] for event in (await office.get("/stores/demo/events"))["events"]]
        assert kinds == ["task.created", "task.done"]
        rig.clock.ms += 46 * 24 * 3600 * 1000
        assert transact(rig.engine, forget_keys, rig.clock.wall_ms()) == 1

    asyncio.run(go())


def test_hostile_input_is_a_problem_and_never_a_fault(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        for path in (
            "/stores?cursor=%00",
            "/stores?cursor=W10",
            "/stores?limit=0",
            "/stores?limit=x",
            "/stores/%00",
        ):
            answer = await office.ask("GET", path)
            assert 400 <= answer.status_code < 500, path
            assert answer.headers["content-type"] == "application/problem+json"
        for body in (b"", b"[", b"[]", b"{}", b'{"name": 1}', b"[" * 5000, b'"\xff"', b'{"name":"a","x":1}'):
            answer = await office._line.put(
                "/v1/stores/demo", content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 400, (body, answer.text)
        assert (
            await office.ask("PUT", "/stores/demo", {**STORE, "time_zone": "Mars/Base"})
        ).status_code == 422
        large = await office.ask("PUT", "/stores/demo", {**STORE, "phone": "1" * 300_000})
        assert large.status_code == 413

    asyncio.run(go())


def test_who_asks_too_often_is_told_to_wait(rig: Rig) -> None:
    async def go() -> None:
        shop = Channel(rig, "storefront")
        codes = [(await shop.ask("GET", "/stores")).status_code for _ in range(125)]
        assert (codes.count(200), codes[-1]) == (120, 429)

    asyncio.run(go())
