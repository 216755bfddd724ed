"""How long the hub takes to say what 50 stores have of an article, with a ledger of a million variants behind it.

Half of the million are the chain's in one store, half are spread over all stores, so each store's part is asked for.
"""

import random
import tempfile
import time
from pathlib import Path

import msgspec
from sqlalchemy.engine import Connection, Engine

from sync.hub.database import migrate, open_engine, transact
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.work import Work
from sync.hub.shop.stock import asking
from sync.hub.shop.stock import tables as t
from sync.hub.shop.stores.messages import PutStore
from sync.hub.tables import store_info
from sync.wire import encode_json
from tests.benchmarks.postgres import postgres
from tests.benchmarks.report import Report
from tests.benchmarks.sockets import hub_socket, p95
from tests.demo.channels import new_token
from tests.simulation.hubs import HubProcess
from tests.simulation.prepared import fresh as fresh_process
from tests.simulation.shop_races import Ids

__all__ = ["measure"]

STORES = 50
_BAR_MS = 50.0
_ROWS_AT_ONCE = 20_000
_ACTOR = Actor("token", "office", "admin")


def measure(report: Report, variants: int, questions: int) -> None:
    with postgres() as fresh, tempfile.TemporaryDirectory() as folder:
        for name, url in (("PostgreSQL", fresh()), ("SQLite", f"sqlite:///{Path(folder) / 'hub.db'}")):
            engine = open_engine(url)
            migrate(engine)
            _fill(engine, variants)
            chance, took = random.Random(1), []
            with engine.connect() as connection:
                for _ in range(questions):
                    ask = asking.AskStores(f"sku-{chance.randrange(variants // STORES)}", 52.0, 13.0, STORES)
                    began = time.perf_counter()
                    found = asking.list_stores(Work(connection, 0, Ids("bench"), _ACTOR), ask)
                    encode_json(found)
                    took.append((time.perf_counter() - began) * 1000)
                    assert len(found.stores) == STORES
                    assert any(one.available != "0" for one in found.stores)
            report.add(
                f"stock of {STORES} stores for an article, {variants:,} levels, {name}, p95",
                p95(took), "ms", bar=_BAR_MS,
            )  # fmt: skip
            engine.dispose()
            _over_a_socket(report, name, url, Path(folder), variants, questions)


def _over_a_socket(report: Report, name: str, db: str, folder: Path, variants: int, questions: int) -> None:
    """The same, asked of a hub's process."""
    hub = HubProcess(db, folder / "hub.log", program=fresh_process)
    hub.start()
    try:
        with hub_socket(hub.address(), new_token(db, "bench", "connector")) as line:
            chance, took = random.Random(2), []
            for _ in range(questions):
                sku = f"sku-{chance.randrange(variants // STORES)}"
                ms, body = line.get(f"/stock/stores?sku={sku}&lat=52.0&lon=13.0&limit={STORES}")
                took.append(ms)
                found = msgspec.json.decode(body)["stores"]
                assert len(found) == STORES
                assert any(one["available"] != "0" for one in found)
            report.add(f"the hub's cheapest answer over a socket, {name}, p95", line.bare_ms(questions), "ms")
        report.add(
            f"stock of {STORES} stores for an article, over a socket, {variants:,} levels, {name}, p95",
            p95(took), "ms", bar=_BAR_MS,
        )  # fmt: skip
    finally:
        hub.stop()


def _fill(engine: Engine, variants: int) -> None:
    def write(connection: Connection, rows: list[dict[str, object]]) -> None:
        connection.execute(t.level.insert(), rows)

    def stores(connection: Connection) -> None:
        for n in range(STORES):
            about = PutStore(f"Filiale {n}", latitude=48 + n / 10, longitude=8 + n / 10)
            connection.execute(
                store_info.insert(),
                {"store": f"s{n}", "version": 1, "active": True, "body": encode_json(about)},
            )

    transact(engine, stores)
    rows: list[dict[str, object]] = []
    spread = variants // 2 // STORES
    keys = [
        (f"s{n}", f"sku-{k}") for k in range(variants // STORES) for n in range(STORES if k < spread else 1)
    ]
    keys += [("s0", f"own-{k}") for k in range(max(0, variants - len(keys)))]
    for store, sku in keys:
        rows.append(
            {"store": store, "sku": sku, "location": "store", "on_hand": 5_000_000, "reserved": 0, "safety": -1,
             "counted_ms": -1, "count_id": ""}
        )  # fmt: skip
        if len(rows) == _ROWS_AT_ONCE:
            transact(engine, write, rows)
            rows = []
    if rows:
        transact(engine, write, rows)
