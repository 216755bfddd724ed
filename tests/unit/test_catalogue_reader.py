"""The till asks the catalogue for every scan: it must answer at once, rightly, and survive a bad file."""

import asyncio
import datetime as dt
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from pos.catalogue.importer import ImportJob, import_catalogue
from pos.catalogue.reader import (
    CACHED_ARTICLES,
    CatalogueDamagedError,
    CatalogueReader,
    CatalogueVersionError,
)
from pos.catalogue.schema import CATALOGUE_FILE
from pos.domain.article import Article
from pos.domain.codes import read_code
from pos.domain.folding import index_text, search_query
from pos.domain.tax import TaxRate, TaxTable
from pos.ports import Catalogue
from pos.system import ThreadWorker
from tests.unit.catalogue_shop import TODAY, HereWorker, ean, open_reader

SINCE = dt.date(2021, 1, 1)
TAX = TaxTable([TaxRate("A", 1, Decimal(19), SINCE), TaxRate("B", 2, Decimal(7), SINCE)])
HEADER = "gtin,sku,name,price,vat_rate,unit"
TOMORROW = TODAY + dt.timedelta(days=1)
NAMES = (
    *("Käse mild", "Kaesestange", "Kasekuchen?", "Straßenkreide", "Strassenkarte", "Clémentine", "Milch 1 l"),
    *("Milch 0,5 l", "Milchreis", "Öl", "Crème fraîche"),
)


def bring(folder: Path, rows: str, header: str = HEADER) -> Path:
    """Import some rows; the path of the catalogue."""
    source = folder / "articles.csv"
    source.write_text(f"{header}\n{rows}", encoding="utf-8")
    summary = import_catalogue(ImportJob(source=source, state=folder, tax=TAX, on=TODAY, imported_at="today"))
    assert summary.imported, summary.refusals
    return folder / CATALOGUE_FILE


def by_names(folder: Path) -> Path:
    return bring(folder, "".join(f'{ean(i)},A{i},"{name}",1.99,7,pc\n' for i, name in enumerate(NAMES)))


def search(path: Path, text: str, limit: int = 20) -> list[str]:
    with open_reader(path) as reader:
        return [article.text for article in asyncio.run(_search(reader, text, limit))]


async def _search(reader: CatalogueReader, text: str, limit: int) -> list[Article]:
    return list(await reader.search(text, limit))


def test_the_reader_is_the_port_the_till_knows(tmp_path: Path) -> None:
    port: Catalogue = CatalogueReader(tmp_path / CATALOGUE_FILE, HereWorker())
    assert port.count == 0


def test_without_a_file_the_catalogue_is_empty_and_says_nothing(tmp_path: Path) -> None:
    with open_reader(tmp_path / CATALOGUE_FILE) as reader:
        assert reader.count == 0
        assert reader.find(ean(1)) is None
        assert reader.by_sku("A1") is None
        assert 1 not in reader.departments()
        assert reader.feed_cursor == ""
        assert asyncio.run(_search(reader, "käse", 20)) == []


def test_a_code_is_found_as_it_was_scanned_with_or_without_leading_zeros(tmp_path: Path) -> None:
    path = bring(tmp_path, "012345678905,A,Upc,1.00,7,pc\n00012348,B,Short,1.00,7,pc\n")
    with open_reader(path) as reader:
        for scanned in ("012345678905", "0012345678905", "]E00012345678905"):
            found = reader.find(read_code(scanned).key)
            assert found is not None
            assert found.sku == "A"
        short = reader.find(read_code("00012348").key)
        assert short is not None
        assert short.gtin == "00012348"


def test_a_new_file_is_taken_when_the_till_looks_again_and_not_before(tmp_path: Path) -> None:
    path = bring(tmp_path, f"{ean(1)},A,Tee,1.00,7,pc\n")
    with open_reader(path) as reader:
        assert not reader.refresh(TODAY)
        bring(tmp_path, f"{ean(1)},A,Tee,2.00,7,pc\n{ean(2)},B,Kaffee,3.00,7,pc\n")
        old = reader.find(ean(1))
        assert old is not None
        assert (old.price_minor, reader.count, reader.find(ean(2))) == (100, 1, None)
        assert reader.refresh(TODAY)
        new = reader.find(ean(1))
        assert new is not None
        assert (new.price_minor, reader.count) == (200, 2)
        path.unlink()
        assert reader.refresh(TODAY)
        assert reader.count == 0


def test_a_price_valid_from_tomorrow_holds_tomorrow_without_a_new_file(tmp_path: Path) -> None:
    path = bring(
        tmp_path,
        f"{ean(1)},A,Tee,1.00,7,pc,\n{ean(1)},A,Tee,1.20,7,pc,2025-12-02\n",
        f"{HEADER},valid_from",
    )
    with open_reader(path) as reader:
        prices = []
        for day in (TODAY, TOMORROW, TODAY):
            assert not reader.refresh(day)
            article = reader.find(ean(1))
            assert article is not None
            prices.append(article.price_minor)
        assert prices == [100, 120, 100]


def test_a_deposit_follows_its_article_also_by_day(tmp_path: Path) -> None:
    path = bring(
        tmp_path,
        f"{ean(1)},PF,Pfand,0.25,19,pc,,\n{ean(1)},PF,Pfand,0.30,19,pc,,2025-12-02\n"
        f"{ean(2)},W,Wasser,0.49,19,pc,{ean(1)},\n",
        f"{HEADER},deposit_gtin,valid_from",
    )
    with open_reader(path) as reader:
        deposits = []
        for day in (TODAY, TOMORROW):
            reader.refresh(day)
            water = reader.find(ean(2))
            assert water is not None
            assert water.deposit is not None
            deposits.append(water.deposit.price_minor)
        assert deposits == [25, 30]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Käse", ["Käse mild", "Kaesestange"]),
        ("kaese", ["Käse mild", "Kaesestange"]),
        ("KAESE MI", ["Käse mild"]),
        ("kase", ["Käse mild", "Kasekuchen?"]),
        ("kä", ["Käse mild", "Kaesestange"]),
        ("strasse", ["Straßenkreide", "Strassenkarte"]),
        ("Straße", ["Straßenkreide", "Strassenkarte"]),
        ("clementine", ["Clémentine"]),
        ("creme", ["Crème fraîche"]),
        ("öl", ["Öl"]),
        ("oel", ["Öl"]),
        ("milch", ["Milch 1 l", "Milch 0,5 l", "Milchreis"]),
        ("milch 1", ["Milch 1 l"]),
        ("mild käse", ["Käse mild"]),
        ("nichts", []),
        ("k", []),
        ("", []),
        ('"*', []),
        ("käse OR milch", []),
        ("käse) NEAR(", []),
    ],
)
def test_words_are_found_by_their_beginnings_however_umlauts_are_typed(
    tmp_path: Path, text: str, found: list[str]
) -> None:
    assert search(by_names(tmp_path), text) == found


def test_a_search_gives_the_first_twenty_in_the_files_order(tmp_path: Path) -> None:
    path = bring(tmp_path, "".join(f"{ean(i)},A{i},Tee {i:02d},1.99,7,pc\n" for i in range(30)))
    assert search(path, "tee") == [f"Tee {i:02d}" for i in range(20)]
    assert search(path, "tee", 3) == ["Tee 00", "Tee 01", "Tee 02"]


def test_a_search_runs_on_the_worker_and_follows_a_new_file(tmp_path: Path) -> None:
    path = bring(tmp_path, f"{ean(1)},A,Tee grün,1.00,7,pc\n")

    async def look() -> None:
        worker = ThreadWorker("search")
        reader = CatalogueReader(path, worker)
        reader.refresh(TODAY)
        assert [a.text for a in await reader.search("tee")] == ["Tee grün"]
        bring(tmp_path, f"{ean(1)},A,Tee schwarz,1.00,7,pc\n")
        assert [a.text for a in await reader.search("tee")] == ["Tee schwarz"]
        worker.close()
        reader.close()

    asyncio.run(look())


def test_names_are_folded_to_german_and_to_plain_letters() -> None:
    assert index_text("Käse mild") == "kaese mild kase"
    assert index_text("Ka\u0308se") == "kaese kase"
    assert index_text("Plain, 2 words") == "plain 2 words"
    assert search_query("Käse 1 l a") == '"kaese"* "1"'
    assert len(search_query(" ".join(f"word{n}" for n in range(50))).split()) == 8


def test_only_so_many_articles_are_kept_and_the_longest_unused_goes_first(tmp_path: Path) -> None:
    count = CACHED_ARTICLES + 10
    path = bring(tmp_path, "".join(f"{ean(i)},A{i},Tee {i},1.99,7,pc\n" for i in range(count)))
    with open_reader(path) as reader:
        kept = reader.find(ean(0))
        for i in range(1, count):
            assert reader.find(ean(i)) is not None
            assert reader.find(ean(0)) is kept
        assert len(reader._cache) == CACHED_ARTICLES


def test_a_file_that_is_no_catalogue_is_said_once_and_the_old_one_stays_in_use(tmp_path: Path) -> None:
    path = bring(tmp_path, f"{ean(1)},A,Tee,1.00,7,pc\n")
    with open_reader(path) as reader:
        broken = tmp_path / "broken"
        broken.write_bytes(b"scribbled over " * 1000)
        broken.replace(path)
        with pytest.raises(CatalogueDamagedError, match=r"is damaged .*Import the articles again"):
            reader.refresh(TODAY)
        assert not reader.refresh(TODAY)
        assert reader.find(ean(1)) is not None


def test_broken_pages_are_told_by_a_clear_error(tmp_path: Path) -> None:
    path = bring(tmp_path, "".join(f"{ean(i)},A{i},Tee {i},1.99,7,pc\n" for i in range(5_000)))
    content = bytearray(path.read_bytes())
    content[4096 * 12 :] = b"\xff" * (len(content) - 4096 * 12)
    path.write_bytes(content)
    with open_reader(path) as reader, pytest.raises(CatalogueDamagedError):
        _ = [reader.find(ean(i)) for i in range(5_000)]


@pytest.mark.parametrize("part", [0.0, 0.1, 0.33, 0.5, 0.77, 0.999])
def test_one_flipped_bit_anywhere_is_found_and_told_once_where_the_next_cart_begins(
    tmp_path: Path, part: float
) -> None:
    path = bring(tmp_path, "".join(f"{ean(i)},A{i},Tee {i},1.99,7,pc\n" for i in range(2_000)))
    content = bytearray(path.read_bytes())
    at = 24 if not part else int(len(content) * part)  # in the header: the counter of changes
    content[at] ^= 4
    path.write_bytes(content)
    with open_reader(path) as reader:
        assert asyncio.run(reader.verify()) is False
        with pytest.raises(
            CatalogueDamagedError, match=r"not those that were written.*Import the articles again"
        ):
            reader.refresh(TODAY)
        assert not reader.refresh(TODAY)
        assert asyncio.run(reader.verify()), "each file is read through once"


def test_a_damaged_digest_and_a_price_changed_past_the_program_are_found(tmp_path: Path) -> None:
    path = bring(tmp_path, f"{ean(1)},A,Tee,1.00,7,pc\n")
    whole = path.read_bytes()
    with open_reader(path) as reader:
        assert asyncio.run(reader.verify())
    for change in (
        "UPDATE variant SET price_minor = 1",
        "UPDATE seal SET digest = zeroblob(32)",
        "DELETE FROM seal",
    ):
        path.write_bytes(whole)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(change)
        with open_reader(path) as reader:
            assert not asyncio.run(reader.verify()), change


def test_a_catalogue_of_before_there_were_digests_is_taken_for_whole(tmp_path: Path) -> None:
    path = bring(tmp_path, f"{ean(1)},A,Tee,1.00,7,pc\n")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE seal")
    with open_reader(path) as reader:
        assert asyncio.run(reader.verify())


@pytest.mark.parametrize(("version", "word"), [(0, "older"), (99, "newer")])
def test_a_file_of_another_version_is_refused_with_what_to_do(
    tmp_path: Path, version: int, word: str
) -> None:
    path = bring(tmp_path, f"{ean(1)},A,Tee,1.00,7,pc\n")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(CatalogueVersionError, match=f"made by an? {word} Tresen"), open_reader(path):
        pass


def test_the_tills_process_loads_neither_sqlite_utils_nor_the_standard_librarys_sqlite() -> None:
    program = (
        "import sys, pos.catalogue.reader\n"
        "print(sorted({'sqlite3', '_sqlite3', 'sqlite_utils', 'click', 'csv'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_variants_and_deposits_are_listed_on_the_worker_in_the_files_order(tmp_path: Path) -> None:
    path = bring(
        tmp_path,
        f"{ean(1)},PF,Pfand,0.25,19,pc,,,,\n"
        f"{ean(2)},W,Wasser,0.49,19,pc,{ean(1)},,,\n"
        f"{ean(3)},B,Bier,0.99,19,pc,{ean(1)},,,\n"
        + "".join(
            f"{ean(10 + at)},H{at},Hemd {size},19.99,19,pc,,Hemd,Größe|Farbe,{size}|weiß\n"
            for at, size in enumerate(("S", "XL", "M"))
        ),
        f"{HEADER},deposit_gtin,product,option_names,option_values",
    )
    with open_reader(path) as reader:
        shirt = reader.find(ean(11))
        assert shirt is not None
        product = asyncio.run(reader.variants(shirt.product))
        assert product is not None
        assert (product.name, product.option_names) == ("Hemd", ("Größe", "Farbe"))
        assert [variant.options for variant in product.variants] == [
            ("S", "weiß"),
            ("XL", "weiß"),
            ("M", "weiß"),
        ]
        water = reader.find(ean(2))
        assert water is not None
        assert water.product == 0
        assert asyncio.run(reader.variants(999)) is None
        deposits = asyncio.run(reader.deposits())
        assert [(deposit.sku, deposit.price_minor) for deposit in deposits] == [("PF", 25)]
