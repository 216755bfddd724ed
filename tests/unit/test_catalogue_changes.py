"""The hub's changes reach the till's catalogue whole, once, and without stopping the sale."""

import asyncio
import datetime as dt
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pos.catalogue import replacing
from pos.catalogue.changes import apply_changes
from pos.catalogue.feed import Answer, ChangesRefusedError, read_changes
from pos.catalogue.importer import ImportJob, import_catalogue
from pos.catalogue.replacing import CatalogueStorageError
from pos.catalogue.schema import CATALOGUE_FILE
from pos.domain.article import Article
from pos.domain.codes import key_of
from pos.domain.tax import TaxRate, TaxTable
from tests.unit.catalogue_shop import TODAY, ean, open_reader

REPOSITORY = Path(__file__).parents[2]
TAX = TaxTable([TaxRate("B", 2, Decimal(7), dt.date(2021, 1, 1))])
Record = dict[str, Any]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A shop with tea, coffee, and water with a deposit that is named by its amount."""
    source = tmp_path / "articles.csv"
    source.write_text(
        "gtin,sku,name,price,vat_rate,deposit\n"
        f"{ean(1)},TEA,Tee grün,1.99,7,\n{ean(2)}|{ean(3)},COFFEE,Kaffee,4.99,7,\n{ean(4)},WATER,Wasser,0.49,7,0.25\n",
        encoding="utf-8",
    )
    import_catalogue(ImportJob(source=source, state=tmp_path, tax=TAX, on=TODAY, imported_at="today"))
    return tmp_path


def article(sku: str, text: str, price_minor: float | None, **fields: Any) -> Record:
    """A record of the feed; `codes`, `prices` and `product` stand beside the article."""
    outer: Record = {
        key: fields.pop(key) for key in ("codes", "prices", "product", "option_names") if key in fields
    }
    inner = {"sku": sku, "text": text, "tax_code": "B", "price_minor": price_minor, **fields}
    return {"change": "article", "article": inner, **outer}


def take(state: Path, *records: Record) -> Answer:
    return apply_changes(state, read_changes(json.dumps(record).encode() for record in records))


def find(state: Path, key: str, on: dt.date = TODAY) -> Article | None:
    with open_reader(state / CATALOGUE_FILE, on) as reader:
        return reader.find(key)


def search(state: Path, text: str) -> list[str]:
    with open_reader(state / CATALOGUE_FILE) as reader:

        async def found() -> list[str]:
            return [article.text for article in await reader.search(text)]

        return asyncio.run(found())


def rows(state: Path) -> list[tuple[Any, ...]]:
    """All that is in the catalogue but the index."""
    import apsw

    connection = apsw.Connection(str(state / CATALOGUE_FILE), flags=apsw.SQLITE_OPEN_READONLY)
    tables = ("variant", "code", "price", "department", "product", "meta")
    found = [
        (table, *row) for table in tables for row in connection.execute(f"SELECT * FROM {table} ORDER BY 1")
    ]
    connection.close()
    return found


def test_a_changed_catalogue_is_whole_again(state: Path) -> None:
    for minor in (249, 259):
        assert take(state, article("TEA", "Tee schwarz", minor, codes=[ean(1)])).ok
        with open_reader(state / CATALOGUE_FILE) as reader:
            assert reader._file is not None
            assert reader._file.seal
            assert asyncio.run(reader.verify())


def test_a_changed_article_has_its_new_price_name_and_codes(state: Path) -> None:
    answer = take(state, article("TEA", "Tee schwarz", 249, gtin=ean(1), codes=[ean(1), ean(9), "77"]))
    assert (answer.ok, answer.changes, answer.articles) == (True, 1, 3)
    tea = find(state, ean(9))
    assert tea is not None
    assert (tea.text, tea.price_minor) == ("Tee schwarz", 249)
    assert find(state, "77") == find(state, ean(1)) == tea
    assert search(state, "schwarz") == ["Tee schwarz"]
    assert search(state, "grün") == []


def test_a_new_article_is_added_and_one_that_is_gone_is_removed(state: Path) -> None:
    answer = take(
        state,
        article("MILK", "Milch", 109, codes=[ean(10)], content="1", content_unit="l"),
        {"change": "article-gone", "sku": "COFFEE"},
        {"change": "article-gone", "sku": "never-there"},
    )
    assert answer.articles == 3
    assert (find(state, ean(2)), find(state, ean(3)), search(state, "kaffee")) == (None, None, [])
    milk = find(state, ean(10))
    assert milk is not None
    assert (milk.content, milk.content_unit) == (Decimal(1), "l")
    with open_reader(state / CATALOGUE_FILE) as reader:
        assert reader.count == 3


def test_a_code_that_moves_to_another_article_is_that_articles(state: Path) -> None:
    take(
        state,
        article("TEA", "Tee", 199, codes=[ean(1), ean(3)]),
        article("COFFEE", "Kaffee", 499, codes=[ean(2)]),
    )
    moved = find(state, ean(3))
    assert moved is not None
    assert moved.sku == "TEA"


def test_a_code_that_an_article_loses_is_unknown(state: Path) -> None:
    take(state, article("COFFEE", "Kaffee", 499, codes=[ean(2)]))
    assert find(state, ean(3)) is None


def test_prices_with_days_come_with_the_article(state: Path) -> None:
    prices = [
        {"price_minor": 199},
        {"price_minor": 149, "valid_from": "2025-12-02", "valid_to": "2025-12-03"},
    ]
    take(state, article("TEA", "Tee", 199, codes=[ean(1)], prices=prices))
    days = [find(state, ean(1), TODAY + dt.timedelta(days=n)) for n in range(4)]
    assert [day.price_minor for day in days if day] == [199, 149, 149, 199]
    take(state, article("TEA", "Tee", 179, codes=[ean(1)]))
    after = find(state, ean(1), dt.date(2025, 12, 2))
    assert after is not None
    assert after.price_minor == 179


def test_departments_and_products_come_along(state: Path) -> None:
    take(
        state,
        {"change": "department", "number": 4, "name": "Heißgetränke", "tax_code": "B"},
        {"change": "department", "number": 5, "name": "Alt", "tax_code": "B"},
        article("S", "Shirt S", 999, options=["S"], product="Shirt", option_names=["Größe"]),
        article("M", "Shirt M", 999, options=["M"], product="Shirt", option_names=["Größe"]),
    )
    take(state, {"change": "department-gone", "number": 5})
    with open_reader(state / CATALOGUE_FILE) as reader:
        assert reader.departments() == {4: ("Heißgetränke", "B")}
        shirt = reader.by_sku("M")
        assert shirt is not None
        assert shirt.options == ("M",)
    assert len([row for row in rows(state) if row[0] == "product"]) == 1


def test_a_deposit_is_made_from_what_the_article_says(state: Path) -> None:
    deposit = {"sku": "PF-8", "text": "Pfand 0,08", "price_minor": 8, "tax_code": "B"}
    answer = take(state, article("BEER", "Pils", 119, codes=[ean(20)], deposit=deposit))
    assert answer.articles == 4
    beer = find(state, ean(20))
    assert beer is not None
    assert beer.deposit is not None
    assert beer.deposit.price_minor == 8


def test_a_deposit_article_that_is_gone_is_still_sold_with_its_bottles(state: Path) -> None:
    own = article("PF", "Pfand Kasten", 310, codes=[ean(30)])
    deposit = {"sku": "PF", "text": "Pfand Kasten", "price_minor": 310, "tax_code": "B"}
    take(state, own, article("CRATE", "Kasten Pils", 1499, codes=[ean(31)], deposit=deposit))
    take(state, {"change": "article-gone", "sku": "PF"})
    assert find(state, ean(30)) is None
    crate = find(state, ean(31))
    assert crate is not None
    assert crate.deposit is not None


def test_the_cursor_is_kept_in_the_same_file_and_a_batch_that_comes_again_changes_nothing(
    state: Path,
) -> None:
    batch = (
        article("TEA", "Tee", 1, codes=[ean(1)]),
        {"change": "article-gone", "sku": "COFFEE"},
        {"change": "cursor", "cursor": "chain:12"},
    )
    assert take(state, *batch).feed_cursor == "chain:12"
    with open_reader(state / CATALOGUE_FILE) as reader:
        assert reader.feed_cursor == "chain:12"
    before, stamp = rows(state), (state / CATALOGUE_FILE).stat()
    assert take(state, *batch).already
    assert (state / CATALOGUE_FILE).stat() == stamp
    take(state, *batch[:2])
    assert rows(state) == before
    assert search(state, "te") == ["Tee"]


def test_the_first_changes_make_the_catalogue(tmp_path: Path) -> None:
    assert take(tmp_path / "new", article("TEA", "Tee", 199, codes=[ean(1)])).articles == 1
    assert find(tmp_path / "new", ean(1)) is not None


@pytest.mark.parametrize(
    ("record", "cause"),
    [
        ({"change": "unheard-of"}, "Invalid value 'unheard-of'"),
        ({"change": "article-gone"}, "missing required field `sku`"),
        (article("", "Tee", 199), "no usable sku"),
        (article("X", "", 199), "a text has 1 to 200"),
        (article("X", "Tee", -1), "negative or over the limit"),
        (article("X", "Tee", 10_000_000), "negative or over the limit"),
        (article("X", "Tee", 1.5), "Expected `int"),
        (article("X", "Tee", 1, unit="barrel"), "unknown unit 'barrel'"),
        (article("X", "Tee", 1, codes=["4006381333932"]), "codes that cannot be: 4006381333932"),
        (article("X", "Tee", 1, content="5", content_unit="mile"), "the content has no known unit"),
        (article("X", "Tee", 1, prices=[{"price_minor": 1, "valid_from": "soon"}]), "Invalid RFC3339"),
        ({"change": "department", "number": 0, "name": "x", "tax_code": "B"}, "a number from 1 to 9999"),
    ],
)
def test_a_record_that_cannot_be_right_refuses_the_whole_batch(
    state: Path, record: Record, cause: str
) -> None:
    before = rows(state)
    with pytest.raises(ChangesRefusedError, match=r"record 2: ") as refused:
        take(state, article("TEA", "Tee", 1), record)
    assert cause in str(refused.value)
    assert rows(state) == before


def test_changes_wait_while_an_import_runs(state: Path) -> None:
    with (
        replacing.replacing_catalogue(state),
        pytest.raises(CatalogueStorageError, match="Another import or change"),
    ):
        take(state, article("TEA", "Tee", 1))


def run(state: Path, lines: bytes) -> tuple[int, Record]:
    done = subprocess.run(
        [sys.executable, "-m", "pos.catalogue.changes", "--state", str(state)],
        cwd=REPOSITORY,
        input=lines,
        capture_output=True,
        check=False,
    )
    (line,) = done.stdout.splitlines()
    return done.returncode, json.loads(line)


def test_the_till_runs_it_as_a_process_and_reads_one_line(state: Path) -> None:
    records = (article("TEA", "Tee", 219, codes=[ean(1)]), {"change": "cursor", "cursor": "7"})
    code, answer = run(state, b"\n".join(json.dumps(record).encode() for record in records))
    assert (code, answer["ok"], answer["feed_cursor"], answer["changes"]) == (0, True, "7", 1)
    tea = find(state, ean(1))
    assert tea is not None
    assert tea.price_minor == 219
    code, answer = run(state, b"{not json")
    assert (code, answer["ok"]) == (1, False)
    assert "record 1" in answer["error"]


def test_a_damaged_catalogue_is_said_and_left_alone(state: Path) -> None:
    (state / CATALOGUE_FILE).write_bytes(b"scribbled over" * 1000)
    with pytest.raises(ChangesRefusedError, match="is damaged"):
        take(state, article("TEA", "Tee", 1))
    assert (state / CATALOGUE_FILE).read_bytes() == b"scribbled over" * 1000
    assert not list(state.glob("catalogue.db.*"))


def fed(sku: str) -> Record:
    return article(sku, f"Ware {sku}", 199, codes=[ean(int(sku))])


def mark(cursor: str, *, begins: bool = False, whole: bool = False) -> Record:
    return {"change": "cursor", "cursor": cursor, "begins": begins, "whole": whole}


def test_a_feed_that_begins_anew_takes_away_what_it_no_longer_gives_once_it_is_whole(state: Path) -> None:
    take(state, fed("101"), fed("102"), fed("103"), mark("chain:3.a", begins=True, whole=True))
    take(state, fed("101"), mark("chain:1.b", begins=True))
    assert [find(state, key_of(ean(n))) is not None for n in (101, 102, 103)] == [True, True, True]
    answer = take(state, fed("103"), mark("chain:2.b", whole=True))
    assert [find(state, key_of(ean(n))) is not None for n in (101, 102, 103)] == [True, False, True]
    assert search(state, "102") == []
    assert find(state, key_of(ean(1))) is not None, "an article of a file that was imported here stays"
    assert answer.articles == 5


def test_a_feed_that_goes_on_takes_nothing_away(state: Path) -> None:
    take(state, fed("101"), mark("chain:1.a", begins=True, whole=True))
    take(state, fed("102"), mark("chain:2.a"))
    take(state, mark("chain:3.a", whole=True))
    assert [find(state, key_of(ean(n))) is not None for n in (101, 102)] == [True, True]
