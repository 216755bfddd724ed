"""A payment service, as its line asks it: one exchange each. Whoever asks keeps the order, and gives the same one again."""

from typing import Protocol

from pos.card_ports import CardTerminal
from pos.domain.psp import PspOrder, PspSays

__all__ = ["PaymentLine", "PaymentService", "PspAwayError", "PspKeyError", "PspRefusedError"]


class PspAwayError(Exception):
    """The service was not reached, or its answer was lost: nobody knows what it did."""


class PspRefusedError(Exception):
    """The service said no to the order itself, and did nothing."""


class PspKeyError(PspRefusedError):
    """The service does not take the key, or not for this."""


class PaymentService(Protocol):
    """Every call may raise PspAwayError; those that order something PspRefusedError too."""

    name: str

    async def create(self, order: PspOrder) -> PspSays:
        """A payment with a link. The same order again gives the same payment, never a second one."""
        ...

    async def refund(self, order: PspOrder) -> PspSays:
        """Give money back; the same order again gives the same refund. "paid": it is accepted."""
        ...

    async def status(self, order: PspOrder) -> PspSays:
        """Of a payment or refund whose `reference` is known."""
        ...

    async def find(self, order: PspOrder) -> PspSays:
        """Look for it by its payment id; "none" where there is none."""
        ...

    async def cancel(self, order: PspOrder) -> PspSays:
        """Let nobody pay it any more; what it is after that, which may be "paid"."""
        ...


class PaymentLine(CardTerminal, Protocol):
    """The line to a service: told of payments as a terminal is, and asked for one with its whole order."""

    provider: str
    """The service's name, as facts carry it."""

    def ask(self, order: PspOrder, *, cancel: bool = False) -> None:
        """What became of it? `answer` follows. `cancel`: what is open is closed, so that nobody can pay it any more."""
        ...
