"""A till with a hub behind it for tests of orders that are made there."""

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine
from typing import Any

from pos.domain import commands as c
from sync.hub.shop.orders import core
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import OFFICE, do
from tests.tui.fakes import Shop
from tests.tui.shop_rig import HubBehind

__all__ = ["PERSON", "at_till", "do_it", "the_order"]

PERSON = (c.Answer("Ada Beispiel"), c.Answer("ada@example.org"))

Story = Callable[[Shop, HubBehind], Coroutine[Any, Any, None]]


def at_till(rig: Rig, story: Story, **options: Any) -> Shop:
    """Plays a story at till 3 of store s, by the hub's clock."""
    line = HubBehind(rig, "3", "s")
    shop = Shop(shop=line, **options)
    shop.clock.time = dt.datetime.fromtimestamp(rig.clock.wall_ms() / 1000, dt.UTC)

    async def go() -> None:
        await shop.open()
        await story(shop, line)

    asyncio.run(go())
    return shop


async def do_it(shop: Shop, *commands: c.Command) -> str:
    """The code of what the till says then."""
    for command in commands:
        await shop.till.handle(command)
    message = shop.till.view.message
    return message.code if message is not None else ""


def the_order(rig: Rig) -> Any:
    """The only one there is."""
    (order,) = do(rig, core.list_orders, core.ListOrders("", "", "", "", "", 9), OFFICE).orders
    return order
