"""Customers: found by what they gave, merged and parted, their consents and points, and nothing left after erasure."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pos.sale_facts import Sale
from sync.hub.database import transact
from sync.hub.shop.customers import consents, core
from sync.hub.shop.customers.messages import PointsEntry
from sync.hub.shop.customers.points import left_of
from sync.hub.shop.letters.core import Message, forget_customer, say
from sync.hub.vault import Vault, VaultError, load_vault
from tests.contract.hub_kit import Till
from tests.contract.hub_rig import Rig, say_hello, send
from tests.contract.shop.kit import Channel, do, hear

ABOUT = {
    "name": "Rosalinde Querfurt",
    "email": "Rosalinde@Querfurt.example",
    "phone": "0171 2345678",
    "lines": ["Amselweg 9"],
}


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def test_a_customer_is_found_by_mail_phone_and_card_however_they_are_written(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        card = {"kind": "card", "value": "kd-77"}
        made = await office.post("/customers", {"about": ABOUT, "identifiers": [card]})
        assert set(made) == {"customer_id", "version"}
        for kind, value in (
            *(
                ("email", "rosalinde@querfurt.EXAMPLE"),
                ("phone", "+49 171 2345678"),
                ("phone", "0049 1712345678"),
            ),
            *(("card", "KD-77"),),
        ):
            found = await office.post("/customers/search", {"kind": kind, "value": value})
            assert found["customer_ids"] == [made["customer_id"]], (kind, value)
        seen = await office.get(f"/customers/{made['customer_id']}")
        assert seen["about"]["name"] == ABOUT["name"]
        again = await office.ask("POST", "/customers", {"about": {**ABOUT, "name": "Other"}})
        assert (again.status_code, again.json()["type"]) == (409, "urn:tresen:problem:known")
        assert again.json()["detail"] == made["customer_id"]
        assert (await office.post("/customers/search", {"kind": "email", "value": "nobody@x.de"}))[
            "customer_ids"
        ] == []
        changed = {**ABOUT, "email": "neu@querfurt.example"}
        await office.put(f"/customers/{made['customer_id']}", changed)
        assert (await office.post("/customers/search", {"kind": "email", "value": ABOUT["email"]}))[
            "customer_ids"
        ] == []

    asyncio.run(go())


def test_a_merge_answers_for_both_and_is_undone_whole(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        one = (await office.post("/customers", {"about": {"name": "A", "email": "a@x.example"}}))[
            "customer_id"
        ]
        two = (await office.post("/customers", {"about": {"name": "B", "email": "b@x.example"}}))[
            "customer_id"
        ]
        await office.post(f"/customers/{one}/points/adjust", {"points": 5, "reason": "x"})
        await office.post(f"/customers/{two}/points/adjust", {"points": 7, "reason": "x"})
        await office.post(f"/customers/{one}/merge", {"other": two})
        seen = await office.get(f"/customers/{two}")
        assert (seen["customer_id"], seen["points"], len(seen["identifiers"])) == (one, 12, 2)
        assert (await office.post("/customers/search", {"kind": "email", "value": "b@x.example"}))[
            "customer_ids"
        ] == [one]
        assert (await office.ask("POST", f"/customers/{two}/merge", {"other": one})).status_code == 409
        await office.post(f"/customers/{one}/part", {"other": two})
        assert (
            (await office.get(f"/customers/{one}"))["points"],
            (await office.get(f"/customers/{two}"))["points"],
        ) == (5, 7)

    asyncio.run(go())


def test_a_restricted_record_is_not_merged_away_and_a_reader_leaves_no_answer_behind(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        one = (await office.post("/customers", {"about": {"name": "A"}}))["customer_id"]
        two = (await office.post("/customers", {"about": ABOUT}))["customer_id"]
        await office.post(f"/customers/{two}/restrict")
        for kept, other in ((one, two), (two, one)):
            refused = await office.ask("POST", f"/customers/{kept}/merge", {"other": other})
            assert (refused.status_code, refused.json()["type"]) == (409, "urn:tresen:problem:restricted")
        await office.post(f"/customers/{two}/unrestrict")
        await office.post(f"/customers/{one}/merge", {"other": two})
        seen = await office.ask("GET", f"/customers/{two}", Idempotency_Key="read")
        assert seen.status_code == 200
        assert b"Querfurt" not in _dump(rig)

    asyncio.run(go())


def test_nobody_is_written_to_without_a_yes_and_a_no_ends_it(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        who = (await office.post("/customers", {"about": ABOUT}))["customer_id"]

        def may(purpose: str) -> bool:
            return do(rig, lambda work, _: consents.may_send(work, who, purpose, "email"), None)

        assert (may("news"), may("transactional")) == (False, True)
        yes = {"purpose": "news", "channel": "email", "given": True, "text_version": "2", "evidence": "page"}
        await office.post(f"/customers/{who}/consents", yes)
        assert may("news")
        await office.post(f"/customers/{who}/consents", {**yes, "given": False})
        assert not may("news")
        rig.clock.ms += 1
        await office.post(f"/customers/{who}/consents", yes)
        assert may("news")
        await office.post(f"/customers/{who}/restrict")
        assert (may("news"), may("transactional")) == (False, False)

    asyncio.run(go())


def test_points_follow_sales_and_returns_once_and_buy_credit(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        who = (await office.post("/customers", {"about": ABOUT}))["customer_id"]
        await office.put("/loyalty", {"points_per_major": 2, "minor_per_point": 3})
        till = Till()
        till.sell(3)
        till.write(_of(till, who))
        async with rig.asking_from() as line:
            await say_hello(line)
            assert (await send(line, till.batch(1, len(till.facts)))).status_code == 200
        hear(rig)
        hear(rig)
        total = _total(till)
        seen = await office.get(f"/customers/{who}/points")
        assert seen["balance"] == total * 2 // 100 > 0
        (bought,) = (await office.get(f"/customers/{who}/purchases"))["purchases"]
        assert (bought["total_minor"], bought["channel"], bought["store"]) == (total, "till", "demo")
        burnt = await office.post(f"/customers/{who}/points/burn", {"points": 2, "store": "demo"}, key="b")
        assert (
            await office.post(f"/customers/{who}/points/burn", {"points": 2, "store": "demo"}, key="b")
        ) == burnt
        card = await office.get(f"/gift-cards/{burnt['number']}")
        assert (card["available_minor"], card["kind"]) == (6, "credit")
        more = await office.ask("POST", f"/customers/{who}/points/burn", {"points": 10**6, "store": "demo"})
        assert (more.status_code, more.json()["detail"]) == (409, str(seen["balance"] - 2))

    asyncio.run(go())


def _total(till: Till) -> int:
    sale = msgspec.json.decode(till.facts[-1].body, type=Sale)
    return sum(line.pay_minor for line in sale.lines)


def _of(till: Till, customer: str) -> Sale:
    sale = msgspec.json.decode(till.facts[-1].body, type=Sale)
    return msgspec.structs.replace(sale, customer=customer, cart_id="other", number=sale.number + 1, link="")


def test_the_oldest_points_go_first_and_expired_ones_are_gone() -> None:
    def entry(cause: str, points: int, at: int, expires: int = 0) -> PointsEntry:
        return PointsEntry(cause, "earn" if points > 0 else "burn", points, at, expires)

    rows = [entry("a", 10, 1, 100), entry("b", 10, 2, 200), entry("c", -12, 50)]
    assert [left_of(rows, now) for now in (60, 150, 250)] == [8, 8, 0]
    assert left_of(rows[::-1], 60) == 8
    assert left_of([entry("a", 10, 1, 100), entry("c", -4, 150)], 160) == -4
    assert left_of([entry("c", -4, 1), entry("a", 10, 2)], 3) == 6


def test_after_erasure_nothing_of_the_person_is_anywhere(rig: Rig, tmp_path: Path) -> None:
    async def go() -> None:
        office = Channel(rig)
        who = (
            await office.post(
                "/customers", {"about": ABOUT, "identifiers": [{"kind": "card", "value": "KD-99881"}]}
            )
        )["customer_id"]
        yes = {"purpose": "news", "channel": "email", "given": True, "evidence": "Querfurt am Telefon"}
        await office.post(f"/customers/{who}/consents", yes)
        await office.post(f"/customers/{who}/points/adjust", {"points": 5, "reason": "x"})
        secret = (await office.post(f"/customers/{who}/links"))["secret"]
        assert do(rig, core.by_link, secret) == who
        told = await office.get(f"/customers/{who}/export")
        assert told["customers"][0]["about"]["name"] == ABOUT["name"]
        assert told["consents"][0]["evidence"] == "Querfurt am Telefon"
        _nowhere(rig, tmp_path)  # it is sealed from the first moment
        erased = await office.post(f"/customers/{who}/erase")
        assert erased["customer_ids"] == [who]
        assert erased["stays"]
        assert (await office.ask("GET", f"/customers/{who}")).status_code == 404
        assert do(rig, core.by_link, secret) is None
        assert (await office.post("/customers/search", {"kind": "email", "value": ABOUT["email"]}))[
            "customer_ids"
        ] == []
        _nowhere(rig, tmp_path)

    asyncio.run(go())


def test_messages_ask_for_consent_and_go_with_the_customer(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        who = (await office.post("/customers", {"about": ABOUT}))["customer_id"]
        consent = consents.CustomerConsents(rig.clock, rig.hub.ids)

        def may() -> bool:
            return transact(
                rig.engine, lambda connection: consent.may_send(connection, who, "marketing", "email")
            )

        assert not may()
        await office.post(
            f"/customers/{who}/consents", {"purpose": "marketing", "channel": "email", "given": True}
        )
        assert may()
        message = Message("demo", "k1", "order-received", "rq@x.example", FIELDS, customer=who)
        assert do(rig, say, message)
        await office.post(f"/customers/{who}/erase")
        assert not may()
        assert do(rig, forget_customer, who) == 0  # it is gone already

    asyncio.run(go())


FIELDS = {"order": "7", "lines": [], "pickup": True, "total_minor": 1}


def _nowhere(rig: Rig, folder: Path) -> None:
    if rig.engine.dialect.name == "sqlite":
        data = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    else:
        data = _dump(rig)
    assert len(data) > 10_000
    for word in (b"Querfurt", b"querfurt", b"2345678", b"Amselweg", b"99881"):
        assert word not in data


def _dump(rig: Rig) -> bytes:
    """All rows of all tables."""
    from sync.hub import tables as t

    def read(connection: object) -> bytes:
        said = []
        for table in t.metadata.sorted_tables:
            for row in connection.execute(table.select()):  # type: ignore[attr-defined]
                said += [
                    bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode()
                    for cell in row
                ]
        return b"\n".join(said) + b" " * 10_001

    return transact(rig.engine, read)


def test_a_key_file_is_made_once_and_another_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "hub.key"
    first = load_vault(path, bytes(range(32)))
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_vault(path, bytes(32)).lookup("a", "b") == first.lookup("a", "b")
    wrapped = first.wrap(bytes(32), bytes(12), "me")
    assert first.unwrap(wrapped, "me") == bytes(32)
    with pytest.raises(VaultError, match="not the one"):
        first.unwrap(wrapped, "you")
    with pytest.raises(VaultError, match="not the one"):
        Vault(bytes(32)).unwrap(wrapped, "me")
    path.write_text("zz")
    with pytest.raises(VaultError, match="cannot be used"):
        load_vault(path)
