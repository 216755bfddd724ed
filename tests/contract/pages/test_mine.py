"""My data: the way to it by mail, and what can be done there."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest
import sqlalchemy as sa

from sync.hub.database import transact
from sync.hub.shop.customers import consents, core
from sync.hub.shop.customers import tables as t
from sync.hub.shop.customers.messages import About, NewCustomer
from sync.hub.shop.customers.own_hands import ONCE_MS, OPEN_MS
from sync.hub.shop.letters import core as letters
from sync.hub.shop.letters.outbox import Content
from sync.hub.shop.letters.tables import message
from tests.contract.pages.site import Site
from tests.contract.shop.kit import do

WHO = About(
    "Rosalinde Querfurt", "rosalinde@querfurt.example", "0171 2345678", ("Amselweg 9",), language="de"
)


@pytest.fixture
def site(new_url: Callable[[str], str]) -> Iterator[Site]:
    site = Site(new_url("sqlite"))
    yield site
    site.rig.close()


def mails(site: Site) -> list[Content]:
    """What waits in the outbox."""

    def read(connection: sa.engine.Connection) -> list[Content]:
        seals = letters.seals_of(connection, site.rig.hub.ids)
        rows = connection.execute(sa.select(message).order_by(message.c.created_ms))
        plain = [seals.open(connection, row.customer, bytes(row.sealed)) for row in rows]
        return [msgspec.json.decode(one, type=Content) for one in plain if one]

    return transact(site.rig.engine, read)


def customer(site: Site) -> str:
    made: Any = do(site.rig, core.create, NewCustomer(WHO))
    return str(made.customer_id)


async def send(line: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    return await line.post(path, data=fields, headers={"Sec-Fetch-Site": "same-origin"})


async def opened(site: Site, line: httpx.AsyncClient) -> str:
    """The path of the page, by way of the mail."""
    await send(line, "/me", email=WHO.email)
    once = "/me/" + mails(site)[-1].fields["link"].rpartition("/")[2]
    answer = await send(line, f"{once}/open")
    assert answer.status_code == 303
    return answer.headers["location"]


def test_the_answer_is_the_same_whether_the_address_is_known_or_not(site: Site) -> None:
    async def go() -> None:
        customer(site)
        async with site.visitor() as line:
            answers = [
                await send(line, "/me", email=who) for who in (WHO.email, "nobody@nowhere.example", "x", "")
            ]
            assert {(one.status_code, one.headers["location"], one.content) for one in answers} == {
                (303, "/me?done=sent", b"")
            }
            assert [mail.to for mail in mails(site)] == [WHO.email]
            await send(line, "/me", email=WHO.email.upper())
            assert len(mails(site)) == 1, "one mail an hour"
            assert "Wenn wir diese Adresse kennen" in (await line.get("/me?done=sent")).text

    asyncio.run(go())


def test_the_link_of_the_mail_opens_once_and_looking_at_it_is_not_opening(site: Site) -> None:
    async def go() -> None:
        customer(site)
        async with site.visitor() as line:
            await send(line, "/me", email=WHO.email)
            once = "/me/" + mails(site)[-1].fields["link"].rpartition("/")[2]
            for _ in range(3):
                page = (await line.get(once)).text
                assert "öffnet dieser Link nur einmal" in page
                assert "Querfurt" not in page
            assert (await line.get(f"{once}/export")).status_code == 404
            path = (await send(line, f"{once}/open")).headers["location"]
            assert (await send(line, f"{once}/open")).status_code == 404
            assert (await line.get(once)).status_code == 404
            shown = (await line.get(path)).text
            for said in ("Rosalinde Querfurt", WHO.email, "0171 2345678", "Amselweg 9"):
                assert said in shown
            assert not any(part in path.lower() for part in ("rosalinde", "querfurt", "0171"))
            site.rig.clock.ms += OPEN_MS
            assert (await line.get(path)).status_code == 404
            await send(line, "/me", email=WHO.email)
            late = "/me/" + mails(site)[-1].fields["link"].rpartition("/")[2]
            site.rig.clock.ms += ONCE_MS
            assert (await send(line, f"{late}/open")).status_code == 404

    asyncio.run(go())


def test_a_yes_and_a_no_are_kept_with_what_was_read(site: Site) -> None:
    async def go() -> None:
        customer_id = customer(site)
        async with site.visitor() as line:
            path = await opened(site, line)
            for given in ("yes", "yes", "no"):
                site.rig.clock.ms += 1000
                answer = await send(
                    line, f"{path}/consent", purpose="marketing/email", given=given, words="de"
                )
                assert answer.headers["location"] == f"{path}?done=consent-{given}"
            kept = do(site.rig, consents.listing, customer_id)
            assert [(one.given, one.source, one.text_version) for one in kept] == [
                (True, "page", "pages-1"),
                (False, "page", "pages-1"),
            ]
            assert kept[0].evidence == "Angebote und Neuigkeiten (E-Mail): ja"
            assert "seit Montag, 21. September 2026" in (await line.get(path)).text
            for wrong in (
                {"purpose": "marketing/fax", "given": "yes"},
                {"purpose": "marketing/email", "given": "x"},
            ):
                assert (await send(line, f"{path}/consent", words="de", **wrong)).status_code == 400

    asyncio.run(go())


def test_all_of_it_is_taken_along_as_a_file(site: Site) -> None:
    async def go() -> None:
        customer(site)
        async with site.visitor() as line:
            answer = await line.get(f"{await opened(site, line)}/export")
            assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
            assert answer.json()["customers"][0]["about"]["name"] == WHO.name

    asyncio.run(go())


def test_erasing_needs_a_second_word_and_leaves_nothing(site: Site) -> None:
    async def go() -> None:
        customer_id = customer(site)
        async with site.visitor() as line:
            path = await opened(site, line)
            asked = (await line.get(f"{path}/erase")).text
            assert re.search(r'type="checkbox" name="sure" value="yes" required', asked)
            assert (await send(line, f"{path}/erase")).status_code == 400
            assert "Querfurt" in (await line.get(path)).text
            assert (await send(line, f"{path}/erase", sure="yes")).headers["location"] == "/me?done=erased"
            assert (await line.get(path)).status_code == 404
            assert (await send(line, f"{path}/erase", sure="yes")).status_code == 404
            with site.rig.engine.connect() as connection:
                for table in (t.customer_link, t.customer_identifier, t.customer_consent):
                    assert connection.execute(sa.select(table)).all() == []
                body = connection.execute(
                    sa.select(t.customer.c.body).where(t.customer.c.customer_id == customer_id)
                )
                assert body.scalar() == b""

    asyncio.run(go())


def test_a_hub_without_its_key_file_says_that_it_cannot(new_url: Callable[[str], str]) -> None:
    async def go() -> None:
        site = Site(new_url("sqlite"))
        customer(site)
        async with site.visitor() as line:
            path = await opened(site, line)
            site.rig.restart()
            site.rig.hub.database.engine.update_execution_options(tresen_vault=None)
            async with site.visitor() as again:
                assert (await again.get(path)).status_code == 503
                assert (await send(again, "/me", email=WHO.email)).headers["location"] == "/me?done=sent"
        site.rig.close()

    asyncio.run(go())
