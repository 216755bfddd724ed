"""What a printer says, read out of one stream of bytes in which all kinds of answers are mixed.

Sources: Epson's ESC/POS command reference (DLE EOT, GS a, GS r, GS I, GS ( H) and the table of fixed bits
in Citizen's CT-S310 manual, 5.3. The kinds are told apart by those bits alone:

    0xx1xx10  answer to DLE EOT        0xx1xx00  first byte of a status report (ASB), then 3 of 0xx0xxxx
    0xx0xxxx  answer to GS r, GS I     11, 13    XON, XOFF
    37 22 .. 00  process id (GS ( H)   5F .. 00  identity text (GS I 65 to 69)

A line at the wrong speed delivers such bytes too, by chance. So an answer counts only once eight bytes
that made sense have arrived with no senseless one between them; answers that nobody asked for (a printer
that hung sends them late) take away some of the trust.
"""

import enum
from collections import deque
from collections.abc import Iterator
from typing import Final

import msgspec

__all__ = ["Answer", "Kind", "PrinterStatus", "StatusParser", "apply"]

TRUST_BYTES: Final = 8
TRUST_MAX: Final = 40
STRAY_COST: Final = 4
IDENTITY_MAX: Final = 80
_PROCESS_HEAD: Final = (0x37, 0x22)
_PROCESS_BYTES: Final = 7
_REPORT_BYTES: Final = 4


class Kind(enum.Enum):
    REALTIME = "realtime"  # DLE EOT; `question` says which
    REPORT = "report"  # automatic status back, 4 bytes
    SINGLE = "single"  # GS r, GS I 1 to 3
    PROCESS = "process"  # GS ( H; the value is the 4 bytes of the id
    IDENTITY = "identity"  # GS I 65 to 69; the value is the text
    FLOW = "flow"  # XON or XOFF


class Answer(msgspec.Struct, frozen=True):
    """One thing the printer said. `trusted`: it stands in a stream that makes sense."""

    kind: Kind
    value: bytes
    trusted: bool
    question: int = 0


class StatusParser:
    """Feed it bytes in any portions. It never raises, and finds back within eight bytes after garbage."""

    def __init__(self) -> None:
        self._questions: deque[int] = deque()
        self._singles = 0
        self._identities = 0
        self._held = bytearray()
        self._sense = 0  # bytes that made sense since the last one that did not

    @property
    def trusted(self) -> bool:
        return self._sense >= TRUST_BYTES

    @property
    def sure(self) -> bool:
        """Trusted twice over: enough to believe a single byte that says that a receipt is out."""
        return self._sense >= 2 * TRUST_BYTES

    @property
    def singles_expected(self) -> int:
        return self._singles

    def expect_realtime(self, question: int) -> None:
        """DLE EOT `question` was sent; answers come in the order of the questions."""
        self._questions.append(question)

    def expect_single(self) -> None:
        """GS r or GS I 1 to 3 was sent."""
        self._singles += 1

    def expect_identity(self) -> None:
        """GS I 65 to 69 was sent."""
        self._identities += 1

    def forget_questions(self) -> None:
        """The deadline of the real-time questions has passed; a late answer is nobody's."""
        self._questions.clear()

    def feed(self, data: bytes) -> list[Answer]:
        return [answer for byte in data for answer in self._byte(byte)]

    def _byte(self, byte: int) -> Iterator[Answer]:
        if byte in (0x11, 0x13):  # the line's own, allowed anywhere
            yield Answer(Kind.FLOW, bytes((byte,)), self.trusted)
        elif self._held and self._held[0] != 0x5F and _is_realtime(byte):
            yield from self._realtime(byte)  # the printer slips it into a longer answer
        elif self._held and self._continues(byte):
            self._held.append(byte)
            yield from self._complete()
        else:
            if self._held:
                self._senseless()
            yield from self._first(byte)

    def _first(self, byte: int) -> Iterator[Answer]:
        if _is_realtime(byte):
            yield from self._realtime(byte)
        elif byte & 0x93 == 0x10 or byte == _PROCESS_HEAD[0] or (byte == 0x5F and self._identities):
            self._held.append(byte)
        elif byte & 0x90 == 0:
            if self._singles:
                self._singles -= 1
                yield self._answer(Kind.SINGLE, bytes((byte,)), 1)
            else:
                self._stray()
        else:
            self._senseless()

    def _continues(self, byte: int) -> bool:
        first, count = self._held[0], len(self._held)
        if first == 0x5F:
            return count < IDENTITY_MAX and (byte == 0 or 0x20 <= byte <= 0x7E)
        if first == _PROCESS_HEAD[0]:
            if count == 1:
                return byte == _PROCESS_HEAD[1]
            return byte == 0 if count == _PROCESS_BYTES - 1 else 0x20 <= byte <= 0x7E
        return byte & 0x90 == 0

    def _complete(self) -> Iterator[Answer]:
        held = bytes(self._held)
        if held[0] == 0x5F:
            if held[-1] == 0:
                self._identities -= 1
                yield self._take(Kind.IDENTITY, held[1:-1])
        elif held[0] == _PROCESS_HEAD[0]:
            if len(held) == _PROCESS_BYTES:
                yield self._take(Kind.PROCESS, held[2:-1])
        elif len(held) == _REPORT_BYTES:
            yield self._take(Kind.REPORT, held)

    def _take(self, kind: Kind, value: bytes) -> Answer:
        count = len(self._held)
        self._held.clear()
        return self._answer(kind, value, count)

    def _realtime(self, byte: int) -> Iterator[Answer]:
        if self._questions:
            yield self._answer(Kind.REALTIME, bytes((byte,)), 1, self._questions.popleft())
        else:
            self._stray()

    def _answer(self, kind: Kind, value: bytes, count: int, question: int = 0) -> Answer:
        self._sense = min(TRUST_MAX, self._sense + count)
        trusted = self.sure if kind is Kind.SINGLE else self.trusted
        return Answer(kind, value, trusted, question)

    def _stray(self) -> None:
        self._sense = max(0, self._sense - STRAY_COST)

    def _senseless(self) -> None:
        self._sense = 0
        self._held.clear()


class PrinterStatus(msgspec.Struct, frozen=True):
    """The printer's condition as far as it said. `problem` is the one word for the cashier.

    `drawer_high` is the level of the pin that a drawer's switch hangs on; what it means is the drawer's.
    """

    offline: bool = False
    cover_open: bool = False
    paper_out: bool = False
    paper_low: bool = False
    cutter: bool = False
    error: bool = False
    drawer_high: bool = False

    @property
    def problem(self) -> str:
        """Why nothing prints: cover-open, paper-out, cutter, offline; empty when all is well."""
        causes = (
            ("cover-open", self.cover_open),
            ("paper-out", self.paper_out),
            ("cutter", self.cutter),
            ("offline", self.offline or self.error),
        )
        return next((word for word, true in causes if true), "")


def apply(status: PrinterStatus, answer: Answer) -> PrinterStatus:
    """The condition after one answer; what is not trusted changes nothing."""
    if not answer.trusted:
        return status
    if answer.kind is Kind.REPORT:
        first, second, third = answer.value[:3]
        return PrinterStatus(
            offline=bool(first & 0x08),
            cover_open=bool(first & 0x20),
            paper_out=third & 0x0C == 0x0C,
            paper_low=third & 0x03 == 0x03,
            cutter=bool(second & 0x08),
            error=bool(second & 0x60),
            drawer_high=bool(first & 0x04),
        )
    if answer.kind is not Kind.REALTIME:
        return status
    byte = answer.value[0]
    if answer.question == 1:
        high = bool(byte & 0x04)
        if byte & 0x08:
            return msgspec.structs.replace(status, offline=True, drawer_high=high)
        return PrinterStatus(paper_out=status.paper_out, paper_low=status.paper_low, drawer_high=high)
    if answer.question == 2:
        error = status.error and bool(byte & 0x40)
        return msgspec.structs.replace(status, cover_open=bool(byte & 0x04), error=error)
    if answer.question == 3:
        return msgspec.structs.replace(status, cutter=bool(byte & 0x08), error=bool(byte & 0x60))
    return msgspec.structs.replace(
        status, paper_out=byte & 0x60 == 0x60, paper_low=byte & 0x0C == 0x0C and byte & 0x60 != 0x60
    )


def _is_realtime(byte: int) -> bool:
    return byte & 0x93 == 0x12
