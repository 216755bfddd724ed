"""Where each cashier has an insert of their own: a part in cash stays that of the insert into which it fell."""

from collections.abc import Generator
from typing import Any

import msgspec

from pos.domain.cart import Cart
from pos.domain.tender import Tender
from pos.till.checkout import Checkout
from pos.till.desk import Desk, NeedsAnswer, Refusal
from pos.till.ledger import Ledger
from pos.till.sale.selling import Selling
from pos.till.tenders.tendering import Tendering

__all__ = ["Inserts"]


class Inserts:
    """Does nothing where a drawer is everybody's."""

    def __init__(
        self, desk: Desk, ledger: Ledger, selling: Selling, checkout: Checkout, tendering: Tendering
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        selling.named = self.named
        checkout.open_first = self.open_first
        tendering.may_leave = self.may_leave

    def open_first(self) -> None:
        """Before anything is paid the operator's own session is open. Raises NeedsAnswer where it must be written first."""
        if self._desk.setup.cash.own_insert and self._ledger.day_facts():
            raise NeedsAnswer(self._open())

    def _open(self) -> Generator[Any, Any, bool]:
        yield self._ledger.append(self._ledger.day_facts(), None)
        return True

    def named(self, cart: Cart) -> Cart:
        """The cart whose cash says into which insert it fell."""
        session = self._desk.world.journal.head.days.current
        if not self._desk.setup.cash.own_insert or session is None:
            return cart
        tenders = tuple(
            msgspec.structs.replace(tender, cash_session=session.session)
            if tender.kind == "cash" and not tender.cash_session
            else tender
            for tender in cart.tenders
        )
        return cart if tenders == cart.tenders else msgspec.structs.replace(cart, tenders=tenders)

    def may_leave(self, tender: Tender) -> None:
        """Raises Refusal for cash that lies in another's insert: only there it can be given back."""
        session = self._desk.world.journal.head.days.find(tender.cash_session)
        if session is None or self._desk.operator_id() in session.operators:
            return
        people = {one.operator_id: one.name for one in self._desk.world.people.operators()}
        names = ", ".join(people.get(name, name) for name in session.operators)
        raise Refusal("cash-other-insert", amount=abs(tender.amount_minor), name=names)
