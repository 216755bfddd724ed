"""A day of a store that sells in every channel: a till with a real hub behind it, what customers do online, and what must come of it.

As tests.demo.day; the handbook's chapters on orders, phones, customers and stock follow these situations.
"""

from collections.abc import Callable
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from pos.domain.commands import HubReported, PayCash
from pos.domain.rights import ALL, Role
from pos.domain.scans import ScanKind, own_code
from pos.domain.tender import TenderRules
from pos.order_facts import OrderHandedOver
from pos.till_facts import EpochOpened
from pos.view import TillView
from sync.hub.shop.baskets.core import make
from sync.hub.shop.baskets.messages import MakeBasket
from sync.hub.shop.catalogue.messages import AskedLine
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.orders import core
from sync.hub.shop.orders.messages import Payment
from sync.hub.shop.stock import core as stock
from sync.hub.shop.stock.shipments import Goods, PostTransfer, request_transfer
from sync.hub.shop.stores.core import PutAsk, put_store
from sync.hub.shop.stores.messages import PutStore
from tests.contract.shop.kit import OFFICE, Channel, do
from tests.contract.shop.orders_kit import made_ready, placed
from tests.contract.shop.test_catalogue import bring
from tests.demo.day import Situation
from tests.tui.fakes import BUTTER, MILK, PIN, SHIRT, Shop, articles
from tests.tui.shop_rig import HubBehind, till_of

__all__ = ["SHOP_SITUATIONS", "Counter", "shop_day"]

STORE = "s"
CLERK = (Role("cashier", (ALL,)), Role("supervisor", (ALL,)))


class Counter(Shop):
    """A till of a store, its hub, and customers who order by name. `{code NAME}` in a step is what an order's customer shows,
    `{bag NAME}` stands on its bag, `{cart NAME}` on a phone.
    """

    line: HubBehind
    orders: dict[str, Any]
    carts: dict[str, Any]
    heard: int

    def fill(self, step: str) -> str:
        for name, order in self.orders.items():
            step = step.replace(f"{{code {name}}}", own_code(ScanKind.PICKUP, order.code))
            step = step.replace(f"{{bag {name}}}", own_code(ScanKind.PICKUP, f"Z{order.number}"))
            step = step.replace(f"{{number {name}}}", str(order.number))
        for name, cart in self.carts.items():
            step = step.replace(f"{{cart {name}}}", cart.code)
        return step

    async def outside(self, what: str) -> None:
        """`ordered NAME`, `ready NAME` and paid online, `reserved NAME` and to be paid here; `cart NAME` on a phone; `heard`: the hub
        has all that the till wrote; `cancelled`: the customer of the newest order does not want it; `sold-far`: another store sold milk and a shirt;
        `sent-here`: it sent two shirts here; `silent`, `answers`.
        """
        verb, _, name = what.partition(" ")
        if verb in {"ordered", "ready", "reserved"}:
            paid = (Payment(1577, "psp", f"p-{name}"),) if verb != "reserved" else ()
            kind = "click_and_collect" if paid else "reserve_and_collect"
            order = placed(self.line.rig, store=STORE, kind=kind, payments=paid)
            self.orders[name] = made_ready(self.line.rig, order) if verb != "ordered" else order
        elif verb == "cart":
            wanted = MakeBasket(STORE, tuple(AskedLine("1", sku) for sku in ("S1", "S6")))
            self.carts[name] = do(self.line.rig, make, wanted)
        elif verb == "customer":
            office = Channel(self.line.rig)
            about = {"name": "Rosalinde Querfurt", "email": "q@b.example"}
            who = (await office.post("/customers", {"about": about}))["customer_id"]
            await office.post(f"/customers/{who}/points/adjust", {"points": 500, "reason": "demo"})
        elif verb == "sold-far":
            other, line = till_of(Shop, self.line.rig, "1", "far", link="far.BBBBBBBBBBBBBBBBBBBBBB.BBBBBBBB")
            await other.open()
            other.scan(MILK, SHIRT)
            await other.till.handle(PayCash())
            await line.hear(other.journal.sales[-1])
        elif verb == "sent-here":
            sent = PostTransfer(STORE, "far", (Goods("S6", "2"),), shipped=True)
            do(self.line.rig, request_transfer, sent)
        elif verb == "heard":
            fresh = self.journal.facts[self.heard :]
            self.heard += len(fresh)
            if fresh:
                await self.line.hear(*fresh)
        elif verb == "cancelled":
            found = do(self.line.rig, core.list_orders, core.ListOrders("", "", "", "", "", 50), OFFICE)
            newest = max(found.orders, key=lambda order: int(order.number))
            do(self.line.rig, core.cancel, core.CancelAsk(newest.order_id, "customer"), OFFICE)
        elif verb in {"silent", "answers"}:
            self.line.fail("before" if verb == "silent" else "")
            self.till.submit(HubReported(online=verb == "answers", acked_epoch=0, acked_seq=0))
        else:
            raise AssertionError(f"nobody knows what {what} is")


@contextmanager
def shop_day(folder: Path, language: str = "de") -> Any:
    """The till, its drawer filled and nobody signed in; the hub on SQLite in the folder."""
    from tests.contract.hub_rig import Rig

    rig = Rig(f"sqlite:///{folder / 'hub.db'}")
    try:
        shop, line = till_of(
            Counter, rig, "3", STORE, roles=CLERK, language=language, tenders=TenderRules(card_number="none")
        )
        shop.line, shop.orders, shop.carts, shop.heard = line, {}, {}, 1
        shop.journal.facts.append(EpochOpened(STORE, "3", "new", "demo"))
        priced = [article for article in articles() if article.price_minor is not None]
        bring(rig, *(msgspec.to_builtins(article) for article in priced))
        do(rig, put_store, PutAsk(STORE, PutStore("Marktplatz", latitude=52.5, longitude=13.4)))
        do(rig, put_store, PutAsk("far", PutStore("Seestadt", latitude=53.5, longitude=13.4)))
        for store, sku, count in ((STORE, "S1", 40), (STORE, "S3", 10), (STORE, "S6", 9), ("far", "S6", 4)):
            do(rig, stock.move, stock.Move(store, sku, Decimal(count), "receipt", f"in/{store}/{sku}", 0))
        yield shop
    finally:
        rig.close()


def _said(code: str) -> Callable[[TillView, Shop], bool]:
    return lambda view, _: view.message is not None and view.message.code == code


def _asked(code: str) -> Callable[[TillView, Shop], bool]:
    return lambda view, _: view.question is not None and view.question.code == code


def _paid(total: int) -> Callable[[TillView, Shop], bool]:
    return lambda view, shop: view.state == "paid" and shop.journal.sales[-1].total_minor == total


def _handed(total: int) -> Callable[[TillView, Shop], bool]:
    """The newest hand-over is of this value."""

    def found(view: TillView, shop: Shop) -> bool:
        handed = [fact for fact in shop.journal.facts if isinstance(fact, OrderHandedOver)]
        return bool(handed) and handed[-1].value_minor == total

    return found


def _open_tasks(shop: Shop) -> list[str]:
    assert isinstance(shop, Counter)
    found = do(shop.line.rig, lambda work, _: todo.listing(work, STORE, limit=20), None, OFFICE)
    return [task.kind for task in found]


_PERSON = ("answer Ada", "answer a@b.example")

SHOP_SITUATIONS: tuple[Situation, ...] = (
    Situation(
        "pick",
        ("web ordered one", f"in Kim {PIN}", "key pickups", "pick 1", f"scan {MILK}", f"scan {MILK}", f"scan {SHIRT}",
         "answer A1"),
        _said("pickup-ready"),
        picture=4,
    ),
    Situation("hand-over", ("scan {code one}", "scan {bag one}", "enter"), _handed(1577), picture=1),
    Situation(
        "pick-short",
        ("web ordered two", "key pickups", "pick 1", "pick 1", "pick 1", "pick 1", f"scan {SHIRT}", "answer A2"),
        _said("pickup-ready"),
        picture=4,
    ),
    Situation(
        "pick-substitute",
        ("web ordered four", "key pickups", "pick 1", "pick 1", "pick 1", "pick 3", f"scan {BUTTER}", f"scan {BUTTER}",
         f"scan {SHIRT}", "answer A4"),
        _said("pickup-ready"),
        picture=5,
    ),
    Situation(
        "hand-over-refused",
        ("scan {code two}", "pick 2", "pick 1", "pick 3", "scan {bag two}", "enter"),
        lambda view, shop: _open_tasks(shop) == [] and _said("pickup-done-back")(view, shop),
        picture=1,
    ),
    Situation(
        "hand-over-to-pay", ("web reserved three", "scan {code three}", "scan {bag three}", "key cash"), _paid(1577), picture=3
    ),
    Situation(
        "put-aside",
        ("key order-here", "pick 5", f"scan {SHIRT}", "enter", "enter", *_PERSON, "answer 5,00", "key cash"),
        _paid(500),
        picture=7,
    ),
    Situation(
        "order-cancelled",
        ("web heard", "key pickups", "pick 1", "pick 3", "pick 2", "pick 1", "key cash", "web heard"),
        lambda view, shop: _paid(-500)(view, shop) and "order-refund" not in _open_tasks(shop),
        picture=5,
    ),
    Situation(
        "given-back-later",
        ("key order-here", "pick 5", f"scan {SHIRT}", "enter", "enter", *_PERSON, "answer 5,00", "key cash", "web heard",
         "web cancelled", "key tasks", "pick 1", "pick 1", "pick 1", "key cash", "web heard"),
        lambda view, shop: _paid(-500)(view, shop) and "order-refund" not in _open_tasks(shop),
        picture=12,
    ),
    Situation(
        "later",
        (f"scan {MILK}", f"scan {SHIRT}", "key order-here", "pick 1", "pick 2", "enter", *_PERSON, "key cash"),
        lambda view, shop: (
            _paid(139 + 1299)(view, shop) and [line.fulfil for line in shop.journal.sales[-1].lines] == ["", "collect"]
        ),
        picture=3,
    ),
    Situation(
        "other-store",
        ("key order-here", "pick 3", f"scan {SHIRT}", "pick 1", "pick 2", *_PERSON),
        _said("order-made"),
        picture=3,
    ),
    Situation(
        "phone-cart",
        ("web cart phone", "scan {cart phone}", f"scan {MILK}", "key phone-cart-accept", "pick 1", "key cash"),
        _paid(139 + 1299),
        picture=2,
    ),
    Situation(
        "phone-cart-back", ("web cart other", "scan {cart other}", "key phone-cart-back"), _said("phone-cart-back")
    ),
    Situation("stock", ("key stock", f"scan {SHIRT}"), _asked("stock-shown"), picture=2),
    Situation(
        "return-order",
        ("web heard", "key return", "scan {code one}", "pick 3", "pick 1"),
        lambda view, shop: view.total_minor < 0,
        picture=3,
    ),
    Situation(
        "return-order-paid",
        ("key cash", "pick 1"),
        lambda view, shop: shop.journal.sales[-1].tenders[0].kind == "prepaid" and view.state == "paid",
    ),
    Situation(
        "return-elsewhere",
        ("web sold-far", "far/1-1-20417", "key return", "pick 3", "pick 1", "key cash", "web heard"),
        _paid(-1299),
        picture=3,
    ),
    Situation("receive", ("key stock-receive", "enter", f"scan {MILK}", f"scan {MILK}", "enter"), _said("stock-received"), picture=4),
    Situation("send", ("key stock-send", "pick 1", f"scan {MILK}", "answer 4", "enter"), _said("stock-sent")),
    Situation(
        "take",
        ("web sent-here", "key stock-take", "pick 1", f"scan {SHIRT}", f"scan {SHIRT}", "enter"),
        _said("stock-received"),
        picture=5,
    ),
    Situation(
        "count",
        ("key stock-count", f"scan {MILK}", "answer 33", "enter"),
        lambda view, shop: _said("stock-counted")(view, shop) or _said("stock-count-review")(view, shop),
        picture=3,
    ),
    Situation("write-off", ("key stock-write-off", f"scan {MILK}", "answer 2", "enter", "pick 1"), _said("stock-written-off"), picture=4),
    Situation(
        "customer",
        ("web customer", "key customer", "answer q@b.example", f"scan {MILK}", "key cash"),
        lambda view, shop: _paid(139)(view, shop) and bool(shop.journal.sales[-1].customer),
        picture=3,
    ),
    Situation("customer-history", ("web heard", "key customer-history", "answer q@b.example"), _asked("customer-history"), picture=3),
    Situation(
        "customer-return",
        ("key find-purchase", "pick 2", "answer q@b.example", "pick 1", "pick 1", "key cash", "web heard"),
        _paid(-139),
        picture=1,
    ),
    Situation(
        "points",
        (f"scan {MILK}", "key customer", "answer q@b.example", "key customer-points", "pick 1"),
        lambda view, shop: _paid(139)(view, shop) and shop.journal.sales[-1].tenders[0].kind == "credit",
        picture=4,
    ),
    Situation(
        "gift-card-sold",
        ("key gift-card", "answer 2000", "enter", "key cash", "web heard"),
        lambda view, shop: _paid(2000)(view, shop) and shop.journal.sales[-1].lines[0].kind == "voucher",
        picture=1,
    ),
    Situation(
        "gift-card-paid",
        (f"scan {MILK}", "key voucher", "scan {card}", "web heard"),
        lambda view, shop: _paid(139)(view, shop) and shop.journal.sales[-1].tenders[0].kind == "gift-card",
        picture=2,
    ),
    Situation(
        "gift-card-balance",
        ("key voucher-balance", "scan {card}"),
        lambda view, _: view.message is not None and view.message.fields.get("balance") == 1861,
        picture=2,
    ),
    Situation("label", ("key price-labels", f"scan {MILK}"), _said("labels-printed"), picture=1),
    Situation(
        "receipt-mail",
        (f"scan {MILK}", "key cash", "key receipt-mail", "answer a@b.example"),
        lambda view, shop: _said("receipt-mail-goes")(view, shop) or _said("receipt-mail-waits")(view, shop),
        picture=3,
    ),
    Situation("staff-page", ("key staff-page",), _asked("staff-page"), picture=1),
    Situation(
        "tasks",
        ("key tasks", "pick 1", "pick 1"),
        _said("task-count-approve"),
        picture=1,
    ),
    Situation(
        "hub-away",
        ("web silent", "key pickups"),
        lambda view, shop: _said("pickup-silent")(view, shop) and not view.lines,
        picture=2,
    ),
    Situation("hub-back", (f"scan {BUTTER}", "key cash", "web answers"), _paid(249)),
)  # fmt: skip
