"""What the till asks of its devices, as protocols: paper and its spool, drawer, scale, scanner."""

import enum
from collections.abc import Sequence
from typing import Protocol

import msgspec

from pos.domain.document import Document
from pos.domain.weight import Weight
from pos.sale_facts import Sale

__all__ = [
    "CashDrawer",
    "DeviceState",
    "JobState",
    "PrintJob",
    "ReceiptPrinter",
    "Scale",
    "ScaleRefusedError",
    "Scanner",
    "SpoolStore",
]


class DeviceState(enum.StrEnum):
    """A device's life, as its supervisor sees it."""

    NONE = "none"  # not configured
    ABSENT = "absent"
    OPENING = "opening"
    READY = "ready"
    BUSY = "busy"
    FAULT = "fault"


class JobState(enum.StrEnum):
    """A print job's life. Nothing leaves `unknown` or `confirmed` by itself."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"  # all bytes are gone, the printer cannot say more
    CONFIRMED = "confirmed"
    UNKNOWN = "unknown"
    DROPPED = "dropped"


class PrintJob(msgspec.Struct, frozen=True):
    """One receipt to print, or, `sale` None, one document. `copy` marks a receipt as a copy on the paper.

    `epoch` is the one its number belongs to, `buyer` the name and address on an invoice.
    """

    job_id: str
    sale: Sale | None
    copy: bool = False
    epoch: int = 1
    document: Document | None = None
    buyer: tuple[str, ...] = ()


class SpoolStore(Protocol):
    """Where print jobs live until their fate is known; durable, in order."""

    async def put(self, job_id: str, payload: bytes, info: bytes) -> None:
        """Keep a job. A job that is known gets the new payload and info, and keeps its state."""
        ...

    async def set_state(self, job_id: str, state: JobState) -> None: ...
    async def pending(self) -> Sequence[tuple[str, JobState, bytes, bytes]]:
        """Jobs not confirmed or dropped: id, state, payload, info; oldest first."""
        ...


class ReceiptPrinter(Protocol):
    """Paper. Every call returns at once; news comes back as DeviceReported commands."""

    def submit(self, job: PrintJob) -> None: ...
    def decide(self, job_id: str, choice: str) -> None:
        """The cashier's word on a job in trouble (commands.SpoolDecision)."""
        ...


class CashDrawer(Protocol):
    """The drawer. Opens at once or not at all; a pulse is never queued for later."""

    def open(self) -> bool:
        """True when a pulse was handed to a device that takes it."""
        ...


class ScaleRefusedError(Exception):
    """The scale gave no weight; `code` names the sentence that says why, and nothing is sold.

    Codes: scale-absent, scale-silent, scale-moving, scale-negative, scale-zero, scale-overload, scale-not-moved,
    scale-price, scale-checksum, scale-unclear, scale-fault.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Scale(Protocol):
    """A scale at the till. What it says is taken as it is."""

    async def weigh(self, text: str, unit_price_minor: int, tare_g: int = 0) -> Weight:
        """What lies on it, at rest; within a few seconds, or ScaleRefusedError."""
        ...


class Scanner(Protocol):
    """A scanner runs as a task of its own and submits Scan commands."""

    async def run(self) -> None: ...
