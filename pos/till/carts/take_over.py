"""A parked cart whose claiming till will not go on with it: a person takes it over, by right, and both stand in the fact."""

import datetime as dt
from typing import Any, Final

from pos.domain import commands as c
from pos.domain.question import Option, Question
from pos.domain.rights import declare
from pos.domain.store_carts import StoreCart
from pos.till.carts.store_carts import StoreCarts
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.sale.selling import Selling
from pos.words import amount

__all__ = ["TakeOver"]

TAKE_OVER: Final = declare("cart-take-over")
_SHOWN_MAX: Final = 9


class TakeOver:
    """The arbiter says yes only some minutes after the claim: until then the other till may be just slow."""

    def __init__(self, desk: Desk, selling: Selling, store: StoreCarts) -> None:
        self._desk = desk
        self._selling = selling
        self._store = store
        self.handlers: dict[type[c.Command], Any] = {}
        self.functions = {"cart-take-over": self._take_over}

    def _take_over(self, _: c.Do) -> Flow:
        desk = self._desk
        desk.must_be_selling()
        if self._selling.cart is not None:
            raise Refusal("cart-open")
        self._store.must_be_online()
        carts = self._store.claimed_ones()
        if not carts:
            raise Refusal("nothing-claimed", level="info")
        desk.need(TAKE_OVER)
        approvals = desk.approvals
        options = tuple(
            Option(cart.cart_id, cart.note or cart.text, note=self._whose(cart))
            for cart in carts[:_SHOWN_MAX]
        )
        chosen = yield Question("take-over", options=options)
        cart = next(one for one in carts if one.cart_id == chosen)
        sure = Question(
            "take-over-sure",
            options=(Option("no", word="ask.take-over-no"), Option("yes", word="ask.take-over-yes")),
            fields={"till": cart.claimed_by},
            rows=(
                (cart.note or cart.text, amount(cart.total_minor, desk.language)),
                (self._whose(cart), ""),
            ),
            confirm=True,
            scans="refuse",
        )
        if (yield sure) != "yes":
            raise Refusal("stays-claimed", level="info", till=cart.claimed_by)
        yield self._store.ask(
            cart.cart_id, own=self._store.waits_here(cart.cart_id), over=cart.claimed_by, approvals=approvals
        )

    def _whose(self, cart: StoreCart) -> str:
        """Which till claimed it, and since when, as the arbiter's clock says."""
        words = self._desk.words
        if not cart.claimed_ms:
            return words("ui.claimed", till=cart.claimed_by)
        zone = dt.timezone(dt.timedelta(minutes=self._desk.offset_min()))
        since = dt.datetime.fromtimestamp(cart.claimed_ms / 1000, zone)
        today = since.date() == self._desk.today()
        shown = f"{since:%H:%M}" if today else f"{since:%d.%m. %H:%M}"
        return words("ui.claimed-since", till=cart.claimed_by, since=shown)
