"""`make run`: opens the demo shop in this terminal. `--smoke` sells one basket by itself and ends."""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.demo.channels import Office
from tests.demo.shop import OPERATOR, PIN, ROOT, DemoShop
from tests.simulation.line_till import LineTill

CODES = ("2000000000299", "2000000000268", "2000000000367")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "demo")
    parser.add_argument("--fresh", action="store_true", help="forget the demo's earlier sales")
    parser.add_argument("--smoke", action="store_true", help="without a screen: one sale, then the end")
    wanted = parser.parse_args()
    if wanted.fresh or wanted.smoke:
        shutil.rmtree(wanted.folder, ignore_errors=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    print("Tresen demo shop: starting hub, printer and till ...", flush=True)
    with DemoShop(wanted.folder) as shop:
        return _smoke(shop) if wanted.smoke else _open(shop)


def _leave(number: int, _frame: object) -> None:
    """The terminal is gone, or somebody ends the demo: leave through the door, so that everything ends."""
    sys.exit(128 + number)


def _open(shop: DemoShop) -> int:
    print(
        f"\n  Operator {OPERATOR}, PIN {PIN}.   Paper roll: {shop.paper_url}   Hub: {shop.public_url}"
        f"\n  Shop page: {shop.shop_url}   Letters (a fake): {shop.post_url}"
        "\n  A cart of the page: scan its code (make scan CODE=TRSW...), or F9, customers, and its eight characters."
        "\n  Orders of the page: F7 packs and hands over; the letters hold the code."
        "\n  Scan from another terminal:  make scan            (asks for codes)"
        "\n                               make scan CODE=2000000000299"
        "\n  The card terminal, with keys:  make terminal"
        "\n  Ctrl-C ends it all.\n",
        flush=True,
    )
    if not sys.stdin.isatty():
        print("The till's screen needs a terminal. `make run SMOKE=1` works without one.")
        return 2
    time.sleep(2)
    command = [sys.executable, "-m", "pos", "till", "--demo", *shop.till_options()]
    environment = {**os.environ, "ESCDELAY": "25", **shop.till_environment}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as till:
        try:
            return till.wait()
        finally:
            till.terminate()


def _smoke(shop: DemoShop) -> int:
    """One basket through scanner line, till, printer and hub; every step is looked at from outside."""
    till = LineTill(shop.state, *shop.till_options()[2:], env=shop.till_environment)
    till.send(f"sign-in {OPERATOR} {PIN}")
    subprocess.run(
        [sys.executable, "-m", "tests.simulators.scanner", "--to", str(shop.scanner), *CODES],
        check=True,
        cwd=ROOT,
    )
    _until("three scanned lines", lambda: len(till.send("key help")["lines"]) == len(CODES))
    _until("the line to the hub", lambda: _heard(till, "hub-changed", online=True))
    till.send("5000")
    view = till.send("key cash")
    assert view["state"] == "paid", view
    (sale,) = [event for event in till.events if event.get("event") == "sale-paid"]
    print(f"sold: {sale['total_minor']} cents, change {sale['change_minor']}, link {sale['link']}")
    assert sale["link"], "the receipt has a link"
    _until("the sale at the hub", lambda: till.send("key help")["unsent"] == 0)
    with urllib.request.urlopen(f"{shop.hub_url}/r/{sale['link']}", timeout=5) as page:
        assert "DEMO" in page.read().decode()
    _until("the receipt on paper", lambda: _heard(till, "receipt-printing", state="confirmed"))
    _pay_by_card(till)
    _from_the_page(shop, till)
    errors = till.end()
    assert not errors, errors
    print(
        "smoke: sold, printed, at the hub, and once by card; a cart of the shop page sold, an order's letter came"
    )
    return 0


def _pay_by_card(till: LineTill) -> None:
    """One more sale, at the card terminal: the till asks, the terminal approves by itself."""
    _until("the card terminal", lambda: _heard(till, "device-changed", device="card", state="ready"))
    till.send(f"scan {CODES[0]}")
    till.send("key card")
    _until("the approval", lambda: till.send("key help")["state"] == "paid")
    sale = [event for event in till.events if event.get("event") == "sale-paid"][-1]
    print(f"sold by card: {sale['total_minor']} cents")


def _from_the_page(shop: DemoShop, till: LineTill) -> None:
    """What the shop page does, asked as it asks: a cart that the till sells, and an order that is told by a letter."""
    with urllib.request.urlopen(shop.hub_url + "/shop/", timeout=5) as page:
        assert "noscript" in page.read().decode()
    with urllib.request.urlopen(shop.hub_url + "/shop/settings.json", timeout=5) as answer:
        web = Office(shop.hub_url, json.loads(answer.read())["token"])
    cart = web.ask("POST", "/carts", {"store": "demo", "lines": [{"code": CODES[0], "qty": "1"}]})
    assert till.send(f"scan {cart['code']}")["expected"], "the till has the cart"
    till.send(f"scan {CODES[0]}")
    assert till.send("key cash")["state"] == "paid"
    path = f"/carts/demo/{cart['basket_id']}"
    _until("the cart's end", lambda: web.ask("GET", path, secret=cart["secret"])["state"] == "converted")
    cart = web.ask("POST", "/carts", {"store": "demo", "lines": [{"code": CODES[1], "qty": "2"}]})
    order = {"total_minor": cart["price"]["total_minor"], "person": {"email": "kunde@example.org"}}
    placed = web.ask("POST", f"/carts/demo/{cart['basket_id']}/order", order, secret=cart["secret"])
    pay = f"http://127.0.0.1:{shop.post_port}/pay?order={placed['order']['order_id']}"
    with contextlib.suppress(
        urllib.error.HTTPError
    ):  # it leads back to the page, whose address may not be this machine's
        urllib.request.urlopen(urllib.request.Request(pay, b""), timeout=10).close()
    seen = f"/orders/{placed['order']['order_id']}"
    assert web.ask("GET", seen, secret=placed["secret"])["state"] == "confirmed"
    _until("the order's letter", lambda: any((shop.folder / "letters").glob("*.eml")))
    print(
        f"shop page: a cart of {CODES[0]} sold at the till; order {placed['order']['number']} paid and told"
    )


def _heard(till: LineTill, name: str, **fields: object) -> bool:
    till.send("key help")
    return any({"event": name, **fields}.items() <= event.items() for event in till.events)


def _until(what: str, holds: Callable[[], bool], seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise SystemExit(f"smoke: waited in vain for {what}")
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
