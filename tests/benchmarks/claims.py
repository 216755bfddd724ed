"""How long a till takes from the scan of a phone's cart to its lines: a till and a hub as processes, over real sockets.

The code that is scanned names the cart and carries no lines, so what the till shows came from the hub. Once on loopback, where the
bar holds, and once over a line with a delay each way, as between a shop and a hub elsewhere.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.postgres import postgres
from tests.benchmarks.report import Report
from tests.benchmarks.sockets import hub_socket, p95
from tests.demo.channels import Office
from tests.e2e.shop_rig import DEMO, RealShop, another_till, real_shop
from tests.simulation.hubs import enrol_till
from tests.simulation.line_till import LineTill, make_till, run_tool
from tests.simulators.fault_proxy import Weather, running_proxy

__all__ = ["measure"]

_BAR_MS = 300.0
_DELAY_MS = 20
_LINES = 10
_PAUSE_S = 0.2
"""A storefront that asks all the time is told to wait."""


def measure(report: Report, claims: int) -> None:
    with postgres() as fresh:
        for name in ("SQLite", "PostgreSQL"):
            with tempfile.TemporaryDirectory() as folder:
                _measure(report, claims, name, Path(folder), "" if name == "SQLite" else fresh())


def _measure(report: Report, claims: int, name: str, folder: Path, db: str) -> None:
    state = folder / "state"
    make_till(state, "--till", "k3", "--shop-file", str(DEMO / "shop.toml"))
    run_tool("catalogue", "import", str(DEMO / "articles.csv"), "--state", str(state))
    with real_shop(folder, state / "catalogue.db", db=db) as shop:
        far = another_till(state, folder, "demo", "k4")
        skus = [one["sku"] for one in Office(shop.url, shop.tokens["connector"]).ask("GET", "/articles?limit=40")["articles"]
                if one["unit"] == "pc" and one["price_minor"] is not None][:_LINES]  # fmt: skip
        with hub_socket(shop.url, shop.tokens["storefront"]) as line:
            bare = line.bare_ms(claims)
        report.add(f"the hub's cheapest answer over a socket, {name}, p95", bare, "ms")
        with _signed_in(state, shop, shop.url) as till:
            took = _claims(shop, till, skus, claims)
        what = f"phone's cart of {_LINES} lines, scan to lines on the till, {name}"
        report.add(f"{what}, p95", p95(took), "ms", bar=_BAR_MS)
        with running_proxy(shop.url) as proxy:
            proxy.set(Weather(latency_ms=_DELAY_MS))
            with _signed_in(far, shop, proxy.url) as till:
                took = _claims(shop, till, skus, claims)
        report.add(f"{what}, {_DELAY_MS} ms each way, p95", p95(took), "ms", bar=_BAR_MS)


@contextmanager
def _signed_in(state: Path, shop: RealShop, url: str) -> Iterator[LineTill]:
    enrol_till(state, shop.db, url)
    till = LineTill(state)
    try:
        till.sign_in()
        till.send("key escape")  # what lies in the drawer is not asked here
        yield till
    finally:
        till.close()


def _claims(shop: RealShop, till: LineTill, skus: list[str], claims: int) -> list[float]:
    """Milliseconds of each; every cart is another one and goes back to its phone."""
    web = Office(shop.url, shop.tokens["storefront"])
    lines = [{"sku": sku, "qty": "1"} for sku in skus]
    took = []
    for _ in range(claims):
        cart = web.ask("POST", "/carts", {"store": "demo", "lines": lines})
        began = time.perf_counter()
        view = till.send(f"scan {cart['code']}")
        took.append((time.perf_counter() - began) * 1000)
        assert [one["sku"] for one in view["expected"]] == skus, view
        seen = web.ask("GET", f"/carts/demo/{cart['basket_id']}", secret=cart["secret"])
        assert seen["state"] == "claimed", seen
        assert not till.send("key phone-cart-back")["expected"]
        time.sleep(_PAUSE_S)
    return took
