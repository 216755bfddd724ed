"""One shop in every channel, on real parts: a hub process, tills of two stores as processes, letters and webhooks on real sockets.

After each step stock, promises, money, receipts and points are what a little ledger of the test's own says, to the unit.
"""

import re
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pos.domain.pickup import bag_code
from pos.domain.scans import ScanKind, own_code
from tests.contract.postgres import create_database, running_postgres
from tests.demo.channels import Office
from tests.e2e.journey_parts import Hooks, Ledger, hooks_arrive, letters_arrive
from tests.e2e.shop_rig import RealShop, another_till, real_shop, until
from tests.simulation.line_till import LineTill, run_tool
from tests.simulators.mailbox import Letters

CUCUMBER, LEMON, SHIRT = "2000000000299", "2000000000268", "2000000002651"
SKU = {CUCUMBER: "OG-029", LEMON: "OG-026", SHIRT: "BK-003"}
PRICE = {CUCUMBER: 89, LEMON: 45, SHIRT: 1295}
MAIL = "erika@example.org"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    with running_postgres() as server:
        yield create_database(server, "journey").replace("postgresql+psycopg", "postgresql")


class Journey:
    def __init__(self, shop: RealShop, letters: Letters, hooks: Hooks) -> None:
        self.shop = shop
        self.office = shop.office
        self.web = Office(shop.url, shop.tokens["storefront"])
        self.psp = Office(shop.url, shop.tokens["connector"])
        self.letters = letters
        self.hooks = hooks
        self.ledger = Ledger()
        self.ledger.stock.update({(store, sku): 24 for store in ("demo", "hafen") for sku in SKU.values()})
        self.customer = ""
        self.tills: dict[str, LineTill] = {}

    def check(self, step: str) -> None:
        """All that the hub says, beside the ledger."""
        for till in self.tills.values():
            drained(till)
        until(self.seen, lambda seen: seen == self.expected(), 20)
        for name, till in self.tills.items():
            sales = [event for event in till.events if event.get("event") == "sale-paid"]
            assert len(sales) == self.ledger.receipts[name], (step, name)
            taken = sum(sale["total_minor"] for sale in sales)
            assert taken == sum(sum_ for (at, _), sum_ in self.ledger.money.items() if at == name), step
            for sale in sales:
                receipt = until(partial(self.receipt, sale["link"]), lambda found: "total_minor" in found)
                assert receipt["total_minor"] == sale["total_minor"], step

    def receipt(self, link: str) -> dict[str, Any]:
        """The customer's receipt; of a sale that the hub has only just taken in it says that it is on its way."""
        with urllib.request.urlopen(f"{self.shop.url}/r/{link}.json", timeout=10) as answer:
            return dict(msgspec.json.decode(answer.read()))

    def seen(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for store in ("demo", "hafen"):
            named = "".join(f"&sku={sku}" for sku in SKU.values())
            for level in self.office.ask("GET", f"/stock?store={store}{named}")["levels"]:
                found[f"{store} {level['sku']}"] = (level["on_hand"], level["reserved"])
        found["points"] = self.office.ask("GET", f"/customers/{self.customer}/points")["balance"]
        return found

    def expected(self) -> dict[str, Any]:
        stock, promised = self.ledger.stock, self.ledger.promised
        levels = {f"{at[0]} {at[1]}": (str(stock[at]), str(promised[at])) for at in stock}
        return {**levels, "points": self.ledger.points}

    def letter(self, *words: str) -> str:
        """The text of the letter that says all of these."""

        def look() -> str:
            for one in self.letters.all:
                part = one.get_body(("plain",))
                text = f"{one['To']} {one['Subject']} {part.get_content() if part else ''}"
                if all(word in text for word in words):
                    return text
            return ""

        return str(until(look, bool))

    def cart(self, *lines: tuple[str, int]) -> dict[str, Any]:
        wanted = [{"code": code, "qty": str(qty)} for code, qty in lines]
        made: dict[str, Any] = self.web.ask("POST", "/carts", {"store": "demo", "lines": wanted})
        assert made["price"]["total_minor"] == sum(PRICE[code] * qty for code, qty in lines)
        return made

    def order(self, cart: dict[str, Any], *, later: bool) -> dict[str, Any]:
        total = cart["price"]["total_minor"]
        said = {"total_minor": total, "pay_later": later, "person": {"name": "Erika", "email": MAIL}}
        path = f"/carts/demo/{cart['basket_id']}/order"
        placed: dict[str, Any] = self.web.ask("POST", path, said, secret=cart["secret"])
        return placed


def drained(till: LineTill) -> None:
    """The hub has all that this till sold."""
    until(lambda: till.send("key help")["unsent"], lambda unsent: unsent == 0)


def answer(till: LineTill, said: str) -> dict[str, Any]:
    """Type the answer to a question, and Enter."""
    till.send(said)
    return till.send("")


def choose(till: LineTill, view: dict[str, Any], text: str) -> dict[str, Any]:
    """Choose the option that says `text`."""
    for number, option in enumerate(view["question"]["options"], 1):
        if text in option["text"]:
            return answer(till, str(number))
    raise AssertionError(view)


def answer_to(till: LineTill, view: dict[str, Any], code: str, said: str) -> dict[str, Any]:
    assert question_of(view) == code, view
    return answer(till, said)


def question_of(view: dict[str, Any]) -> str:
    return str((view["question"] or {}).get("code", ""))


def pack(till: LineTill, number: int, *codes: str) -> None:
    """Pick an order at the till and put it on its shelf."""
    view = choose(till, till.send("key pickups"), f"Bestellung {number}:")
    for code in codes:
        assert question_of(view) == "pickup-pick", view
        view = till.send(f"scan {code}")
    assert question_of(view) == "pickup-shelf", view
    view = answer(till, "A1")
    assert view["message"]["code"] == "pickup-ready", view


def hand_over(till: LineTill, code: str, number: int) -> dict[str, Any]:
    """Two scans and a key: the customer's code, the bag, Enter."""
    view = till.send(f"scan {own_code(ScanKind.PICKUP, code)}")
    assert question_of(view) == "pickup-hand", view
    view = till.send(f"scan {own_code(ScanKind.PICKUP, bag_code(number))}")
    return till.send("") if question_of(view) else view


@pytest.fixture
def journey(database: str, state: Path, tmp_path: Path) -> Iterator[Journey]:
    with ExitStack() as stack:
        letters, port = stack.enter_context(letters_arrive(tmp_path / "letters"))
        hooks = stack.enter_context(hooks_arrive())
        messages = tmp_path / "messages.toml"
        messages.write_text(
            "[quiet]\nsince = 00:00:00\nuntil = 00:00:00\n\n[channel.email]\n"
            f'url = "mailto://127.0.0.1:{port}?from=laden@example.org&mode=insecure"\n'
        )
        options = ("--messages", str(messages), "--webhook-network", "127.0.0.0/8")
        shop = stack.enter_context(real_shop(tmp_path, state / "catalogue.db", *options, db=database))
        made = Journey(shop, letters, hooks)
        hook = made.office.ask(
            "POST", "/webhooks", {"url": hooks.url, "types": ["order.*", "cart.*", "refund.*"]}
        )
        hooks.secret = made.office.ask("GET", f"/webhooks/{hook['webhook_id']}/secrets")["secrets"][0]
        made.office.ask("PUT", "/loyalty", {"points_per_major": 1, "minor_per_point": 1})
        about = {"name": "Erika Muster", "email": MAIL}
        made.customer = made.office.ask("POST", "/customers", {"about": about})["customer_id"]
        made.tills["k3"] = shop.till(state)
        made.tills["h1"] = shop.till(another_till(state, tmp_path, "hafen", "h1"))
        yield made


def from_the_phone(journey: Journey) -> dict[str, Any]:
    """Two pieces are sold to a customer who earns points, one goes back to the phone; answers the cart there."""
    till, ledger = journey.tills["k3"], journey.ledger
    cart = journey.cart((CUCUMBER, 2), (LEMON, 1))
    assert len(till.send(f"scan {cart['qr']}")["expected"]) == 2
    till.send(MAIL)
    assert till.send("key customer")["message"]["code"] == "customer-is"
    till.send(f"scan {CUCUMBER}")
    till.send(f"scan {CUCUMBER}")
    view = till.send("key cash")
    assert question_of(view) == "phone-cart-rest", view
    view = answer(till, "1")
    view = till.send("key cash") if view["state"] != "paid" else view
    assert (view["state"], view["total_minor"]) == ("paid", 178), view
    ledger.sold("k3", "cash", 178, ("demo", SKU[CUCUMBER], 2))
    ledger.points += 1
    journey.check("phone cart sold")
    path = f"/carts/demo/{cart['basket_id']}"
    sold = until(lambda: journey.web.ask("GET", path, secret=cart["secret"]), lambda seen: seen["rest"])
    rest = journey.web.ask("GET", f"/carts/demo/{sold['rest']}", secret=cart["secret"])
    assert [(line["sku"], line["qty"]) for line in rest["lines"]] == [(SKU[LEMON], "1")]
    return {**rest, "secret": cart["secret"]}


def paid_online(journey: Journey, rest: dict[str, Any]) -> dict[str, Any]:
    """What went back is ordered with a shirt; picked, told, handed over: no money at the till. Gives the order."""
    till, ledger, secret = journey.tills["k3"], journey.ledger, rest["secret"]
    lines = {"lines": [*rest["lines"], {"code": SHIRT, "qty": "1"}]}
    rest = journey.web.ask("PUT", f"/carts/demo/{rest['basket_id']}", lines, secret=secret)
    placed = journey.order({**rest, "secret": secret}, later=False)
    number = placed["order"]["number"]
    for sku in (SKU[LEMON], SKU[SHIRT]):
        ledger.promised["demo", sku] += 1
    journey.check("ordered")
    paid = {"payment": {"amount_minor": 1340, "provider": "psp", "reference": "pay-1"}}
    order = journey.psp.ask("POST", f"/orders/{placed['order']['order_id']}/payments", paid)
    assert (order["state"], order["rest_minor"]) == ("confirmed", 0)
    journey.letter(MAIL, "13,40")
    pack(till, number, LEMON, SHIRT)
    journey.letter(MAIL, order["code"])
    journey.check("ready")
    view = hand_over(till, order["code"], number)
    assert view["message"]["code"] == "pickup-done", view
    for sku in (SKU[LEMON], SKU[SHIRT]):
        ledger.promised["demo", sku] -= 1
        ledger.stock["demo", sku] -= 1
    journey.check("handed over")
    order = dict(journey.web.ask("GET", f"/orders/{order['order_id']}", secret=placed["secret"]))
    assert (order["state"], [line["delivered"] for line in order["lines"]]) == ("closed", ["1", "1"])
    return order


def paid_when_collected(journey: Journey) -> None:
    """The hand-over is a sale like any other, of goods that were promised."""
    till, ledger = journey.tills["k3"], journey.ledger
    placed = journey.order(journey.cart((CUCUMBER, 1)), later=True)
    order = placed["order"]
    ledger.promised["demo", SKU[CUCUMBER]] += 1
    pack(till, order["number"], CUCUMBER)
    journey.check("second order ready")
    hand_over(till, order["code"], order["number"])
    view = till.send("key cash")
    assert (view["state"], view["total_minor"]) == ("paid", 89), view
    ledger.promised["demo", SKU[CUCUMBER]] -= 1
    ledger.sold("k3", "cash", 89, ("demo", SKU[CUCUMBER], 1))
    journey.check("second order paid and gone")


def endless_aisle(journey: Journey) -> None:
    """The till orders what another store has; that one sends it here, and the customer pays when it is collected."""
    till, ledger = journey.tills["k3"], journey.ledger
    view = answer_to(till, till.send("key order-here"), "order-kind", "3")
    assert view["question"], view
    view = till.send(f"scan {SHIRT}")
    view = choose(till, view, "Hafen")
    view = answer_to(till, view, "order-way", "2")
    answer(till, "Erika")
    view = answer(till, MAIL)
    assert view["message"]["code"] == "order-made", view
    order = journey.office.ask("GET", "/orders?limit=1")["orders"][0]
    assert (order["kind"], order["value_minor"], order["rest_minor"]) == ("click_and_collect", 1295, 1295)
    ledger.promised["hafen", SKU[SHIRT]] += 1
    journey.check("endless aisle ordered")
    pack(journey.tills["h1"], order["number"], SHIRT)
    step = f"/stores/hafen/fulfillments/{order['fulfillments'][0]['fulfillment_id']}"
    journey.office.ask("POST", f"{step}/ship", {"label": {"carrier": "Bote"}})
    ledger.promised["hafen", SKU[SHIRT]] -= 1
    ledger.stock["hafen", SKU[SHIRT]] -= 1
    pack(till, order["number"], SHIRT)
    ledger.stock["demo", SKU[SHIRT]] += 1
    journey.check("endless aisle arrived")
    hand_over(till, order["code"], order["number"])
    view = till.send("key cash")
    assert (view["state"], view["total_minor"]) == ("paid", 1295), view
    ledger.sold("k3", "cash", 1295, ("demo", SKU[SHIRT], 1))
    journey.check("endless aisle collected")
    order = journey.office.ask("GET", f"/orders/{order['order_id']}")
    assert (order["state"], order["rest_minor"], order["lines"][0]["delivered"]) == ("closed", 0, "1")


def an_order_comes_back_in_another_store(journey: Journey, order: dict[str, Any]) -> None:
    """The payment service pays it back, not the drawer; the goods are where they were brought."""
    till, ledger = journey.tills["h1"], journey.ledger
    view = choose(till, till.send("key find-purchase"), "Bestell")
    view = answer_to(till, view, "find-by-order", str(order["number"]))
    view = choose(till, view, "T-Shirt") if question_of(view) == "return-lines" else view
    assert question_of(view) == "return-reason", view
    answer(till, "2")
    view = till.send("key cash")
    while question_of(view):
        view = answer(till, "1")
    assert (view["state"], view["total_minor"]) == ("paid", -1295), view
    ledger.sold("h1", "prepaid", -1295, ("hafen", SKU[SHIRT], -1))
    journey.check("order back in another store")
    journey.letter(MAIL, "12,95")
    (event,) = until(lambda: journey.hooks.of("refund.requested"), bool)
    said = {"reference": "pay-1-back", "amount_minor": 1295}
    done = journey.psp.ask("POST", f"/returns/{event['data']['refund_id']}/refunded", said)
    assert done["state"] == "refunded", done


def a_receipt_comes_back_in_another_store(journey: Journey, number: int) -> None:
    """What was paid in cash is paid back in cash, and a second time nothing is left."""
    till, ledger = journey.tills["h1"], journey.ledger
    till.send(f"demo/k3-1-{number}")
    view = till.send("key return")
    assert question_of(view) == "return-lines", view
    view = answer(till, "1")
    answer_to(till, view, "return-reason", "2")
    view = till.send("key cash")
    while question_of(view):
        view = answer(till, "1")
    assert (view["state"], view["total_minor"]) == ("paid", -1295), view
    ledger.sold("h1", "cash", -1295, ("hafen", SKU[SHIRT], -1))
    journey.check("receipt back in another store")
    till.send(f"demo/k3-1-{number}")
    assert till.send("key return")["message"]["code"] == "nothing-left"


def test_phone_cart_order_hand_over_endless_aisle_and_returns_are_right_to_the_unit(
    journey: Journey, state: Path, tmp_path: Path
) -> None:
    journey.check("begin")
    rest = from_the_phone(journey)
    order = paid_online(journey, rest)
    paid_when_collected(journey)
    endless_aisle(journey)
    an_order_comes_back_in_another_store(journey, order)
    a_receipt_comes_back_in_another_store(journey, journey.ledger.receipts["k3"])

    # What others heard: each event once, signed, of an order in its order; and every journal holds.
    wanted = [
        "order.placed",
        "order.ready",
        "order.handed_over",
        "order.forwarded",
        "cart.converted",
        "refund.requested",
    ]
    until(lambda: journey.hooks.types, lambda types: all(name in types for name in wanted))
    assert journey.hooks.forged == 0
    for folder in (state, tmp_path / "hafen-h1"):
        assert re.search("clean", run_tool("journal", "verify", "--state", str(folder)))
