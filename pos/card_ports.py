"""Card terminals, as the till sees them: what it asks of one, and what one tells the till."""

from typing import Protocol

import msgspec

from pos.domain.card import (
    CardAnswer,
    CardEnd,
    CardMark,
    CardPaper,
    CardRequest,
    CardResult,
    CardState,
    CardTotals,
)

__all__ = ["CardDesk", "CardTerminal", "NotKeptError", "TerminalDay", "TerminalSeen", "TerminalStatus"]


class NotKeptError(Exception):
    """The till could not keep what a terminal said: nothing may be acknowledged, and the payment is unknown."""


class TerminalSeen(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a terminal said of itself at its first contact. `last` None: it has no transaction.

    `tags`: the TLV tags it understands, hexadecimal; `commands`: those it permits.
    """

    terminal_id: str
    last: CardMark | None
    currency: str = ""
    software: str = ""
    tags: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


class TerminalStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a terminal needs. `action`: "none", "wait", "initialise", "diagnosis", "close-day", "card-in", "service", "away"."""

    action: str
    code: int | None = None
    detail: str = ""


class TerminalDay(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a terminal's end of day went. `end` as for a payment; `totals` None where it told none."""

    end: CardEnd
    totals: CardTotals | None = None
    paper: tuple[CardPaper, ...] = ()


class CardDesk(Protocol):
    """The till's side; called by the driver, on the loop."""

    def knows(self, terminal: str, terminal_id: str) -> bool:
        """Is there a watermark for this terminal under this id? If not, the driver asks for the last transaction first (R6)."""
        ...

    async def seen(self, terminal: str, seen: TerminalSeen) -> None:
        """Keep who it is and its last transaction; durable when it returns. Raises NotKeptError."""
        ...

    async def result(self, payment_id: str, result: CardResult) -> None:
        """Keep what was said of a payment; durable when it returns. Raises NotKeptError: then nothing is acknowledged."""
        ...

    async def paper(self, payment_id: str, paper: CardPaper) -> None:
        """Keep a whole receipt; durable when it returns. Raises NotKeptError."""
        ...

    async def printed(self, terminal: str, paper: CardPaper) -> None:
        """Keep what a terminal has printed beside any payment, and print it; durable when it returns. Raises NotKeptError."""
        ...

    def state(self, payment_id: str, state: CardState) -> None: ...
    def ended(self, payment_id: str, end: CardEnd) -> None:
        """The conversation that `start` began is over."""
        ...

    def answer(self, payment_id: str, answer: CardAnswer) -> None:
        """What came of `look`."""
        ...

    def not_cancelled(self, payment_id: str, code: int | None) -> None:
        """The terminal refused to cancel; the payment goes on."""
        ...

    def day(self, terminal: str, day: TerminalDay) -> None:
        """What came of `close_day`."""
        ...

    def status(self, terminal: str, status: TerminalStatus) -> None: ...


class CardTerminal(Protocol):
    """One terminal. Every call returns at once; the driver's own task works, and tells the desk.

    One thing at a time: what is asked while another runs is answered by `ended` "refused" with the detail "busy".
    """

    name: str
    """Its name at this till: "1", "2", ..."""

    @property
    def ready(self) -> bool:
        """Is it connected and registered, and nothing under way?"""
        ...

    def connect(self, desk: CardDesk) -> None:
        """Before anything else: who is told."""
        ...

    def start(self, request: CardRequest) -> None:
        """Send a request, once. Whatever happens, `ended` follows, and it is never sent again."""
        ...

    def cancel(self) -> None:
        """Ask the terminal to give up what it does; its end is still awaited."""
        ...

    def look(self, payment_id: str) -> None:
        """Ask for its last transaction: connect if needed, register, wait until it is free (60 s), repeat receipt. `answer` follows.

        Late messages of the conversation before are handed over as results of `payment_id` first.
        """
        ...

    def receipts(self, payment_id: str) -> None:
        """Have it send the last transaction's receipts once more; each comes by `paper`, then `ended`."""
        ...

    def close_day(self) -> None: ...
    def service(self, what: str) -> None:
        """Run what is asked, "diagnosis" or "initialise"; `status` follows."""
        ...

    async def run(self) -> None:
        """The driver's task."""
        ...
