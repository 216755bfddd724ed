"""What the demo's hub knows of the shop: stores, articles, promotions, stock; and the shop page's settings."""

import base64
import contextlib
import sqlite3
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import msgspec

from pos.catalogue.reader import CatalogueReader
from pos.promotions.rows_file import read_rows
from pos.system import SystemClock, SystemIds, ThreadWorker
from sync.hub.database import migrate, open_engine, transact
from sync.hub.shop.kit.actor import find_token, issue_token

__all__ = [
    "STORES",
    "AskError",
    "Office",
    "article_records",
    "fill_hub",
    "kept_tokens",
    "new_token",
    "put_stock",
]

_WEEK = [{"weekday": day, "opens": 8 * 60, "closes": 20 * 60} for day in range(1, 7)]
STORES: dict[str, dict[str, Any]] = {
    "demo": {
        "name": "Kaufladen Wolkenkuckuck", "lines": ["Musterweg 7", "00000 Musterstadt"], "hours": _WEEK,
        "latitude": 52.52, "longitude": 13.405, "pickup_hours": 1,
    },
    "hafen": {
        "name": "Kaufladen am Hafen", "lines": ["Kaimauer 2", "00000 Musterstadt"], "hours": _WEEK,
        "latitude": 53.55, "longitude": 9.993, "pickup_hours": 1,
    },
}  # fmt: skip
BRAND: dict[str, Any] = {
    "name": "Kaufladen Wolkenkuckuck", "accent": "#1f4e79", "website": "https://wolkenkuckuck.example",
    "help_phone": "030 123456", "help_email": "hilfe@wolkenkuckuck.example", "address": ["Musterweg 7", "00000 Musterstadt"],
    "closing_de": ["Vielen Dank für Ihren Einkauf!", "Demo-Kasse: kein echter Verkauf."],
    "closing_en": ["Thank you for shopping with us!", "Demo till: not a real sale."],
}  # fmt: skip
_VARIANTS = """
select variant.sku, (select group_concat(key, ' ') from code where code.variant = variant.id and kind = 'plu'),
    product.name, product.option_names
from variant left join product on product.id = variant.product where not generated order by variant.sku
"""


def new_token(db: str, name: str, role: str) -> str:
    """A token of a hub's database, which is made if there is none."""
    engine = open_engine(db)
    try:
        migrate(engine)
        return transact(engine, issue_token, name, role, "", SystemIds(), SystemClock().wall_ms())
    finally:
        engine.dispose()


def kept_tokens(file: Path, db: str) -> dict[str, str]:
    """The demo's tokens by role: those of its last start, as far as the hub knows them, else new ones; kept in `file`."""
    kept: dict[str, str] = {}
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        kept = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
    engine = open_engine(db)
    try:
        migrate(engine)
        for role in ("storefront", "connector", "admin"):
            known = transact(engine, find_token, kept.get(role, ""))
            if known is None or known.role != role:
                kept[role] = new_token(db, f"demo {role}", role)
    finally:
        engine.dispose()
    file.touch(mode=0o600)
    file.write_bytes(msgspec.json.encode(kept))
    return kept


class AskError(Exception):
    """The hub refused; the text is its answer."""


class Office:
    """Asks a hub's API with a token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        lines: bool = False,
        key: str = "",
        secret: str = "",
    ) -> Any:
        """The JSON of the answer; `lines`: the body is a list, sent as NDJSON. Raises AskError."""
        headers = {**self._headers, "Content-Type": "application/x-ndjson" if lines else "application/json"}
        if method == "POST":
            headers["Idempotency-Key"] = key or SystemIds().new_id()
        if secret:
            headers["X-Tresen-Secret"] = secret
        data = msgspec.json.Encoder().encode_lines(body) if lines else msgspec.json.encode(body or {})
        request = urllib.request.Request(
            f"{self.url}/v1{path}", None if method == "GET" else data, headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return msgspec.json.decode(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            raise AskError(f"{method} {path}: {error.code} {error.read().decode()}") from error


def article_records(catalogue: Path) -> list[dict[str, Any]]:
    """A till's articles as the hub takes them."""
    worker = ThreadWorker("demo-articles")
    try:
        with contextlib.closing(CatalogueReader(catalogue, worker)) as reader:
            reader.refresh(SystemClock().now().date())
            with contextlib.closing(sqlite3.connect(catalogue)) as found:
                rows = list(found.execute(_VARIANTS))
            articles = [(reader.by_sku(sku), *beside) for sku, *beside in rows]
    finally:
        worker.close()
    return [
        msgspec.to_builtins(article)
        | {"codes": plus.split() if plus else []}
        | ({"product": product, "option_names": names.split("|")} if product else {})
        for article, plus, product, names in articles
        if article is not None
    ]


def fill_hub(office: Office, catalogue: Path, promotions: Path) -> list[str]:
    """Brand, stores, articles and promotions; answers the articles' skus. Done again it changes nothing."""
    logo = base64.b64encode((promotions.parent / "logo.png").read_bytes()).decode()
    wanted = BRAND | {"logo": f"data:image/png;base64,{logo}"}
    if any(office.ask("GET", "/brand")["about"].get(name) != value for name, value in wanted.items()):
        office.ask("PUT", "/brand", wanted)
    for name, about in STORES.items():
        office.ask("PUT", f"/stores/{name}", about)
    records = article_records(catalogue)
    office.ask("PUT", "/catalogue/articles", records, lines=True)
    rows = read_rows(promotions.read_bytes(), toml=True)
    office.ask("PUT", "/catalogue/promotions", [msgspec.to_builtins(row) for row in rows], lines=True)
    return [record["sku"] for record in records]


def put_stock(office: Office, amounts: dict[tuple[str, str], str], at_ms: int) -> None:
    """Counts: by (store, sku)."""
    lines = [
        {"store": store, "sku": sku, "qty": qty, "counted_ms": at_ms} for (store, sku), qty in amounts.items()
    ]
    for first in range(0, len(lines), 5000):
        answer = office.ask("PUT", "/stock/import", lines[first : first + 5000], lines=True)
        assert not answer["errors"], answer
