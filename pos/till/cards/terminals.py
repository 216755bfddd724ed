"""The card terminals of the till: which may be used, who each is, and the words for what one does."""

from typing import Any, Final

from pos.card_facts import PaymentIntent, TerminalMet
from pos.card_ports import CardTerminal, TerminalSeen, TerminalStatus
from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.card import CardRequest, CardState
from pos.psp_ports import PaymentLine
from pos.till.desk import Desk, Refusal
from pos.till.ledger import Ledger

__all__ = ["Terminals"]

_HOST_CODES: Final = 0x64
_REMOVE: Final = 0x40  # the same state, and the card is to be taken out
_REMOVABLE: Final = frozenset(range(0x01, 0x1E))
_QUIET: Final = frozenset({"none", "wait", "away"})


class Terminals:
    """`news` takes what a terminal says of itself."""

    def __init__(self, desk: Desk, ledger: Ledger) -> None:
        self._desk = desk
        self._ledger = ledger
        self.needs: dict[str, TerminalStatus] = {}

    def all(self) -> tuple[CardTerminal, ...]:
        return self._desk.real.cards

    def find(self, name: str) -> CardTerminal | None:
        """A terminal, or the line to a payment service."""
        everyone: tuple[CardTerminal, ...] = (*self.all(), *self._desk.real.services)
        return next((one for one in everyone if one.name == name), None)

    def of(self, intent: PaymentIntent) -> CardTerminal:
        """The terminal where this was done, wherever it hangs now. Raises Refusal where it hangs nowhere."""
        known = self._desk.real.journal.head.payments.terminals
        place = next((one.name for one in known if one.terminal_id == intent.terminal_id), intent.terminal)
        found = self.find(place)
        if found is None:
            raise Refusal("card-terminal-gone")
        return found

    def service(self, name: str = "") -> PaymentLine | None:
        """The line to the service of this name, or the first one."""
        return next((one for one in self._desk.real.services if name in ("", one.name)), None)

    def free(self) -> CardTerminal:
        """The first that can take a payment. Raises Refusal: all are away, or each has a payment of which nobody knows."""
        payments = self._desk.real.journal.head.payments
        locked = 0
        for one in self.all():
            if payments.at(one.name) is not None:
                locked += 1
            elif one.ready and payments.terminal(one.name) is not None:
                return one
        if locked == len(self.all()):
            raise Refusal("card-locked", level="alarm")
        raise Refusal("card-terminal-away")

    def why(self) -> str:
        """Why none takes a payment now, as the code of a sentence; empty where one does."""
        try:
            self.free()
        except Refusal as refusal:
            return refusal.message.code
        return ""

    def usable(self) -> bool:
        return not self.why()

    def intent(self, terminal: CardTerminal, request: CardRequest, cart_id: str, of: str) -> PaymentIntent:
        """The fact that comes before the first byte. Raises Refusal where the terminal takes no payment."""
        head, clock = self._desk.real.journal.head, self._desk.real.clock
        known = head.payments.terminal(terminal.name)
        line = self.service(terminal.name)
        if (known is None and line is None) or not terminal.ready:
            raise Refusal("card-terminal-away")
        if line is None and head.payments.at(terminal.name) is not None:
            raise Refusal("card-locked", level="alarm")
        facts = self._ledger.day_facts()
        return PaymentIntent(
            request.payment_id,
            cart_id,
            request.kind,
            request.amount_minor,
            request.currency,
            "zvt" if line is None else line.provider,
            terminal.name,
            self._desk.operator_id(),
            self._ledger.business_day(facts),
            clock.wall_ms(),
            self._desk.offset_min(),
            known.terminal_id if known is not None else "",
            known.last if known is not None else None,
            request.receipt_no,
            of,
            request.tip_minor,
            approvals=self._desk.approvals,
            of_reference=request.of_reference,
        )

    def news(self, command: c.CardNews) -> Any:
        match command.news:
            case TerminalSeen():
                return self._seen(command.terminal, command.news)
            case TerminalStatus():
                self._status(command.terminal, command.news)
        return None

    async def _seen(self, name: str, seen: TerminalSeen) -> None:
        clock = self._desk.real.clock
        met = TerminalMet(
            name, seen.terminal_id, seen.last, clock.wall_ms(), self._desk.offset_min(), seen.software
        )
        await self._ledger.append([met], None, real=True)

    def _status(self, name: str, status: TerminalStatus) -> None:
        before = self.needs.get(name)
        self.needs[name] = status
        if status.action not in _QUIET and status != before:
            self._desk.warn(f"card-needs-{status.action}", terminal=name)
            self._desk.events.append(e.DeviceChanged(f"card-{name}", status.action, status.detail))

    # -- words

    def words_of(self, state: CardState) -> str:
        """What a terminal does, for the cashier."""
        words = self._desk.words
        if state.code is None:
            return words(f"card.doing-{state.text}")
        code = state.code
        removing = bool(code & _REMOVE) and code & ~_REMOVE in _REMOVABLE
        key = f"card.state.{code & ~_REMOVE if removing else code:02X}"
        known = words(key)
        if known == key:
            return state.text or words("card.state.unknown", code=f"{code:02X}")
        return words("card.state.remove", state=known) if removing else known

    def words_of_result(self, code: int) -> str:
        """A whole sentence: why, and what to do."""
        words = self._desk.words
        key = f"card.result.{code:02X}"
        known = words(key)
        if known != key:
            return known
        return words("card.result.host" if code < _HOST_CODES else "card.result.unknown", code=f"{code:02X}")
