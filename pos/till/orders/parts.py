"""The till's parts for orders, put together."""

from collections.abc import Callable
from typing import Any

from pos.domain import commands as c
from pos.till.carts.parking import Parking
from pos.till.checkout import Checkout
from pos.till.desk import Desk
from pos.till.ledger import Ledger
from pos.till.orders.desk import OrderDesk
from pos.till.orders.giving_back import GivingBack
from pos.till.orders.handing import HandOver
from pos.till.orders.handing_sale import HandingSale
from pos.till.orders.here import OrdersHere
from pos.till.orders.picking import Picking
from pos.till.orders.pickups import Pickups
from pos.till.sale.selling import Selling
from pos.till.surroundings import Surroundings

__all__ = ["OrderParts"]


class OrderParts:
    """`parts` are for the till; the rest is asked by it."""

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        selling: Selling,
        checkout: Checkout,
        parking: Parking,
        surroundings: Surroundings,
        submit: Callable[[c.Command], None],
    ) -> None:
        self.desk = OrderDesk(desk, selling, submit)
        surroundings.hub_is_back.append(self.desk.settle_later)
        sale = HandingSale(desk, self.desk, selling, checkout)
        parking.before_parking, parking.after_parking = sale.before_parking, sale.given_up
        self.first = sale.first
        self.take_up = self.desk.let_go
        picking = Picking(desk, self.desk, surroundings)
        self.giving_back = GivingBack(desk, self.desk, selling, sale)
        handing = HandOver(desk, ledger, self.desk, sale, self.giving_back, surroundings)
        pickups = Pickups(desk, self.desk, picking, handing, self.giving_back, surroundings)
        selling.no_article = pickups.typed
        self.parts: tuple[Any, ...] = (
            pickups,
            OrdersHere(desk, self.desk, selling, checkout, surroundings),
        )
