"""Hostile requests by hand, against the real application: each is a problem document that blames the sender, and the next caller is served."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from sync.hub.app import create_app
from sync.hub.pace import Pace
from sync.hub.protocol import Connection
from sync.hub.shop.kit.bulk import Sheet, write_text
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import Channel

JSON = "application/json"
DEEP = 100_000
STORE = '{"name":"Markt"}'
RESERVATION = '{"store":"demo","sku":"mug","qty":%s,"purpose":"pickup","subject":"o1"}'


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def put(body: bytes | str, path: str = "/v1/stores/demo", kind: str = JSON, **headers: str) -> Any:
    content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ("PUT", path, content, {"Content-Type": kind, **named})


def post(body: bytes | str, path: str, key: str = "k", **headers: str) -> Any:
    _, _, content, named = put(body, **headers)
    return ("POST", path, content, {"Idempotency-Key": key, **named})


def get(path: str, **headers: str) -> Any:
    return ("GET", path, b"", {name.replace("_", "-"): value for name, value in headers.items()})


def articles(body: bytes | str, **headers: str) -> Any:
    return put(body, "/v1/catalogue/articles", "application/x-ndjson", **headers)


BOMB = gzip.compress(bytes(16 * 1024 * 1024))
ARTICLE = '{"sku":"%s","text":"%s","tax_code":"1","price_minor":%s}'
CASES: dict[str, Any] = {
    # encodings and sizes
    "bomb, json": put(BOMB, content_encoding="gzip"),
    "bomb, lines": articles(BOMB, content_encoding="gzip"),
    "bomb, stock": put(BOMB, "/v1/stock/import", "text/csv", content_encoding="gzip"),
    "bomb, customers": put(BOMB, "/v1/customers/import", "text/csv", content_encoding="gzip"),
    "no gzip": articles(b"nothing", content_encoding="gzip"),
    "gzip cut off": articles(BOMB[:100], content_encoding="gzip"),
    "gzip goes on": articles(gzip.compress(b"{}") + b"x", content_encoding="gzip"),
    "brotli": articles(b"x", content_encoding="br"),
    "10 MB": put(b'{"name":"' + b"a" * 10_000_000 + b'"}'),
    "10 MB in a line": articles(b"a" * 10_000_000),
    "10 MB in a cell": put(b'sku,text\n1,"' + b"a\n" * 5_000_000, "/v1/catalogue/articles", "text/csv"),
    # JSON
    "empty": put(b""),
    "brackets": put("[" * DEEP),
    "braces": put('{"name":' * DEEP),
    "brackets in a line": articles('{"sku":' + "[" * 10_000),
    "brackets in a cell": put(
        'sku,codes\n1,"' + "[" * 10_000 + '"\n', "/v1/catalogue/articles", "text/csv"
    ),
    "NaN": put('{"name":"a","latitude":NaN}'),
    "Infinity": put('{"name":"a","latitude":-Infinity}'),
    "1e400": put('{"name":"a","latitude":1e400}'),
    "huge int": put('{"name":"a","latitude":' + "9" * 5000 + "}"),
    "2^63": post('{"store":"demo","lines":[{"sku":"a","qty":"1"}],"at_ms":9223372036854775808}', "/v1/prices"),
    "price of 2^70": articles(ARTICLE % ("1", "a", 1 << 70)),
    "price 1e400": articles(ARTICLE % ("1", "a", "1e400")),
    "price NaN": articles(ARTICLE % ("1", "a", "NaN")),
    "qty NaN": post(RESERVATION % '"NaN"', "/v1/stock/reservations"),
    "qty 1e400": post(RESERVATION % "1e400", "/v1/stock/reservations"),
    "qty huge": post(RESERVATION % f'"{"9" * 5000}"', "/v1/stock/reservations"),
    "name twice": put('{"name":"a","name":7}'),
    "no UTF-8": put(b'{"name":"\xff\xfe"}'),
    "no UTF-8 in a line": articles(b'{"sku":"\xff"}'),
    "no UTF-8 in a CSV": put(b"sku,text\n1,\xff\n", "/v1/catalogue/articles", "text/csv"),
    "surrogate, escaped": put('{"name":"\\ud800"}'),
    "surrogate, bytes": put('{"name":"\ud800"}'),
    "surrogate in a line": articles(ARTICLE % ("1", "\\udfff", 1)),
    "NUL": put('{"name":"a\\u0000b"}'),
    "NUL in a sku": articles(ARTICLE % ("a\\u0000", "a", 1)),
    "NUL in a text": articles(ARTICLE % ("1", "a\\u0000", 1)),
    "NUL in an order": post(
        '{"kind":"reserve_and_collect","store":"demo","lines":[{"sku":"a","qty":"1","pay_minor":1}],'
        '"external":"a\\u0000"}',
        "/v1/orders",
    ),
    "NUL in a person": post(
        '{"kind":"reserve_and_collect","store":"demo","lines":[{"sku":"a\\u0000","qty":"1","pay_minor":1}]}',
        "/v1/orders",
    ),
    "NUL in a reservation": post(
        '{"store":"demo","sku":"a","qty":"1","purpose":"pickup","subject":"\\u0000"}', "/v1/stock/reservations"
    ),
    "NUL in a message": post('{"key":"\\u0000"}', "/v1/messages/again"),
    "control characters in an article": articles(ARTICLE % ("1", "a\\u001b[2Jb", 1)),
    "right-to-left in an article": articles(ARTICLE % ("1", "a\\u202eb", 1)),
    # addresses
    "NUL in a path": get("/v1/stores/%00"),
    "no UTF-8 in a path": get("/v1/stores/%ff"),
    "NUL in a query": get("/v1/articles?q=%00"),
    "NUL in a cursor": get("/v1/articles?cursor=%00"),
    "no UTF-8 in a query": get("/v1/stock?store=%ff&sku=%ff%00"),
    "NUL in a filter": get("/v1/messages?subject=%00"),
    "slashes in a path": get("/v1/articles/..%2f..%2fetc%2fpasswd"),
    "dot segments": get("/v1/stores/%2e%2e/%2e%2e/health/x"),
    "a long path": get("/v1/articles/" + "a" * 20_000),
    "a long query": get("/v1/articles?q=" + "a" * 20_000),
    "a long sku": get("/v1/stock?store=demo&sku=" + "a" * 20_000),
    "no number": get("/v1/articles?limit=1e3"),
    "a huge number": get("/v1/articles?limit=" + "9" * 5000),
    "nan": get("/v1/stock/stores?sku=a&lat=nan&lon=nan"),
    "inf": get("/v1/stock/stores?sku=a&lat=1e400&lon=0"),
    "a cursor of another list": get("/v1/orders?cursor=W10"),
    "a cursor of huge numbers": get("/v1/orders?cursor=WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwLCJhIl0"),
    "a cursor of nonsense": get("/v1/messages?cursor=%F0%9F%92%A9"),
    # headers
    "content type": put(STORE, kind="text/plain"),
    "content type of lines": articles(STORE, content_type=JSON),
    "two content types": put(b"sku\n", "/v1/catalogue/articles", "text/csv-schema"),
    "ETag": put(STORE, if_match='"7"'),
    "ETag of nonsense": put(STORE, if_match='W/"\\'),
    "no key": ("POST", "/v1/orders", b"{}", {"Content-Type": JSON}),
    "an empty key": post("{}", "/v1/orders", key=" "),
    "a long key": post("{}", "/v1/orders", key="k" * 129),
    "a key of other letters": post("{}", "/v1/orders", key="k\u00e4"),
    "a token of nonsense": get("/v1/stores", authorization="Bearer tresen_\u00e4_b"),
    "a token without end": get("/v1/stores", authorization="Bearer " + "_" * 10_000),
    "method": ("DELETE", "/v1/stores/demo", b"", {}),
    "no method": ("BREW", "/v1/stores/demo", b"", {}),
}  # fmt: skip


def problem(answer: httpx.Response) -> bool:
    kind = answer.headers.get("content-type", "")
    if answer.status_code == 422 and kind == JSON:  # of lines: each is named
        return bool(answer.json()["errors"])
    return 400 <= answer.status_code < 500 and kind == "application/problem+json" and "title" in answer.json()


def test_each_is_a_problem_of_the_sender_and_the_next_is_served(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        wrong = []
        for name, (method, path, content, headers) in CASES.items():
            raw = [(key.encode(), value.encode()) for key, value in headers.items()]
            answer = await office._line.request(method, path, content=content, headers=raw)
            if not problem(answer):
                wrong.append(
                    (name, answer.status_code, answer.headers.get("content-type"), answer.text[:200])
                )
            healthy = await office.ask("GET", "/stores")
            assert healthy.status_code == 200, name
        assert not wrong, "\n".join(map(str, wrong))

    asyncio.run(go())


def test_a_key_that_was_used_for_another_body_is_refused(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        said = {"store": "demo", "sku": "mug", "qty": "1", "type": "receipt", "reason": "Start"}
        await office.post("/stock/movements", said, key="once")
        again = await office.ask("POST", "/stock/movements", {**said, "qty": "2"}, key="once")
        assert (again.status_code, again.json()["type"]) == (422, "urn:tresen:problem:key-reused")

    asyncio.run(go())


@asynccontextmanager
async def served(rig: Rig) -> AsyncIterator[tuple[int, str]]:
    """The hub over a real socket, with little patience; gives its port and a token's header."""

    class Hasty(Connection):
        headers_s = 0.5

    office = Channel(rig)
    token = office._line.headers["Authorization"]
    app = create_app(rig.hub, Pace(0.5, 1_000_000))
    config = uvicorn.Config(app, port=0, http=Hasty, log_config=None, server_header=False, lifespan="off")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn says it in no other way
        await asyncio.sleep(0.001)
    try:
        yield server.servers[0].sockets[0].getsockname()[1], token
    finally:
        server.should_exit = True
        await running


HEAD = "PUT /v1/stores/demo HTTP/1.1\r\nHost: hub\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
RAW: dict[str, tuple[str, int]] = {
    "slow headers": ("GET /v1/stores HTTP/1.1\r\nHost:", 408),
    "nothing at all": ("", 408),
    "a body that never comes": (HEAD + "Content-Length: 20\r\n\r\n", 408),
    "a body that stops": (HEAD + 'Content-Length: 20\r\n\r\n{"name"', 408),
    "chunks without end": (HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\n     \r\n", 408),
    "a flood of chunks": (
        HEAD + "Transfer-Encoding: chunked\r\n\r\n" + ("10000\r\n" + " " * 65536 + "\r\n") * 8, 413,
    ),
    "two lengths": (HEAD + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    "a negative length": (HEAD + "Content-Length: -1\r\n\r\n{}", 400),
    "a huge length": (HEAD + "Content-Length: 99999999999\r\n\r\n{}", 413),
    "a chunk that lies": (HEAD + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}{}\r\n0\r\n\r\n", 400),
    "no HTTP": ("\x16\x03\x01\x02\r\n\r\n", 400),
    "headers without end": ("GET / HTTP/1.1\r\nHost: hub\r\nX: " + "a" * 100_000, 400),
    "a long path": ("GET /v1/articles/" + "a" * 100_000 + " HTTP/1.1\r\nHost: hub\r\n\r\n", 401),
    "NUL in a header": (HEAD + "X-A: a\0b\r\nContent-Length: 2\r\n\r\n{}", 400),
    "no host": ("GET /v1/stores HTTP/1.1\r\n\r\n", 400),
}  # fmt: skip


def test_over_a_socket_slow_and_lying_clients_are_answered_and_stop_nobody(
    new_url: Callable[[str], str],
) -> None:
    async def ask(port: int, text: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(text.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: ([0-9]+)", head.lower())
            return head + await reader.readexactly(int(length[1]) if length else 0)
        except (ConnectionError, asyncio.IncompleteReadError):
            return b""
        finally:
            writer.close()

    async def go() -> None:
        rig = Rig(new_url("sqlite"))
        async with served(rig) as (port, token), httpx.AsyncClient() as line:
            async with asyncio.timeout(20):
                asked = {
                    name: asyncio.create_task(ask(port, text.replace("{token}", token)))
                    for name, (text, _) in RAW.items()
                }
                url = f"http://127.0.0.1:{port}/v1/stores"
                for _ in range(5):  # while all of them are there
                    assert (await line.get(url, headers={"Authorization": token})).status_code == 200
                answers = {name: await task for name, task in asked.items()}
                assert (await line.get(url, headers={"Authorization": token})).status_code == 200
        rig.close()
        wrong = []
        for name, (_, status) in RAW.items():
            head, _, body = answers[name].partition(b"\r\n\r\n")
            found = re.match(rb"HTTP/1.1 ([0-9]{3})", head)
            good = (
                found and int(found[1]) == status and b"application/problem+json" in head and json.loads(body)
            )
            if not good:
                wrong.append((name, status, answers[name][:200]))
        assert not wrong, "\n".join(map(str, wrong))

    asyncio.run(go())


def test_a_store_whose_name_is_markup_is_text_on_its_page(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        name = "<script>alert(1)</script>\u202e"
        answer = await office.ask("PUT", "/stores/demo", {"name": name})
        page = await rig.stranger().get("/stores")
        assert "<script>alert" not in page.text
        assert answer.status_code in {200, 400}

    asyncio.run(go())


def test_no_cell_of_an_export_is_a_formula() -> None:
    bodies = [json.dumps({"name": text}).encode() for text in ("=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1")]
    rows = write_text("csv", Sheet(("name",), has_more=False), bodies, heading=False)
    assert all(row.lstrip('"').startswith("'") for row in re.split(r"\n(?=[\"'])", rows.strip()))
