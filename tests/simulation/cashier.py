"""Who sells: most sales go straight to the real ledger and journal, some through the till with scans and keys."""

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain.cart import Cart
from pos.till import Till
from pos.till.desk import Refusal
from tests.simulation.goods import CODES, PERSON, PIN, UNKNOWN_CODE, FutureFact

if TYPE_CHECKING:
    from tests.simulation.tills import TillMachine

__all__ = ["Cashier"]

SEVERAL: Final = 0.2  # of the light commits hold more than one sale, up to SEVERAL_MAX
SEVERAL_MAX: Final = 20
FUTURE: Final = 0.01
LOCKED: Final = ("till-restored", "journal-shorter")
_DECIMALS: Final = (Decimal(2), Decimal(3), Decimal(5))


class Cashier:
    """Sells in flurries with pauses. Knows what the last durable cart was, and complains when it is gone."""

    def __init__(self, machine: "TillMachine") -> None:
        self._machine = machine
        self._settled: tuple[str, int] | None = None

    def forget(self) -> None:
        """The disk is another one."""
        self._settled = None

    def found(self, cart: Cart | None) -> None:
        """The cart that came back after a start, against the one that was safe before."""
        settled, self._settled = self._settled, None
        if settled is None:
            return
        cart_id, lines = settled
        if cart is None or cart.cart_id != cart_id or len(cart.lines) < lines:
            ended = any(f'"cart_id":"{cart_id}"'.encode() in fact.body for fact in self._machine.kept)
            if not ended:
                self._machine.world.history.lost_carts.append((self._machine.name, cart_id))

    async def work(self) -> None:
        machine, rng, sleep = self._machine, self._machine.rng, self._machine.world.sleep
        till = machine.till
        assert till is not None
        await till.handle(c.SignIn(PERSON, PIN))
        if till.view.lines:
            await self._pay(till)
        while machine.sales_left > 0:
            for _ in range(rng.randint(3, machine.world.plan.flurry)):
                if machine.sales_left <= 0:
                    break
                if machine.journal is None:
                    return
                if till.view.operator is None:  # it was stopped when this cashier came
                    await till.handle(c.SignIn(PERSON, PIN))
                if till.view.state == "stopped":
                    why = till.view.message
                    if machine.replaced and why is not None and why.code in LOCKED:
                        machine.sales_left = (
                            0  # another machine has its name: it will get no numbers any more
                        )
                        break
                    await till.handle(c.Retry())
                    await sleep(0.2)
                    continue
                if rng.random() < machine.world.plan.at_till:
                    await self._sell_at_the_till(till)
                else:
                    await self._sell_lightly(till)
                await sleep(rng.uniform(0.005, machine.world.plan.gap_s))
            await sleep(rng.expovariate(1 / machine.world.plan.pause_s))
            if till.view.state in {"ready", "paid"} and machine.sales_left > 0 and rng.random() < 0.7:
                await self._take_up(till)  # what waited, here or at another till
                if till.view.lines:
                    await self._pay(till)

    async def _take_up(self, till: Till) -> None:
        rng = self._machine.rng
        if till.view.lines or not till.view.parked:
            return
        there = [cart for cart in till.view.parked if cart.till]
        wanted = rng.choice(there if there and rng.random() < 0.7 else till.view.parked)
        taken_up = c.ResumeParked(wanted.cart_id)
        await till.handle(taken_up)
        if till.view.message is not None and till.view.message.code == "parked-before":
            await till.handle(taken_up)
        if till.view.claiming and rng.random() < 0.9:  # else the next customer is already there
            await self._answered(till)

    async def _sell_lightly(self, till: Till) -> None:
        """One commit through the till's own ledger: a new day if it is due, and the sale; now and then several."""
        machine = self._machine
        assert machine.journal is not None
        assert machine.client is not None
        if till._afterwards is not None:
            await asyncio.wait((till._afterwards,))
        ledger, head = till.parts.checkout._ledger, machine.journal.head
        try:
            till._desk.must_be_selling()
        except Refusal as refusal:
            await self._refused(refusal.message.code)
            return
        facts = ledger.day_facts()
        day, session = ledger.business_day(facts), ledger.cash_session(facts)
        rng = machine.rng
        count = min(rng.randint(2, SEVERAL_MAX) if rng.random() < SEVERAL else 1, machine.sales_left)
        for number in range(head.next_number, head.next_number + count):
            cart_id = machine.ids.new_id()
            facts.append(
                machine.world.sales.make(
                    number,
                    cart_id=cart_id,
                    day=day,
                    session=session,
                    now_ms=machine.clock.wall_ms(),
                    link=machine.client.receipt_link(),
                )
            )
            if rng.random() < FUTURE:
                facts.append(FutureFact(cart_id, "soon", {"a": rng.randrange(100)}))  # type: ignore[arg-type]
        try:
            await ledger.append(facts, None)
        except Refusal as refusal:
            await self._refused(refusal.message.code)
            return
        machine.sales_left -= count
        machine.world.sold_some(count)
        machine.client.kick()

    async def _sell_at_the_till(self, till: Till) -> None:
        """Scans, a quantity, a void, now and then a cart given up or set aside; then cash."""
        rng, plan = self._machine.rng, self._machine.world.plan
        for _ in range(rng.randint(1, 12)):
            if rng.random() < 0.1:
                till.submit(c.SetQuantity(_DECIMALS[rng.randrange(3)]))
            till.submit(c.Scan(rng.choice(CODES)))
            if rng.random() < 0.05:
                till.submit(c.VoidLast())
            if rng.random() < 0.2:
                await self._settle(till)
        if rng.random() < 0.03:
            till.submit(c.Scan(UNKNOWN_CODE))
            till.submit(c.DropOpenLines())
        if rng.random() < 0.05 and till.view.lines:
            await till.handle(c.VoidCart())
            await till.handle(c.VoidCart())
            self._settled = None
        if rng.random() < plan.park and till.view.lines:
            await till.handle(c.ParkCart("bis gleich"))
            if till.view.state != "selling":
                self._settled = None
        if rng.random() < plan.resume:
            await self._take_up(till)
        till.submit(c.Scan(rng.choice(CODES)))
        await self._pay(till)

    async def _answered(self, till: Till) -> None:
        """The store says within seconds whether the parked cart goes on here."""
        machine = self._machine
        for _ in range(200):
            if not till.view.claiming or machine.disk.dead:
                return
            await machine.world.sleep(0.1)
        machine.world.history.violate([f"I8: {machine.name} never heard whose a parked cart is"])

    async def _settle(self, till: Till) -> None:
        """Now the cart is on the disk, unless the till said otherwise: no crash may take it back."""
        await till.settle()
        cart = till.parts.selling.cart
        saved = till._desk.world.state.problem is None
        if saved and cart is not None and till.view.state == "selling":
            self._settled = (cart.cart_id, len(cart.lines))

    async def _pay(self, till: Till) -> None:
        machine = self._machine
        cart = till.parts.selling.cart
        if cart is None:
            await self._refused(till.view.message.code if till.view.message else "no cart")
            return
        if not any(line.live for line in cart.lines):
            till.submit(c.Scan(machine.rng.choice(CODES)))
        if carts.open_lines(cart):  # a crash came between the unknown code and its drop
            till.submit(c.DropOpenLines())
        machine.paying = cart.cart_id
        before = len(machine.kept)
        due = till.view.due_minor
        payment = c.PayCash(None if machine.rng.random() < 0.5 else due + machine.rng.randrange(500))
        await till.handle(payment)
        if till.view.message is not None and till.view.message.code == "pay-before":
            await till.handle(payment)
        if till.view.state == "paid":
            self._settled = None
            if any(fact.kind == "sale" for fact in machine.kept[before:]):
                machine.sales_left -= 1
                machine.world.sold_some(1, at_the_till=True)
        else:
            await self._refused(till.view.message.code if till.view.message else till.view.state)

    async def _refused(self, code: str) -> None:
        machine = self._machine
        if code in LOCKED:  # it must wait for its numbers; that they come in the end is I9's business
            await machine.world.sleep(1)
            return
        machine.world.note(f"{machine.name} refuses a sale: {code}")
        if not machine.disk_trouble and not machine.disk.dead:
            machine.world.history.refused.append(f"{machine.name} refuses a sale: {code}")
