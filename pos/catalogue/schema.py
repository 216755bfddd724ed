"""The catalogue's tables, and which versions of them this program takes.

`catalogue.db` is never changed once it has its name: imports and changes build a new file and rename it.
So there is no migration in place: an older file is rebuilt by the next import, a newer one is refused.

- `code` leads from a scanned key to `variant` by its rowid: one lookup is two b-tree descents.
- `variant.price_minor` is the price unless `dated` is 1; only then the till asks `price`.
- `variant.generated` 1 marks deposits that were made from a bare amount and belong to no row of the file.
- `variant_fts` keeps folded words only (`pos.domain.folding`), no text.
"""

from pos.domain.article_record import CONTENT_UNITS, DEPARTMENT_MAX, TEXT_MAX_LENGTH

__all__ = [
    "APPLICATION_ID",
    "CATALOGUE_FILE",
    "CODE_KINDS",
    "CONTENT_UNITS",
    "DAY_MAX",
    "DAY_MIN",
    "DEPARTMENT_MAX",
    "LIST_SEPARATOR",
    "PRICE_ON",
    "PRODUCT_INDEX",
    "SCHEMA",
    "SCHEMA_VERSION",
    "SKU_INDEX",
    "TEXT_MAX_LENGTH",
]

CATALOGUE_FILE = "catalogue.db"
SCHEMA_VERSION = 1
APPLICATION_ID = 0x54524353  # "TRCS", at offset 68 of the file

CODE_KINDS = ("gtin", "plu", "other")
LIST_SEPARATOR = "|"  # between option names and values, in files and in the database
DAY_MIN, DAY_MAX = "", "9999-12-31"  # an open end of a price; both compare rightly with ISO days

SCHEMA = f"""
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE department (number INTEGER PRIMARY KEY, name TEXT NOT NULL, tax_code TEXT NOT NULL);
CREATE TABLE product (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  tax_code TEXT NOT NULL,
  department INTEGER NOT NULL,
  option_names TEXT NOT NULL
);
CREATE TABLE variant (
  id INTEGER PRIMARY KEY,
  sku TEXT NOT NULL,
  text TEXT NOT NULL,
  tax_code TEXT NOT NULL,
  price_minor INTEGER,
  dated INTEGER NOT NULL DEFAULT 0,
  gtin TEXT,
  department INTEGER NOT NULL DEFAULT 0,
  unit TEXT NOT NULL DEFAULT 'pc',
  min_age INTEGER NOT NULL DEFAULT 0,
  serial_required INTEGER NOT NULL DEFAULT 0,
  deposit_sku TEXT,
  product INTEGER REFERENCES product(id),
  options TEXT,
  content TEXT,
  content_unit TEXT,
  generated INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE code (key TEXT PRIMARY KEY, variant INTEGER NOT NULL, kind TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE price (
  sku TEXT NOT NULL,
  valid_from TEXT NOT NULL,
  valid_to TEXT NOT NULL,
  price_minor INTEGER NOT NULL,
  PRIMARY KEY (sku, valid_from, valid_to)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE variant_fts USING fts5(
  folded, content='', columnsize=0, detail=none, prefix='2 3 4', tokenize='ascii'
);
PRAGMA user_version = {SCHEMA_VERSION};
PRAGMA application_id = {APPLICATION_ID};
"""

# Made after the rows, which is four times faster than with them.
SKU_INDEX = "CREATE UNIQUE INDEX variant_sku ON variant(sku)"

# Variants of one product; a file without it is read the same, only slower.
PRODUCT_INDEX = "CREATE INDEX variant_product ON variant(product) WHERE product IS NOT NULL"

# The price that began last holds; of two that began together the one that ends first (an offer).
PRICE_ON = (
    "SELECT price_minor FROM price WHERE sku = :sku AND valid_from <= :day AND valid_to >= :day"
    " ORDER BY valid_from DESC, valid_to LIMIT 1"
)
