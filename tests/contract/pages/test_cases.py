"""Cases and the survey: from the receipt's page to the store's people and back, readable until the key is destroyed."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from sync.hub.shop.cases import tables as t
from sync.hub.shop.cases.core import KEPT_MS
from sync.hub.shop.customers.tables import customer_key
from sync.hub.shop.kit.ticks import tick
from sync.hub.shop.rooms import TICKS
from tests.contract.pages.site import Site
from tests.contract.pages.test_mine import mails
from tests.contract.shop.kit import Channel

SECRET = "Der Toaster von Rosalinde brennt"


@pytest.fixture
def site(new_url: Callable[[str], str]) -> Iterator[Site]:
    site = Site(new_url("sqlite"))
    yield site
    site.rig.close()


async def send(line: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    return await line.post(path, data=fields, headers={"Sec-Fetch-Site": "same-origin"})


async def asked(line: httpx.AsyncClient, path: str, **fields: str) -> str:
    """A case by the form of a page; gives the path of its own page."""
    hidden = dict(
        re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', (await line.get(path)).text)
    )
    answer = await send(line, path, **{**hidden, "text": SECRET, **fields})
    assert answer.status_code == 303, answer.text
    again = await send(line, path, **{**hidden, "text": SECRET, **fields})
    assert again.headers["location"] == answer.headers["location"], "a form that is sent twice is one case"
    return answer.headers["location"].partition("?")[0]


def test_a_question_becomes_a_case_with_a_number_a_task_and_an_answer_by_mail(site: Site) -> None:
    async def go() -> None:
        link = await site.receipt(7)
        staff = Channel(site.rig, "staff", "demo")
        async with site.visitor() as line:
            path = await asked(line, f"/r/{link}/help", email="rosalinde@querfurt.example")
            page = (await line.get(f"{path}?done=asked")).text
            for said in ("Anfrage 1", "in Arbeit", SECRET, "030 000000", "Ihre Nachricht ist angekommen."):
                assert said in page
            assert "Anfrage 1: in Arbeit" in (await line.get(f"/r/{link}")).text
            assert SECRET not in (await line.get(f"/r/{link}")).text, (
                "who has the receipt need not be who asked"
            )
            (brief,) = (await staff.get("/cases?store=demo&about=1-1-7"))["cases"]
            assert (brief["number"], brief["state"], brief["about_kind"]) == (1, "open", "receipt")
            tasks = (await staff.get("/stores/demo/tasks?kind=case"))["tasks"]
            assert [one["key"] for one in tasks] == ["1-1"]
            one = f"/cases/demo/{brief['case_id']}"
            case = await staff.get(one)
            assert (case["messages"][0]["text"], case["contact"]["email"]) == (
                SECRET,
                "rosalinde@querfurt.example",
            )
            done = await staff.post(f"{one}/answers", {"text": "Bringen Sie ihn bitte vorbei.", "by": "Kim"})
            assert done["state"] == "answered"
            assert (await staff.get("/stores/demo/tasks?kind=case"))["tasks"] == []
            (mail,) = mails(site)
            assert mail.to == "rosalinde@querfurt.example"
            assert mail.fields == {
                "case": "1",
                "answer": "Bringen Sie ihn bitte vorbei.",
                "link": f"https://beleg.example{path}",
            }
            assert "Bringen Sie ihn bitte vorbei." in (await line.get(path)).text
            await send(line, f"{path}/reply", text="Mache ich.")
            assert (await staff.get(one))["brief"]["state"] == "open"
            assert [one["key"] for one in (await staff.get("/stores/demo/tasks?kind=case"))["tasks"]] == [
                "1-3"
            ]

    asyncio.run(go())


def test_an_order_has_help_too(site: Site) -> None:
    async def go() -> None:
        order = site.order()
        async with site.visitor() as line:
            path = await asked(line, f"/o/{site.link(order)}/help")
            assert "Anfrage 1" in (await line.get(path)).text
            found = await Channel(site.rig, "staff", "demo").get(f"/cases?store=demo&about={order.order_id}")
            assert len(found["cases"]) == 1

    asyncio.run(go())


def test_an_invoice_is_asked_for_once_a_receipt_and_the_second_one_learns_nothing(site: Site) -> None:
    async def go() -> None:
        link = await site.receipt(3)
        async with site.visitor() as line:
            path = f"/r/{link}/invoice"
            fields = {
                "name": "Querfurt GmbH",
                "lines": "Amselweg 9\r\n10115 Berlin",
                "vat_id": "de 123456789",
            }
            first = await send(line, path, **fields)
            case = first.headers["location"].partition("?")[0]
            assert "DE123456789" in (await line.get(case)).text
            second = await send(line, path, **{**fields, "name": "Andere AG"})
            assert second.headers["location"] == f"/r/{link}?done=invoice-known"
            assert "Andere" not in (await line.get(case)).text
            for wrong, said in (
                ({"name": ""}, "Name und Anschrift"),
                ({"lines": ""}, "Name und Anschrift"),
                ({"vat_id": "123"}, "keine USt-IdNr."),
                ({"email": "x"}, "keine E-Mail-Adresse"),
            ):
                answer = await send(line, path, **{**fields, **wrong})
                assert answer.status_code == 400
                assert said in answer.text

    asyncio.run(go())


def test_the_survey_takes_one_answer_a_receipt_and_counts(site: Site) -> None:
    async def go() -> None:
        office = Channel(site.rig)
        links = [await site.receipt(1)]
        async with site.visitor() as line:
            path = f"/r/{links[0]}"
            assert (await line.get(path)).text.count('type="radio"') == 11
            for score in ("", "11", "x", "-1", "٣"):
                assert (await send(line, f"{path}/survey", score=score)).status_code == 400
            for _ in range(2):
                answer = await send(line, f"{path}/survey", score="9", text="Sehr nett")
                assert answer.headers["location"] == f"{path}?done=survey"
            assert (await send(line, f"{path}/survey", score="0")).status_code == 409
            page = (await line.get(f"{path}?done=survey")).text
            assert 'type="radio"' not in page
            assert "Danke für Ihre Antwort." in page
            found = await office.get("/surveys?store=demo")
            assert (found["answers"], found["promoters"], found["nps"], found["scores"][9]) == (1, 1, 100, 1)
            assert [(one["subject"], one["text"]) for one in found["comments"]] == [("1-1-1", "Sehr nett")]
            assert (await office.get("/surveys?store=nord"))["nps"] is None

    asyncio.run(go())


def test_a_training_receipt_asks_nobody_and_helps_with_nothing(site: Site) -> None:
    async def go() -> None:
        link = await site.receipt(1, training=True)
        async with site.visitor() as line:
            assert "survey" not in (await line.get(f"/r/{link}")).text
            assert (await send(line, f"/r/{link}/survey", score="5")).status_code == 404
            assert (await line.get(f"/r/{link}/help")).status_code == 404

    asyncio.run(go())


def test_what_was_written_is_nobodys_once_its_key_is_destroyed(site: Site) -> None:
    async def go() -> None:
        link = await site.receipt(2)
        office = Channel(site.rig)
        async with site.visitor() as line:
            path = await asked(line, f"/r/{link}/help", name="Rosalinde Querfurt")
            with site.rig.engine.connect() as connection:
                found = [connection.execute(sa.select(table)).all() for table in (t.case, t.case_message)]
                rows = repr(found)
                assert "Rosalinde" not in rows
            (brief,) = (await office.get("/cases?store=demo"))["cases"]
            await office.post(f"/cases/demo/{brief['case_id']}/erase")
            page = (await line.get(path)).text
            assert SECRET not in page
            assert "(gelöscht)" in page
            with site.rig.engine.connect() as connection:
                assert connection.execute(sa.select(customer_key)).all() == []
            assert (await office.get("/stores/demo/tasks?kind=case"))["tasks"] == []

    asyncio.run(go())


def test_a_case_that_was_closed_long_ago_is_erased_by_the_clock(site: Site) -> None:
    async def go() -> None:
        link = await site.receipt(2)
        office = Channel(site.rig)
        async with site.visitor() as line:
            path = await asked(line, f"/r/{link}/help")
            (brief,) = (await office.get("/cases?store=demo"))["cases"]
            await office.post(f"/cases/demo/{brief['case_id']}/close")
            site.rig.clock.ms += KEPT_MS + 1
            with site.rig.engine.begin() as connection:
                for one in TICKS:
                    tick(connection, one, site.rig.clock.wall_ms(), site.rig.hub.ids)
            assert SECRET not in (await line.get(path)).text

    asyncio.run(go())


def test_one_receipt_has_a_few_open_cases_and_not_more(site: Site) -> None:
    async def go() -> None:
        link = await site.receipt(2)
        async with site.visitor() as line:
            answers: list[Any] = [
                await send(line, f"/r/{link}/help", once=f"{n:032x}", text=f"{SECRET} {n}") for n in range(6)
            ]
            assert [one.status_code for one in answers] == [303] * 5 + [409]
            assert (await send(line, f"/r/{link}/help", once="x", text=SECRET)).status_code == 400
            assert (await send(line, f"/r/{link}/help", once=f"{9:032x}", text="x" * 3000)).status_code == 400

    asyncio.run(go())


def test_another_stores_people_see_nothing_of_it(site: Site) -> None:
    async def go() -> None:
        link = await site.receipt(2)
        nord = Channel(site.rig, "staff", "nord")
        async with site.visitor() as line:
            await asked(line, f"/r/{link}/help")
        (brief,) = (await Channel(site.rig).get("/cases?store=demo"))["cases"]
        assert (await nord.ask("GET", "/cases?store=demo")).status_code == 403
        assert (await nord.ask("GET", f"/cases/demo/{brief['case_id']}")).status_code == 403
        assert (await nord.ask("GET", f"/cases/nord/{brief['case_id']}")).status_code == 404

    asyncio.run(go())
