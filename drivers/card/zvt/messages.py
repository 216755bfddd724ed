"""Messages as objects: what is in the fields by name, what is in the TLV container by properties.

What a terminal sends may lack anything: every field can be None. Amounts are in minor units, always positive. Numbers
of receipts, traces and turnovers count up to 9999 or 999999 and begin anew. No object holds card data beyond the last
four digits; `masked` names the fields that held some, `undecoded` what could not be read.
"""

from typing import Final

from drivers.card.zvt.answers import (
    Abort,
    Ack,
    Completion,
    IntermediateStatus,
    Nack,
    SetTimeHere,
    StatusInformation,
)
from drivers.card.zvt.base import Message, Other, Undecoded, Unknown
from drivers.card.zvt.paper import PrintBlock, Printed, PrintLine
from drivers.card.zvt.requests import (
    OPEN_RECEIPTS,
    AbortCommand,
    Authorisation,
    BookTip,
    BookTotal,
    Diagnosis,
    DisplayText,
    EndOfDay,
    Initialisation,
    LogOff,
    PartialReversal,
    PreAuthorisation,
    PreAuthorisationReversal,
    Refund,
    Registration,
    RepeatReceipt,
    Reprint,
    Reversal,
    SetTime,
    StatusEnquiry,
    TurnoverTotals,
)

__all__ = [
    "KINDS",
    "OPEN_RECEIPTS",
    "Abort",
    "AbortCommand",
    "Ack",
    "Authorisation",
    "BookTip",
    "BookTotal",
    "Completion",
    "Diagnosis",
    "DisplayText",
    "EndOfDay",
    "Initialisation",
    "IntermediateStatus",
    "LogOff",
    "Message",
    "Nack",
    "Other",
    "PartialReversal",
    "PreAuthorisation",
    "PreAuthorisationReversal",
    "PrintBlock",
    "PrintLine",
    "Printed",
    "Refund",
    "Registration",
    "RepeatReceipt",
    "Reprint",
    "Reversal",
    "SetTime",
    "SetTimeHere",
    "StatusEnquiry",
    "StatusInformation",
    "TurnoverTotals",
    "Undecoded",
    "Unknown",
]

KINDS: Final[dict[int, type[Message]]] = {
    kind.command: kind
    for kind in (
        Registration,
        Authorisation,
        LogOff,
        BookTip,
        TurnoverTotals,
        Reprint,
        RepeatReceipt,
        PreAuthorisation,
        PartialReversal,
        BookTotal,
        PreAuthorisationReversal,
        Reversal,
        Refund,
        EndOfDay,
        Diagnosis,
        SetTime,
        Initialisation,
        AbortCommand,
        DisplayText,
        StatusEnquiry,
        StatusInformation,
        IntermediateStatus,
        SetTimeHere,
        Completion,
        Abort,
        PrintLine,
        PrintBlock,
        Ack,
    )
}
"""By command; every 84 xx is a Nack."""
