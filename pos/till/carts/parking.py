"""Carts set aside, and taken up again. One commit each: the facts alone say which cart is open, and which waits."""

import datetime as dt
from collections.abc import Callable, Coroutine
from typing import Any

from pos.cart_facts import CartParked, CartResumed
from pos.domain import cart as carts
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.cart import Cart
from pos.domain.codes import shown
from pos.domain.document import Document, DocumentRow
from pos.domain.order_cart import taken_here
from pos.domain.scans import Meaning, ScanKind, own_code, short_number
from pos.domain.store_carts import StoreCart
from pos.ports import Operator
from pos.resources import texts
from pos.till import settlement
from pos.till.carts.store_carts import StoreCarts
from pos.till.desk import Desk, Refusal
from pos.till.ledger import Ledger
from pos.till.sale.selling import Selling
from pos.view import ParkedCart
from pos.words import amount, day_text

__all__ = ["PARKED_MAX", "RESUME_BEFORE", "Parking"]

PARKED_MAX = 99
RESUME_BEFORE = "resume-before"
_Waiting = Coroutine[Any, Any, None]


class Parking:
    """Parks the open cart; takes a parked one up, under a new id. The journal's head knows those that wait.

    What comes from an earlier epoch may have been sold on another disk since: a second key press takes it up.
    A cart with open lines is parked with them: it is not sold yet, and the price may be what it waits for.
    """

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        selling: Selling,
        print_slip: Callable[[Document], None],
        store: StoreCarts,
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._selling = selling
        self._print_slip = print_slip
        self.store = store
        store.opened = self._open_claimed
        self._viewed: tuple[tuple[object, ...], tuple[ParkedCart, ...]] = ((), ())
        self.unsettled: Callable[[Cart], None] = lambda _: None
        """Refuses to park a cart of whose payment at a terminal nobody knows."""
        self.before_parking: Callable[[Cart], Cart] = lambda cart: cart
        """The cart as it is set aside: what it holds elsewhere is given up."""
        self.after_parking: Callable[[Cart], None] = lambda _: None
        self.taken_up: Callable[[], None] = lambda: None
        """Told of each parked cart that is open again."""
        self.handlers = {
            c.ParkCart: self._park,
            c.ResumeParked: self._resume,
        }
        self.codes = {ScanKind.PARKED: self._scanned}

    def _park(self, command: c.ParkCart) -> _Waiting:
        self._desk.must_be_selling()
        cart = self._selling.cart
        if cart is None or not any(line.live for line in cart.lines):
            raise Refusal("nothing-to-park", level="info")
        self.unsettled(cart)
        if taken_here(cart):  # the money is in the drawer or at the bank, and no fact says for what
            raise Refusal("part-paid-first", paid=carts.paid_minor(cart))
        note = shown(command.note.strip())
        if len(note) > c.NOTE_MAX:
            raise Refusal("note-too-long", limit=c.NOTE_MAX)
        if len(self._desk.world.journal.head.parked) >= PARKED_MAX:
            raise Refusal("parked-full", limit=PARKED_MAX)
        return self.set_aside(cart, note)

    async def set_aside(self, cart: Cart, note: str, *, follows: str = "") -> None:
        """`follows`: the operator at whose next sign-in it is taken up."""
        cart = self.before_parking(cart)
        facts = self._ledger.day_facts()
        facts.append(
            settlement.parked(
                cart,
                business_day=self._ledger.business_day(facts),
                operator=self._desk.operator_id(),
                parked_ms=self._desk.world.clock.wall_ms(),
                offset_min=self._desk.offset_min(),
                currency=self._desk.setup.currency,
                note=note,
                follows=follows,
                travels=self.store.travels(cart),
            )
        )
        await self._ledger.append(facts, cart)
        self._selling.end_cart()
        self.after_parking(cart)
        total, pieces = carts.total_minor(cart), carts.pieces(cart)
        self._desk.events.append(e.CartParked(cart.cart_id, total, pieces))
        self._desk.message = e.Message("cart-parked", {"total": total}, "info")
        if self._desk.setup.park_slip:
            self._print_slip(_slip(cart, note, self._desk.world.clock.now(), self._desk.setup.language))
        self._tell_hub()

    def _scanned(self, meaning: Meaning) -> _Waiting | None:
        """The code of a parked cart's slip takes it up."""
        return self._resume(c.ResumeParked(meaning.payload))

    def _resume(self, command: c.ResumeParked) -> _Waiting | None:
        self._desk.must_be_selling()
        if self._selling.cart is not None:
            raise Refusal("cart-open")
        waiting = self._desk.world.journal.head.parked
        ids = [cart.cart_id for cart in self.view()]
        if not ids:
            raise Refusal("nothing-parked", level="info")
        if not command.cart_id and len(ids) > 1:
            raise Refusal("parked-several", level="info", count=len(ids))
        wanted = command.cart_id or ids[0]
        own = next((cart for cart in waiting if cart.cart_id == wanted), None)
        if own is None:
            if any(cart.cart_id == wanted for cart in self.store.elsewhere()):
                return self.store.ask(wanted, own=False)
            raise Refusal("no-such-parked")
        if wanted in self._desk.world.journal.head.before:
            step = f"{RESUME_BEFORE} {wanted}"
            if self._desk.second_step != step:
                self._desk.second_step = step
                self._desk.warn("parked-before")
                return None
        self._desk.second_step = ""
        return self.store.ask(wanted, own=True) if self.store.must_claim(own) else self.take_up(wanted)

    def follow(self, person: Operator) -> _Waiting | None:
        """Take up what was set aside when this person left, here or at another till."""
        head = self._desk.world.journal.head
        if self._selling.cart is not None:
            return None
        for cart in head.parked:
            if cart.follows == person.operator_id and cart.cart_id not in head.before:
                if not self.store.must_claim(cart):
                    return self.take_up(cart.cart_id)
                return self.store.ask(cart.cart_id, own=True) if self.store.online else None
        there = self.store.following(person)
        return self.store.ask(there.cart_id, own=False) if there is not None else None

    def _open_claimed(self) -> None:
        self.take_up_resumed()
        self._say_resumed()

    async def take_up(self, cart_id: str, claimed: str = "") -> None:
        """Go on with a cart that waits here; `claimed`: under the key with which it was claimed."""
        facts = self._ledger.day_facts()
        facts.append(
            CartResumed(
                cart_id=cart_id,
                new_cart_id=claimed or self._desk.world.ids.new_id(),
                business_day=self._ledger.business_day(facts),
                operator=self._desk.operator_id(),
                resumed_ms=self._desk.world.clock.wall_ms(),
                offset_min=self._desk.offset_min(),
            )
        )
        await self._ledger.append(facts, None)
        self.take_up_resumed()
        self._say_resumed()
        await self.store.went_on(claimed)

    def _say_resumed(self) -> None:
        self._desk.message = e.Message(
            "cart-resumed", {"total": carts.total_minor(self._selling.the_cart())}, "info"
        )
        self._say_repriced()
        self.taken_up()
        self._tell_hub()

    def take_up_resumed(self) -> None:
        """Open the cart that the facts say goes on, unless it is open: so nothing is lost between two files."""
        resumed = self._desk.world.journal.head.resumed
        if resumed is None:
            return
        fact, parked = resumed
        cart = self._selling.cart
        if cart is not None and cart.cart_id == fact.new_cart_id:
            return
        self._selling.take_up(settlement.cart_again(parked, fact.new_cart_id))
        self._desk.events.append(e.CartResumed(fact.cart_id, fact.new_cart_id))
        before = fact.new_cart_id in self._desk.world.journal.head.before
        found = "cart-found-before" if before else "cart-found-resumed"
        self._desk.message = e.Message(found, {"total": parked.total_minor}, "warn")
        self._say_repriced()

    def _say_repriced(self) -> None:
        resumed, cart = self._desk.world.journal.head.resumed, self._selling.cart
        if resumed is not None and cart is not None:
            self._selling.say_repriced(resumed[1].total_minor, cart)

    def say_if_parked(self, cart: Cart) -> None:
        """At start: the power went between the fact that parked this cart and its clearing."""
        if any(parked.cart_id == cart.cart_id for parked in self._desk.world.journal.head.parked):
            self._desk.message = e.Message("cart-found-parked", {"total": carts.total_minor(cart)}, "warn")

    def view(self) -> tuple[ParkedCart, ...]:
        """Those that wait here, then those of the store's other tills, each oldest first."""
        head, there = self._desk.world.journal.head, self.store.elsewhere()
        key = (head.parked, head.before, there, self.store.listing, self.store.online, self.store.given)
        if key != self._viewed[0]:
            names = {operator.operator_id: operator.name for operator in self._desk.world.people.operators()}
            here = tuple(
                _viewed(
                    cart,
                    names,
                    before=cart.cart_id in head.before,
                    away=self.store.must_claim(cart) and not self.store.online,
                )
                for cart in head.parked
                if not self.store.taken(cart.cart_id)
            )
            self._viewed = key, (*here, *map(_elsewhere, there))
        return self._viewed[1]

    def _tell_hub(self) -> None:
        if self._desk.world.hub is not None:
            self._desk.world.hub.kick()


def _viewed(cart: CartParked, names: dict[str, str], *, before: bool, away: bool) -> ParkedCart:
    return ParkedCart(
        cart_id=cart.cart_id,
        parked_at=_local(cart.parked_ms, cart.offset_min),
        by=names.get(cart.operator, cart.operator),
        pieces=cart.pieces,
        total_minor=cart.total_minor,
        note=cart.note,
        text=next((line.text for line in cart.lines if line.voided_ms is None), ""),
        before=before,
        away=away,
    )


def _elsewhere(cart: StoreCart) -> ParkedCart:
    """Who works at another till is not known here."""
    return ParkedCart(
        cart_id=cart.cart_id,
        parked_at=_local(cart.parked_ms, cart.offset_min),
        by="",
        pieces=cart.pieces,
        total_minor=cart.total_minor,
        note=cart.note,
        text=cart.text,
        till=cart.till,
    )


def _local(ms: int, offset_min: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ms / 1000, dt.timezone(dt.timedelta(minutes=offset_min)))


def _slip(cart: Cart, note: str, now: dt.datetime, language: str) -> Document:
    """What lies with the goods of a parked cart: its code takes it up again, and so does its number with the key."""
    words = texts(language)
    rows = [
        DocumentRow(words("slip.parked"), style="mark"),
        DocumentRow(f"{day_text(now.date(), language)} {now:%H:%M}"),
        *([DocumentRow(note, style="mark")] if note else []),
        DocumentRow(
            words("slip.pieces", pieces=carts.pieces(cart)), amount(carts.total_minor(cart), language)
        ),
        DocumentRow(own_code(ScanKind.PARKED, cart.cart_id), style="code"),
        DocumentRow(words("slip.number", number=short_number(cart.cart_id)), style="centre"),
        DocumentRow(words("slip.no-receipt"), style="centre"),
    ]
    return Document(tuple(rows))
