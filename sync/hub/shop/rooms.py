"""Who hears of the tills' facts, in this order, and what the hub's clock does. See kit.facts and kit.ticks."""

from typing import Final

from sync.hub.shop.baskets import core as basket_core
from sync.hub.shop.baskets import facts as baskets
from sync.hub.shop.cards import core as cards_core
from sync.hub.shop.cards import facts as cards
from sync.hub.shop.cases import core as cases_core
from sync.hub.shop.catalogue.label_tasks import count_labels
from sync.hub.shop.customers import facts as customers
from sync.hub.shop.kit.facts import Room
from sync.hub.shop.kit.ticks import Tick
from sync.hub.shop.letters import receipts
from sync.hub.shop.orders import facts as orders
from sync.hub.shop.orders.people import forget_guests, seal_notes
from sync.hub.shop.orders.watch import ring_due
from sync.hub.shop.returns import core as returns_core
from sync.hub.shop.returns import facts as returns
from sync.hub.shop.returns.asking import ask_again
from sync.hub.shop.staff import core as staff_core
from sync.hub.shop.stock import core as stock_core
from sync.hub.shop.stock import facts as stock

__all__ = ["ROOMS", "TICKS"]

ROOMS: Final[tuple[Room, ...]] = (
    *(stock.hear, orders.hear, customers.hear, cards.hear, baskets.hear, returns.hear, receipts.hear),
)
TICKS: Final[tuple[Tick, ...]] = (
    stock_core.expire_due,
    ring_due,
    cards_core.expire_holds,
    basket_core.expire_due,
    cases_core.forget_old,
    returns_core.forget_announced,
    ask_again,
    forget_guests,
    seal_notes,
    staff_core.forget_old,
    count_labels,
)
