"""Letters as they arrive, by a real mail server: a gift card for somebody, a receipt, and the last one before an address is erased."""

import asyncio
import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from pos.system import ThreadWorker
from sync.hub.brand import read_brand
from sync.hub.shop.customers import core, rights
from sync.hub.shop.customers import tables as ct
from sync.hub.shop.customers.consents import CustomerConsents
from sync.hub.shop.customers.messages import About, NewCustomer, Purchase
from sync.hub.shop.letters import outbox
from sync.hub.shop.letters.mail import Mail
from sync.hub.shop.letters.people import contact_of
from sync.hub.shop.letters.people_seals import CustomerSeals
from sync.hub.shop.letters.post import Post
from sync.hub.shop.letters.settings import MessageSettings, Quiet
from sync.hub.shop.letters.tables import message as t
from tests.contract.hub_rig import Rig
from tests.contract.mail_rig import Box, mail_server, part, server_at
from tests.contract.shop.kit import Channel, do

ADDRESS = "erika@example.com"
PUBLIC = "https://beleg.example"
ALWAYS_QUIET = Quiet(dt.time(0), dt.time(23, 59))
HOUR_MS = 3_600_000


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def posted(rig: Rig, box: Box, *, quiet: Quiet | None = None) -> list[str]:
    """Let the hub send what is due to a real server; gives who got something."""
    quiet = quiet or Quiet(dt.time(0), dt.time(0))
    before = len(box.to)

    async def go() -> None:
        worker = ThreadWorker("test-mail")
        try:
            async with mail_server(box) as port:
                post = Post(
                    rig.hub.database, rig.clock, rig.hub.ids, MessageSettings(read_brand(), quiet),
                    {"email": Mail(server_at(port), worker, rig.clock)}, CustomerSeals(rig.hub.key.seed, rig.hub.ids),
                    CustomerConsents(rig.clock, rig.hub.ids), contact_of=contact_of, public_url=PUBLIC,
                )  # fmt: skip
                while await post.turn():
                    pass
        finally:
            worker.close()

    asyncio.run(go())
    return box.to[before:]


def rows(rig: Rig) -> list[Any]:
    with rig.engine.connect() as connection:
        return list(connection.execute(sa.select(t).order_by(t.c.created_ms, t.c.key)))


def keys(rig: Rig) -> list[str]:
    with rig.engine.connect() as connection:
        return list(connection.execute(sa.select(ct.customer_key.c.subject)).scalars())


def customer(rig: Rig, **about: Any) -> str:
    made = do(
        rig, core.create, NewCustomer(About(**{"name": "Erika", "email": ADDRESS, "language": "de", **about}))
    )
    return made.customer_id


# -- the last letter


@pytest.mark.parametrize(
    ("language", "said"), [("de", "Ihre Daten sind gelöscht"), ("en", "Your data has been erased")]
)
def test_whoever_is_erased_hears_so_once_and_then_the_address_is_gone(
    rig: Rig, language: str, said: str
) -> None:
    who = customer(rig, language=language)
    do(rig, core.erase, who)
    (waiting,) = rows(rig)
    assert (waiting.kind, waiting.state, waiting.purpose) == ("erasure-done", "waiting", "transactional")
    assert bytes(waiting.address_mark) == b"", "nobody finds the letter by its address"
    assert [name.startswith(outbox.ONCE) for name in keys(rig)] == [True]
    box = Box()
    assert posted(rig, box) == [ADDRESS]
    assert box.mails[0]["Subject"] == said
    assert "Belege" not in part(box.mails[0], "plain"), "nothing was bought, so no law keeps anything"
    (sent,) = rows(rig)
    assert (sent.state, bytes(sent.sealed), sent.customer) == ("sent", b"", "")
    assert keys(rig) == []
    assert posted(rig, box) == []


def test_what_a_law_keeps_is_named_where_something_was_bought(rig: Rig) -> None:
    who = customer(rig)
    purchase = Purchase("till", "demo/1", "demo", rig.clock.wall_ms(), 100, "EUR", 1)
    do(rig, lambda work, _: core.bought(work, who, purchase), None)
    do(rig, core.erase, who)
    box = Box()
    posted(rig, box)
    assert "ohne Ihren Namen erhalten: Belege und Rechnungen." in part(box.mails[0], "plain").replace(
        "\n", " "
    )


def test_it_waits_for_the_morning_and_for_the_server_and_goes_when_given_up(rig: Rig) -> None:
    do(rig, core.erase, customer(rig))
    box = Box()
    assert posted(rig, box, quiet=ALWAYS_QUIET) == []
    assert rows(rig)[0].reason == "quiet"
    rig.clock.ms += 24 * HOUR_MS
    box.data = ["451 4.3.0 later"]
    assert posted(rig, box) == []
    (row,) = rows(rig)
    assert (row.state, row.answer) == ("waiting", "451 4.3.0")
    assert bytes(row.sealed) != b""
    rig.clock.ms += 49 * HOUR_MS
    assert posted(rig, box) == []
    (row,) = rows(rig)
    assert (row.state, row.reason, bytes(row.sealed)) == ("given_up", "late", b"")
    assert keys(rig) == [], "the address did not outlive the letter"


def test_erased_by_the_command_with_an_address_it_is_told_there_too(rig: Rig) -> None:
    customer(rig)
    do(rig, rights.forget, ("email", ADDRESS))
    box = Box()
    assert posted(rig, box) == [ADDRESS]


def test_nobody_is_told_who_has_no_address_or_whose_data_is_restricted(rig: Rig) -> None:
    do(rig, core.erase, customer(rig, email="", phone="0170 1"))
    other = customer(rig)
    do(rig, core.restrict, (other, True))
    do(rig, core.erase, other)
    assert rows(rig) == []


# -- a gift card


def test_a_gift_card_reaches_whom_it_is_for_with_the_way_to_its_balance(rig: Rig) -> None:
    to = {"email": ADDRESS, "from_name": "Oma", "greeting": "Alles Gute!"}
    box = Box()

    async def issue() -> dict[str, Any]:
        ask = {"minor": 5000, "store": "demo", "to": to}
        made: dict[str, Any] = await Channel(rig).post("/gift-cards", ask, key="once")
        return made

    card = asyncio.run(issue())
    assert posted(rig, box, quiet=ALWAYS_QUIET) == [ADDRESS], "a present does not wait for the morning"
    text = part(box.mails[0], "plain")
    assert "Oma schenkt Ihnen eine Geschenkkarte über 50,00" in text
    assert "Alles Gute!" in text
    assert card["number"] in re.sub(r"\s", "", text)
    (link,) = re.findall(rf"{PUBLIC}/k/\S+", text)
    assert card["number"] not in link
    (row,) = rows(rig)
    assert (row.state, bytes(row.sealed), bytes(row.address_mark)) == ("sent", b"", b""), (
        "its number is money"
    )
    assert keys(rig) == []

    async def look() -> list[Any]:
        async with rig.stranger("198.51.100.7") as line:
            page = await line.get(link.removeprefix(PUBLIC))
            forged = await line.get(link.removeprefix(PUBLIC)[:-1] + ("A" if link[-1] != "A" else "B"))
        return [page, forged]

    page, forged = asyncio.run(look())
    assert page.status_code == 200
    assert "50,00" in page.text
    assert card["number"] not in page.text, "whoever sees the page cannot pay with it"
    assert card["number"][-4:] in page.text
    assert forged.status_code == 404


def test_a_card_that_was_loaded_is_told_with_what_is_on_it_now(rig: Rig) -> None:
    box = Box()

    async def go() -> None:
        office = Channel(rig)
        card = await office.post("/gift-cards", {"minor": 1000, "store": "demo"})
        path = f"/gift-cards/{card['number']}/top-ups"
        to = {"email": ADDRESS, "language": "en"}
        await office.post(path, {"minor": 500, "reason": "present", "to": to})
        await office.post(path, {"minor": -100, "reason": "wrong", "to": to})
        for wrong in ("erika", "a@b\r\nBcc: c@d", "@", ""):
            bad = {"minor": 100, "store": "demo", "to": {"email": wrong}}
            assert (await office.ask("POST", "/gift-cards", bad)).status_code == 400, wrong

    asyncio.run(go())
    assert posted(rig, box) == [ADDRESS]
    assert box.mails[0]["Subject"] == "Your gift card worth €15.00"


def test_a_gift_card_that_the_server_refused_can_go_out_again(rig: Rig) -> None:
    box = Box()
    box.rcpt = ["550 5.1.1 nobody"]
    ask = {"minor": 100, "store": "demo", "to": {"email": ADDRESS}}
    asyncio.run(Channel(rig).post("/gift-cards", ask))
    assert posted(rig, box) == []
    (row,) = rows(rig)
    assert row.state == "refused"
    asyncio.run(Channel(rig).post("/messages/again", {"store": "demo", "key": row.key}))
    assert posted(rig, box) == [ADDRESS]
