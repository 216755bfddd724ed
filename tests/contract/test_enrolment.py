"""A machine enrols with a one-time code: both sides prove themselves, and everyone else is turned away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest

from pos.facts import GENESIS
from sync.codes import Code, CodeError, enrol_proof, grouped, make_code, read_code
from sync.enrolling import EnrolError, Journal, enrol
from sync.hub import exceptions, machines
from sync.hub import tables as t
from sync.hub.database import transact
from sync.hub.enrolment import CODE_VALID_MS, new_code
from sync.hub.exceptions import Noted
from sync.hub.machines import Last
from sync.hub.shop.stores.messages import PutStore
from sync.identity import Identity
from sync.keys import SigningKey, key_id_of, verify
from sync.line import Line
from sync.wire import (
    Enrol,
    Enrolled,
    Hello,
    Relays,
    Rotated,
    Rotation,
    encode_batch,
    encode_json,
    grant_bytes,
    rotation_bytes,
)
from tests.contract.hub_kit import NOW_MS, SHOP, Ids, Till, key_for, sealed_by
from tests.contract.hub_rig import JSON, Rig, hub_rig, say_hello, send


def code_for(
    rig: Rig, machine: str = "1", *, store: str = "demo", role: str = "till", replace: bool = False
) -> Code:
    return transact(
        rig.engine,
        new_code,
        rig.hub.ids.token,
        store=store,
        machine=machine,
        role=role,
        replace=replace,
        now_ms=rig.clock.wall_ms(),
    )


async def no_pause(_seconds: float) -> None:
    pass


async def redeem(rig: Rig, code: Code, seed: str = "a", **options: Any) -> tuple[Identity, Enrolled]:
    options.setdefault("transport", rig.transport("192.0.2.9"))
    return await enrol("http://hub", code, ids=Ids(seed), sleep=no_pause, **options)


def run(url: str, scenario: Callable[[Rig], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with hub_rig(url) as rig:
            await scenario(rig)

    asyncio.run(whole())


def line_of(rig: Rig, identity: Identity) -> Line:
    return Line(
        identity.nodes[-1], identity, clock=rig.clock, ids=Ids(identity.key.key_id), transport=rig.transport()
    )


def end_of(till: Till) -> Journal:
    last = till.facts[-1]
    return Journal(till.store, till.till, last.epoch, last.seq, last.hash)


def exceptions_in(rig: Rig) -> list[Noted]:
    with rig.engine.connect() as connection:
        return exceptions.listing(connection)


def exceptions_of(rig: Rig) -> list[str]:
    return [noted.kind for noted in exceptions_in(rig)]


# Codes


def test_a_code_has_a_name_and_eighty_secret_bits_and_survives_a_hand() -> None:
    code = make_code(bytes(range(13)))
    assert len(code.text) == 20
    shown = grouped(code.text)
    assert [len(part) for part in shown.split("-")] == [4] * 5
    typed = shown.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert read_code(typed) == code
    texts = {make_code(bytes([n]) + bytes(12)).text for n in range(256)}
    assert len({text[:4] for text in texts}) == len(texts)
    assert make_code(bytes(12) + b"\x10").key != make_code(bytes(13)).key
    assert make_code(b"\xff" * 13).text == "Z" * 20


@pytest.mark.parametrize("text", ["", "ABCD", "A" * 19, "A" * 21, "U" * 20, "ABCD-EFGH-!!!!-0000-0000"])
def test_what_is_no_code_is_said_before_anything_is_asked(text: str) -> None:
    with pytest.raises(CodeError):
        read_code(text)


# A machine comes


def test_a_new_till_gets_a_key_and_the_first_epoch(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        identity, enrolled = await redeem(rig, code_for(rig))
        assert (identity.store, identity.machine, identity.role) == ("demo", "1", "till")
        assert identity.nodes[0].public_key == rig.hub.key.public
        grant = enrolled.grant
        assert grant is not None
        assert (grant.epoch, grant.first_seq, grant.prev_hash, grant.reason) == (1, 1, GENESIS, "new")
        assert verify(rig.hub.key.public, grant.signature, grant_bytes(grant))
        async with line_of(rig, identity) as line:
            hello = await line.ask("PUT", "/v1/tills/demo/1", body=encode_json(Hello("demo", "1", 1)))
            assert hello.status == 200

    run(hub_url, scenario)


def test_a_till_that_sells_already_keeps_its_numbers(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        till = Till()
        till.sell(3)
        identity, enrolled = await redeem(rig, code_for(rig), journal=end_of(till))
        assert (identity.store, identity.machine) == ("demo", "1")
        assert enrolled.grant is None

    run(hub_url, scenario)


def test_a_till_of_another_name_is_told_so_and_the_code_stays_good(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        code = code_for(rig, "2")
        with pytest.raises(
            EnrolError, match=r"for till 2 of store demo, and this machine is 1 of store demo"
        ):
            await redeem(rig, code, journal=end_of(Till()))
        identity, _ = await redeem(rig, code)
        assert identity.machine == "2"

    run(hub_url, scenario)


def test_the_store_tells_its_time_zone_where_the_hub_knows_the_store(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.enrolled()
        first, second = code_for(rig, machine="2"), code_for(rig, machine="3")
        _, enrolled = await redeem(rig, first)
        assert enrolled.time_zone == ""
        about = PutStore("Demo", time_zone="Europe/Lisbon")
        with rig.engine.begin() as connection:
            row = {"store": "demo", "version": 1, "active": True, "body": encode_json(about)}
            connection.execute(t.store_info.insert().values(row))
        _, enrolled = await redeem(rig, second)
        assert enrolled.time_zone == "Europe/Lisbon"

    run(hub_url, scenario)


def test_a_replaced_till_goes_on_after_the_newest_fact_the_hub_holds(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        till = Till()
        till.sell(4)
        async with rig.asking_from() as line:
            await say_hello(line)
            await send(line, till.batch(1, 5))
        with pytest.raises(EnrolError, match="make the code with --replace"):
            await redeem(rig, code_for(rig))
        identity, enrolled = await redeem(rig, code_for(rig, replace=True))
        grant = enrolled.grant
        assert grant is not None
        assert (grant.epoch, grant.first_seq, grant.prev_hash) == (2, 6, till.facts[4].hash)
        assert (grant.previous_epoch, grant.reason) == (1, "replaced")
        assert enrolled.shop == SHOP
        with rig.engine.connect() as connection:
            old = machines.key_of(connection, "demo", "1", key_for("demo", "1").key_id)
            new = machines.key_of(connection, "demo", "1", identity.key.key_id)
        assert old is not None
        assert new is not None
        assert (old.standing(NOW_MS), old.last_epoch) == ("retired", 1)
        assert new.standing(NOW_MS) == "active"

    run(hub_url, scenario)


def test_a_replacement_brings_no_journal(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.enrolled()
        with pytest.raises(
            EnrolError, match=r"without a journal.* make the code without --replace; .*empty folder"
        ):
            await redeem(rig, code_for(rig, replace=True), journal=end_of(Till()))

    run(hub_url, scenario)


def test_a_till_that_lost_its_key_enrols_again_and_the_old_key_ends(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        rig.enrolled()
        till = Till()
        identity, enrolled = await redeem(rig, code_for(rig), journal=end_of(till))
        assert enrolled.grant is None
        with rig.engine.connect() as connection:
            keys = {key.key_id: key.standing(NOW_MS) for key in machines.keys(connection)}
        assert keys == {key_for("demo", "1").key_id: "retired", identity.key.key_id: "active"}

    run(hub_url, scenario)


def test_a_relay_enrols_and_tills_learn_its_key_from_the_hub(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        with pytest.raises(EnrolError, match="has no relay yet"):
            await redeem(rig, code_for(rig), relay_url="http://relay")
        relay, enrolled = await redeem(rig, code_for(rig, "relay", role="relay"), "r", role="relay")
        assert enrolled.grant is None
        till, _ = await redeem(rig, code_for(rig, "2"), "t", relay_url="http://relay")
        assert [(node.role, node.url) for node in till.nodes] == [
            ("relay", "http://relay"),
            ("hub", "http://hub"),
        ]
        assert till.nodes[0].public_key == relay.key.public
        async with line_of(rig, till) as line:
            answer = await line.ask("GET", "/v1/relays")
        (told,) = msgspec.json.decode(answer.content, type=Relays).relays
        assert (told.name, told.public_key) == ("relay", relay.key.public)

    run(hub_url, scenario)


def test_a_code_is_for_one_role(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        with pytest.raises(EnrolError, match="for a relay, and this is a till"):
            await redeem(rig, code_for(rig, "x", role="relay"))
        rig.enrolled(machine="1")
        with pytest.raises(EnrolError, match="1 of store demo is a till"):
            await redeem(rig, code_for(rig, "1", role="relay", replace=True), role="relay")

    run(hub_url, scenario)


def test_a_lost_answer_is_given_again_to_the_same_key(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        asked: list[bytes] = []

        class Losing(httpx.AsyncBaseTransport):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                asked.append(request.content)
                answer = await rig.transport().handle_async_request(request)
                await answer.aread()
                if len(asked) == 1:
                    raise httpx.ReadError("the answer is lost")
                return answer

        identity, _ = await redeem(rig, code_for(rig), transport=Losing())
        assert asked[0] == asked[1]
        with rig.engine.connect() as connection:
            assert [key.key_id for key in machines.keys(connection)] == [identity.key.key_id]
            assert machines.latest_epoch(connection, "demo", "1") == 1
        assert exceptions_of(rig) == []

    run(hub_url, scenario)


def test_a_broken_off_enrolment_is_repeated_with_its_key_also_when_the_code_has_expired(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        code = code_for(rig)
        first, told = await redeem(rig, code, seed="a")
        rig.clock.ms += CODE_VALID_MS
        again, once_more = await enrol(
            "http://hub", code, ids=Ids("other nonces"), seed=first.seed, transport=rig.transport(),
            sleep=no_pause,
        )  # fmt: skip
        assert again == first
        assert msgspec.structs.replace(once_more, proof=b"") == msgspec.structs.replace(told, proof=b"")
        with rig.engine.connect() as connection:
            assert machines.latest_epoch(connection, "demo", "1") == 1
        assert exceptions_of(rig) == []
        await redeem(rig, code_for(rig, replace=True), "b")
        with pytest.raises(EnrolError, match="the key that used it has ended"):
            await enrol(
                "http://hub",
                code,
                ids=Ids("late"),
                seed=first.seed,
                transport=rig.transport(),
                sleep=no_pause,
            )

    run(hub_url, scenario)


def test_a_revoked_till_that_is_enrolled_again_with_its_journal_is_taken_in_by_name(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        till = Till()
        till.sell(4)
        old = rig.enrolled()
        async with rig.asking_from() as line:
            await send(line, till.batch(1, 2))
            transact(rig.engine, machines.revoke, "demo", "1", "", rig.clock.wall_ms())
            await send(line, till.batch(3, 4))
        assert exceptions_of(rig) == ["revoked"]
        identity, _ = await redeem(rig, code_for(rig), journal=end_of(till))
        noted = exceptions_in(rig)[-1]
        assert (noted.kind, noted.till, noted.epoch, noted.seq) == ("taken-in", "1", 1, 2)
        assert old.key_id in noted.detail
        async with line_of(rig, identity) as line:
            content, _ = encode_batch(sealed_by(till.batch(3, 5), identity.key))
            answer = await line.ask("POST", "/v1/tills/demo/1/facts", body=content, gzipped=True)
        assert answer.status == 200
        assert exceptions_of(rig) == ["revoked", "taken-in"]
        with rig.engine.connect() as connection:
            assert machines.newest_fact(connection, "demo", "1").seq == 5

    run(hub_url, scenario)


# Attacks on it


def test_a_code_used_a_second_time_is_refused_and_noted_once(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        code = code_for(rig)
        await redeem(rig, code)
        for seed in ("thief", "second thief"):
            with pytest.raises(
                EnrolError, match=r"used already\. Make a new one there with tresen hub enrol"
            ):
                await redeem(rig, code, seed)
        assert exceptions_of(rig) == ["code-reused"]
        with rig.engine.connect() as connection:
            assert len(machines.keys(connection)) == 1

    run(hub_url, scenario)


def test_a_code_dies_after_five_wrong_attempts_also_for_who_knows_it(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        code = code_for(rig)
        wrong = make_code(bytes(13))
        guess = Code(code.code_id + wrong.text[4:], wrong.key)
        for _ in range(4):
            with pytest.raises(EnrolError, match="The code is wrong"):
                await redeem(rig, guess)
        await redeem(rig, code_for(rig, "2"))
        with pytest.raises(EnrolError, match="The code is wrong"):
            await redeem(rig, guess)
        for tried in (guess, code):
            with pytest.raises(EnrolError, match="tried too often"):
                await redeem(rig, tried)

    run(hub_url, scenario)


def test_a_code_that_does_not_exist_is_wrong(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        with pytest.raises(EnrolError, match="The code is wrong"):
            await redeem(rig, make_code(b"?" * 13))

    run(hub_url, scenario)


def test_an_expired_code_is_refused(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        early, late = code_for(rig, "1"), code_for(rig, "2")
        rig.clock.ms += CODE_VALID_MS - 1
        await redeem(rig, early)
        rig.clock.ms += 1
        with pytest.raises(EnrolError, match="has expired"):
            await redeem(rig, late)

    run(hub_url, scenario)


def test_a_new_code_ends_the_unused_one_before_it(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        first = code_for(rig)
        second = code_for(rig)
        with pytest.raises(EnrolError, match="The code is wrong"):
            await redeem(rig, first)
        await redeem(rig, second)

    run(hub_url, scenario)


def test_a_flood_of_enrolments_is_slowed_down(new_url: Callable[[str], str]) -> None:
    async def scenario(rig: Rig) -> None:
        statuses = []
        async with rig.stranger("203.0.113.1") as flood:
            for _ in range(40):
                answer = await flood.post("/v1/enrolments", content=b"{}", headers=JSON)
                statuses.append(answer.status_code)
        assert set(statuses[:30]) == {400}
        assert set(statuses[30:]) == {429}
        code = code_for(rig)
        with pytest.raises(EnrolError, match="Too many"):
            await redeem(rig, code)
        rig.clock.ms += 60_000
        await redeem(rig, code)

    run(new_url("sqlite"), scenario)


class Middle(httpx.AsyncBaseTransport):
    """A man in the middle: `up` and `down` change what passes."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.up: Callable[[Enrol], Enrol] = lambda message: message
        self.down: Callable[[httpx.Response], httpx.Response] = lambda answer: answer

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        message = self.up(msgspec.json.decode(request.content, type=Enrol))
        passed = httpx.Request("POST", request.url, content=encode_json(message), headers=JSON)
        answer = await self.rig.transport().handle_async_request(passed)
        await answer.aread()
        return self.down(answer)


THIEF = SigningKey(b"thief key" + bytes(23))


def test_a_man_in_the_middle_cannot_enrol_his_own_key(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        middle = Middle(rig)
        middle.up = lambda message: msgspec.structs.replace(message, public_key=THIEF.public)
        with pytest.raises(EnrolError, match="The code is wrong"):
            await redeem(rig, code_for(rig), transport=middle)
        with rig.engine.connect() as connection:
            assert machines.keys(connection) == []

    run(hub_url, scenario)


def test_a_man_in_the_middle_cannot_pass_his_own_key_off_as_the_hubs(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        middle = Middle(rig)

        def swap(answer: httpx.Response) -> httpx.Response:
            found = msgspec.json.decode(answer.content, type=Enrolled)
            body = encode_json(msgspec.structs.replace(found, node_key=THIEF.public))
            return httpx.Response(200, content=body)

        middle.down = swap
        with pytest.raises(EnrolError, match="not the hub that made this code"):
            await redeem(rig, code_for(rig), transport=middle)

    run(hub_url, scenario)


@pytest.mark.parametrize("field", ["shop", "relays", "grant", "node_name", "store", "machine"])
def test_a_man_in_the_middle_cannot_change_a_word_of_the_answer(
    new_url: Callable[[str], str], field: str
) -> None:
    async def scenario(rig: Rig) -> None:
        middle = Middle(rig)

        def change(answer: httpx.Response) -> httpx.Response:
            found = msgspec.json.decode(answer.content)
            found[field] = {"shop": {"name": "Räuberhöhle"}, "relays": [], "grant": None}.get(field, "other")
            headers = {
                name: value for name, value in answer.headers.items() if name.startswith(("sig", "content-d"))
            }
            return httpx.Response(200, content=msgspec.json.encode(found), headers=headers)

        middle.down = change
        with pytest.raises(EnrolError, match="not the hub that made this code"):
            await redeem(rig, code_for(rig), transport=middle)

    run(new_url("sqlite"), scenario)


def test_a_fake_hub_that_does_not_know_the_code_is_not_believed() -> None:
    async def scenario() -> None:
        def reply(request: httpx.Request) -> httpx.Response:
            fake = Enrolled("demo", "1", "till", THIEF.public, "hub", NOW_MS, bytes(32))
            return httpx.Response(200, content=encode_json(fake))

        with pytest.raises(EnrolError, match="does not know the code"):
            await enrol(
                "http://hub",
                make_code(bytes(13)),
                ids=Ids(),
                transport=httpx.MockTransport(reply),
                sleep=no_pause,
            )

    asyncio.run(scenario())


@pytest.mark.parametrize("status", [200, 403, 404, 502])
def test_what_is_no_hub_at_all_is_a_sentence(status: int) -> None:
    async def scenario() -> None:
        transport = httpx.MockTransport(
            lambda _request: httpx.Response(status, content=b"<html>Router</html>")
        )
        with pytest.raises(EnrolError, match=r"no hub"):
            await enrol("http://hub", make_code(bytes(13)), ids=Ids(), transport=transport, sleep=no_pause)

    asyncio.run(scenario())


def test_a_hub_that_does_not_answer_is_a_sentence_and_the_relay_is_asked_too() -> None:
    async def scenario() -> None:
        asked: list[str] = []

        def reply(request: httpx.Request) -> httpx.Response:
            asked.append(str(request.url.host))
            raise httpx.ConnectError("nobody there")

        with pytest.raises(EnrolError, match="does not answer at http://hub or http://relay"):
            await enrol(
                "http://hub",
                make_code(bytes(13)),
                ids=Ids(),
                relay_url="http://relay",
                transport=httpx.MockTransport(reply),
                sleep=no_pause,
            )
        assert asked == ["hub", "relay"] * 3

    asyncio.run(scenario())


def test_a_proof_of_one_key_serves_no_other() -> None:
    code = make_code(bytes(13))
    assert enrol_proof(code.key, b"a" * 32, b"n" * 16) != enrol_proof(code.key, b"b" * 32, b"n" * 16)
    assert enrol_proof(code.key, b"a" * 32, b"n" * 16) != enrol_proof(code.key, b"a" * 32, b"m" * 16)


# The key changes


def test_a_till_changes_its_key_and_both_hold_for_seven_days(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        identity = rig.identity()
        new = SigningKey(b"new key " * 4)
        wish = Rotation(new.public, new.sign(rotation_bytes(identity.key.key_id)))
        async with line_of(rig, identity) as line:
            answer = await line.ask("POST", "/v1/keys", body=encode_json(wish))
            assert answer.status == 200
            rotated = msgspec.json.decode(answer.content, type=Rotated)
            assert rotated.key_id == key_id_of(new.public)
            assert (await line.ask("GET", "/v1/relays")).status == 200
            after = msgspec.structs.replace(identity, seed=new.seed)
            async with line_of(rig, after) as other:
                assert (await other.ask("GET", "/v1/relays")).status == 200
                rig.clock.ms = rotated.old_until_ms - NOW_MS
                assert (await line.ask("GET", "/v1/relays")).status == 403
                assert (await other.ask("GET", "/v1/relays")).status == 200

    run(hub_url, scenario)


def test_a_replaced_till_that_never_sold_is_replaced_again_from_the_beginning(hub_url: str) -> None:
    async def scenario(rig: Rig) -> None:
        await redeem(rig, code_for(rig))
        _, enrolled = await redeem(rig, code_for(rig, replace=True), "b")
        grant = enrolled.grant
        assert grant is not None
        assert (grant.epoch, grant.first_seq, grant.prev_hash) == (2, 1, Last().hash)

    run(hub_url, scenario)
