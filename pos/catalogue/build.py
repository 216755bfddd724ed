"""Builds a new catalogue file from checked rows: quickly, with little memory, and finds what only all rows show.

A row's id is the line where it begins, so a clash can name the other line. Codes, dated prices and deposit links
wait in a scratch database until all rows are there; then they are sorted into place at once.
"""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import sqlite_utils

from pos.catalogue.checked import CheckedRow
from pos.catalogue.departments import Department
from pos.catalogue.mapping import Columns
from pos.catalogue.report import Refusal
from pos.catalogue.schema import DAY_MAX, DAY_MIN, PRICE_ON, PRODUCT_INDEX, SCHEMA, SKU_INDEX
from pos.domain.folding import index_text

__all__ = ["CatalogueBuilder", "deposit_sku", "deposit_text"]

BATCH_ROWS = 5_000
VACUUM_SHARE = 10  # one row in so many removed again: worth writing the file anew

_SCRATCH = """
CREATE TABLE scratch.code (key TEXT, id INTEGER, kind TEXT);
CREATE TABLE scratch.price (id INTEGER, valid_from TEXT, valid_to TEXT, price_minor INTEGER);
CREATE TABLE scratch.link (id INTEGER PRIMARY KEY, key TEXT, deposit_minor INTEGER);
CREATE TABLE scratch.product (id INTEGER, name TEXT, option_names TEXT);
CREATE TABLE scratch.refused (line INTEGER, name TEXT, cause TEXT, value TEXT);
"""

_INSERT_VARIANT = (
    "INSERT INTO variant (id, sku, text, tax_code, price_minor, gtin, department, unit, min_age,"
    " serial_required, deposit_sku, options, content, content_unit) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)


def deposit_sku(minor: int, tax_code: str) -> str:
    """The article number of a deposit that is only named by its amount."""
    return f"deposit-{minor}-{tax_code}"


def deposit_text(minor: int) -> str:
    return f"Pfand {minor // 100},{minor % 100:02d}"


class CatalogueBuilder:
    """One new file. `add` and `refuse` rows, `settle` once, then `complete`; always `close`."""

    def __init__(self, new: Path, scratch: Path, columns: Columns) -> None:
        self._columns, self._new = columns, new
        self._db = sqlite_utils.Database(new)
        # The file has no name of its own yet: any error throws it away, and it is made durable once, at its end
        # (pos.catalogue.replacing). So it needs no journal.
        for pragma in ("synchronous=OFF", "journal_mode=OFF", "cache_size=-48000", "temp_store=FILE"):
            self._db.conn.execute(f"PRAGMA {pragma}").close()
        self._db.executescript(SCHEMA)
        self._db.conn.execute("ATTACH ? AS scratch", (str(scratch),))
        for pragma in ("synchronous=OFF", "journal_mode=OFF", "cache_size=-16000"):
            self._db.conn.execute(f"PRAGMA scratch.{pragma}").close()
        self._db.executescript(_SCRATCH)
        self._variants: list[tuple[Any, ...]] = []
        self._codes: list[tuple[Any, ...]] = []
        self._prices: list[tuple[Any, ...]] = []
        self._links: list[tuple[Any, ...]] = []
        self._refusals: list[tuple[Any, ...]] = []
        self._products: list[tuple[Any, ...]] = []
        self._deposits: dict[tuple[int, str], str] = {}
        self._removed = 0
        self.further_prices = 0

    def close(self) -> None:
        self._db.close()

    def discard(self) -> None:
        """Nothing is to be imported."""
        self._db.close()
        self._new.unlink()

    def refuse(self, refusal: Refusal) -> None:
        texts = (refusal.column, refusal.cause, refusal.value)
        printable = (text.encode("utf-8", "replace").decode() for text in texts)
        self._refusals.append((refusal.line, *printable))
        if len(self._refusals) >= BATCH_ROWS:
            self._flush()

    def add(self, row: CheckedRow) -> None:
        line, common = row.line, row.common
        deposit = None
        if common.deposit_key:
            self._links.append((line, common.deposit_key, common.deposit_minor))
        elif common.deposit_minor:
            kind = (common.deposit_minor, common.tax_code)
            deposit = self._deposits.setdefault(kind, deposit_sku(*kind))
        if common.valid_from is not None:
            self._prices.append((line, common.valid_from, common.valid_to, row.price_minor))
        if row.product:
            self._products.append((line, row.product, row.option_names))
        self._codes += [(key, line, kind) for key, kind in row.codes]
        self._variants.append(
            (
                *(
                    line,
                    row.sku,
                    row.text,
                    common.tax_code,
                    row.price_minor,
                    row.gtin,
                    common.department,
                    common.unit,
                ),
                *(common.min_age, common.serial_required, deposit, row.options or None, common.content),
                common.content_unit,
            )
        )
        if len(self._variants) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        for sql, rows in (
            (_INSERT_VARIANT, self._variants),
            ("INSERT INTO scratch.code VALUES (?,?,?)", self._codes),
            ("INSERT INTO scratch.price VALUES (?,?,?,?)", self._prices),
            ("INSERT INTO scratch.link VALUES (?,?,?)", self._links),
            ("INSERT INTO scratch.product VALUES (?,?,?)", self._products),
            ("INSERT INTO scratch.refused VALUES (?,?,?,?)", self._refusals),
        ):
            if rows:
                self._db.conn.executemany(sql, rows)
                self._db.conn.commit()
                rows.clear()

    def settle(self) -> None:
        """Compare all rows: article numbers, codes, deposits."""
        self._flush()
        self._settle_skus()
        self._settle_codes()
        self._settle_deposits()
        self._settle_products()
        self._flush()
        self._db.conn.commit()

    def _settle_skus(self) -> None:
        """Rows of one article number are further prices if their days differ, else the later one is refused."""
        self._sql(
            "CREATE TABLE scratch.twin AS SELECT id, sku, price_minor FROM variant WHERE sku IN"
            " (SELECT sku FROM variant GROUP BY sku HAVING count(*) > 1) ORDER BY sku, id"
        )
        if self._number("SELECT count(*) FROM scratch.twin"):
            self._sql("CREATE INDEX scratch.code_id ON code(id)")
            self._sql("CREATE INDEX scratch.price_id ON price(id)")
        first, first_sku, first_price = 0, "", 0
        spans: set[tuple[str, str]] = set()
        for line, sku, price_minor in self._sql(
            "SELECT id, sku, price_minor FROM scratch.twin ORDER BY rowid"
        ):
            span = self._span(line)
            if sku != first_sku:
                first, first_sku, first_price, spans = line, sku, price_minor, {span}
            elif span in spans:
                dated = "" if span == (DAY_MIN, DAY_MAX) else ", with the same days"
                self._refuse_clash(line, "sku", f"this article is on line {first} already{dated}", sku)
                self._remove(line)
            else:
                if len(spans) == 1:
                    self._date_price(first, first_price)
                spans.add(span)
                self._date_price(line, price_minor)
                self._join_rows(first, line)
        self._sql(SKU_INDEX)
        self._sql(PRODUCT_INDEX)

    def _span(self, line: int) -> tuple[str, str]:
        row = self._sql("SELECT valid_from, valid_to FROM scratch.price WHERE id = ?", line).fetchone()
        return row or (DAY_MIN, DAY_MAX)

    def _date_price(self, line: int, price_minor: int) -> None:
        """A price without days that is now one of several gets open days."""
        if self._sql("SELECT 1 FROM scratch.price WHERE id = ?", line).fetchone() is None:
            self._sql("INSERT INTO scratch.price VALUES (?,?,?,?)", line, DAY_MIN, DAY_MAX, price_minor)

    def _join_rows(self, first: int, line: int) -> None:
        """The row on `line` is another price of the article on line `first`; its codes are that article's."""
        self._sql("UPDATE scratch.price SET id = ? WHERE id = ?", first, line)
        self._sql(
            "DELETE FROM scratch.code WHERE id = ? AND key IN (SELECT key FROM scratch.code WHERE id = ?)",
            line,
            first,
        )
        self._sql("UPDATE scratch.code SET id = ? WHERE id = ?", first, line)
        self._remove(line)
        self.further_prices += 1

    def _settle_codes(self) -> None:
        """A code belongs to the first line that names it; a later line is refused, with all its codes."""
        if self._removed:
            self._sql("DELETE FROM scratch.code WHERE id NOT IN (SELECT id FROM variant)")
        self._sql("INSERT OR IGNORE INTO main.code SELECT key, id, kind FROM scratch.code ORDER BY key, id")
        clashes = self._sql(
            "SELECT s.id, s.key, s.kind, c.variant FROM scratch.code s JOIN main.code c ON c.key = s.key"
            " WHERE c.variant <> s.id ORDER BY s.id"
        )
        refused = set()
        for line, key, kind, first in clashes:
            ours = "plu" if kind == "plu" and "plu" in self._columns else "gtin"
            self._refuse_clash(line, ours, f"this code is on line {first} already", key)
            refused.add(line)
        for line in sorted(refused):
            self._remove(line)
        self._drop_codes_without_article()

    def _settle_deposits(self) -> None:
        self._sql(
            "CREATE TABLE scratch.target AS SELECT l.id, l.key, t.sku, CASE"
            " WHEN t.sku IS NULL THEN 'no article of this file has this code, or it was refused'"
            " WHEN t.deposit_sku IS NOT NULL OR t.id IN (SELECT id FROM scratch.link)"
            " THEN 'the article of this deposit has a deposit of its own'"
            " WHEN l.deposit_minor > 0 AND l.deposit_minor <> t.price_minor"
            " THEN 'the deposit is ' || l.deposit_minor || ' cents here but ' || t.price_minor || ' cents at its article'"
            " END AS cause"
            " FROM scratch.link l LEFT JOIN main.code c ON c.key = l.key"
            " LEFT JOIN variant t ON t.id = coalesce(c.variant, (SELECT id FROM variant WHERE sku = l.key))"
        )
        unfit = self._sql("SELECT id, key, cause FROM scratch.target WHERE cause IS NOT NULL ORDER BY id")
        for line, key, cause in unfit:
            self._refuse_clash(line, "deposit_gtin", cause, key)
            self._remove(line)
        self._drop_codes_without_article()
        self._sql(
            "UPDATE variant SET deposit_sku = t.sku FROM scratch.target t"
            " WHERE t.id = variant.id AND t.cause IS NULL"
        )

    def _settle_products(self) -> None:
        self._sql(
            "INSERT INTO main.product SELECT min(p.id), p.name, v.tax_code, v.department, p.option_names"
            " FROM scratch.product p JOIN variant v ON v.id = p.id GROUP BY p.name"
        )
        self._sql(
            "UPDATE variant SET product = m.id FROM scratch.product p JOIN main.product m ON m.name = p.name"
            " WHERE p.id = variant.id"
        )

    def _refuse_clash(self, line: int, ours: str, cause: str, value: str) -> None:
        if ours == "sku" and "sku" not in self._columns:
            ours = "gtin" if "gtin" in self._columns else "plu"
        self.refuse(Refusal(line, self._columns.theirs(ours), cause, value))

    def _remove(self, line: int) -> None:
        self._sql("DELETE FROM variant WHERE id = ?", line)
        self._sql("DELETE FROM scratch.link WHERE id = ?", line)
        self._removed += 1

    def _drop_codes_without_article(self) -> None:
        if self._removed:
            self._sql("DELETE FROM main.code WHERE variant NOT IN (SELECT id FROM variant)")

    def refusals(self) -> Iterator[Refusal]:
        self._flush()
        for row in self._db.execute(
            "SELECT line, name, cause, value FROM scratch.refused ORDER BY line, rowid"
        ):
            yield Refusal(*row)

    def rows_refused(self) -> int:
        return self._number("SELECT count(DISTINCT line) FROM scratch.refused")

    def refusals_count(self) -> int:
        return self._number("SELECT count(*) FROM scratch.refused")

    def articles(self) -> int:
        return self._number("SELECT count(*) FROM variant WHERE generated = 0")

    def codes(self) -> int:
        return self._number("SELECT count(*) FROM main.code")

    def zero_prices(self) -> int:
        return self._number("SELECT count(*) FROM variant WHERE price_minor = 0")

    def _number(self, sql: str) -> int:
        return int(self._sql(sql).fetchone()[0])

    def _sql(self, sql: str, *values: Any) -> sqlite3.Cursor:
        return self._db.conn.execute(sql, values)

    def complete(self, on: dt.date, departments: list[Department], meta: dict[str, str]) -> None:
        """Add what depends on all rows: deposits by amount, dated prices, the search index, the sums."""
        self._add_deposits()
        self._add_prices(on.isoformat())
        names = self._sql("SELECT id, text FROM variant")
        self._db.conn.executemany(
            "INSERT INTO variant_fts (rowid, folded) VALUES (?, ?)",
            ((line, index_text(text)) for line, text in names),
        )
        self._db.table("department").insert_all(msgspec.structs.asdict(item) for item in departments)
        self._db.table("meta").insert_all({"key": key, "value": value} for key, value in meta.items())
        self._sql("INSERT INTO variant_fts (variant_fts) VALUES ('optimize')")
        self._db.conn.commit()
        self._sql("DETACH scratch")
        if self._removed * VACUUM_SHARE > self.articles():
            self._sql("VACUUM")

    def _add_deposits(self) -> None:
        first = self._number("SELECT coalesce(max(id), 0) + 1 FROM variant")
        self._db.table("variant").insert_all(
            {
                "id": first + i,
                "sku": sku,
                "text": deposit_text(minor),
                "tax_code": tax_code,
                "price_minor": minor,
                "generated": 1,
            }
            for i, ((minor, tax_code), sku) in enumerate(sorted(self._deposits.items()))
        )

    def _add_prices(self, today: str) -> None:
        """Keep days only where they can matter: not for a single price that has begun and does not end."""
        self._sql(
            "DELETE FROM scratch.price WHERE valid_from <= ? AND valid_to = ? AND id IN"
            " (SELECT id FROM scratch.price GROUP BY id HAVING count(*) = 1)",
            today,
            DAY_MAX,
        )
        self._sql(
            "INSERT INTO main.price SELECT v.sku, p.valid_from, p.valid_to, p.price_minor"
            " FROM scratch.price p JOIN variant v ON v.id = p.id ORDER BY 1, 2, 3"
        )
        self._sql("UPDATE variant SET dated = 1 WHERE id IN (SELECT id FROM scratch.price)")
        self._db.conn.execute(
            f"UPDATE variant SET price_minor = ({PRICE_ON.replace(':sku', 'variant.sku')}) WHERE dated",  # noqa: S608
            {"day": today},
        )
