"""What is said to one terminal on an open link: registration, first contact, how it is, what its last transaction was."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from drivers.card.heard import Capabilities, capabilities_of, code_text, result_of, status_of
from drivers.card.link import Link
from drivers.card.listeners import REVERSING, Aside, Beside, Payment
from drivers.card.orders import Orders, Wishes
from drivers.card.talk import BUSY, NOT_REGISTERED, Ending, Listener, Talk, Timers
from drivers.card.zvt import Apdu
from drivers.supervisor import DeviceAbsentError, DeviceFaultError
from pos.card_ports import CardDesk, TerminalSeen
from pos.domain.card import APPROVED, CardAnswer, CardState, mark_of

__all__ = ["Speech"]

_AGAIN_S: Final = 2.0
_SAME_MAX: Final = 3
_PATIENCE_S: Final = 5.0
_PATIENCE_MAX_S: Final = 80.0
_FREE: Final = frozenset({0x00, 0xDC, 0xE1})
_NOTHING: Final = 0x83
_NOTHING_STORED: Final = CardAnswer("nothing")

_log = logging.getLogger(__name__)


class Speech:
    """`late` hears what an older conversation still brings; None while nothing is unknown.

    A question that moves no money is answered at once, so that silence after it means a line or a terminal that went: it is
    given up after seconds, twice as many each time (`_patience`, by command), until the terminal says its end again.
    """

    def __init__(
        self,
        name: str,
        wishes: Wishes,
        timers: Timers,
        remember: Callable[[Capabilities], Awaitable[None]],
    ) -> None:
        self.desk: CardDesk | None = None
        self.late: Payment | None = None
        self.capabilities = Capabilities()
        self._name = name
        self._wishes = wishes
        self._timers = timers
        self._remember = remember
        self._patience: dict[int, float] = {}
        self._repeating = False  # asked what the last transaction was, and the end was not heard
        self._link: Link | None = None
        self._talk: Talk | None = None
        self._orders: Orders | None = None

    @property
    def _on(self) -> Talk:
        assert self._talk is not None, "open comes first"
        return self._talk

    @property
    def _say(self) -> Orders:
        assert self._orders is not None, "open comes first"
        return self._orders

    @property
    def _till(self) -> CardDesk:
        assert self.desk is not None, "connect comes first"
        return self.desk

    def _aside(self, on_state: Callable[[CardState], None] = lambda _state: None) -> Aside:
        return Aside(self._wishes.charset, self._wishes.columns, on_state)

    def _beside(self) -> Beside:
        """Hears a terminal that is asked for nothing that pays: what it prints is kept."""
        return Beside(self._till, self._name, self._wishes.charset, self._wishes.columns)

    def payment(self, payment_id: str) -> Payment:
        return Payment(self._till, payment_id, self._wishes.charset, self._wishes.columns)

    @property
    def _older(self) -> Listener | None:
        """Who hears what is not about the newest question. What was the last transaction is not of the open payment."""
        return self._aside() if self._repeating else self.late

    # -- registration and first contact

    async def _register(self, *, fresh: bool = False) -> None:
        listener: Listener = self._older or self._aside()
        ending = await self._command(self._say.registration(), listener)
        if ending.by == "unknown":
            error = ending.away()
            if fresh and str(error) == "card-closed":
                raise DeviceAbsentError("card-one-client")
            raise error
        if ending.by != "completion" or ending.apdu is None:
            if ending.code == BUSY:
                raise DeviceAbsentError("card-busy")
            _log.error("card terminal %s refused the registration: %s", self._name, code_text(ending.code))
            raise DeviceFaultError("card-currency" if ending.code == 0x6F else "card-not-registered")
        found = capabilities_of(ending.apdu, self._wishes.charset)
        self._say.numbered = "1F73" in found.tags
        if found != self.capabilities:
            self.capabilities = found
            await self._remember(found)

    async def _meet(self) -> None:
        """R6: a terminal that the till does not know is asked for its last transaction before any payment."""
        told = self.capabilities
        if self._till.knows(self._name, told.terminal_id):
            return
        answer = await self._ask(self._aside())
        found = answer.result
        terminal_id = told.terminal_id or (found.terminal_id if found is not None else "")
        if terminal_id != told.terminal_id and self._till.knows(self._name, terminal_id):
            return
        mark = mark_of(found) if found is not None else None
        if answer.code == BUSY:
            raise DeviceAbsentError("card-busy")
        if answer.found == "silent":
            raise DeviceAbsentError(answer.detail)
        if answer.found == "no-status" or (found is not None and mark is None):
            _log.error("card terminal %s does not tell its last transaction: %s", self._name, answer)
            raise DeviceFaultError("card-no-repeat")
        seen = TerminalSeen(
            terminal_id, mark, told.currency, told.software, tags=told.tags, commands=told.commands
        )
        try:
            await self._till.seen(self._name, seen)
        except Exception as error:
            raise DeviceFaultError("card-not-kept") from error

    async def _command(self, apdu: Apdu, listener: Listener, t4_s: float = _PATIENCE_S) -> Ending:
        """A command that moves no money and whose end is not far."""
        assert self._link is not None, "open comes first"
        patience = self._patience.get(apdu.command, t4_s)
        timers = msgspec.structs.replace(self._timers, t4=min(patience, self._timers.t4))
        ending = await Talk(self._link, timers).command(apdu, listener, late=self._older)
        if ending.by != "unknown":
            self._patience.pop(apdu.command, None)
        elif ending.detail == "no-end":
            self._patience[apdu.command] = min(2 * patience, _PATIENCE_MAX_S)
        return ending

    async def _registered(self, send: Callable[[], Awaitable[Ending]]) -> Ending:
        """Once more where nothing was begun because the terminal had forgotten us."""
        ending = await send()
        if ending.by == "refused" and ending.code == NOT_REGISTERED:
            await self._register()
            ending = await send()
        return ending

    async def _asked(self, payment_id: str, late: Payment) -> CardAnswer:
        """Wait until the terminal is free, then ask."""

        def on_state(state: CardState) -> None:
            word = "reversing" if state.code in REVERSING else "waiting"
            self._till.state(
                payment_id, CardState(state.code, word if state.code in REVERSING else state.text)
            )

        before: int | None = -1
        same = 0
        while True:
            code = await self._ask_status(late)
            same = same + 1 if code == before else 1
            before = code
            if code in _FREE or (code != BUSY and same >= _SAME_MAX):
                self._till.state(payment_id, CardState(text="asking"))
                answer = await self._ask(self._aside(on_state))
                if answer.code != BUSY:
                    return answer
                same = 0
            self._till.state(payment_id, CardState(text="waiting"))
            await self._on.drain(late, quiet_s=_AGAIN_S, limit_s=_AGAIN_S)

    async def _ask_status(self, listener: Listener) -> int | None:
        """05 01: its code, BUSY where it refuses to say, None where it says none. Raises what ends the link."""
        older = self._aside() if self._repeating else listener
        ending = await self._registered(lambda: self._command(self._say.status(), older))
        if ending.by == "unknown":
            raise ending.away()
        return status_of(ending.apdu) if ending.by == "completion" else ending.code

    async def _ask(self, aside: Aside) -> CardAnswer:
        """06 20 with service byte 03: what its last transaction was."""
        self._repeating = True
        ending = await self._registered(lambda: self._command(self._say.repeat(), aside))
        if ending.by == "unknown":
            return CardAnswer("silent", detail=str(ending.away()))
        self._repeating = False
        if ending.by == "refused":
            return CardAnswer("no-status", code=ending.code)
        if aside.statuses:
            result = result_of(aside.statuses[-1], self._wishes.charset)
            if ending.by == "completion" or result.code != APPROVED:
                return CardAnswer("result", result)
        elif ending.by == "abort" and ending.code == _NOTHING:
            return _NOTHING_STORED
        return CardAnswer("no-status", code=ending.code)
