"""Brings the hub's article changes into the catalogue: `python -m pos.catalogue.changes --state DIR`.

The till runs this as a process of its own, for it uses sqlite-utils. It reads one JSON record a line from standard
input and answers with one JSON line. All records are taken or none; taking them twice changes nothing more.

    {"change": "article", "article": {"sku": ..., "text": ..., ...}, "codes": [...], "prices": [...]}
    {"change": "article-gone", "sku": ...}
    {"change": "department", "number": 4, "name": "Milch", "tax_code": "B"}
    {"change": "department-gone", "number": 4}
    {"change": "price-list", "said": {"list": {"id": "cgn", ...}, "since_ms": ..., "was": [...]}}
    {"change": "cursor", "cursor": "chain:1204,store:77", "begins": false, "whole": false}

Articles that came so, and not in a file that was imported here, are remembered as the feed's (table `fed`): a feed that
begins anew takes away those of which it says nothing until it is whole.
"""

import datetime as dt
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import IO, Any

import click
import msgspec
import sqlite_utils

from pos.catalogue.feed import (
    Answer,
    ArticleChanged,
    ArticleGone,
    Change,
    ChangesRefusedError,
    DepartmentChanged,
    DepartmentGone,
    FeedCursor,
    PriceListChanged,
    read_changes,
)
from pos.catalogue.price_days import REPRICED
from pos.catalogue.price_history import KNOWN_FROM, PAST
from pos.catalogue.prices import DATED, LIST_PRICE, LISTED, PRICE_LIST, Prices
from pos.catalogue.replacing import CatalogueStorageError, replacing_catalogue
from pos.catalogue.schema import (
    CATALOGUE_FILE,
    DAY_MAX,
    DAY_MIN,
    LIST_SEPARATOR,
    PRODUCT_INDEX,
    SCHEMA,
    SCHEMA_VERSION,
    SKU_INDEX,
)
from pos.domain.article import Deposit
from pos.domain.codes import read_code
from pos.domain.folding import index_text
from pos.domain.price_lists import CHANNEL_TILL, Place, standing
from pos.domain.price_said import PastOf

__all__ = ["apply_changes"]

# Beside the catalogue's own tables, which readers know: only this module asks it.
_FED = "CREATE TABLE IF NOT EXISTS fed (sku TEXT PRIMARY KEY, doubt INTEGER NOT NULL) WITHOUT ROWID"


def apply_changes(state: Path, changes: list[Change], store: str = "") -> Answer:
    """Copy the catalogue, change the copy, rename it. `store` is the till's, for whose lists prices are compared. Raises ChangesRefusedError or CatalogueStorageError."""
    marks = [change for change in changes if isinstance(change, FeedCursor)]
    cursor = marks[-1].cursor if marks else ""
    with replacing_catalogue(state) as (new, _scratch):
        if (state / CATALOGUE_FILE).exists():
            shutil.copyfile(state / CATALOGUE_FILE, new)
        try:
            with closing(_ChangingCatalogue(new, Place(store, CHANNEL_TILL))) as catalogue:
                if cursor and catalogue.cursor == cursor:
                    new.unlink()
                    return Answer(ok=True, already=True, feed_cursor=cursor, articles=catalogue.articles)
                catalogue.prepare(changes)
                catalogue.note_time(max((mark.now_ms for mark in marks), default=0))
                if any(mark.begins for mark in marks):
                    catalogue.doubt_the_feed()
                for change in changes:
                    catalogue.take(change)
                if any(mark.whole for mark in marks):
                    catalogue.remove_doubtful()
                catalogue.finish(cursor)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            raise ChangesRefusedError(
                f"the catalogue in {state} is damaged ({error}); import the articles again"
            ) from error
        return Answer(
            ok=True,
            changes=sum(not isinstance(change, FeedCursor) for change in changes),
            feed_cursor=catalogue.cursor,
            articles=catalogue.articles,
        )


class _ChangingCatalogue:
    """The copy while it is changed, in one transaction."""

    def __init__(self, path: Path, place: Place) -> None:
        self._place = place
        self._db = sqlite_utils.Database(path)
        self._db.conn.execute("PRAGMA synchronous=OFF")  # made durable once, when it takes its name
        if not self._db.table_names():
            self._db.executescript(SCHEMA)
            self._db.execute(SKU_INDEX)
            self._db.execute(PRODUCT_INDEX)
            self._db.table("meta").insert({"key": "schema_version", "value": str(SCHEMA_VERSION)})
        ((version,),) = self._db.execute("PRAGMA user_version").fetchall()
        if version != SCHEMA_VERSION:
            raise ChangesRefusedError("the catalogue was made by an older Tresen; import the articles again")
        meta = dict(self._db.execute("SELECT key, value FROM meta").fetchall())
        self.cursor: str = meta.get("feed_cursor", "")
        self.articles = int(meta.get("articles", "0"))
        self._linked: set[str] | None = None
        self._keys: dict[int, set[str]] = {}
        self._db.begin()
        self._db.execute(_FED)
        self._db.execute(REPRICED)
        self._db.execute(PAST)
        self._db.execute(LIST_PRICE)
        self._db.execute(PRICE_LIST)
        self._prices = Prices(self._db, place)
        self._now_ms = 0

    def close(self) -> None:
        self._db.close()

    def prepare(self, changes: list[Change]) -> None:
        """Read the codes of all articles in the batch at once: the table of codes knows no way back to them."""
        skus = {change.article.sku for change in changes if isinstance(change, ArticleChanged)}
        self._know_codes(skus | {change.sku for change in changes if isinstance(change, ArticleGone)})

    def doubt_the_feed(self) -> None:
        self._db.execute("UPDATE fed SET doubt = 1")
        self._db.execute("UPDATE price_list SET doubt = 1")

    def remove_doubtful(self) -> None:
        """What the feed gave before it began anew, and does not give any more."""
        gone = {sku for (sku,) in self._db.execute("SELECT sku FROM fed WHERE doubt = 1").fetchall()}
        self._know_codes(gone)
        for sku in sorted(gone):
            self._remove_article(sku)
        self._db.execute("DELETE FROM price_list WHERE doubt = 1")

    def _know_codes(self, skus: set[str]) -> None:
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS touched (sku TEXT PRIMARY KEY)")
        self._db.execute("DELETE FROM touched")
        self._db.conn.executemany("INSERT INTO touched VALUES (?)", ((sku,) for sku in skus))
        for variant, key in self._db.execute(
            "SELECT variant, key FROM code WHERE variant IN (SELECT id FROM variant JOIN touched USING (sku))"
        ):
            self._keys.setdefault(variant, set()).add(key)

    def note_time(self, now_ms: int) -> None:
        """Articles that came before histories did cost what they do since now, as far as is known."""
        self._now_ms = now_ms
        if now_ms:
            self._db.execute(
                "INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)", [KNOWN_FROM, str(now_ms)]
            )

    def take(self, change: Change) -> None:
        match change:
            case ArticleChanged():
                self._take_article(change)
            case ArticleGone():
                self._remove_article(change.sku)
            case DepartmentChanged():
                row = {"number": change.number, "name": change.name, "tax_code": change.tax_code}
                self._db.table("department").upsert(row, pk="number")
            case DepartmentGone():
                self._db.table("department").delete_where("number = ?", [change.number])
            case PriceListChanged():
                self._take_price_list(change)
            case FeedCursor():
                pass

    def finish(self, cursor: str) -> None:
        self.cursor = cursor or self.cursor
        codes = self._db.execute("SELECT count(*) FROM code").fetchone()[0]
        values = {"articles": self.articles, "codes": codes, "feed_cursor": self.cursor}
        self._db.table("meta").upsert_all(
            ({"key": key, "value": str(value)} for key, value in values.items()), pk="key"
        )
        self._db.commit()

    def _row_of(self, sku: str) -> tuple[int, str, int] | None:
        """An article's id, text and whether it was made from a bare deposit."""
        row: tuple[int, str, int] | None = self._db.execute(
            "SELECT id, text, generated FROM variant WHERE sku = ?", [sku]
        ).fetchone()
        return row

    def _take_article(self, change: ArticleChanged) -> None:
        article = change.article
        self._db.execute("INSERT OR REPLACE INTO fed VALUES (?, 0)", [article.sku])
        if article.deposit:
            self._take_deposit(article.deposit)
        row = {
            "text": article.text,
            "tax_code": article.tax_code,
            "price_minor": article.price_minor,
            "dated": DATED * bool(change.prices) + LISTED * bool(change.list_prices),
            "gtin": article.gtin,
            "department": article.department,
            "unit": article.unit,
            "min_age": article.min_age,
            "serial_required": int(article.serial_required),
            "deposit_sku": article.deposit.sku if article.deposit else None,
            "product": self._product(change),
            "options": LIST_SEPARATOR.join(article.options) or None,
            "content": None if article.content is None else str(article.content),
            "content_unit": article.content_unit or None,
            "generated": 0,
        }
        before = self._price_now(article.sku)
        self._write_past(change)
        variant = self._write_variant(article.sku, row)
        self._write_prices(article.sku, change)
        self._write_codes(variant, change)
        self._note_price(article.sku, before)

    def _take_price_list(self, change: PriceListChanged) -> None:
        """Prices that its coming, going or changing makes others leave a trace like those that articles bring."""
        name = change.said.list.id
        skus = [
            sku
            for (sku,) in self._db.execute(
                "SELECT DISTINCT sku FROM list_price WHERE list = ?", [name]
            ).fetchall()
        ]
        before = {sku: self._price_now(sku) for sku in skus}
        said = msgspec.json.encode(change.said).decode()
        self._db.execute("INSERT OR REPLACE INTO price_list VALUES (?, ?, 0)", [name, said])
        self._prices = Prices(self._db, self._place)
        for sku in skus:
            self._note_price(sku, before[sku])

    def _price_now(self, sku: str) -> tuple[int | None] | None:
        """What an article costs everybody here today; None where its own prices have days, and for one that is not there."""
        row = self._db.execute("SELECT price_minor, dated FROM variant WHERE sku = ?", [sku]).fetchone()
        if row is None or row[1] & DATED:
            return None
        today = dt.datetime.fromtimestamp(self._now_ms / 1000, dt.UTC).date()
        one = standing(self._prices.rungs(sku, *row), today)
        return (one.minor if one is not None else None,)

    def _note_price(self, sku: str, before: tuple[int | None] | None) -> None:
        """A price that comes without a day leaves a trace of the one before: its label hangs on the shelf."""
        now = self._price_now(sku)
        if before is None or now is None or before == now:
            return
        self._db.execute("DELETE FROM repriced WHERE sku = ?", [sku])
        self._db.execute("INSERT INTO repriced (sku, price_minor) VALUES (?, ?)", [sku, before[0]])

    def _write_past(self, change: ArticleChanged) -> None:
        """A node that says nothing of prices before: then they are known from now on."""
        past = change.past if change.past is not None else PastOf(self._now_ms)
        said = [change.article.sku, msgspec.json.encode(past).decode()]
        self._db.execute("INSERT OR REPLACE INTO price_past (sku, said) VALUES (?, ?)", said)

    def _take_deposit(self, deposit: Deposit) -> None:
        """A deposit that is an article of its own is changed by its own records, any other one by this."""
        known = self._row_of(deposit.sku)
        if known is None or known[2]:
            row = {"text": deposit.text, "tax_code": deposit.tax_code, "price_minor": deposit.price_minor}
            self._write_variant(deposit.sku, {**row, "generated": 1})
        if self._linked is not None:
            self._linked.add(deposit.sku)

    def _write_variant(self, sku: str, row: dict[str, Any]) -> int:
        known = self._row_of(sku)
        if known is None:
            variant = int(self._db.execute("SELECT coalesce(max(id), 0) + 1 FROM variant").fetchone()[0])
            self._db.table("variant").insert({"id": variant, "sku": sku, **row})
            self.articles += not row["generated"]
        else:
            variant, text, generated = known
            self._db.table("variant").update(variant, row)
            self.articles += generated - row["generated"]
            if text == row["text"]:
                return variant
            self._unindex(variant, text)
        self._db.execute(
            "INSERT INTO variant_fts (rowid, folded) VALUES (?, ?)", [variant, index_text(row["text"])]
        )
        return variant

    def _unindex(self, variant: int, text: str) -> None:
        """The index keeps no text, so it must be told what it had."""
        self._db.execute(
            "INSERT INTO variant_fts (variant_fts, rowid, folded) VALUES ('delete', ?, ?)",
            [variant, index_text(text)],
        )

    def _product(self, change: ArticleChanged) -> int | None:
        if not change.product:
            return None
        self._db.table("product").upsert(
            {
                "name": change.product,
                "tax_code": change.article.tax_code,
                "department": change.article.department,
                "option_names": LIST_SEPARATOR.join(change.option_names),
            },
            pk="name",
        )
        return int(self._db.execute("SELECT id FROM product WHERE name = ?", [change.product]).fetchone()[0])

    def _write_prices(self, sku: str, change: ArticleChanged) -> None:
        for table, rows in (
            ("price", ((one, {}) for one in change.prices)),
            ("list_price", ((one, {"list": one.list}) for one in change.list_prices)),
        ):
            self._db.table(table).delete_where("sku = ?", [sku])
            self._db.table(table).insert_all(
                (
                    {
                        "sku": sku,
                        **named,
                        "valid_from": price.valid_from.isoformat() if price.valid_from else DAY_MIN,
                        "valid_to": price.valid_to.isoformat() if price.valid_to else DAY_MAX,
                        "price_minor": price.price_minor,
                    }
                    for price, named in rows
                ),
                replace=True,
            )

    def _write_codes(self, variant: int, change: ArticleChanged) -> None:
        """The article's codes are these and no others; one that was another article's is now this one's."""
        self._drop_codes(variant)
        texts = (*change.codes, *filter(None, (change.article.gtin,)))
        codes = {code.key: code.kind.value for code in map(read_code, texts)}
        self._db.table("code").insert_all(
            ({"key": key, "variant": variant, "kind": kind} for key, kind in codes.items()),
            replace=True,
        )
        self._keys[variant] = set(codes)

    def _drop_codes(self, variant: int) -> None:
        for key in self._keys.pop(variant, ()):
            self._db.execute("DELETE FROM code WHERE key = ? AND variant = ?", [key, variant])

    def _remove_article(self, sku: str) -> None:
        self._db.execute("DELETE FROM fed WHERE sku = ?", [sku])
        self._db.execute("DELETE FROM price_past WHERE sku = ?", [sku])
        known = self._row_of(sku)
        if known is None:
            return
        variant, text, generated = known
        self._drop_codes(variant)
        if sku in self._deposits_in_use():
            self._db.table("variant").update(variant, {"generated": 1})  # others are still sold with it
        else:
            self._unindex(variant, text)
            self._db.table("variant").delete_where("id = ?", [variant])
            self._db.table("price").delete_where("sku = ?", [sku])
            self._db.table("list_price").delete_where("sku = ?", [sku])
            self._db.table("repriced").delete_where("sku = ?", [sku])
        self.articles -= not generated

    def _deposits_in_use(self) -> set[str]:
        if self._linked is None:
            found = self._db.execute("SELECT DISTINCT deposit_sku FROM variant WHERE deposit_sku IS NOT NULL")
            self._linked = {sku for (sku,) in found}
        return self._linked


def _answer(state: Path, lines: IO[bytes], store: str) -> Answer:
    try:
        return apply_changes(state, read_changes(lines), store)
    except (ChangesRefusedError, CatalogueStorageError) as error:
        return Answer(ok=False, error=str(error))


@click.command()
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option("--store", default="", help="The till's store, for whose price lists prices are compared.")
def main(state: Path, store: str) -> None:
    """Take the article changes on standard input into the catalogue in DIR."""
    answer = _answer(state, sys.stdin.buffer, store)
    click.echo(msgspec.json.encode(answer))
    sys.exit(0 if answer.ok else 1)


if __name__ == "__main__":
    main()
