"""Payments, refunds and reservations: the card, the bank, the till, and what goes wrong by the amount."""

import contextlib
from typing import Literal

from tests.simulators.terminal.cards import CARDS
from tests.simulators.terminal.faults import Fault, fault_of
from tests.simulators.terminal.links import LinkLostError
from tests.simulators.terminal.memory import Kind, Transaction
from tests.simulators.terminal.orders import Orders
from tests.simulators.terminal.rules import Order
from tests.simulators.terminal.statuses import completion, declined
from tests.simulators.terminal.talk import StoppedError
from tests.simulators.terminal.wire import apdu

__all__ = ["Payments"]

_DECLINED, _ABORTED, _WRONG_PIN, _REVERSED = 0x05, 0x6C, 0x37, 0xB4


class Payments(Orders):
    """`forgave`: amounts whose fault happens once only, and has."""

    forgave: set[int]

    async def pay(self, order: Order) -> None:
        minor = order.minor or 0
        fault: Fault = fault_of(minor) if self.setup.faults else ""
        if fault == "busy":
            await self.say(apdu("849C"))
        elif fault == "not-registered" and minor not in self.forgave:
            self.forgave.add(minor)
            self.registration = None
            await self.say(apdu("846B"))
        else:
            await self.say(apdu("8000"))
            await self.sync(order)
            await self._card_payment("sale", minor, fault)

    async def refund(self, order: Order) -> None:
        await self.say(apdu("8000"))
        await self.sync(order)
        await self._card_payment("refund", order.minor or 0, "")

    async def reserve(self, order: Order) -> None:
        await self.say(apdu("8000"))
        await self._card_payment("preauth", order.minor or 0, "")

    async def _card_payment(self, kind: Kind, minor: int, fault: Fault) -> None:
        if fault == "silent":
            await self.pause(self.timing.hang_s)
            return
        try:
            what = await self._customer(minor, fault)
        except StoppedError:
            what = "stop"
        self._stop_ok = False
        if what == "stop":
            await self._no(_ABORTED, "Abbruch durch Kunde", abort=True)
            return
        await self._still_there(self.tell(0x04))
        code = await self.until(self.customer.answer(minor))
        if fault in ("declined-completion", "declined-abort") or code:
            await self._no(code or _DECLINED, "Karte abgelehnt", abort=fault == "declined-abort", card=True)
        elif fault == "no-status-uncharged":
            await self.ask(completion())
        else:
            await self._charged(self._charge(kind, minor, fault), fault)

    async def _customer(self, minor: int, fault: Fault) -> Literal["card", "stop"]:
        """Card and PIN. Raises StoppedError when the till wants no more."""
        self._stop_ok = True
        self.screen = f"{minor // 100},{minor % 100:02d} EUR  Karte bitte"
        await self._still_there(self.tell(0x0A, 5 if fault == "slow" else None))
        if fault == "slow":
            await self.pause(240)
        if fault == "customer-aborts" or await self.until(self.customer.card_given(minor)) == "stop":
            return "stop"
        self.screen = "PIN"
        await self._still_there(self.tell(0x01))
        if await self.until(self.customer.pin_given()) == "stop":
            return "stop"
        if fault == "second-status":
            await self.ask(declined(_WRONG_PIN, self.setup.identity.terminal_id, "PIN falsch"))
            await self._still_there(self.tell(0x15))
            await self.until(self.customer.pin_given())
        if fault == "wait":
            await self._still_there(self.tell(0x17))
            await self.pause(30)
        self.screen = "Bitte warten"
        return "card"

    async def _still_there(self, telling: object) -> None:
        """Tell how far it is. A terminal that `goes_on` does not mind that nobody listens."""
        try:
            await telling  # type: ignore[misc]
        except LinkLostError:
            if not self.setup.goes_on:
                raise

    async def _no(self, code: int, text: str, *, abort: bool, card: bool = False) -> None:
        kind = CARDS[self.customer.card].card_type if card else None
        with_tags = kind if self.reg.with_tags else None
        await self.ask(declined(code, self.setup.identity.terminal_id, text, with_tags))
        await self.ask(apdu("061E", bytes((code,))) if abort else completion())

    def _charge(self, kind: Kind, minor: int, fault: Fault) -> Transaction:
        """The moment from which the card is charged."""
        tip = minor // 10 if fault == "tip" else 0
        taken = {"partial": minor // 2, "other-amount": minor + 100}.get(fault, minor + tip)
        tx = self.new_transaction(kind, taken)
        tx.tip = tip
        if fault in ("missing-fields", "unmasked", "undecodable", "repeat-without-status", "twice",
                     "wrong-charset", "tlv-after-text"):  # fmt: skip
            tx.fault = fault
        if fault == "signature":
            tx.cvm = 1
        charge = self.bank.charge(
            kind,
            -taken if kind == "refund" else taken,
            CARDS[tx.card].number,
            tx.trace,
            "reserved" if kind == "preauth" else "charged",
        )
        tx.charge = charge.number
        self.memory.pending = tx
        return tx

    async def _charged(self, tx: Transaction, fault: Fault) -> None:
        if fault == "no-status":
            self.memory.store(tx)
            await self.ask(completion())
        elif fault in ("junk", "cut"):
            await self._lost(tx, fault)
        elif fault == "reversed-after":
            await self._back_again(tx)
        else:
            await self.deliver(tx)
            if tx.kind == "preauth":
                self.memory.reserved.append(tx)
            await self.ask(completion())

    async def _lost(self, tx: Transaction, fault: Fault) -> None:
        """The status does not get to the till."""
        link = self.link if self.serial else self._own
        if link is not None and fault == "junk":
            with contextlib.suppress(LinkLostError):
                await link.junk(b"VER 02.11 TERMINAL READY\r\n")
            await self.pause(self.timing.t3_s)
        if link is not None:
            link.cut()
        self.unacknowledged(tx)

    async def _back_again(self, tx: Transaction) -> None:
        try:
            await self.show(tx)
        except LinkLostError:
            self.unacknowledged(tx)
            raise
        self._take_back(tx, "reversed at once")
        await self.ask(apdu("061E", bytes((_REVERSED,))))
