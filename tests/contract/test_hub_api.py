"""The hub from outside: its API for tills, its pages for customers, its life as a process."""

import asyncio
import gzip
import json
import signal
import socket
import zlib
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import httpx
import msgspec
import pytest

from sync.hub.serve import listen
from sync.hub.web.answers import language_of
from sync.wire import BATCH_MAX_BYTES, Ack, Batch, Fork, Gap, Problem, decode_answer
from tests.contract.hub_kit import Till, as_json, link_of, sale
from tests.contract.hub_rig import JSON, hub_process, hub_rig, say_hello, send, until_arrived


def test_a_till_says_hello_and_hands_its_facts_up(hub_url: str) -> None:
    async def scenario() -> None:
        till = Till()
        till.sell(6)
        async with hub_rig(hub_url) as rig, rig.asking_from() as line:
            welcome = await say_hello(line)
            assert (welcome.acked_epoch, welcome.acked_seq) == (0, 0)
            assert welcome.public_url == "https://beleg.example"
            assert len(welcome.link_key) == 32
            answer = await send(line, till.batch(1, 4))
            assert answer.headers["content-type"] == "application/json"
            ack = decode_answer(answer.status_code, answer.content)
            assert isinstance(ack, Ack)
            assert (ack.epoch, ack.acked_seq, ack.acked_hash) == (1, 4, till.facts[3].hash)
            again = await say_hello(line)
            assert (again.acked_epoch, again.acked_seq, again.acked_hash) == (1, 4, till.facts[3].hash)
            assert again.link_key == welcome.link_key

            gap = await send(line, till.batch(6, 7))
            assert gap.status_code == 409
            assert gap.headers["content-type"] == "application/problem+json"
            assert decode_answer(409, gap.content) == Gap(expected_seq=5)
            clone = till.clone()
            clone.facts = clone.facts[:3]
            clone.seq = 3
            clone.sell(1, lines=9)
            fork = decode_answer(409, (await send(line, clone.batch(1, 4))).content)
            assert isinstance(fork, Fork)
            assert (fork.seq, fork.hub_hash) == (4, till.facts[3].hash)

    asyncio.run(scenario())


def test_machines_call_from_anywhere_the_office_from_its_networks_and_everyone_may_read_a_receipt(
    new_url: Callable[[str], str],
) -> None:
    async def scenario() -> None:
        till = Till()
        async with hub_rig(new_url("sqlite")) as rig:
            for address in ("192.168.1.7", "2001:db8::1", "::ffff:10.0.0.1", "unix"):
                async with rig.asking_from(address) as line:
                    key = (await say_hello(line)).link_key
                    assert (await send(line, till.batch(1, 1))).status_code == 200
                    assert (await line.get("/v1/changes?cursor=chain@0")).status_code == 200
                async with rig.stranger(address) as line:
                    office = [
                        await line.get("/v1/schema/openapi.json"),
                        await line.put("/v1/catalogue/articles", content=b""),
                    ]
                    assert [answer.status_code for answer in office] == [403] * 2
                    assert office[0].headers["content-type"] == "application/problem+json"
                    assert msgspec.json.decode(office[0].content, type=Problem).status == 403
                    assert (await line.get("/v1/health")).status_code == 200
                    assert (await line.get(f"/r/{link_of('demo', key)}")).status_code == 200
            for friend in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"):
                async with rig.stranger(friend) as line:
                    assert (await line.get("/v1/schema/openapi.json")).status_code == 200

    asyncio.run(scenario())


def test_a_link_is_valid_before_its_receipt_arrives(hub_url: str) -> None:
    async def scenario() -> None:
        till = Till()
        async with (
            hub_rig(hub_url) as rig,
            rig.asking_from() as till_line,
            rig.asking_from("203.0.113.5") as line,
        ):
            key = (await say_hello(till_line)).link_key
            link = link_of("demo", key)
            pending = await line.get(f"/r/{link}", headers={"Accept-Language": "de-CH"})
            assert pending.status_code == 200
            assert int(pending.headers["retry-after"]) > 0
            assert 'http-equiv="refresh"' in pending.text.lower()
            assert "Kaufladen Prüfstand" in pending.text
            assert (await line.get(f"/r/{link}.json")).status_code == 202
            assert (await line.get(f"/r/{link}.txt")).status_code == 202

            till.sell(2)
            till.sell(1, link=link)
            await send(till_line, till.batch(1, 4))
            page = await until_arrived(line, link, **{"Accept-Language": "de"})
            assert page.status_code == 200
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert "Artikel 22" in page.text
            assert "3,09" in page.text
            english = await line.get(f"/r/{link}", headers={"Accept-Language": "fr, en-GB;q=0.8, de;q=0.3"})
            assert 'lang="en"' in english.text
            data = (await line.get(f"/r/{link}.json")).json()
            assert data["total_minor"] == 309
            assert data["link"] == f"https://beleg.example/r/{link}"
            text = await line.get(f"/r/{link}.txt", headers={"Accept-Language": "de"})
            assert text.headers["content-type"] == "text/plain; charset=utf-8"
            assert "Artikel 22" in text.text

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "oddities",
    [
        {"completed_ms": 2**62, "started_ms": 2**62, "tendered_ms": 2**62},
        {"completed_ms": -(2**62)},
        {"offset_min": 10**6},
    ],
    ids=["far ahead", "long ago", "no time zone"],
)
def test_a_receipt_with_absurd_times_says_that_it_cannot_be_shown(
    new_url: Callable[[str], str], oddities: dict[str, int]
) -> None:
    async def scenario() -> None:
        till = Till()
        async with hub_rig(new_url("sqlite")) as rig, rig.asking_from() as line:
            link = link_of("demo", (await say_hello(line)).link_key)
            till.write(msgspec.structs.replace(sale(1, link=link), **oddities))
            await send(line, till.batch(1, 2))
            page = await until_arrived(line, link, **{"Accept-Language": "en"})
            assert page.status_code == 422
            assert "cannot be shown" in page.text
            for form in ("json", "txt"):
                assert (await line.get(f"/r/{link}.{form}")).status_code == 422

    asyncio.run(scenario())


def test_a_hub_goes_on_when_its_terminal_is_closed(tmp_path: Path) -> None:
    with hub_process("--port", "0", "--db", f"sqlite:///{tmp_path}/hub.db") as process:
        address = process.ready()
        process.popen.send_signal(signal.SIGHUP)
        assert httpx.get(f"{address}/v1/health").status_code == 200
        code, _, errors = process.end()
    assert (code, errors) == (0, "")


def test_an_invented_link_is_not_found(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig, rig.asking_from("203.0.113.5") as line:
            async with rig.asking_from() as till_line:
                key = (await say_hello(till_line)).link_key
                other = (await say_hello(till_line, "other")).link_key
            good = link_of("demo", key)
            invented = (
                link_of("demo", other),
                link_of("nowhere", key),
                good[:-1] + ("A" if good[-1] != "A" else "B"),
                good.replace("demo", "other"),
                good.upper(),
                good + ".exe",
                "demo",
                "..%2f..%2fetc",
                "x" * 3000,
            )
            for link in invented:
                for form in ("", ".json", ".txt"):
                    answer = await line.get(f"/r/{link}{form}")
                    assert answer.status_code == 404, link
                    assert good not in answer.text
            page = await line.get(f"/r/{invented[0]}", headers={"Accept-Language": "en"})
            assert 'lang="en"' in page.text

    asyncio.run(scenario())


def test_pages_carry_strict_headers_and_nothing_from_elsewhere(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        till = Till()
        async with hub_rig(new_url("sqlite")) as rig, rig.asking_from() as line:
            key = (await say_hello(line)).link_key
            arrived, pending = link_of("demo", key, 1), link_of("demo", key, 2)
            till.sell(1, link=arrived)
            await send(line, till.batch(1, 2))
            await until_arrived(line, arrived)
            for link in (arrived, pending, link_of("demo", bytes(32))):
                answer = await line.get(f"/r/{link}")
                policy = answer.headers["content-security-policy"]
                assert policy.startswith(
                    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; "
                )
                assert "script-src" not in policy
                assert answer.headers["cache-control"].startswith("private")
                assert answer.headers["referrer-policy"] == "no-referrer"
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert "set-cookie" not in answer.headers
                plain = answer.text.replace('<script type="application/ld+json">', "").lower()
                assert "<script" not in plain, "data, and nothing that runs"
                for outside in ('src="http', 'href="http://', "@import", "url(http"):
                    assert outside not in answer.text

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("", "de"),
        ("en", "en"),
        ("fr", "de"),
        ("de;q=0.2, en;q=0.9", "en"),
        ("en;q=0", "de"),
        ("en;q=x, *", "de"),
        ("EN-us", "en"),
    ],
)
def test_the_language_that_the_browser_wants_most_wins(accept: str, language: str) -> None:
    assert language_of(accept, "de") == language


@lru_cache(maxsize=1)
def bodies() -> dict[str, tuple[bytes, dict[str, str], int]]:
    good = as_json(Till().batch(1, 1))
    zipped = {**JSON, "Content-Encoding": "gzip"}
    return {
        "no JSON": (b"{", JSON, 400),
        "not a batch": (b'{"store":"demo"}', JSON, 400),
        "another till's": (as_json(Till(till="2").batch(1, 1)), JSON, 400),
        "form of a web page": (good, {"Content-Type": "text/plain"}, 415),
        "strange packing": (good, {**JSON, "Content-Encoding": "br"}, 415),
        "no gzip": (good, zipped, 400),
        "cut gzip": (gzip.compress(good)[:-9], zipped, 400),
        "gzip and more": (gzip.compress(good) + b"more", zipped, 400),
        "too large": (b" " * (9 * 1024 * 1024), JSON, 413),
        "bomb": (gzip.compress(bytes(64 * 1024 * 1024), 1), zipped, 413),
        "bomb in a bomb's clothes": (zlib.compress(bytes(1000)), zipped, 400),
    }


@pytest.mark.parametrize("name", bodies())
def test_bad_bodies_are_refused_with_a_problem_document(name: str, new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        content, headers, status = bodies()[name]
        async with hub_rig(new_url("sqlite")) as rig, rig.asking_from() as line:
            answer = await line.post("/v1/tills/demo/1/facts", content=content, headers=headers)
            assert answer.status_code == status
            assert answer.headers["content-type"] == "application/problem+json"
            assert msgspec.json.decode(answer.content, type=Problem).status == status

    asyncio.run(scenario())


def test_many_facts_over_a_mebibyte_are_too_many_but_one_alone_is_not(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        till = Till()
        for n in range(2):
            till.write_raw("picture", 1, bytes([n]) * BATCH_MAX_BYTES)
        async with hub_rig(new_url("sqlite")) as rig, rig.asking_from() as line:
            assert (await send(line, till.batch(1, 3))).status_code == 413
            for n in (1, 2, 3):
                assert (await send(line, till.batch(n, n))).status_code == 200

    asyncio.run(scenario())


def test_articles_come_in_as_lines_and_go_down_as_changes(hub_url: str) -> None:
    async def scenario() -> None:
        async with hub_rig(hub_url) as rig, rig.asking_from() as line:
            ndjson = {"Content-Type": "application/x-ndjson"}
            lines = b"".join(
                b'{"sku":"%04d","text":"K\xc3\xa4se","tax_code":"A","price_minor":null}\n' % n
                for n in range(1200)
            )
            answer = await line.put("/v1/catalogue/articles", content=lines, headers=ndjson)
            assert answer.json() == {"records": 1200, "changes": 1200}
            packed = {**ndjson, "Content-Encoding": "gzip"}
            again = await line.put("/v1/catalogue/articles", content=gzip.compress(lines), headers=packed)
            assert again.json() == {"records": 1200, "changes": 0}
            seen: list[dict[str, object]] = []
            cursor = "0"
            while True:
                feed = (await line.get("/v1/changes", params={"cursor": f"chain@{cursor}"})).json()
                page = feed["scopes"][0]
                if not page.get("changes"):
                    break
                seen += page["changes"]
                cursor = page["next"]
            assert [change["n"] for change in seen] == list(range(1, 1201))
            assert seen[0]["body"] == {"sku": "0000", "text": "Käse", "tax_code": "A", "price_minor": None}
            fine = b'{"sku":"1","text":"x","tax_code":"A","price_minor":1}\n'
            for wrong, field in (
                (b'{"sku":"2","text":"x","tax_code":"A"}', "price_minor"),
                (b'{"sku":"2","text":"x","tax_code":"A","price_minor":"1,00"}', "price_minor"),
                (b'{"sku":"2","text":"x","tax_code":"A","price_minor":-1}', "price_minor"),
                (
                    b'{"sku":"2","text":"x","tax_code":"A","price_minor":1,"codes":["12"],"unit":"barrel"}',
                    "unit",
                ),
                (b'{"sku":"2","text":"x","tax_code":"A","price_minor":1,"prices":[{}]}', "prices[0]"),
                (b'{"sku":"2","tax_code":"A","price_minor":1}', "text"),
                (b"{}", "sku"),
            ):
                bad = await line.put("/v1/catalogue/articles", content=fine + wrong, headers=ndjson)
                assert bad.status_code == 422
                (error,) = bad.json()["errors"]
                assert error["record"] == 2
                assert field in error["why"], bad.json()

    asyncio.run(scenario())


def test_one_bad_article_holds_up_no_other_and_all_bad_ones_are_named(hub_url: str) -> None:
    async def scenario() -> None:
        async with hub_rig(hub_url) as rig, rig.asking_from() as line:
            ndjson = {"Content-Type": "application/x-ndjson"}
            rows = [
                b"broken\n"
                if n % 5 == 0
                else b'{"sku":"%04d","text":"x","tax_code":"A","price_minor":1}\n' % n
                for n in range(1, 1_001)
            ]
            answer = await line.put("/v1/catalogue/articles", content=b"".join(rows), headers=ndjson)
            found = answer.json()
            assert answer.status_code == 422
            assert (found["records"], found["changes"], found["refused"]) == (1000, 800, 200)
            assert [error["record"] for error in found["errors"]] == list(range(5, 505, 5))
            feed = (await line.get("/v1/changes", params={"cursor": "chain@0", "limit": 500})).json()
            assert feed["scopes"][0]["head"] == 800

    asyncio.run(scenario())


def test_the_api_describes_itself(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig, rig.asking_from() as line:
            schema = (await line.get("/v1/schema/openapi.json")).json()
        assert schema["openapi"].startswith("3.1")
        facts = schema["paths"]["/v1/tills/{store}/{till}/facts"]["post"]
        assert set(facts["responses"]) >= {"200", "409", "413", "403"}
        assert "application/problem+json" in facts["responses"]["409"]["content"]
        reference = facts["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        known = schema["components"]["schemas"]
        assert reference == "#/components/schemas/Batch"
        text = json.dumps(schema)
        for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
            assert name in known, name
        assert "/r/{link}" in schema["paths"]

    asyncio.run(scenario())


def test_unknown_paths_and_methods_are_problem_documents(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig, rig.asking_from() as line:
            for method, path, status in (("GET", "/nowhere", 404), ("DELETE", "/v1/health", 405), ("GET", "/v1/changes", 400), ("GET", "/v1/changes?limit=x", 400)):  # fmt: skip
                answer = await line.request(method, path)
                assert answer.status_code == status
                assert answer.headers["content-type"] == "application/problem+json"

    asyncio.run(scenario())


def test_a_database_that_fails_is_a_503_and_the_hub_lives_on(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig, rig.asking_from() as line:
            with rig.engine.begin() as connection:
                connection.exec_driver_sql("alter table store_key rename to gone")
            answer = await line.get("/v1/health")
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
            with rig.engine.begin() as connection:
                connection.exec_driver_sql("alter table gone rename to store_key")
            assert (await line.get("/v1/health")).status_code == 200

    asyncio.run(scenario())


def test_the_hub_runs_as_a_process_says_so_and_ends_cleanly(tmp_path: Path) -> None:
    notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notices.bind(str(tmp_path / "notify"))
    notices.settimeout(20)
    env = {"TRESEN_STATE": str(tmp_path / "state"), "NOTIFY_SOCKET": str(tmp_path / "notify")}
    with hub_process("--port", "0", "--office-network", "10.0.0.0/8", env=env) as process:
        url = process.ready()
        assert notices.recv(100) == b"READY=1"
        health = httpx.get(f"{url}/v1/health", trust_env=False).json()
        assert health["public_url"] == url
        assert "server" not in httpx.get(f"{url}/v1/health", trust_env=False).headers
        code, out, errors = process.end()
        assert (code, out, errors) == (0, "", "")
        assert notices.recv(100) == b"STOPPING=1"
    notices.close()
    assert (tmp_path / "state" / "hub.db").exists()


def run_command(*arguments: str, **env: str) -> tuple[int, str, str]:
    with hub_process(*arguments, env=env) as process:
        out, errors = process.popen.communicate(timeout=30)
        return process.popen.returncode, out, errors


def test_digest_and_rebuild_as_commands(hub_url: str) -> None:
    async def scenario() -> None:
        async with hub_rig(hub_url) as rig, rig.asking_from() as line:
            key = (await say_hello(line)).link_key
            till.sell(5, link=link_of("demo", key))
            await send(line, till.batch(1, 6))
            await until_arrived(line, link_of("demo", key))

    till = Till()
    asyncio.run(scenario())
    code, out, _ = run_command("digest", "--db", hub_url)
    before = json.loads(out)
    assert code == 0
    assert before["kinds"] == {"epoch.opened": 1, "sale": 5}
    assert before["tills"] == {"demo/1": {"1": 6}}
    assert (before["sales"], before["gross_minor"]) == (5, till.gross_minor)
    assert run_command("rebuild", "--db", hub_url)[:2] == (0, "projections built anew from 6 facts\n")
    assert json.loads(run_command("--db", hub_url, "digest")[1]) == before


@pytest.mark.parametrize("arguments", [(), ("digest",), ("rebuild",), ("migrate",)])
def test_no_database_is_one_sentence_and_exit_code_2(arguments: tuple[str, ...]) -> None:
    code, out, errors = run_command("--db", "postgresql://u@127.0.0.1:1/x", *arguments)
    assert (code, out) == (2, "")
    assert errors.startswith("tresen hub: the database postgresql://u@127.0.0.1:1/x cannot be used: ")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_answer_leaves_at_once_in_however_many_pieces(host: str) -> None:
    with listen(host, 0) as listener, socket.create_connection(listener.getsockname()[:2]):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_in_use_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, out, errors = run_command("--port", port, TRESEN_STATE=str(tmp_path))
    assert (code, out) == (2, "")
    assert errors.startswith(f"tresen hub: cannot listen on 127.0.0.1, port {port}: ")


def test_a_batch_from_an_address_for_another_till_is_refused(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        batch: Batch = Till("nord").batch(1, 1)
        async with hub_rig(new_url("sqlite")) as rig, rig.asking_from() as line:
            answer = await line.post("/v1/tills/demo/1/facts", content=as_json(batch), headers=JSON)
            assert answer.status_code == 400

    asyncio.run(scenario())


def test_changes_of_several_scopes_come_in_one_answer_and_a_question_may_wait(hub_url: str) -> None:
    async def case() -> None:
        async with hub_rig(hub_url) as rig, rig.asking_from() as line:
            cursors = {"cursor": ["chain@0", "store:demo@0", "till:demo/1@0"], "wait": "30"}
            async with asyncio.timeout(20):
                question = asyncio.create_task(line.get("/v1/changes", params=cursors))
                ndjson = {"Content-Type": "application/x-ndjson"}
                await line.put("/v1/catalogue/articles", content=b'{"sku":"7","gone":true}', headers=ndjson)
                feed = (await question).json()
            assert [part["scope"] for part in feed["scopes"]] == ["chain", "store:demo", "till:demo/1"]
            (change,) = feed["scopes"][0]["changes"]
            assert (change["n"], change["kind"], change["body"]) == (1, "article", {"sku": "7", "gone": True})
            assert feed["scopes"][0]["next"] == f"1.{change['stamp']}"
            assert feed["hub_time_ms"] == rig.clock.wall_ms()
            for wrong in (["chain"], ["chain@x"], ["chain@0", "chain@0"], ["chain@0"] * 300):
                answer = await line.get("/v1/changes", params={"cursor": wrong})
                assert answer.status_code == 400, wrong
                assert answer.json()["title"] == "These are no cursors"

    asyncio.run(case())
