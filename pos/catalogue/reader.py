"""The till's view of the catalogue: finds an article by its code in two b-tree descents, on a file that never changes.

The file is read by apsw alone. The standard library's sqlite3 must not open it in the till's process.
"""

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw

from pos.catalogue.price_days import repriced, turning
from pos.catalogue.price_history import held
from pos.catalogue.prices import DATED, LISTED, Prices, lists_ran
from pos.catalogue.schema import APPLICATION_ID, LIST_SEPARATOR, PRICE_ON, SCHEMA_VERSION
from pos.catalogue.seal import Digester, chunks_of
from pos.domain.article import Article, Deposit, GroupPrice, Product
from pos.domain.folding import search_query
from pos.domain.price_lists import CHANNEL_TILL, Place, PricesBefore, group_rungs, standing
from pos.domain.shelf_label import PriceChange
from pos.ports import CatalogueUnavailableError, Worker

__all__ = [
    "SEARCH_LIMIT",
    "CatalogueDamagedError",
    "CatalogueReader",
    "CatalogueUnusableError",
    "CatalogueVersionError",
]

SEARCH_LIMIT = 20
CACHED_ARTICLES = 500
# For each of two connections. The kernel keeps the file's pages; a map of it would count as the till's memory,
# and a file cut short in place would end the till.
PAGE_CACHE_KIB = 512

_COLUMNS = (
    "v.sku, v.text, v.tax_code, v.price_minor, v.dated, v.gtin, v.department, v.unit, v.min_age,"
    " v.serial_required, v.deposit_sku, v.options, v.content, v.content_unit, v.product"
)
_BY_KEY = f"SELECT {_COLUMNS} FROM code c JOIN variant v ON v.id = c.variant WHERE c.key = ?"  # noqa: S608
_BY_SKU = f"SELECT {_COLUMNS} FROM variant v WHERE v.sku = ?"  # noqa: S608
_HITS = "SELECT rowid FROM variant_fts WHERE variant_fts MATCH ? ORDER BY rowid LIMIT ?"
_BY_WORDS = f"SELECT {_COLUMNS} FROM ({_HITS}) f JOIN variant v ON v.id = f.rowid"  # noqa: S608
_DEPOSIT = "SELECT text, tax_code, price_minor, dated FROM variant WHERE sku = ?"

_PRODUCT = "SELECT name, option_names FROM product WHERE id = ?"
_BY_PRODUCT = f"SELECT {_COLUMNS} FROM variant v WHERE v.product = ? ORDER BY v.id LIMIT 500"  # noqa: S608
_DEPOSIT_SKUS = "SELECT deposit_sku FROM variant WHERE deposit_sku IS NOT NULL GROUP BY deposit_sku ORDER BY min(id) LIMIT 50"

_NO_DIGEST = b"?"
_Stamp = tuple[int, int, int, int]


class CatalogueUnusableError(CatalogueUnavailableError):
    """The catalogue's file cannot be used; the text is a sentence that says what to do.

    - CatalogueDamagedError: not a catalogue, or broken
    - CatalogueVersionError: made by an older or newer Tresen
    """


class CatalogueDamagedError(CatalogueUnusableError):
    pass


class CatalogueVersionError(CatalogueUnusableError):
    pass


class CatalogueReader:
    """The port `pos.ports.Catalogue` on a file. Empty until the first `refresh`, and while there is no file.

    `find`, `by_sku`, `department` and `refresh` belong to one thread; `search` runs on the worker. All of them
    raise CatalogueDamagedError where a broken page is met.
    """

    def __init__(self, path: Path, worker: Worker) -> None:
        self.place = Place("", CHANNEL_TILL)
        """Which price lists hold; set it before the first `refresh`."""
        self._path = path
        self._worker = worker
        self._stamp: _Stamp | None = None
        self._day = ""
        self._file: _File | None = None
        self._search_file: _File | None = None  # touched on the worker only
        self._cache: dict[str, Article] = {}
        self._verified: _Stamp | None = None
        self._damage: CatalogueDamagedError | None = None

    def refresh(self, on: dt.date) -> bool:
        """Take a new file and the day's prices; True if the file changed.

        Raises CatalogueUnusableError, once for each bad file; the file that was in use stays in use.
        """
        if on.isoformat() != self._day:
            self._day = on.isoformat()
            self._forget()
        if self._damage is not None:
            damage, self._damage = self._damage, None
            raise damage
        stamp = _stamp_of(self._path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        fresh = _File(self._path, stamp, self.place) if stamp else None
        if self._file:
            self._file.close()
        self._file = fresh
        self._forget()
        return True

    async def verify(self, pause: Callable[[], Awaitable[None]] | None = None) -> bool:
        """Read all of the file that is in use, once for each file, with pauses, and hold it against its own digest.

        False, and the next `refresh` raises CatalogueDamagedError, where it is not as it was made. A file of an older
        Tresen, which has no digest, is taken for whole.
        """
        file, stamp = self._file, self._stamp
        if file is None or stamp == self._verified:
            return True
        self._verified = stamp
        if not file.seal:
            return True
        digester, chunks = Digester(file.seal), chunks_of(self._path)
        try:
            while chunk := await self._worker.run(next, chunks, b""):
                await self._worker.run(digester.add, chunk)
                if pause is not None:
                    await pause()
        except OSError as error:
            damage = self._unreadable(error)
        else:
            if _stamp_of(self._path) != stamp:  # another took its place meanwhile
                self._verified = None
                return True
            if digester.digest() == file.seal:
                return True
            damage = file.damaged("its bytes are not those that were written")
        self._damage = damage
        return False

    def _unreadable(self, error: OSError) -> "CatalogueDamagedError":
        return CatalogueDamagedError(f"The catalogue {self._path} cannot be read: {error.strerror}.")

    def _forget(self) -> None:
        self._cache.clear()
        if self._file:
            self._file.deposits.clear()

    def find(self, key: str) -> Article | None:
        found = self._cache.pop(key, None)
        if found is None:
            if self._file is None:
                return None
            found = self._file.one(_BY_KEY, key, self._day)
            if found is None:
                return None
            if len(self._cache) >= CACHED_ARTICLES:
                del self._cache[next(iter(self._cache))]  # a dict keeps its order: this is the longest unused
        self._cache[key] = found
        return found

    def by_sku(self, sku: str) -> Article | None:
        return self._file.one(_BY_SKU, sku, self._day) if self._file else None

    async def search(self, text: str, limit: int = SEARCH_LIMIT) -> Sequence[Article]:
        """Articles whose words begin with those of `text`, in the catalogue's order, at most 20."""
        query = search_query(text)
        if not query or self._file is None:
            return ()
        return await self._worker.run(self._search, query, min(limit, SEARCH_LIMIT), self._day)

    def _search(self, query: str, limit: int, day: str) -> tuple[Article, ...]:
        """On the worker."""
        file = self._following()
        return file.some(query, limit, day) if file is not None else ()

    async def variants(self, product: int) -> Product | None:
        """A product with all its variants, at most 500; None where there is none."""
        if self._file is None:
            return None
        return await self._worker.run(self._product, product, self._day)

    def _product(self, product: int, day: str) -> Product | None:
        """On the worker."""
        file = self._following()
        return file.product(product, day) if file is not None else None

    def _following(self) -> "_File | None":
        """The worker's own connection, which follows the file by itself."""
        stamp = _stamp_of(self._path)
        if self._search_file is None or self._search_file.stamp != stamp:
            fresh = _File(self._path, stamp, self.place) if stamp else None
            if self._search_file:
                self._search_file.close()
            self._search_file = fresh
        return self._search_file

    async def price_changes(self, first: dt.date, last: dt.date) -> Sequence[PriceChange]:
        """Whose price on `last` is another than on the day before `first`, at most 1,000."""
        if self._file is None:
            return ()
        return await self._worker.run(self._price_changes, first, last)

    def _price_changes(self, first: dt.date, last: dt.date) -> tuple[PriceChange, ...]:
        """On the worker."""
        file = self._following()
        return file.price_changes(first, last) if file is not None else ()

    async def repriced(self) -> Sequence[PriceChange]:
        """Whose price the hub changed without naming a day, the newest first, at most 1,000."""
        if self._file is None:
            return ()
        return await self._worker.run(self._repriced, self._day)

    def _repriced(self, day: str) -> tuple[PriceChange, ...]:
        """On the worker."""
        file = self._following()
        return file.repriced(day) if file is not None else ()

    async def prices_before(self, skus: Sequence[str]) -> PricesBefore:
        """What the hub said of the prices of these articles; of whom nothing is known is left out."""
        if self._file is None:
            return PricesBefore()
        return await self._worker.run(self._prices_before, skus)

    def _prices_before(self, skus: Sequence[str]) -> PricesBefore:
        """On the worker."""
        file = self._following()
        return file.prices_before(skus) if file is not None else PricesBefore()

    async def deposits(self) -> Sequence[Deposit]:
        """The deposits that articles are sold with, at most 50, in the order of their articles."""
        if self._file is None:
            return ()
        return await self._worker.run(self._all_deposits, self._day)

    def _all_deposits(self, day: str) -> tuple[Deposit, ...]:
        """On the worker."""
        file = self._following()
        return file.all_deposits(day) if file is not None else ()

    def departments(self) -> dict[int, tuple[str, str]]:
        """All departments, number -> (name, tax code)."""
        return dict(self._file.departments) if self._file else {}

    @property
    def count(self) -> int:
        """How many articles there are, without deposits made from bare amounts."""
        return int(self.meta.get("articles", "0"))

    @property
    def feed_cursor(self) -> str:
        """How far the hub's changes are in this file, as the hub named it; empty if it holds none."""
        return self.meta.get("feed_cursor", "")

    @property
    def meta(self) -> dict[str, str]:
        """What the import wrote down: source, imported_at, currency, counts."""
        return self._file.meta if self._file else {}

    def close(self) -> None:
        """Close both connections; nothing may be running on the worker any more."""
        for file in (self._file, self._search_file):
            if file:
                file.close()
        self._file = self._search_file = None
        self._stamp = None
        self._forget()


class _File:
    """One open catalogue. It stays readable when another takes its name."""

    def __init__(self, path: Path, stamp: _Stamp | None, place: Place) -> None:
        self.stamp = stamp
        self._path = path
        self.deposits: dict[tuple[str, str], Deposit | None] = {}
        self._deposit_skus: list[str] | None = None
        # A file with this name is never written again (pos.catalogue.replacing), so it needs no locks.
        try:
            self._db = apsw.Connection(
                f"{path.resolve().as_uri()}?immutable=1",
                flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_NOMUTEX,
            )
        except apsw.Error as error:
            raise self.damaged(error) from error
        try:
            self._check_version()
            self._db.execute("PRAGMA mmap_size = 0").fetchall()
            self._db.execute(f"PRAGMA cache_size = -{PAGE_CACHE_KIB}").fetchall()
            self.meta: dict[str, str] = dict(self._db.execute("SELECT key, value FROM meta"))
            self.departments: dict[int, tuple[str, str]] = {
                number: (name, tax_code)
                for number, name, tax_code in self._db.execute(
                    "SELECT number, name, tax_code FROM department"
                )
            }
            self._place, self._prices = place, Prices(self._db, place)
            self.seal = self._read_seal()
        except apsw.Error as error:
            self._db.close()
            raise self.damaged(error) from error
        except CatalogueUnusableError:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    def damaged(self, error: apsw.Error | str) -> CatalogueDamagedError:
        return CatalogueDamagedError(
            f"The catalogue {self._path} is damaged ({error}). Import the articles again: tresen catalogue import FILE"
        )

    def _read_seal(self) -> bytes:
        """The file's own digest; empty where an older Tresen made it, and what fits no file where it is gone."""
        if not self._db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'seal'").get:
            return b""
        try:
            digest: bytes | None = self._db.execute("SELECT digest FROM seal").get
        except apsw.Error:  # the articles may be readable all the same
            return _NO_DIGEST
        return digest or _NO_DIGEST

    def _check_version(self) -> None:
        ((application_id,),) = self._db.execute("PRAGMA application_id")
        ((version,),) = self._db.execute("PRAGMA user_version")
        if application_id != APPLICATION_ID:
            raise self.damaged(apsw.NotADBError("it is not a catalogue of Tresen"))
        if version > SCHEMA_VERSION:
            raise CatalogueVersionError(
                f"The catalogue {self._path} was made by a newer Tresen (version {version}, this one knows "
                f"{SCHEMA_VERSION}). Update Tresen on this till."
            )
        if version < SCHEMA_VERSION:
            raise CatalogueVersionError(
                f"The catalogue {self._path} was made by an older Tresen (version {version}, this one needs "
                f"{SCHEMA_VERSION}). Import the articles again: tresen catalogue import FILE"
            )

    def one(self, sql: str, value: str, day: str) -> Article | None:
        try:
            row = self._db.execute(sql, (value,)).fetchone()
            return self._article(row, day) if row else None
        except apsw.Error as error:
            raise self.damaged(error) from error

    def some(self, query: str, limit: int, day: str) -> tuple[Article, ...]:
        try:
            rows = self._db.execute(_BY_WORDS, (query, limit)).fetchall()
            return tuple(self._article(row, day) for row in rows)
        except apsw.Error as error:
            raise self.damaged(error) from error

    def product(self, product: int, day: str) -> Product | None:
        try:
            named = self._db.execute(_PRODUCT, (product,)).fetchone()
            rows = self._db.execute(_BY_PRODUCT, (product,)).fetchall()
            if not named or not rows:
                return None
            names = tuple(named[1].split(LIST_SEPARATOR)) if named[1] else ()
            return Product(named[0], names, tuple(self._article(row, day) for row in rows))
        except apsw.Error as error:
            raise self.damaged(error) from error

    def price_changes(self, first: dt.date, last: dt.date) -> tuple[PriceChange, ...]:
        try:
            rows = list(turning(self._db, self._prices, first, last))
        except apsw.Error as error:
            raise self.damaged(error) from error
        found = (
            (self.one(_BY_SKU, sku, last.isoformat()), old, day, until) for sku, old, _, day, until in rows
        )
        return tuple(
            PriceChange(article, old, day, until) for article, old, day, until in found if article is not None
        )

    def repriced(self, day: str) -> tuple[PriceChange, ...]:
        try:
            rows = repriced(self._db)
        except apsw.Error as error:
            raise self.damaged(error) from error
        found = ((self.one(_BY_SKU, sku, day), old) for sku, old in rows)
        return tuple(
            PriceChange(article, old)
            for article, old in found
            if article is not None and article.price_minor not in {None, old}
        )

    def prices_before(self, skus: Sequence[str]) -> PricesBefore:
        try:
            known = {sku: found for sku in skus if (found := held(self._db, self._prices, sku))}
            return PricesBefore(known, lists_ran(self._db), self._place)
        except apsw.Error as error:
            raise self.damaged(error) from error

    def all_deposits(self, day: str) -> tuple[Deposit, ...]:
        """All articles are looked through once for each file."""
        try:
            if self._deposit_skus is None:
                self._deposit_skus = [sku for (sku,) in self._db.execute(_DEPOSIT_SKUS)]
            found = (self._deposit(sku, day) for sku in self._deposit_skus)
            return tuple(deposit for deposit in found if deposit is not None)
        except apsw.Error as error:
            raise self.damaged(error) from error

    def _article(self, row: Any, day: str) -> Article:
        (sku, text, tax_code, price, dated, gtin, department, unit, *rest) = row
        (min_age, serial_required, deposit_sku, options, content, content_unit, product) = rest
        price_list = ""
        group_prices: tuple[GroupPrice, ...] = ()
        if dated & LISTED and self._prices.lists:
            price, price_list, group_prices = self._listed_price(sku, price, dated, day)
        elif dated & DATED:
            price = self._price(sku, day)
        return Article(
            sku=sku,
            text=text,
            tax_code=tax_code,
            price_minor=price,
            gtin=gtin,
            department=department,
            unit=unit,
            min_age=min_age,
            serial_required=bool(serial_required),
            deposit=self._deposit(deposit_sku, day) if deposit_sku else None,
            options=tuple(options.split(LIST_SEPARATOR)) if options else (),
            content=Decimal(content) if content else None,
            content_unit=content_unit or "",
            product=product or 0,
            price_list=price_list,
            group_prices=group_prices,
        )

    def _listed_price(
        self, sku: str, price: int | None, dated: int, day: str
    ) -> tuple[int | None, str, tuple[GroupPrice, ...]]:
        """What everybody pays, by which list, and what groups of customers pay."""
        rungs, on = self._prices.rungs(sku, price, dated), dt.date.fromisoformat(day)
        one = standing(rungs, on)
        groups = tuple(GroupPrice(each.groups, each.minor, each.list) for each in group_rungs(rungs, on))
        return (one.minor, one.list, groups) if one is not None else (None, "", groups)

    def _price(self, sku: str, day: str) -> int | None:
        """The price that holds on the day; None where none does, and the till asks."""
        row = self._db.execute(PRICE_ON, {"sku": sku, "day": day}).fetchone()
        return row[0] if row else None

    def _deposit(self, sku: str, day: str) -> Deposit | None:
        """Few articles are deposits, so they are kept."""
        if (sku, day) not in self.deposits:
            row = self._db.execute(_DEPOSIT, (sku,)).fetchone()
            deposit = None
            if row:
                text, tax_code, price, dated = row
                minor = self._price(sku, day) if dated & DATED else price
                deposit = Deposit(sku, text, minor, tax_code) if minor is not None else None
            if len(self.deposits) >= CACHED_ARTICLES:
                self.deposits.clear()
            self.deposits[sku, day] = deposit
        return self.deposits[sku, day]


def _stamp_of(path: Path) -> _Stamp | None:
    """What tells one file of a name from the next; None where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CatalogueDamagedError(f"The catalogue {path} cannot be read: {error.strerror}.") from error
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
