"""A hub with a shop in it, so that every page has something to show; asked through httpx or served to a browser."""

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import uvicorn

from pos.domain.vouchers import token_of
from sync.hub import projector
from sync.hub.database import transact
from sync.hub.shop.baskets import core as baskets
from sync.hub.shop.baskets.messages import MakeBasket
from sync.hub.shop.cards import core as cards
from sync.hub.shop.cards.messages import IssueCard
from sync.hub.shop.catalogue.messages import AskedLine
from sync.hub.shop.kit.links import GIFT_CARD, ORDER, link_to
from sync.hub.shop.orders import core as orders
from sync.hub.shop.orders.messages import Order, PlaceOrder
from sync.hub.shop.stock import core as stock
from sync.hub.shop.stores import core as stores
from sync.hub.shop.stores.messages import Hours, OtherDay, PutStore
from tests.contract.hub_kit import NOW_MS, Till, link_of
from tests.contract.hub_rig import Rig, say_hello, send
from tests.contract.shop.kit import OFFICE, do
from tests.contract.shop.orders_kit import LINES, made_ready, stocked
from tests.contract.shop.test_catalogue import bring, record

__all__ = ["MITTE", "NORD", "Site", "served"]

_WEEK = (*(Hours(day, 540, 1110) for day in range(1, 6)), Hours(6, 600, 960))
MITTE = PutStore(
    "Kaufladen Mitte",
    ("Marktplatz 1", "10115 Berlin"),
    hours=_WEEK,
    latitude=52.53,
    longitude=13.38,
    phone="030 000000",
    email="mitte@kaufladen.example",
    other_days=(OtherDay("2026-10-03", why="Feiertag"),),
)
NORD = PutStore(
    "Kaufladen Nord",
    ("Hafenstr. 2", "20457 Hamburg"),
    hours=_WEEK,
    latitude=53.54,
    longitude=9.98,
    phone="040 000000",
)


class Site:
    """What stands in the hub. Its clock stands at 2026-09-21."""

    def __init__(self, url: str) -> None:
        self.rig = Rig(url)
        rig = self.rig
        bring(
            rig,
            record("S1", "Bio-Vollmilch 3,8 % 1 l", 139),
            record("S6", "T-Shirt Basic M dunkelblau", 1299),
        )
        for name, about in (("demo", MITTE), ("nord", NORD)):
            do(rig, stores.put_store, stores.PutAsk(name, about))
        stocked(rig)

    def order(self, **changes: Any) -> Order:
        ask = PlaceOrder(**{"kind": "reserve_and_collect", "store": "demo", "lines": LINES, **changes})
        order: Order = do(self.rig, orders.place, ask).order
        return order

    def ready(self, **changes: Any) -> Order:
        order: Order = made_ready(self.rig, self.order(**changes))
        return order

    def link(self, order: Order) -> str:
        return do(self.rig, lambda work, _: link_to(work, ORDER, order.store, order.order_id), None)

    def gift_card(self) -> str:
        """The link of a card with something on it."""
        number = do(self.rig, cards.issue_new, IssueCard(2500, "demo")).number
        token = token_of(number)
        assert token is not None
        made: str = do(
            self.rig, lambda work, _: link_to(work, GIFT_CARD, "demo", str(uuid.UUID(bytes=token))), None
        )
        return made

    def cart(self, *lines: tuple[str, str]) -> Any:
        asked = tuple(AskedLine(qty, sku) for sku, qty in lines or (("S1", "2"), ("S6", "1")))
        return do(self.rig, baskets.make, MakeBasket("demo", asked))

    def has(self, store: str, sku: str, qty: int) -> None:
        """So many more of an article are there (less, where negative)."""
        move = stock.Move(store, sku, Decimal(qty), "adjustment", f"test/{self.rig.hub.ids.new_id()}", 0)
        do(self.rig, stock.move, move)

    async def receipt(self, number: int = 1, **fields: Any) -> str:
        """The link of a receipt that has arrived."""
        async with self.rig.asking_from() as line:
            link = link_of("demo", (await say_hello(line)).link_key, number)
            till = Till()
            till.number = number - 1
            till.sell(1, link=link, **fields)
            await send(line, till.batch(1, 2))
        while transact(self.rig.engine, projector.follow, "demo", "1", 1, NOW_MS):
            pass
        return link

    def work(self, function: Any, ask: Any = None) -> Any:
        return do(self.rig, function, ask, OFFICE)

    def visitor(self, address: str = "203.0.113.7", language: str = "de") -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=self.rig.transport(address),
            base_url="http://hub",
            headers={"Accept-Language": language},
        )


@contextlib.asynccontextmanager
async def served(site: Site) -> AsyncIterator[str]:
    """The hub on a real socket; gives its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(site.rig.app, log_config=None, lifespan="off", server_header=False)
    server = uvicorn.Server(config)
    with contextlib.suppress(AttributeError):
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - the server tells nothing else
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
