"""Training mode: the till as it is, on facts and numbers of their own. The journal says whether it is on."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.question import Option, Question
from pos.domain.rights import Approval, declare
from pos.facts import Fact, Training
from pos.till import settlement
from pos.till.desk import Desk, Refusal
from pos.till.flows import Flow
from pos.till.ledger import Ledger
from pos.till.sale.selling import Selling
from pos.till_facts import TrainingBegan, TrainingEnded

__all__ = ["TrainingMode"]

TRAINING: Final = declare("training")
_BEGIN: Final = Question("training-begin", options=(Option("begin", word="ask.training-begin-yes"),))
_CART: Final = Question("training-cart", options=(Option("end", word="ask.training-cart-end"),))


class TrainingMode:
    """One key begins it and ends it. A real sale that is open is never taken along, nor one of training."""

    def __init__(self, desk: Desk, ledger: Ledger, selling: Selling) -> None:
        self._desk = desk
        self._ledger = ledger
        self._selling = selling
        self.functions = {"training": self._training}
        self.handlers: dict[type[c.Command], object] = {}

    def _training(self, _: c.Do) -> Flow:
        desk = self._desk
        desk.must_be_selling()
        desk.need(TRAINING)
        approvals = desk.approvals
        if desk.training:
            if self._selling.cart is not None:
                yield _CART
            yield self._end(approvals)
        else:
            if self._selling.cart is not None:
                raise Refusal("training-cart-open", level="info")
            yield _BEGIN
            yield self._begin(approvals)

    async def _begin(self, approvals: tuple[Approval, ...]) -> None:
        desk = self._desk
        await self._write([TrainingBegan(desk.operator_id(), desk.offset_min(), approvals)])
        desk.warn("training-began")
        desk.events.append(e.TrainingChanged(on=True))

    async def _end(self, approvals: tuple[Approval, ...]) -> None:
        """With an open cart of training, that ends too: in one commit, so that it can never be sold."""
        desk, cart = self._desk, self._selling.cart
        facts: list[Fact] = []
        if cart is not None:
            given_up = settlement.abandoned(
                cart,
                business_day=desk.world.journal.head.business_day,
                operator=desk.operator_id(),
                ended_ms=desk.world.clock.wall_ms(),
                offset_min=desk.offset_min(),
            )
            facts.append(Training(replace(given_up, training=True, reason="training-ended")))
        facts.append(TrainingEnded(desk.operator_id(), desk.offset_min(), approvals))
        await self._write(facts)
        if cart is not None:
            self._selling.end_cart()
            desk.events.append(e.CartVoided(cart.cart_id))
        desk.warn("training-ended", level="info")
        desk.events.append(e.TrainingChanged(on=False))

    async def _write(self, facts: Sequence[Fact]) -> None:
        """Afterwards the last sale that is shown and printed again is that of the other side."""
        await self._ledger.append(facts, self._selling.cart)
        desk = self._desk
        desk.show_none()
        last = desk.world.journal.head.last_sale
        if last is not None:
            desk.remember_sale(last)
            assert desk.last is not None, "the sale was remembered"
            desk.last = replace(desk.last, found_at_start=True)
        if desk.world.hub is not None:
            desk.world.hub.kick()
