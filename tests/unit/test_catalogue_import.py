"""A shop brings its articles from a file: what is wrong is named, and nothing is half imported."""

import csv
import datetime as dt
import errno
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pos.catalogue import replacing
from pos.catalogue.cli import catalogue
from pos.catalogue.importer import ImportJob, import_catalogue
from pos.catalogue.mapping import FileMapping
from pos.catalogue.reader import CatalogueReader
from pos.catalogue.replacing import CatalogueStorageError
from pos.catalogue.report import FileRefusedError, ImportSummary
from pos.catalogue.rows import RowReader
from pos.domain.article import Article
from pos.domain.tax import TaxRate, TaxTable
from tests.unit.catalogue_shop import TODAY, FixedClock, HereWorker, as_csv, ean, open_reader

REPOSITORY = Path(__file__).parents[2]
REAL_FILE = REPOSITORY.parent / "shared" / "data" / "catalogue_de.csv.gz"
SINCE = dt.date(2021, 1, 1)
TAX = TaxTable(
    [
        TaxRate("A", 1, Decimal(19), SINCE),
        TaxRate("B", 2, Decimal(7), SINCE),
        TaxRate("C", 5, Decimal(0), SINCE),
    ]
)
HEADER = "gtin,sku,name,price,vat_rate,unit"


class Shop:
    """A state folder and the ways to bring a file into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.file = self.state / "catalogue.db"

    def write(self, content: str | bytes, name: str = "articles.csv") -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def bring(
        self, content: str | bytes, mapping: FileMapping | None = None, **options: Any
    ) -> ImportSummary:
        job = ImportJob(
            source=self.write(content, options.pop("name", "articles.csv")),
            state=self.state,
            tax=TAX,
            on=TODAY,
            imported_at="2025-12-01T08:00:00+01:00",
            mapping=mapping or FileMapping(),
            **options,
        )
        return import_catalogue(job)

    def run(self, *arguments: str | Path) -> Result:
        words = [str(argument) for argument in arguments]
        return CliRunner().invoke(
            catalogue, words, obj=FixedClock(), env={"TRESEN_STATE": str(self.state), "COLUMNS": "200"}
        )

    def article(self, key: str, on: dt.date = TODAY) -> Article | None:
        with open_reader(self.file, on) as reader:
            return reader.find(key) or reader.by_sku(key)

    def count(self) -> int:
        with open_reader(self.file) as reader:
            return reader.count

    def leftovers(self) -> list[str]:
        return sorted(path.name for path in self.state.glob("catalogue.db?*"))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def refusal(summary: ImportSummary) -> tuple[int, str, str, str]:
    """The only refusal there is."""
    assert len(summary.refusals) == 1, summary.refusals
    found = summary.refusals[0]
    return found.line, found.column, found.cause, found.value


# What a file looks like


def test_every_column_of_our_own_format_arrives_at_the_till(shop: Shop) -> None:
    bottle, water, shirt = ean(1), ean(2), ean(3)
    summary = shop.bring(
        "gtin,sku,name,price,vat_rate,unit,department,plu,deposit,deposit_gtin,min_age,product,option_names,"
        "option_values,serial_required,content_quantity,content_unit\n"
        f"{bottle},PF-1,Pfand 0.25,0.25,19,pc,9,,,,0,,,,0,,\n"
        f"{water}|{ean(4)},GT-1,Wasser,0.49,19,pc,8,801,0.25,{bottle},0,,,,0,1.5,l\n"
        f"{shirt},BK-1,Shirt S rot,12.95,19,pc,15,,,,18,Shirt,Größe|Farbe,S|rot,1,,\n"
    )
    assert summary.imported
    assert (summary.articles, summary.codes) == (3, 5)
    sold = shop.article(water)
    assert sold is not None
    assert (sold.sku, sold.text, sold.price_minor, sold.tax_code) == ("GT-1", "Wasser", 49, "A")
    assert (sold.department, sold.gtin, sold.content, sold.content_unit) == (8, water, Decimal("1.5"), "l")
    assert sold.deposit is not None
    assert (sold.deposit.sku, sold.deposit.price_minor) == ("PF-1", 25)
    assert shop.article(ean(4)) == shop.article("801") == sold
    worn = shop.article(shirt)
    assert worn is not None
    assert (worn.options, worn.serial_required, worn.min_age) == (("S", "rot"), True, 18)


def test_german_excel_writes_windows_1252_with_semicolons_and_a_decimal_comma(shop: Shop) -> None:
    text = (
        "EAN;Artikelnummer;Bezeichnung;VK-Preis;MwSt;Einheit;Pfand;Mindestalter;Lagerort\r\n"
        f'{ean(1)};7;"Käse ""Großer"" – mild";1.234,50 €;7 %;Stück;;;A3\r\n'
        f"{ean(2)};8;Weißbier;1,19;19,0;Stk.;0,08;16;B1\r\n"
    )
    summary = shop.bring(text.encode("cp1252"))
    assert (summary.encoding, summary.delimiter, summary.decimal) == ("cp1252", ";", ",")
    assert summary.columns_unused == ("Lagerort",)
    cheese, beer = shop.article(ean(1)), shop.article(ean(2))
    assert cheese is not None
    assert beer is not None
    assert (cheese.text, cheese.price_minor) == ('Käse "Großer" – mild', 123450)
    assert (beer.min_age, beer.deposit and beer.deposit.price_minor) == (16, 8)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_delimiter_and_encoding_are_found_out(shop: Shop, delimiter: str, encoding: str) -> None:
    cells = [["EAN", "Artikelname", "Preis", "USt"], [ean(1), "Grüne Soße", "2.49", "7"]]
    summary = shop.bring("\r\n".join(delimiter.join(row) for row in cells).encode(encoding))
    assert summary.imported
    assert summary.delimiter == delimiter
    found = shop.article(ean(1))
    assert found is not None
    assert (found.text, found.price_minor) == ("Grüne Soße", 249)


def test_the_line_sep_that_excel_understands_is_understood_here_too(shop: Shop) -> None:
    assert shop.bring(f"sep=;\r\nEAN;Name;Preis;MwSt\r\n{ean(1)};Tee;1,99;7\r\n").imported


def test_a_name_with_a_line_break_in_quotes_is_one_row_and_later_lines_keep_their_numbers(shop: Shop) -> None:
    summary = shop.bring(f'{HEADER}\n{ean(1)},A,"Tee\nGrün",1.99,7,pc\n{ean(2)},B,,2.99,7,pc\n')
    assert refusal(summary)[:3] == (4, "name", "the article has no name")
    shop.bring(f'{HEADER}\n{ean(1)},A,"Tee\nGrün",1.99,7,pc\n')
    tea = shop.article("A")
    assert tea is not None
    assert tea.text == "Tee Grün"


@pytest.mark.parametrize("between", ["|", ",", " ", ";", " | "])
def test_several_codes_in_one_cell_all_find_the_article(shop: Shop, between: str) -> None:
    shop.bring(f'{HEADER}\n"{ean(1)}{between}{ean(2)}",A,Tee,1.99,7,pc\n')
    assert shop.article(ean(1)) == shop.article(ean(2)) is not None


def test_a_packed_file_is_read_like_a_plain_one(shop: Shop) -> None:
    packed = gzip.compress(f"{HEADER}\n{ean(1)},A,Tee,1.99,7,pc\n".encode())
    assert shop.bring(packed, name="articles.csv.gz").imported
    with pytest.raises(FileRefusedError, match="damaged or cut short"):
        shop.bring(packed[:40], name="articles.csv.gz")


def test_net_prices_get_the_vat_of_their_article(shop: Shop) -> None:
    rows = f"{ean(1)},A,Tee,1.00,7,pc\n{ean(2)},B,Tasse,1.00,19,pc\n{ean(3)},C,Löffel,0.8395,19,pc\n"
    shop.bring(f"{HEADER}\n{rows}", FileMapping(net=True))
    assert [a.price_minor for a in map(shop.article, "ABC") if a] == [107, 119, 100]
    shop.bring(f"EAN,Name,Netto,MwSt\n{ean(1)},Tee,1.00,7\n")
    tea = shop.article(ean(1))
    assert tea is not None
    assert tea.price_minor == 107


def test_a_department_can_give_the_vat_and_keeps_its_number_without_its_file(shop: Shop) -> None:
    departments = shop.write("number,name,vat_rate,tax_code\n4,Milch & Käse,7,B\n", "departments.csv")
    rows = f"EAN;Name;Preis;Warengruppe\n{ean(1)};Butter;1,99;4\n{ean(2)};Quark;0,99;milch & käse\n"
    shop.bring(rows, departments=departments)
    shop.bring(rows)
    quark = shop.article(ean(2))
    assert quark is not None
    assert (quark.tax_code, quark.department) == ("B", 4)
    with open_reader(shop.file) as reader:
        assert reader.departments()[4] == ("Milch & Käse", "B")


def test_unknown_departments_are_made_unless_their_file_is_given(shop: Shop) -> None:
    rows = f"EAN;Name;Preis;MwSt;Warengruppe\n{ean(1)};Ball;1,99;19;Spielzeug\n{ean(2)};Tee;1,99;7;12\n"
    shop.bring(rows)
    with open_reader(shop.file) as reader:
        assert reader.departments() == {1: ("Spielzeug", "A"), 12: ("12", "B")}
    departments = shop.write("number,name,vat_rate\n12,Tee,7\n", "departments.csv")
    line, column, cause, value = refusal(shop.bring(rows, departments=departments))
    assert (line, column, value) == (2, "Warengruppe", "Spielzeug")
    assert "not in the file of departments" in cause


def test_a_price_with_days_holds_on_its_days_only(shop: Shop) -> None:
    summary = shop.bring(
        f"{HEADER},valid_from,valid_to\n"
        f"{ean(1)},A,Tee,1.99,7,pc,,\n"
        f"{ean(1)},A,Tee,1.49,7,pc,24.12.2025,2025-12-31\n"
        f"{ean(2)},B,Neu,5.00,7,pc,2025-12-02,\n"
    )
    assert (summary.articles, summary.further_prices, summary.codes) == (2, 1, 2)

    def price(sku: str, month: int, day: int) -> int | None:
        article = shop.article(sku, dt.date(2025 + (month < 12), month, day))
        assert article is not None
        return article.price_minor

    assert [price("A", 12, 23), price("A", 12, 24), price("A", 12, 31), price("A", 1, 1)] == [
        199,
        149,
        149,
        199,
    ]
    assert [price("B", 12, 1), price("B", 12, 2)] == [None, 500]


# What is refused, and how it is said


def good(line: int) -> str:
    return f"{ean(line)},A{line},Tee {line},1.99,7,pc"


@pytest.mark.parametrize(
    ("row", "column", "cause", "value"),
    [
        (
            "4006381333932,A,Tee,1.99,7,pc",
            "gtin",
            "the check digit is wrong: with it the number would end in 1",
            "4006381333932",
        ),
        ("4E+12,A,Tee,1.99,7,pc", "gtin", "Excel has rounded this code", "4E+12"),
        ("https://tee.example,A,Tee,1.99,7,pc", "gtin", "not a code", "https://tee.example"),
        (",,Tee,1.99,7,pc", "gtin", "neither a code nor an article number", ""),
        (f"{ean(1)},A,,1.99,7,pc", "name", "the article has no name", ""),
        (f"{ean(1)},A,{'x' * 201},1.99,7,pc", "name", "longer than 200 characters", "x" * 201),
        (f"{ean(1)},A,Te\x1be,1.99,7,pc", "name", "control characters", "Te\x1be"),
        (f"{ean(1)},A,Tee,,7,pc", "price", "the article has no price", ""),
        (f"{ean(1)},A,Tee,-1.99,7,pc", "price", "a price cannot be negative", "-1.99"),
        (f"{ean(1)},A,Tee,100000.00,7,pc", "price", "over the highest price, 99999.99", "100000.00"),
        (f"{ean(1)},A,Tee,1.999,7,pc", "price", "a gross price has at most two decimals", "1.999"),
        (f"{ean(1)},A,Tee,cheap,7,pc", "price", "not a number with a decimal point", "cheap"),
        (f'{ean(1)},A,Tee,"1,99",7,pc', "price", "not a number with a decimal point", "1,99"),
        (
            f"{ean(1)},A,Tee,1.99,8,pc",
            "vat_rate",
            "no VAT rate that holds today (A = 19 %, B = 7 %, C = 0 %)",
            "8",
        ),
        (f"{ean(1)},A,Tee,1.99,,pc", "vat_rate", "no VAT rate, and no department that has one", ""),
        (f"{ean(1)},A,Tee,1.99,7,barrel", "unit", "unknown unit; known are g, kg, l, m, m2, pc", "barrel"),
        (f"{ean(3)},A,Tee,1.99,7,pc", "gtin", "this code is on line 3 already", ean(3)),
        (f"{ean(1)},A3,Tee,1.99,7,pc", "sku", "this article is on line 3 already", "A3"),
        (f"{ean(1)},A,Tee,1.99,7,pc,more,fields", "", "8 fields where the header has 6", "more fields"),
        (f'{ean(1)},A,"Tee" grün,1.99,7,pc', "", "text behind a closing quotation mark", ""),
    ],
)
def test_a_refused_row_is_named_with_its_line_its_column_the_cause_and_the_value(
    shop: Shop, row: str, column: str, cause: str, value: str
) -> None:
    content = f"{HEADER}\n{good(2)}\n{good(3)}\n{row}\n{good(5)}\n"
    summary = shop.bring(content)
    found = refusal(summary)
    assert (found[0], found[1], found[3]) == (4, column, value)
    assert cause in found[2]
    assert not summary.imported
    assert not shop.file.exists()
    assert shop.bring(content, good_rows=True).imported
    assert shop.count() == 3


@pytest.mark.parametrize(
    ("columns", "cells", "column", "cause"),
    [
        ("plu", "1234567", "plu", "a PLU has one to six digits"),
        ("plu", "42", "plu", "this code is on line 2 already"),
        ("deposit_gtin", ean(99), "deposit_gtin", "no article of this file has this code"),
        (
            "deposit,deposit_gtin",
            f"0.30,{ean(2)}",
            "deposit_gtin",
            "the deposit is 30 cents here but 199 cents",
        ),
        ("deposit", "bottle", "deposit", "not a number"),
        ("min_age", "grown-up", "min_age", "not an age from 0 to 99"),
        ("serial_required", "perhaps", "serial_required", "neither yes nor no"),
        ("tax_code", "A", "tax_code", "does not go with the VAT rate 7"),
        ("content_quantity,content_unit", "5,mile", "content_unit", "unknown unit"),
        ("content_quantity", "5", "content_unit", "the content has no unit"),
        ("option_names,option_values", "Größe|Farbe,S", "option_values", "not as many values"),
        ("valid_from", "32.12.2025", "valid_from", "not a day"),
        ("valid_from,valid_to", "2025-12-24,2025-12-23", "valid_to", "ends before it begins"),
    ],
)
def test_the_less_usual_columns_are_checked_as_well(
    shop: Shop, columns: str, cells: str, column: str, cause: str
) -> None:
    empty = "," * columns.count(",")
    first = "42" if columns == "plu" else empty
    summary = shop.bring(f"{HEADER},{columns}\n{good(2)},{first}\n{good(3)},{cells}\n")
    found = refusal(summary)
    assert found[:2] == (3, column)
    assert cause in found[2]


def test_a_row_with_several_faults_names_all_of_them_and_counts_once(shop: Shop) -> None:
    summary = shop.bring(f"{HEADER}\n4006381333932,A,,-1,8,barrel\n")
    assert [refusal.column for refusal in summary.refusals] == ["gtin", "name", "vat_rate", "unit", "price"]
    assert summary.rows_refused == 1


def test_the_messages_use_the_files_own_column_names(shop: Shop) -> None:
    summary = shop.bring(f"EAN;Bezeichnung;VK-Preis;MwSt\n{ean(1)};Tee;gratis;7\n")
    assert refusal(summary)[1] == "VK-Preis"


def test_a_deposit_article_that_was_refused_takes_its_bottles_with_it(shop: Shop) -> None:
    summary = shop.bring(
        f"{HEADER},deposit_gtin\n{ean(1)},PF,Pfand,free,19,pc,\n{ean(2)},W,Wasser,0.49,19,pc,{ean(1)}\n{good(4)},\n",
        good_rows=True,
    )
    assert [(refusal.line, refusal.column) for refusal in summary.refusals] == [
        (2, "price"),
        (3, "deposit_gtin"),
    ]
    assert summary.articles == 1


def test_bytes_that_are_no_characters_are_refused_in_their_row_and_the_rest_is_read_rightly(
    shop: Shop,
) -> None:
    rows = f"{HEADER}\n{ean(1)},A,Käse,1.99,7,pc\n{ean(2)},B,Süßes,1.99,7,pc\n".encode()
    summary = shop.bring(rows + f"{ean(3)},C,Br\xf6tchen,0.49,7,pc\n".encode("latin-1"), good_rows=True)
    line, column, cause, _value = refusal(summary)
    assert (line, column) == (4, "name")
    assert "bytes that are no characters" in cause
    cheese = shop.article("A")
    assert cheese is not None
    assert cheese.text == "Käse"
    broken = shop.bring(f"{HEADER}\n{ean(3)},C,Br\xf6t\x81chen,0.49,7,pc\n".encode("latin-1"))
    assert refusal(broken)[:2] == (2, "name")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty"),
        (b"\r\n \r\n", "The file is empty"),
        (f"{HEADER}\n".encode(), "column names but no rows"),
        (b"PK\x03\x04rest of a workbook", "a workbook or an archive, not CSV"),
        (b"gtin\0\0\0name", "binary data, not CSV"),
        (b"Farbe,Laune\nblau,gut\n", "Its columns are: 'Farbe', 'Laune'. Name them with --column"),
        (f"{ean(1)},Tee,1.99,7\n".encode(), "no column known to hold"),
        (
            f"EAN;Name;Preis\n{ean(1)};Tee;1,99\n".encode(),
            "the VAT rate (vat_rate, tax_code or a department)",
        ),
    ],
)
def test_a_file_that_is_no_list_of_articles_is_refused_in_one_sentence(
    shop: Shop, content: bytes, sentence: str
) -> None:
    with pytest.raises(FileRefusedError) as refused:
        shop.bring(content)
    assert sentence in str(refused.value)
    assert not shop.file.exists()
    assert not shop.leftovers()


def test_a_row_too_long_by_empty_cells_and_empty_rows_are_no_faults(shop: Shop) -> None:
    assert shop.bring(f"{HEADER}\n{good(2)},,,\n,,,,,\n\n{good(5)}\n").articles == 2


# The command


def test_the_command_says_in_one_line_what_came_of_it(shop: Shop) -> None:
    done = shop.run("import", shop.write(f"{HEADER}\n{good(2)}\n{good(3)}\n"))
    assert done.exit_code == 0
    assert done.stdout.startswith("2 rows read, 2 articles imported, 0 rows refused, 2 codes, ")
    found = shop.run("search", "tee")
    assert (found.exit_code, len(found.stdout.splitlines())) == (0, 2)
    assert "Tee 2" in shop.run("show", ean(2)).stdout
    assert shop.run("show", "no-such-code").exit_code == 1
    assert "articles.csv" in shop.run("stats").stdout


def test_with_a_bad_row_the_command_imports_nothing_and_says_so(shop: Shop) -> None:
    file = shop.write(f"{HEADER}\n{good(2)}\n{ean(3)},A3,,1.99,7,pc\n")
    done = shop.run("import", file)
    assert done.exit_code == 1
    assert "line 3, name: the article has no name" in done.stderr
    assert "Nothing was imported" in done.stderr
    assert not shop.file.exists()
    assert shop.run("import", file, "--good-rows").exit_code == 0
    assert shop.count() == 1


def test_wrong_usage_ends_with_two(shop: Shop) -> None:
    file = shop.write(f"{HEADER}\n{good(2)}\n")
    assert shop.run("import", "nowhere.csv").exit_code == 2
    assert shop.run("import", file, "--column", "nonsense=X").exit_code == 2
    assert shop.run("import", file, "--delimiter", "x").exit_code == 2
    assert shop.run("import", file, "--country", "XX").exit_code == 2
    assert shop.run("show", ean(2)).exit_code == 3


def test_a_dry_run_changes_nothing(shop: Shop) -> None:
    file = shop.write(f"{HEADER}\n{good(2)}\n")
    done = shop.run("import", file, "--dry-run", "--save-mapping", "mine")
    assert done.exit_code == 0
    assert "would be imported" in done.stdout
    assert not shop.state.exists()
    shop.run("import", file)
    before = shop.file.stat()
    assert shop.run("import", shop.write(f"{HEADER}\n{good(2)}\n{good(3)}\n"), "--dry-run").exit_code == 0
    assert shop.file.stat() == before
    assert shop.run("import", shop.write(f"{HEADER}\nbad,,,,,\n"), "--dry-run").exit_code == 1


def test_a_mapping_is_saved_under_a_name_and_used_again(shop: Shop) -> None:
    first = shop.write(f"Nr;Was;Betrag;Prozent\n{ean(1)};Tee;1,00;7\n")
    columns = ("gtin=Nr", "name=Was", "price=Betrag", "vat_rate=Prozent")
    options = [word for pair in columns for word in ("--column", pair)]
    assert shop.run("import", first).exit_code == 1
    assert shop.run("import", first, *options, "--net", "--save-mapping", "old-till").exit_code == 0
    again = shop.write(f"Prozent;Was;Nr;Betrag\n7;Kaffee;{ean(2)};2,00\n", "again.csv")
    assert shop.run("import", again, "--mapping", "old-till").exit_code == 0
    coffee = shop.article(ean(2))
    assert coffee is not None
    assert (coffee.text, coffee.price_minor) == ("Kaffee", 214)
    saved = shop.state / "mappings" / "old-till.toml"
    assert shop.run("import", again, "--map", saved).exit_code == 0
    missing = shop.run("import", again, "--mapping", "other")
    assert missing.exit_code == 1
    assert "there are: old-till" in missing.stderr
    assert "cannot name a mapping" in shop.run("import", again, "--mapping", "../x").stderr
    renamed = shop.run("import", again, "--column", "price=Gone", "--mapping", "old-till")
    assert "'Gone', which was to be our price, is not in the file" in renamed.stderr


def test_machines_get_json(shop: Shop) -> None:
    done = shop.run("import", shop.write(f"{HEADER}\n{good(2)}\n{ean(3)},A3,,1.99,7,pc\n"), "--json")
    answer = json.loads(done.stdout)
    assert answer["imported"] is False
    assert answer["refusals"] == [
        {"line": 3, "column": "name", "cause": "the article has no name", "value": ""}
    ]
    assert json.loads(shop.run("import", shop.write(""), "--json").stdout)["error"].startswith(
        "The file is empty"
    )


def test_the_report_holds_every_refused_row_for_excel(shop: Shop) -> None:
    rows = "".join(f"{ean(n)},A{n},,=cmd(),7,pc\n" for n in range(2, 40))
    report = shop.folder / "refused.csv"
    done = shop.run("import", shop.write(f"{HEADER}\n{rows}"), "--report", report)
    assert "… and 56 more" in done.stderr
    with report.open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.reader(file, delimiter=";"))
    assert len(table) == 1 + 2 * 38
    assert table[2] == [
        "2",
        "price",
        "not a number with a decimal point, as the rest of the file has",
        "'=cmd()",
    ]


# While the till sells, and when things go wrong


def test_two_imports_at_once_are_refused_with_a_sentence(shop: Shop) -> None:
    with (
        replacing.replacing_catalogue(shop.state),
        pytest.raises(CatalogueStorageError, match="Another import or change"),
    ):
        shop.bring(f"{HEADER}\n{good(2)}\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_is_said_and_nothing_changes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    shop.bring(f"{HEADER}\n{good(2)}\n")
    before = shop.file.read_bytes()

    def refuse(_path: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(replacing, "_sync", refuse)
    with pytest.raises(CatalogueStorageError, match="Nothing was changed"):
        shop.bring(f"{HEADER}\n{good(3)}\n")
    assert shop.file.read_bytes() == before
    assert not shop.leftovers()


def test_a_disk_that_takes_no_more_in_the_middle_leaves_the_old_catalogue(shop: Shop) -> None:
    shop.bring(f"{HEADER}\n{good(2)}\n")
    before = shop.file.read_bytes()
    many = shop.write(f"{HEADER}\n" + "".join(f"{good(n)}\n" for n in range(2, 8000)))
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))\n"
    done = subprocess.run(
        command(shop, many, limited), cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3, done.stderr
    assert "Nothing was changed" in done.stderr
    assert shop.file.read_bytes() == before
    assert not shop.leftovers()


def test_a_state_folder_that_cannot_be_made_is_said(shop: Shop) -> None:
    shop.state = Path("/proc/no-such-folder/state")
    done = shop.run("import", shop.write(f"{HEADER}\n{good(2)}\n"))
    assert done.exit_code == 3
    assert "Nothing was changed" in done.stderr


def test_ctrl_c_leaves_the_old_catalogue(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.bring(f"{HEADER}\n{good(2)}\n")
    before = shop.file.read_bytes()

    def stop(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RowReader, "read", stop)
    done = shop.run("import", shop.write(f"{HEADER}\n{good(3)}\n"))
    assert done.exit_code == 130
    assert shop.file.read_bytes() == before
    assert not shop.leftovers()


def command(shop: Shop, file: Path, before: str = "") -> list[str]:
    program = (
        f"{before}from pos.catalogue.cli import catalogue\nfrom pos.system import SystemClock\n"
        f"catalogue(['import', {str(file)!r}, '--state', {str(shop.state)!r}], obj=SystemClock())"
    )
    return [sys.executable, "-c", program]


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def test_a_killed_import_leaves_the_old_catalogue_and_the_next_one_clears_up(shop: Shop) -> None:
    shop.bring(f"{HEADER}\n{good(2)}\n")
    before = shop.file.read_bytes()
    many = shop.write(f"{HEADER}\n" + "".join(f"{good(n)}\n" for n in range(2, 60_000)), "many.csv")
    with subprocess.Popen(command(shop, many), cwd=REPOSITORY) as process:
        wait_until(lambda: any(path.stat().st_size for path in shop.state.glob("catalogue.db.new-*")))
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert shop.leftovers()
    assert shop.file.read_bytes() == before
    assert shop.bring(f"{HEADER}\n{good(2)}\n{good(3)}\n").imported
    assert shop.count() == 2
    assert not shop.leftovers()


def test_the_till_keeps_reading_while_an_import_replaces_the_file(shop: Shop) -> None:
    def rows(price: str) -> str:
        return f"{HEADER}\n" + "".join(f"{ean(n)},A{n},Tee {n},{price},7,pc\n" for n in range(2, 3_000))

    shop.bring(rows("1.00"))
    stop, seen, failures = threading.Event(), set[int | None](), list[BaseException]()

    def sell() -> None:
        reader = CatalogueReader(shop.file, HereWorker())
        try:
            while not stop.is_set():
                reader.refresh(TODAY)
                for n in range(2, 3_000, 50):
                    article = reader.find(ean(n))
                    assert article is not None, n
                    seen.add(article.price_minor)
        except BaseException as error:  # noqa: BLE001 - the test's thread looks at it
            failures.append(error)
        finally:
            reader.close()

    till = threading.Thread(target=sell)
    till.start()
    many = shop.write(rows("2.00"))
    try:
        for _ in range(3):  # in a process of its own, as it is in the shop
            subprocess.run(command(shop, many), cwd=REPOSITORY, check=True, capture_output=True)
        wait_until(lambda: 200 in seen or failures)
    finally:
        stop.set()
        till.join()
    assert not failures
    assert seen == {100, 200}


def test_a_newer_catalogue_is_not_overwritten_and_a_damaged_one_is(shop: Shop) -> None:
    import sqlite3

    shop.bring(f"{HEADER}\n{good(2)}\n")
    connection = sqlite3.connect(shop.file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(CatalogueStorageError, match="made by a newer Tresen"):
        shop.bring(f"{HEADER}\n{good(2)}\n")
    shop.file.write_bytes(b"scribbled over" * 1000)
    assert shop.bring(f"{HEADER}\n{good(2)}\n").imported
    assert shop.count() == 1


# Real files


def test_the_demo_shop_is_imported_whole(shop: Shop) -> None:
    demo = REPOSITORY / "config" / "demo"
    done = shop.run("import", demo / "articles.csv", "--departments", demo / "departments.csv")
    assert done.exit_code == 0, done.stderr
    assert shop.count() == len((demo / "articles.csv").read_text(encoding="utf-8").splitlines()) - 1


def test_all_38618_real_german_articles_are_imported(shop: Shop) -> None:
    if not (REPOSITORY.parent / "shared").exists():
        pytest.skip("the folder ../shared with the real articles is not on this machine")
    done = shop.run("import", REAL_FILE, "--json")
    answer = json.loads(done.stdout)
    assert (answer["rows_read"], answer["articles"], answer["rows_refused"]) == (38_618, 38_618, 0)
    assert answer["codes"] == 38_618
    with gzip.open(REAL_FILE, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with open_reader(shop.file) as reader:
        assert reader.count == 38_618
        for row in rows[::97]:
            article = reader.find(row["gtin"])
            assert article is not None
            assert article.text == " ".join(row["name"].split())
            assert article.price_minor == int(row["price_cents"])
            assert article.tax_code == {"19": "A", "7": "B"}[row["vat_rate"]]
            assert article.min_age == int(row["min_age"])
            deposit = article.deposit.price_minor if article.deposit else 0
            assert deposit == int(row["deposit_cents"])


def test_a_table_written_by_another_hand_is_the_same_as_ours(shop: Shop) -> None:
    rows = [["EAN", "Bezeichnung", "Preis", "MwSt"], [ean(1), "Tee; lose, 100 g", "3,49", "7"]]
    shop.bring(as_csv(rows, ";"))
    tea = shop.article(ean(1))
    assert tea is not None
    assert (tea.text, tea.price_minor) == ("Tee; lose, 100 g", 349)
