"""A card terminal that says what a test tells it to: the port of a driver, no bytes."""

import msgspec

from pos.card_ports import CardDesk, TerminalDay, TerminalSeen
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

__all__ = ["TID", "FakeTerminal"]

TID = "60000001"


class FakeTerminal:
    """`asked` are the requests it was sent, `looks` how often it was asked for its last transaction."""

    def __init__(self, name: str = "1", *, receipt: int = 41) -> None:
        self.name = name
        self.up = True
        self.asked: list[CardRequest] = []
        self.cancels = 0
        self.looks = 0
        self.closes = 0
        self.services: list[str] = []
        self.receipt = receipt
        self.desk_sum = 0
        self._desk: CardDesk | None = None

    @property
    def ready(self) -> bool:
        return self.up

    @property
    def desk(self) -> CardDesk:
        assert self._desk is not None, "the till connects it"
        return self._desk

    def connect(self, desk: CardDesk) -> None:
        self._desk = desk

    async def met(self, last: CardMark | None = None) -> None:
        await self.desk.seen(self.name, TerminalSeen(TID, last or self.mark(self.receipt)))

    def mark(self, receipt: int) -> CardMark:
        return CardMark(receipt, receipt + 100, receipt + 200)

    def start(self, request: CardRequest) -> None:
        self.asked.append(request)

    def cancel(self) -> None:
        self.cancels += 1

    def look(self, payment_id: str) -> None:
        self.looks += 1

    def receipts(self, payment_id: str) -> None:
        raise AssertionError("nobody asks for receipts here")

    def close_day(self) -> None:
        self.closes += 1

    def service(self, what: str) -> None:
        self.services.append(what)

    async def run(self) -> None:
        return

    # -- what a test makes it say

    @property
    def request(self) -> CardRequest:
        return self.asked[-1]

    def result(self, code: int = 0, *, receipt: int | None = None, **changes: object) -> CardResult:
        """The result of the last request, as the next transaction."""
        number = self.receipt + 1 if receipt is None else receipt
        plain = CardResult(
            code,
            self.request.amount_minor if self.asked else 0,
            "EUR",
            TID,
            receipt_no=number,
            trace_no=number + 100,
            turnover_no=number + 200,
            brand="girocard",
            pan_last4="1234",
            auth_code="A12345",
            entry_mode="contactless",
        )
        return msgspec.structs.replace(plain, **changes)

    async def says(self, code: int = 0, **changes: object) -> CardResult:
        result = self.result(code, **changes)  # type: ignore[arg-type]
        await self.desk.result(self.request.payment_id, result)
        if result.receipt_no is not None:
            self.receipt = result.receipt_no
        return result

    async def prints(self, kind: str, *lines: str, **more: bool) -> None:
        await self.desk.paper(self.request.payment_id, CardPaper(kind, lines, **more))  # type: ignore[arg-type]

    def does(self, code: int) -> None:
        self.desk.state(self.request.payment_id, CardState(code))

    def ends(self, by: str = "completion", code: int | None = None) -> None:
        self.desk.ended(self.request.payment_id, CardEnd(by, code))  # type: ignore[arg-type]

    async def approves(self, **changes: object) -> None:
        await self.says(0, **changes)
        self.ends()

    def answers(self, found: str = "result", result: CardResult | None = None, payment_id: str = "") -> None:
        self.desk.answer(payment_id or self.request.payment_id, CardAnswer(found, result))  # type: ignore[arg-type]

    async def acts(self, what: str) -> None:
        """One word of a script: what a terminal does, from beginning to end."""
        match what:
            case "is-there":
                await self.met()
            case "asks-for-the-card":
                self.does(0x0A)
            case "approves":
                await self.approves()
            case "approves-tippable":
                await self.approves(tippable=True)
            case "declines":
                await self.says(0x05)
                self.ends()
            case "gives-up":
                self.ends("abort", 0x6C)
            case "is-cut-off":
                self.ends("unknown")
            case "had-charged":
                result = self.result(0)
                self.answers("result", result)
                self.receipt += 1
            case "says-something-else":
                self.answers("result", self.result(0, amount_minor=500, time="143010"))
                self.receipt += 1
            case "closes-its-day":
                total = self.desk_sum
                self.desk.day(
                    self.name,
                    TerminalDay(CardEnd("completion"), CardTotals((("girocard", 1, total),), None, total)),
                )
            case "goes-off":
                self.up = False
            case _:
                raise AssertionError(f"a terminal that does {what!r}?")
