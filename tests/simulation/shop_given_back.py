"""Down payments of orders that end, in the days of a shop: taken by tills, given back by tills and by hand, also by tills cut off (S5, S7)."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any, Final

import msgspec

from pos.sale_facts import Reference, SaleLine
from sync.hub.shop.kit import tasks as todo
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import Work
from sync.hub.shop.orders import core, giving_back
from sync.hub.shop.orders.core import CancelAsk
from sync.hub.shop.orders.messages import GiveBack, PlaceLine, PlaceOrder
from sync.hub.shop.orders.owing import REFUND, TWICE
from tests.simulation.shop_days import OFFICE, Day, Till

__all__ = ["GivenBack"]

_WORTH: Final = 2_000
_MINUTE_MS: Final = 60_000


class _Back(msgspec.Struct):
    """A receipt that gave money back: which till's, its number, how much; `alone`: written while the till was cut off."""

    till: Till
    number: int
    minor: int
    alone: bool
    voided: bool = False


class _Known(msgspec.Struct):
    """An order as people know it. `by_hand`: what somebody settled without a till."""

    order_id: str
    store: str
    paid: int = 0
    over: bool = False
    by_hand: int = 0
    backs: list[_Back] = []


class _Cart(msgspec.Struct):
    """Money that waits in a till's open sale to be paid out."""

    till: Till
    known: _Known
    n: int
    minor: int


class GivenBack:
    def __init__(self, day: Day) -> None:
        self.day = day
        self.rng = day.rng
        self.known: list[_Known] = []
        self.carts: list[_Cart] = []
        if self.rng.random() < 0.7:
            self._make()
            self._end()

    def acts(self) -> list[Callable[[], None]]:
        return [
            *(self._make, self._pay_down, self._end, self._begin, self._begin, self._begin, self._pay_out, self._pay_out),
            *(self._leave, self._void, self._by_hand, self._wait),
        ]  # fmt: skip

    def _say(self, what: str) -> None:
        self.day.report.counts[what] += 1

    def _one(self, *, over: bool) -> _Known | None:
        there = [one for one in self.known if one.over is over and one.paid]
        return self.rng.choice(there) if there else None

    # -- taken

    def _make(self) -> None:
        store = self.rng.choice(self.day.stores)
        line = PlaceLine("work", Decimal(1), _WORTH, "Änderung", reserve=False)
        ask = PlaceOrder("in_store", store, (line,), purpose="alteration")
        made = self.day.do(lambda work: core.place(work, ask))
        self.known.append(_Known(made.order.order_id, store, backs=[]))
        self._pay_down(self.known[-1])

    def _pay_down(self, known: _Known | None = None) -> None:
        """A till takes money for it, with the hub or without: heard before its end, or after it."""
        if known is None:
            open_ones = [one for one in self.known if not one.over]
            known = self.rng.choice(open_ones) if open_ones else None
        if known is None or known.paid >= _WORTH:
            return
        store, minor = known.store, self.rng.choice((500, 700))
        tills = [till for till in self.day.tills if till.store == store]
        self.day.write(self.rng.choice(tills), self.day.sale(self._line(known, minor)))
        known.paid += minor
        self._say("down payments")

    def _line(self, known: _Known, minor: int) -> SaleLine:
        return SaleLine(
            1, "Anzahlung", abs(minor), minor, "A", Decimal(19), self.day.now_ms, Decimal(1 if minor > 0 else -1),
            "down-payment", order=known.order_id,
        )  # fmt: skip

    def _end(self) -> None:
        known = self._one(over=False)
        if known is None:
            return
        code = self.day.refused(lambda work: core.cancel(work, CancelAsk(known.order_id)))
        assert code == "", code
        known.over = True
        self._say("orders with a down payment ended")

    # -- given back

    def _begin(self, known: _Known | None = None) -> None:
        """A till asks the hub for the word that it alone may; no other till of the store gets it meanwhile."""
        if known is None:
            known = self._one(over=True)
        if known is None:
            return
        till = self.day.online(known.store)
        if till is None or any((one.till, one.known) == (till, known) for one in self.carts):
            return
        found = self._take(till, known)
        if found is None or self._unheard(till, known, found):
            return
        assert 0 < found.amount_minor <= known.paid, f"S5: {found.amount_minor} of {known.paid} would go back"
        for other in self.day.tills:
            if other.store == till.store and other is not till:
                assert self._refusal(other, known) == "claimed", (
                    "S3: two tills may give one down payment back"
                )
                self._say("conflict: given back by another till just now")
        self.carts.append(_Cart(till, known, found.n, found.amount_minor))
        if self.rng.random() < 0.7:
            self._pay_out()

    def _pay_out(self) -> None:
        """The hub is asked once more; then it is paid, and heard now or, where the line goes down meanwhile, late."""
        if not self.carts:
            return
        cart = self.rng.choice(self.carts)
        if cart.till.cut:
            return  # without its word nothing is paid out
        found = self._take(cart.till, cart.known)
        self.carts.remove(cart)
        if found is None or found.amount_minor < cart.minor or self._unheard(cart.till, cart.known, found):
            self._say("payments out refused")
            return
        alone = self.rng.random() < 0.4
        cart.till.cut = alone
        self.day.write(cart.till, self.day.sale(self._line(cart.known, -cart.minor)))
        cart.known.backs.append(_Back(cart.till, cart.till.seq, cart.minor, alone))
        self._say("down payments given back")
        if (
            alone and self.rng.random() < 0.5
        ):  # nobody has heard of it when the hub's word for this till is over
            self.day.now_ms += 11 * _MINUTE_MS
            self._begin(cart.known)

    def _leave(self) -> None:
        """The cart is parked or voided: another till may."""
        if not self.carts:
            return
        cart = self.carts.pop(self.rng.randrange(len(self.carts)))
        if not cart.till.cut and self.rng.random() < 0.8:
            ask = giving_back.FreeAsk(cart.known.store, cart.known.order_id, cart.n)
            self.day.do(lambda work: giving_back.free(work, ask), cart.till.store, cart.till.name)
        self._say("payments out left")

    def _void(self) -> None:
        """The receipt that gave it back is taken back at its till: it is to be given back again."""
        made = [(known, back) for known in self.known for back in known.backs if not back.voided]
        if not made:
            return
        known, back = self.rng.choice(made)
        turned = self._line(known, back.minor)
        reference = Reference("void", back.till.name, 1, back.number)
        self.day.write(back.till, self.day.sale(turned, references=(reference,)))
        back.voided = True
        self._say("payments out voided")

    def _by_hand(self) -> None:
        """Somebody in the office gave it back; not while a till does."""
        known = self._one(over=True)
        waiting = self._tasks(REFUND, known, "open") if known is not None else []
        if known is None or not waiting:
            return
        ((key, data),) = waiting

        def settle(work: Work) -> None:
            giving_back.must_be_free(work, REFUND, key)
            todo.settle(work, known.store, REFUND, key, "1")

        if self.day.refused(settle) == "":
            known.by_hand += data["amount_minor"]
            self._say("down payments given back by hand")

    def _wait(self) -> None:
        self.day.now_ms += self.rng.choice((4, 11)) * _MINUTE_MS

    def _take(self, till: Till, known: _Known) -> GiveBack | None:
        ask = giving_back.TakeAsk(till.store, known.order_id)
        try:
            return self.day.do(lambda work: giving_back.take(work, ask), till.store, till.name)
        except RefusedError as error:
            if error.code not in {"claimed", "nothing-back"}:
                raise
            self._say(f"refused {error.code}")
            return None

    def _refusal(self, till: Till, known: _Known) -> str:
        ask = giving_back.TakeAsk(till.store, known.order_id)
        return self.day.refused(lambda work: giving_back.take(work, ask), till.store, till.name)

    def _unheard(self, till: Till, known: _Known, found: GiveBack) -> bool:
        """This till gave it back, and the hub does not know: it pays nothing again."""
        mine = (one for one in known.backs if one.till is till and not one.voided)
        return any(f"{till.store}/{till.name}-1-{one.number}" not in found.receipts for one in mine)

    # -- the end

    def settle(self) -> None:
        self.carts.clear()
        for known in self.known:
            if not known.over:
                self.day.do(partial(core.cancel, ask=CancelAsk(known.order_id)))
                known.over = True

    def check(self) -> None:
        """What was taken is given back once, or somebody is asked to; what went twice is said once, and only tills cut off did it."""
        for known in self.known:
            work = Work(self.day.connection, self.day.now_ms, self.day.ids, OFFICE)
            order = core.get(work, known.order_id)
            back = sum(one.minor for one in known.backs if not one.voided)
            assert order.given_back_minor == back, (
                f"S5: tills gave {back} back, the order says {order.given_back_minor}"
            )
            owed = known.paid - back - known.by_hand
            asked = [data["amount_minor"] for _, data in self._tasks(REFUND, known, "open")]
            assert asked == ([owed] if owed > 0 else []), (
                f"S7: {owed} is to be given back, people are asked for {asked}"
            )
            twice = [data["value_minor"] for _, data in self._tasks(TWICE, known)]
            assert twice == ([-owed] if owed < 0 and back else []), (
                f"S7: {-owed} went too much, tasks say {twice}"
            )
            if owed < 0:
                self._say("conflict: a down payment given back twice")
                assert any(one.alone for one in known.backs), "S5: given back twice, and no till was cut off"

    def _tasks(self, kind: str, known: _Known, state: str = "") -> list[tuple[str, Any]]:
        rows = self.day.rows(
            "select key, data from task where kind = ? and subject = ? and state <> 'withdrawn' and (? = '' or state = ?) order by key",
            kind, known.order_id, state, state,
        )  # fmt: skip
        return [(key, msgspec.json.decode(data)) for key, data in rows]
