"""Who hears what a terminal says during a payment, and who does otherwise."""

import contextlib
from collections.abc import Callable
from typing import Final

from drivers.card.heard import result_of, state_of
from drivers.card.papers import Papers
from drivers.card.zvt import Apdu
from pos.card_ports import CardDesk
from pos.domain.card import CardPaper, CardResult, CardState

__all__ = ["REVERSING", "Aside", "Beside", "Payment"]

REVERSING: Final = frozenset({0x05, 0x45})
"""States in which a terminal takes a payment back by itself."""


class Payment:
    """Everything goes to the till, and counts as heard when the till has kept it. The same status again is kept once."""

    def __init__(self, desk: CardDesk, payment_id: str, charset: str, columns: int) -> None:
        self.desk = desk
        self.payment_id = payment_id
        self.results: list[CardResult] = []
        self._charset = charset
        self._papers = Papers(charset, columns)
        self.last: Apdu | None = None

    async def status(self, apdu: Apdu) -> None:
        if apdu == self.last:
            return
        result = result_of(apdu, self._charset)
        await self.desk.result(self.payment_id, result)
        self.last = apdu
        self.results.append(result)

    async def print(self, apdu: Apdu) -> None:
        await self._hand_over(self._papers.take(apdu))

    async def flush(self) -> None:
        await self._hand_over(self._papers.rest())

    async def save(self) -> None:
        """After a cut: what was printed so far is kept, as far as that is possible."""
        with contextlib.suppress(Exception):
            await self.flush()

    def state(self, apdu: Apdu) -> int | None:
        state, minutes = state_of(apdu, self._charset)
        self.desk.state(self.payment_id, state)
        return minutes

    def cancelling(self) -> None:
        self.desk.state(self.payment_id, CardState(text="cancelling"))

    def not_cancelled(self, code: int | None) -> None:
        self.desk.not_cancelled(self.payment_id, code)

    async def _hand_over(self, papers: list[CardPaper]) -> None:
        for paper in papers:
            await self.desk.paper(self.payment_id, paper)


class Aside:
    """A conversation that is no payment: what it says is collected. `on_state` hears codes of 04 FF."""

    def __init__(
        self,
        charset: str,
        columns: int,
        on_state: Callable[[CardState], None] = lambda _state: None,
    ) -> None:
        self.statuses: list[Apdu] = []
        self.papers: list[CardPaper] = []
        self._charset = charset
        self._parts = Papers(charset, columns, "administration")
        self._on_state = on_state

    async def status(self, apdu: Apdu) -> None:
        self.statuses.append(apdu)

    async def print(self, apdu: Apdu) -> None:
        self.papers += self._parts.take(apdu)

    async def flush(self) -> None:
        self.papers += self._parts.rest()

    def state(self, apdu: Apdu) -> int | None:
        state, minutes = state_of(apdu, self._charset)
        self._on_state(state)
        return minutes

    def cancelling(self) -> None:
        pass

    def not_cancelled(self, code: int | None) -> None:
        pass


class Beside(Aside):
    """As Aside, and what is printed goes to the till, each receipt before the message is answered that ends it."""

    def __init__(self, desk: CardDesk, terminal: str, charset: str, columns: int) -> None:
        super().__init__(charset, columns)
        self._desk = desk
        self._terminal = terminal

    async def status(self, apdu: Apdu) -> None:
        pass

    async def print(self, apdu: Apdu) -> None:
        await super().print(apdu)
        await self._hand_over()

    async def flush(self) -> None:
        await super().flush()
        await self._hand_over()

    async def save(self) -> None:
        """What has no end yet is kept, as far as that is possible."""
        with contextlib.suppress(Exception):
            await self.flush()

    async def _hand_over(self) -> None:
        while self.papers:
            await self._desk.printed(self._terminal, self.papers[0])
            del self.papers[0]
