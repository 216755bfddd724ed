"""ZVT, the language of German card terminals: bytes to messages and back. No I/O, no clock, nothing of the till.

    line = SerialReader()                 # or TcpReader()
    for event in line.feed(bytes_that_came):
        match event:
            case Received(apdu):          # on a serial line: write ACK at once
                message = read(apdu, charset)
            case LinkAck() | LinkNak():   # serial only
            case BadFrame():              # serial only: write NAK, it comes again
            case NotZvt(protocol):        # TCP only: close; another protocol is set on the terminal

    port.write(frame(write(Authorisation(amount_minor=1250, currency=978))))    # serial
    port.write(encode(write(Ack())))                                            # TCP

`read` never raises and never fails: a field that cannot be read is None and stands in `undecoded`. `write` is strict and
raises ValueError; `RefusedError` for card data. What a reader gives out is masked already: of card numbers the last four
digits, of tracks, expiry and check digits nothing. Text that leaves the driver goes through `scan`.

A payment is approved by `StatusInformation.approved` and by nothing else; `Completion` and `Abort` only end a sequence.
`repr` of an Apdu shows no data. Serial lines: `SerialReader.lost()` after 200 ms of silence while `inside` (T1).
TCP: after `NotZvt`, `reset()` with a new connection.
"""

from drivers.card.zvt import charsets, codes
from drivers.card.zvt.apdu import Apdu, encode, received
from drivers.card.zvt.masking import scan
from drivers.card.zvt.messages import (
    OPEN_RECEIPTS,
    Abort,
    AbortCommand,
    Ack,
    Authorisation,
    BookTip,
    BookTotal,
    Completion,
    Diagnosis,
    DisplayText,
    EndOfDay,
    Initialisation,
    IntermediateStatus,
    LogOff,
    Message,
    Nack,
    Other,
    PartialReversal,
    PreAuthorisation,
    PreAuthorisationReversal,
    PrintBlock,
    Printed,
    PrintLine,
    Refund,
    Registration,
    RepeatReceipt,
    Reprint,
    Reversal,
    SetTime,
    SetTimeHere,
    StatusEnquiry,
    StatusInformation,
    TurnoverTotals,
    Undecoded,
    Unknown,
)
from drivers.card.zvt.reading import read
from drivers.card.zvt.serial import ACK, NAK, BadFrame, LinkAck, LinkNak, Received, SerialReader, frame
from drivers.card.zvt.tcp import NotZvt, TcpReader
from drivers.card.zvt.tlv import Tlv
from drivers.card.zvt.values import Total, Totals
from drivers.card.zvt.writing import RefusedError, offer, write

__all__ = [
    "ACK",
    "NAK",
    "OPEN_RECEIPTS",
    "Abort",
    "AbortCommand",
    "Ack",
    "Apdu",
    "Authorisation",
    "BadFrame",
    "BookTip",
    "BookTotal",
    "Completion",
    "Diagnosis",
    "DisplayText",
    "EndOfDay",
    "Initialisation",
    "IntermediateStatus",
    "LinkAck",
    "LinkNak",
    "LogOff",
    "Message",
    "Nack",
    "NotZvt",
    "Other",
    "PartialReversal",
    "PreAuthorisation",
    "PreAuthorisationReversal",
    "PrintBlock",
    "PrintLine",
    "Printed",
    "Received",
    "Refund",
    "RefusedError",
    "Registration",
    "RepeatReceipt",
    "Reprint",
    "Reversal",
    "SerialReader",
    "SetTime",
    "SetTimeHere",
    "StatusEnquiry",
    "StatusInformation",
    "TcpReader",
    "Tlv",
    "Total",
    "Totals",
    "TurnoverTotals",
    "Undecoded",
    "Unknown",
    "charsets",
    "codes",
    "encode",
    "frame",
    "offer",
    "read",
    "received",
    "scan",
    "write",
]
