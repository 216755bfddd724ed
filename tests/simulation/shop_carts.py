"""Carts between phone and till in the days of a shop: claimed by one, handed back, sold, sold once more without the hub (S7)."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from pos.sale_facts import Reference
from sync.hub.shop.baskets import core
from sync.hub.shop.baskets.facts import SOLD_TWICE
from sync.hub.shop.baskets.messages import Basket, Claim, MakeBasket
from tests.simulation.shop_days import Day, Till

__all__ = ["Carts"]


class Carts:
    """`sold`: how often tills sold each cart."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.rng = day.rng
        self.made: dict[str, Basket] = {}
        self.sold: dict[str, int] = {}

    def acts(self) -> list[Callable[[], None]]:
        return [self._make, self._claim, self._claim, self._alone, self._expire]

    def _say(self, what: str) -> None:
        self.day.report.counts[what] += 1

    def _make(self) -> None:
        ask = MakeBasket(self.rng.choice(self.day.stores), minutes=self.rng.choice((5, 1_440)))
        made = self.day.do(lambda work: core.make(work, ask))
        self.made[made.basket_id] = made
        self._say("carts")
        if self.rng.random() < 0.7:
            self._claim()

    def _claim(self) -> None:
        if not self.made:
            return
        cart = self.made[self.rng.choice(list(self.made))]
        till = self.day.online(cart.store)
        if till is None:
            return
        ask = Claim(cart.store, cart.share_code)
        code = self.day.refused(lambda work: core.claim(work, ask), till.store, till.name)
        if code:
            assert code in {"claimed", "ended"}, code
            return
        for other in self.day.tills:
            if other.store == cart.store and other is not till:
                code = self.day.refused(lambda work: core.claim(work, ask), other.store, other.name)
                assert code == "claimed", f"two tills have one cart: {code!r}"
                self._say("conflict: cart claimed by another")
        chance = self.rng.random()
        if chance < 0.3:
            back = partial(core.hand_back, ask=core.Named(cart.store, cart.basket_id))
            self.day.do(back, till.store, till.name)
            self._say("carts handed back")
        elif chance < 0.85:
            till.cut = till.cut or self.rng.random() < 0.3
            self._sell(cart, till)

    def _alone(self) -> None:
        """The code carries the lines: a till that is cut off sells from it."""
        if not self.made:
            return
        cart = self.made[self.rng.choice(list(self.made))]
        till = self.day.alone(cart.store)
        if till is not None:
            self._sell(cart, till)
            self._say("carts sold without the hub")

    def _sell(self, cart: Basket, till: Till) -> None:
        sku = self.day.skus[0]
        cause = ("sale", f"{self.day.place_of(till)}/1")
        self.day.note(till.store, sku, "store", cause, Decimal(-1))
        line = self.day.line(1, sku, Decimal(1))
        self.day.write(till, self.day.sale(line, references=(Reference("basket", external=cart.basket_id),)))
        self.sold[cart.basket_id] = self.sold.get(cart.basket_id, 0) + 1
        self._say("carts sold")

    def _expire(self) -> None:
        self.day.now_ms += 600_000
        self.day.do(core.expire_due)

    def settle(self) -> None:
        self.day.do(core.expire_due)

    def check(self) -> None:
        twice = sorted(one for one, times in self.sold.items() if times > 1)
        noted = sorted(key for key, _ in self.day.tasks(SOLD_TWICE))
        assert noted == twice, f"S7: {len(twice)} carts were sold more than once, {len(noted)} tasks say so"
        self.day.report.counts["conflict: cart sold twice"] += len(twice)
        for one in self.made:
            ((state,),) = self.day.rows("select state from basket where basket_id = ?", one)
            assert (state == "converted") == (one in self.sold), (
                f"a cart was sold {self.sold.get(one, 0)} times and is {state}"
            )
