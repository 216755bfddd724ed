"""A machine's signed line believes its node, and nobody else."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest

from sync.identity import Identity, Node
from sync.keys import SigningKey
from sync.line import Answer, Line, UntrustedAnswerError
from sync.signatures import answer_headers, has_digest, read_signature, verify_request
from sync.wire import Problem, encode_json
from tests.contract.hub_kit import NOW_MS, Clock, Ids

NODE = SigningKey(b"node" * 8)
IDENTITY = Identity("demo", "1", "till", b"till" * 8, (Node("http://hub", "hub", "hub", NODE.public),))

Reply = Callable[[httpx.Request], httpx.Response]


def signed(
    request: httpx.Request, status: int = 200, body: bytes = b"{}", key: SigningKey = NODE
) -> httpx.Response:
    signature = read_signature(request.headers).signature
    headers = answer_headers(
        key.sign,
        keyid=key.key_id,
        status=status,
        body=body,
        request_signature=signature,
        created=NOW_MS // 1000,
    )
    return httpx.Response(status, headers=headers, content=body)


def ask(reply: Reply, *, clock: Clock | None = None, **options: Any) -> tuple[Answer, Line]:
    async def scenario() -> tuple[Answer, Line]:
        line = Line(
            IDENTITY.nodes[0],
            IDENTITY,
            clock=clock or Clock(),
            ids=Ids(),
            transport=httpx.MockTransport(reply),
        )
        async with line:
            return await line.ask("POST", "/v1/tills/demo/1/facts", body=b"[1]", **options), line

    return asyncio.run(scenario())


def test_a_request_is_signed_as_it_is_sent() -> None:
    seen: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return signed(request)

    answer, _ = ask(reply, query=[("cursor", "store:demo@0"), ("cursor", "ä b&c@0")], gzipped=True)
    assert (answer.status, answer.content) == (200, b"{}")
    request = seen[0]
    path, _, query = request.url.raw_path.decode().partition("?")
    found = read_signature(request.headers)
    verify_request(
        found, IDENTITY.key.public, method="POST", path=path, query=query, headers=dict(request.headers)
    )
    assert query.count("cursor=") == 2
    assert (found.keyid, found.tag) == (IDENTITY.key_ref, NODE.key_id)
    assert (found.created, found.expires) == (NOW_MS // 1000, NOW_MS // 1000 + 120)
    assert has_digest(request.headers["content-digest"], request.content)
    assert request.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "reply",
    [
        lambda _request: httpx.Response(200, content=b"{}"),
        lambda request: signed(request, key=SigningKey(b"fake" * 8)),
        lambda request: httpx.Response(201, headers=signed(request).headers, content=b"{}"),
        lambda request: httpx.Response(200, headers=signed(request).headers, content=b"[]"),
        lambda request: httpx.Response(503, content=b"a proxy's own words"),
    ],
    ids=["unsigned", "another key", "another status", "another body", "a proxy"],
)
def test_what_the_node_did_not_say_is_not_believed(reply: Reply) -> None:
    with pytest.raises(UntrustedAnswerError):
        ask(reply)


def test_an_old_answer_is_not_believed_again() -> None:
    old: list[httpx.Response] = []

    def reply(request: httpx.Request) -> httpx.Response:
        if not old:
            old.append(signed(request))
        return httpx.Response(200, headers=old[0].headers, content=b"{}")

    async def scenario() -> None:
        line = Line(
            IDENTITY.nodes[0], IDENTITY, clock=Clock(), ids=Ids(), transport=httpx.MockTransport(reply)
        )
        async with line:
            await line.ask("GET", "/v1/changes")
            with pytest.raises(UntrustedAnswerError):
                await line.ask("GET", "/v1/changes")

    asyncio.run(scenario())


def clock_problem(hub_time_ms: int) -> bytes:
    return encode_json(Problem(401, "Wrong time", type="urn:tresen:problem:clock", hub_time_ms=hub_time_ms))


def test_a_wrong_clock_is_corrected_for_signing_and_asked_with_once_more() -> None:
    clock = Clock()
    clock.ms = 86_400_000
    created: list[int] = []

    def reply(request: httpx.Request) -> httpx.Response:
        created.append(read_signature(request.headers).created)
        if created[-1] == NOW_MS // 1000:
            return signed(request)
        return signed(request, 401, clock_problem(NOW_MS))

    answer, line = ask(reply, clock=clock)
    assert answer.status == 200
    assert created == [NOW_MS // 1000 + 86_400, NOW_MS // 1000]
    assert abs(line.skew_ms + 86_400_000) <= 500


def test_a_node_that_never_likes_the_clock_is_asked_twice_and_no_more() -> None:
    asked: list[httpx.Request] = []

    def reply(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return signed(request, 401, clock_problem(NOW_MS + 1))

    answer, _ = ask(reply)
    assert answer.status == 401
    assert msgspec.json.decode(answer.content, type=Problem).hub_time_ms == NOW_MS + 1
    assert len(asked) == 2


def test_a_clock_problem_that_the_node_did_not_sign_moves_nothing() -> None:
    def reply(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, content=clock_problem(NOW_MS + 10**9))

    with pytest.raises(UntrustedAnswerError):
        ask(reply)


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 100


def test_an_answer_that_does_not_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.line.ANSWER_MAX_BYTES", 1000)

    with pytest.raises(UntrustedAnswerError, match="over 1000 bytes"):
        ask(lambda request: httpx.Response(200, headers=signed(request).headers, content=endless()))


def test_silence_stays_what_it_is() -> None:
    def reply(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there")

    with pytest.raises(httpx.ConnectError):
        ask(reply)
