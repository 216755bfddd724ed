"""The shop with real parts: a hub process with the shop page, its office, and tills of several stores."""

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pos.system import SystemClock
from tests.demo.channels import Office, fill_hub, new_token, put_stock
from tests.simulation.hubs import HubProcess, enrol_till
from tests.simulation.line_till import LineTill, make_till

__all__ = ["DEMO", "RealShop", "another_till", "real_shop", "until"]

DEMO = Path(__file__).parents[2] / "config" / "demo"


class RealShop:
    """`url` is the hub's. `tokens` by role."""

    def __init__(self, folder: Path, db: str, url: str, tokens: dict[str, str]) -> None:
        self.folder = folder
        self.db = db
        self.url = url
        self.tokens = tokens
        self.office = Office(url, tokens["admin"])
        self._tills: list[LineTill] = []

    def till(self, state: Path) -> LineTill:
        """A till as a process, at the hub, with somebody signed in."""
        enrol_till(state, self.db, self.url)
        till = LineTill(state)
        self._tills.append(till)
        till.sign_in()
        till.send("key escape")  # what lies in the drawer is not asked here
        return till

    def close(self) -> None:
        for till in self._tills:
            till.close()


@contextlib.contextmanager
def real_shop(
    folder: Path, catalogue: Path, *options: str, db: str = "", payment_url: str = ""
) -> Iterator[RealShop]:
    """A hub process on the database (SQLite in the folder, if none is named), with the demo's goods: 24 of each in both stores."""
    db = db or f"sqlite:///{folder / 'hub.db'}"
    tokens = {role: new_token(db, role, role) for role in ("storefront", "connector", "admin")}
    page = folder / "shop-page.toml"
    page.write_text(
        f'token = "{tokens["storefront"]}"\nname = "Kaufladen"\npayment_url = "{payment_url}"\n'
        'payment_note = "Attrappe"\n'
    )
    hub = HubProcess(
        db, folder / "hub.log", "--shop-page", str(page), "--keys", str(folder / "hub.key"), *options
    )
    hub.start()
    try:
        shop = RealShop(folder, db, hub.address(), tokens)
        skus = fill_hub(shop.office, catalogue, DEMO / "promotions.toml")
        yesterday = SystemClock().wall_ms() - 86_400_000
        put_stock(shop.office, {(store, sku): "24" for store in ("demo", "hafen") for sku in skus}, yesterday)
        try:
            yield shop
        finally:
            shop.close()
    finally:
        hub.stop()


def another_till(state: Path, folder: Path, store: str, till: str) -> Path:
    """A till of another store, with the same articles."""
    other = folder / f"{store}-{till}"
    shop_file = folder / f"{store}.toml"
    shop_file.write_text((DEMO / "shop.toml").read_text().replace('id = "demo"', f'id = "{store}"'))
    make_till(other, "--till", till, "--shop-file", str(shop_file))
    shutil.copy(state / "catalogue.db", other / "catalogue.db")
    return other


def until(look: Callable[[], Any], holds: Callable[[Any], bool], seconds: float = 30.0) -> Any:
    """What `look` sees once it holds."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        if holds(seen):
            return seen
        assert time.monotonic() < end, seen
        time.sleep(0.03)
