"""Bulk: articles, promotions and customers in and out, NDJSON and CSV; errors by line; what comes back is what went out."""

import asyncio
import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from sync.hub.shop.customers import tables as customer_tables
from sync.hub.shop.kit.bulk import LineError, Reader, Sheet, read_all, write_text
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import Channel

NDJSON, CSV = "application/x-ndjson", "text/csv"


@pytest.fixture
def rig(hub_url: str) -> Iterator[Rig]:
    rig = Rig(hub_url)
    yield rig
    rig.close()


def article(sku: str, **more: Any) -> dict[str, Any]:
    return {"sku": sku, "text": f"Artikel {sku}", "tax_code": "1", "price_minor": 199, **more}


ARTICLES = [
    article("=1+1", text='Saft "extra"; süß, 1 l', codes=["4006381333931"], unit="pc"),
    article("'@x", text="'=SUM(A1)", prices=[{"price_minor": 5, "valid_from": "2026-01-01"}]),
    article("1001", price_minor=None, content=0.70, content_unit="l", options=["M", "rot"]),
    article("1002", deposit={"sku": "pfand", "text": "Pfand", "price_minor": 25, "tax_code": "1"}),
    article("1003", media=[{"url": "https://shop.example/a.jpg"}], min_age=16, gtin="4006381333948"),
    {"sku": "1004", "gone": True},
]
PROMOTIONS: list[dict[str, Any]] = [
    {"id": "p1", "text": "Saft -10 %", "kind": "percent", "percent": 10, "valid_from": "2026-01-01"},
    {"id": "p2", "text": "alt", "kind": "percent", "percent": 12.5, "active": False, "weekdays": [1, 2]},
]


def lines(records: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in records)


async def bring(office: Channel, path: str, body: bytes | str, kind: str = NDJSON) -> Any:
    content = body.encode() if isinstance(body, str) else body
    return await office._line.put(f"/v1{path}", content=content, headers={"Content-Type": kind})


async def taken_out(office: Channel, path: str, form: str = "ndjson") -> str:
    answer = await office.ask("GET", f"{path}?format={form}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(CSV if form == "csv" else NDJSON)
    return answer.text


def digest(text: str) -> list[bytes]:
    return sorted(
        msgspec.json.encode(msgspec.json.decode(one), order="sorted") for one in text.split("\n") if one
    )


@pytest.mark.parametrize(("path", "records"), [("articles", ARTICLES), ("promotions", PROMOTIONS)])
def test_what_goes_out_comes_back_the_same(
    new_url: Callable[[str], str], path: str, records: list[dict[str, Any]]
) -> None:
    async def go() -> None:
        one, other = Rig(new_url("sqlite")), Rig(new_url("postgresql"))
        here, there = Channel(one), Channel(other)
        at = f"/catalogue/{path}"
        for begins, ends, form, kind in (
            (here, there, "csv", CSV),
            (there, here, "csv", CSV),
            (there, here, "ndjson", NDJSON),
        ):
            if begins is here:
                assert (await bring(here, at, lines(records))).json()["changes"] == len(records)
            came = await bring(ends, at, await taken_out(begins, at, form), kind)
            assert came.status_code == 200, came.text
            assert came.json()["changes"] == (len(records) if ends is there else 0)
            assert digest(await taken_out(here, at)) == digest(await taken_out(there, at))
        one.close()
        other.close()

    asyncio.run(go())


def test_bad_lines_are_named_by_line_and_field_and_hold_up_no_other(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        text = (
            "sku;text;tax_code;price_minor\n"
            'a1;"Zwei\nZeilen";1;100\n'
            "a2;Gut;1;100\n"
            "a3;Teuer;1;viel\n"
            "a4;Negativ;1;-1\n"
            "a5;kurz\n"
        )
        found = await bring(office, "/catalogue/articles", text, CSV)
        assert found.status_code == 422
        assert [(one["line"], one["field"]) for one in found.json()["errors"]] == [
            (2, "text"), (5, "price_minor"), (6, "price_minor"), (7, ""),
        ]  # fmt: skip
        assert [
            json.loads(one)["sku"] for one in (await taken_out(office, "/catalogue/articles")).split()
        ] == ["a2"]

    asyncio.run(go())


def test_all_lines_hold_or_none_where_that_was_asked(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        good, bad = article("b1"), article("b2", price_minor=-1)
        lots: tuple[tuple[str, list[dict[str, Any]]], ...] = (
            ("/catalogue/articles", [good, bad]),
            ("/catalogue/promotions", [*PROMOTIONS, {"id": "p3", "text": "x", "kind": "nothing"}]),
            ("/customers/import", [{"name": "Anna", "email": "anna@example.com"}, {"name": 1}]),
            ("/stock/import", [{"store": "demo", "sku": "a", "safety": "2"}, {"store": "demo", "sku": "b"}]),
        )
        for path, lot in lots:
            found = await bring(office, f"{path}?whole=true", lines(lot))
            assert (found.status_code, len(found.json()["errors"])) == (422, 1), path
            assert found.json()["errors"][0]["line"] == len(lot)
            assert (await bring(office, f"{path}?whole=true", lines(lot[:-1]))).status_code == 200, path
        assert (await taken_out(office, "/catalogue/articles")).count("\n") == 1
        assert (await taken_out(office, "/customers/export")).count("\n") == 1
        many = lines([article(str(n)) for n in range(5001)])
        assert (await bring(office, "/catalogue/articles?whole=true", many)).status_code == 413
        assert (await taken_out(office, "/catalogue/articles")).count("\n") == 1

    asyncio.run(go())


CUSTOMERS: list[dict[str, Any]] = [
    {
        "customer_id": "018f0000-0000-7000-8000-000000000001", "name": "=HYPERLINK(1)", "email": "anna@example.com",
        "phone": "+49 30 1", "lines": ["Markt 1", "1 X"], "identifiers": [{"kind": "card", "value": "C-1000"}],
        "consents": [{"purpose": "newsletter", "channel": "email", "given": True, "at_ms": 5, "evidence": "Zettel"}],
    },
    {"customer_id": "018f0000-0000-7000-8000-000000000002", "name": "Bert", "state": "restricted", "note": 'a;b\n"c"'},
]  # fmt: skip


@pytest.mark.parametrize(("form", "kind"), [("ndjson", NDJSON), ("csv", CSV)])
def test_customers_come_back_the_same_and_whose_data_went_out_is_written_down(
    new_url: Callable[[str], str], form: str, kind: str
) -> None:
    async def go() -> None:
        one, other = Rig(new_url("sqlite")), Rig(new_url("postgresql"))
        here, there = Channel(one), Channel(other)
        assert (await bring(here, "/customers/import", lines(CUSTOMERS))).json()["taken"] == 2
        text = await taken_out(here, "/customers/export", form)
        if form == "csv":
            assert "'=HYPERLINK" in text
            assert "'+49 30 1" in text
        for _ in range(2):
            found = (await bring(there, "/customers/import", text, kind)).json()
            assert found == {"taken": 2, "errors": []}
        told = digest(await taken_out(here, "/customers/export"))
        assert told == digest(await taken_out(there, "/customers/export"))
        assert told == digest(lines(CUSTOMERS).decode())
        assert (await there.post("/customers/search", {"kind": "card", "value": "c-1000"}))["customer_ids"]
        with other.engine.connect() as connection:
            c = customer_tables.customer_access.c
            rows = connection.execute(sa.select(c.customer_id, c.who).where(c.what == "bulk-export")).all()
        assert {row.customer_id for row in rows} == {one["customer_id"] for one in CUSTOMERS}
        assert {row.who for row in rows} == {there.name}
        one.close()
        other.close()

    asyncio.run(go())


def test_customers_are_found_again_and_one_line_takes_nobody_elses_card(rig: Rig) -> None:
    async def go() -> None:
        office = Channel(rig)
        await bring(office, "/customers/import", lines(CUSTOMERS))
        more = [
            {"name": "Anna N.", "email": "ANNA@example.com"},
            {
                "customer_id": CUSTOMERS[1]["customer_id"],
                "identifiers": [{"kind": "card", "value": "C-1000"}],
            },
            {"name": "Cara", "birth_date": "gestern"},
            {"name": "Dora\u0000"},
        ]
        found = (await bring(office, "/customers/import", lines(more))).json()
        assert (found["taken"], [(one["line"], one["field"]) for one in found["errors"]]) == (
            1,
            [(2, ""), (3, "birth_date"), (4, "")],
        )
        out = [json.loads(one) for one in (await taken_out(office, "/customers/export")).splitlines()]
        assert [one.get("name") for one in out] == ["Anna N.", "Bert"]

    asyncio.run(go())


def test_only_who_may_brings_or_takes_all(rig: Rig) -> None:
    async def go() -> None:
        for role, path, status in (
            ("storefront", "/catalogue/articles", 403),
            ("staff", "/catalogue/articles", 200),
            ("staff", "/customers/export", 403),
            ("connector", "/customers/export", 403),
            ("admin", "/customers/export", 200),
        ):
            assert (await Channel(rig, role).ask("GET", path)).status_code == status, (role, path)
        refused = await bring(Channel(rig, "connector"), "/customers/import", lines(CUSTOMERS))
        assert refused.status_code == 403
        assert (await rig.stranger("203.0.113.9").get("/v1/catalogue/articles")).status_code == 403
        wrong = await bring(Channel(rig), "/catalogue/articles", b"{}", "application/json")
        assert (wrong.status_code, wrong.headers["content-type"]) == (415, "application/problem+json")
        heading = await bring(Channel(rig), "/customers/import", "name,shoes\nA,1\n", CSV)
        assert (heading.status_code, heading.json()["type"]) == (422, "urn:tresen:problem:heading")
        broken = await bring(Channel(rig), "/catalogue/articles", 'sku,"te"xt\n1,Tee\n', CSV)
        assert (broken.status_code, broken.json()["type"]) == (400, "urn:tresen:problem:csv")

    asyncio.run(go())


SHEET = Sheet(("sku", "text"), ("n",), ("sku",))


@pytest.mark.parametrize("text", ["", "=1", "'=1", "''=1", "'x", "-5", "\t", "@", 'a"b;c,d\ne\r\n', " x "])
def test_a_cell_comes_back_as_it_went_out_and_no_text_begins_as_a_formula(text: str) -> None:
    body = msgspec.json.encode({"sku": "1", "text": text, "n": -5, "other": [1.10]})
    out = write_text("csv", SHEET, [body], heading=True)
    ((_, back),) = read_all(out.encode(), Reader("csv", SHEET, 1000))
    assert isinstance(back, bytes)
    assert msgspec.json.decode(back) == msgspec.json.decode(body)
    assert next(csv.DictReader(io.StringIO(out, newline="")))["text"][:1] not in {"=", "-", "@", "\t"}


def test_a_body_is_the_same_in_whatever_pieces_it_comes() -> None:
    body = 'sku,text\r\n1,"zwei\r\nZeilen, ""so"""\r\n\r\n2,ü\r\n3\r\n'.encode()
    whole = [(n, str(one)) for n, one in read_all(body, Reader("csv", SHEET, 1000))]
    assert [n for n, _ in whole] == [2, 5, 6]
    for size in (1, 2, 3, 7):
        reader = Reader("csv", SHEET, 1000)
        found = [one for at in range(0, len(body), size) for one in reader.feed(body[at : at + size])]
        found += reader.end()
        assert [(n, str(one)) for n, one in found] == whole
    assert isinstance(found[-1][1], LineError)
