"""What would stay open over a closing: listed, each with a key that solves it. Nothing of it is a dead end."""

from collections.abc import Callable, Generator
from typing import Any, Final

from pos.cart_facts import CartParked, CartResumed
from pos.domain import commands as c
from pos.domain.question import Option, Question
from pos.till import settlement
from pos.till.carts.parking import Parking
from pos.till.checkout import VOID_CART
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow, Need, approval_of
from pos.till.ledger import Ledger
from pos.till.surroundings import Surroundings

__all__ = ["Leftovers"]

_SHOWN_MAX: Final = 7
VOID_REASONS: Final = ("left", "mistake", "other")
_PRINTING: Final = {
    "printed": "key.print-came-out",
    "again": "key.print-once-more",
    "code-only": "key.print-code-only",
    "other-printer": "key.print-other-printer",
}


class Leftovers:
    """Parked carts: taken up, voided with a reason, or carried over. Receipts in doubt: the cashier's word."""

    def __init__(self, desk: Desk, ledger: Ledger, parking: Parking, surroundings: Surroundings) -> None:
        self._desk = desk
        self._ledger = ledger
        self._parking = parking
        self._surroundings = surroundings
        self.reserved: Callable[[], int] = lambda: 0
        """How many cards are held to an amount."""
        self.look_after: Callable[[], Flow] | None = None
        """Lists them, and lets one go."""

    def settle(self) -> Generator[Any, Any, bool]:
        """A flow's part. False where the cashier goes on with a cart, so that nothing is closed now."""
        while True:
            parked = self._desk.world.journal.head.parked
            doubt = bool(self._surroundings.print_problem or self._surroundings.waiting_job)
            reserved = self.reserved()
            if not parked and not doubt and not reserved:
                return True
            options = [
                Option(
                    cart.cart_id,
                    word="ask.leftover-cart",
                    fields={"what": _known_by(cart)},
                    amount_minor=cart.total_minor,
                )
                for cart in parked[:_SHOWN_MAX]
            ]
            if doubt:
                options.append(Option("receipt", word="ask.leftover-receipt"))
            if reserved:
                options.append(Option("reserved", word="ask.leftover-reserved", fields={"count": reserved}))
            options.append(Option("on", word="ask.leftover-on"))
            unsent = len(self._desk.unsent)
            rows = ((self._desk.words("ask.leftover-unsent"), str(unsent)),) if unsent else ()
            answer = yield Question(
                "leftovers", options=tuple(options), rows=rows, fields={"count": len(parked)}, scans="refuse"
            )
            if answer == "on":
                return True
            if answer == "reserved":
                yield from self._reserved()
            elif answer == "receipt":
                yield from self._receipt()
            else:
                cart = next(one for one in parked if one.cart_id == answer)
                if (yield from self._cart(cart)):
                    return False

    def _cart(self, cart: CartParked) -> Generator[Any, Any, bool]:
        """True when the cart goes on, and the closing waits."""
        options = tuple(Option(name, word=f"ask.leftover-{name}") for name in ("resume", "void", "carry"))
        answer = yield Question("leftover", options=options, fields={"what": _known_by(cart)}, scans="refuse")
        if answer == "resume":
            key = ""
            if self._parking.store.must_claim(cart):
                key = yield self._parking.store.claimed(cart)
            yield self._parking.take_up(cart.cart_id, key)
            return True
        if answer == "void":
            reasons = tuple(Option(name, word=f"reason.void-{name}") for name in VOID_REASONS)
            reason = yield Question("void-reason", options=reasons, scans="refuse")
            if reason == "other":
                reason = yield Question("reason-other", "text", scans="refuse")
            approvals = approval_of((yield Need(VOID_CART)))
            yield self._void(cart, reason, approvals)
            self._desk.warn("parked-voided", level="info", total=cart.total_minor)
        return False

    async def _void(self, cart: CartParked, reason: str, approvals: Any) -> None:
        """One commit: it goes on, and is given up."""
        desk, store = self._desk, self._parking.store
        claimed = await store.claimed(cart) if store.must_claim(cart) else ""
        day, new_id = desk.world.journal.head.business_day, claimed or desk.world.ids.new_id()
        resumed = CartResumed(
            cart.cart_id, new_id, day, desk.operator_id(), desk.world.clock.wall_ms(), desk.offset_min()
        )
        given_up = settlement.abandoned(
            settlement.cart_again(cart, new_id),
            business_day=day,
            operator=desk.operator_id(),
            ended_ms=desk.world.clock.wall_ms(),
            offset_min=desk.offset_min(),
            approvals=approvals,
            reason=reason,
        )
        await self._ledger.append([resumed, given_up], None)
        await store.went_on(claimed)

    def _reserved(self) -> Flow:
        """Whatever comes of it, the closing goes on."""
        assert self.look_after is not None, "a part holds cards"
        try:
            yield from self.look_after()
        except Refusal as refusal:
            self._desk.refuse(refusal.message)

    def _receipt(self) -> Generator[Any, Any, None]:
        options = tuple(Option(name, word=word) for name, word in _PRINTING.items())
        answer = yield Question("leftover-receipt", options=options, scans="refuse")
        self._surroundings.decide(c.SpoolDecision(answer))


def _known_by(cart: CartParked) -> str:
    return cart.note or next((line.text for line in cart.lines if line.voided_ms is None), "")
