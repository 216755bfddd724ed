"""What is kept for ever: the stored form of each fact, its version, and the hash that chains them.

A body, once written, is never written anew: it is hashed, sent and shown as the stored bytes. Fields
are only ever added, with a default; a change of meaning is a new version with an upcaster. Amounts
are gross integer minor units of the sale's currency, times are milliseconds since 1970 UTC by the
till's clock. All sums are stored: nobody ever runs today's rules over yesterday's facts.
"""

import hashlib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from pos.card_facts import (
    PaymentEnded,
    PaymentIntent,
    PaymentResult,
    TerminalClosed,
    TerminalMet,
    TerminalPrinted,
)
from pos.cart_facts import AgeRefused, CartAbandoned, CartLeft, CartParked, CartResumed
from pos.cash_facts import (
    CashCounted,
    CashMoved,
    DayClosed,
    DayOpened,
    SessionClosed,
    SessionOpened,
    SessionTaken,
)
from pos.order_facts import OrderHandedOver
from pos.sale_facts import Sale
from pos.till_facts import (
    DrawerOpenedFact,
    EpochOpened,
    ReceiptCopied,
    ReceiptWanted,
    TrainingBegan,
    TrainingEnded,
)
from pos.transfer_facts import TransferGivenUp, TransferOffered, TransferReceived

__all__ = [
    "GENESIS",
    "Fact",
    "FactError",
    "StoredFact",
    "Training",
    "UnknownFact",
    "body_of",
    "chain_hash",
    "decode_fact",
    "hash_of",
    "json_of",
    "kind_of",
]

BODY_MAX_BYTES: Final = 4 * 1024 * 1024
GENESIS: Final = bytes(32)
_HASH_TAG: Final = b"tresen.fact.1"


class FactError(ValueError):
    """A stored body cannot be read: too large, not JSON, or not of its kind."""


class Training(msgspec.Struct, frozen=True):
    """Something that was done in training. Its body is that of the real thing, its kind "training." before the real one's.

    So that nothing that reads sales can count one: it is of another kind, and of another type.
    """

    fact: "Fact"


Fact = (
    Sale
    | CartAbandoned
    | CartParked
    | CartResumed
    | CartLeft
    | EpochOpened
    | DayOpened
    | DrawerOpenedFact
    | ReceiptCopied
    | ReceiptWanted
    | TrainingBegan
    | TrainingEnded
    | Training
    | SessionOpened
    | SessionTaken
    | CashMoved
    | CashCounted
    | SessionClosed
    | DayClosed
    | AgeRefused
    | PaymentIntent
    | PaymentResult
    | PaymentEnded
    | TerminalMet
    | TerminalClosed
    | TerminalPrinted
    | TransferGivenUp
    | TransferOffered
    | TransferReceived
    | OrderHandedOver
)


class UnknownFact(msgspec.Struct, frozen=True):
    """A fact of a kind or version that this software does not know yet; kept and passed on unchanged."""

    kind: str
    version: int
    raw: Any


class StoredFact(msgspec.Struct, frozen=True):
    """A fact as the journal keeps it and the wire carries it. `body` are the stored bytes."""

    epoch: int
    seq: int
    kind: str
    version: int
    wall_ms: int
    mono_ms: int
    boot_id: str
    body: bytes
    hash: bytes


_KINDS: Final[dict[str, tuple[int, type[Any]]]] = {
    "sale": (1, Sale),
    "cart.abandoned": (1, CartAbandoned),
    "cart.parked": (1, CartParked),
    "cart.resumed": (1, CartResumed),
    "cart.left": (1, CartLeft),
    "epoch.opened": (1, EpochOpened),
    "day.opened": (1, DayOpened),
    "drawer.opened": (1, DrawerOpenedFact),
    "receipt.copied": (1, ReceiptCopied),
    "receipt.wanted": (1, ReceiptWanted),
    "training.began": (1, TrainingBegan),
    "training.ended": (1, TrainingEnded),
    "session.opened": (1, SessionOpened),
    "session.taken": (1, SessionTaken),
    "cash.moved": (1, CashMoved),
    "cash.counted": (1, CashCounted),
    "session.closed": (1, SessionClosed),
    "day.closed": (1, DayClosed),
    "age.refused": (1, AgeRefused),
    "payment.intent": (1, PaymentIntent),
    "payment.result": (1, PaymentResult),
    "payment.ended": (1, PaymentEnded),
    "terminal.met": (1, TerminalMet),
    "terminal.closed": (1, TerminalClosed),
    "terminal.printed": (1, TerminalPrinted),
    "transfer.given-up": (1, TransferGivenUp),
    "transfer.offered": (1, TransferOffered),
    "transfer.received": (1, TransferReceived),
    "order.handed_over": (1, OrderHandedOver),
}
_KIND_OF_TYPE: Final = {type_: (kind, version) for kind, (version, type_) in _KINDS.items()}
_TRAINING: Final = "training."
# (kind, version) -> a function from that version's JSON to the next one's.
UPCASTERS: dict[tuple[str, int], Callable[[Any], Any]] = {}

_encoder = msgspec.json.Encoder()


def kind_of(fact: Fact) -> tuple[str, int]:
    """A fact's kind and the version in which it is written today."""
    if isinstance(fact, Training):
        kind, version = kind_of(fact.fact)
        return _TRAINING + kind, version
    return _KIND_OF_TYPE[type(fact)]


def body_of(fact: Fact) -> bytes:
    """The bytes to store: JSON as any tool reads it. Raises FactError when larger than any fact may be."""
    body = _encoder.encode(fact.fact if isinstance(fact, Training) else fact)
    if len(body) > BODY_MAX_BYTES:
        raise FactError(f"a fact of {len(body)} bytes is over the limit of {BODY_MAX_BYTES}")
    return body


def json_of(body: bytes) -> bytes:
    """The JSON of stored bytes, looked at once; raises FactError."""
    try:
        msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FactError(f"a body is not readable: {error}") from error
    return body


def decode_fact(kind: str, version: int, body: bytes) -> Fact | UnknownFact:
    """The fact in stored bytes, lifted to today's version; an unknown one comes back as such."""
    if kind.startswith(_TRAINING) and kind not in _KINDS:
        done = decode_fact(kind.removeprefix(_TRAINING), version, body)
        return UnknownFact(kind, version, done.raw) if isinstance(done, UnknownFact) else Training(done)
    try:
        if kind not in _KINDS or version > _KINDS[kind][0]:
            return UnknownFact(kind, version, msgspec.json.decode(body))
        current, type_ = _KINDS[kind]
        if version == current:
            fact: Fact = msgspec.json.decode(body, type=type_)
            return fact
        value = msgspec.json.decode(body)
        for step in range(version, current):
            value = UPCASTERS[(kind, step)](value)
        lifted: Fact = msgspec.convert(value, type_)
        return lifted
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError) as error:
        raise FactError(f"a {kind} of version {version} is not readable: {error}") from error


def chain_hash(
    previous: bytes,
    store: str,
    till: str,
    *,
    epoch: int,
    seq: int,
    kind: str,
    version: int,
    wall_ms: int,
    mono_ms: int,
    boot_id: str,
    body: bytes,
) -> bytes:
    """SHA-256 over the previous hash and every stored field, each with its length before it."""
    hasher = hashlib.sha256(_HASH_TAG)
    head = "\x1f".join(
        (store, till, str(epoch), str(seq), kind, str(version), str(wall_ms), str(mono_ms), boot_id)
    ).encode()
    hasher.update(len(head).to_bytes(4, "big"))
    hasher.update(head)
    hasher.update(len(body).to_bytes(4, "big"))
    hasher.update(body)
    hasher.update(previous)
    return hasher.digest()


def hash_of(previous: bytes, store: str, till: str, fact: StoredFact) -> bytes:
    """The hash that a stored fact must carry when the fact before it has `previous`."""
    return chain_hash(
        previous,
        store,
        till,
        epoch=fact.epoch,
        seq=fact.seq,
        kind=fact.kind,
        version=fact.version,
        wall_ms=fact.wall_ms,
        mono_ms=fact.mono_ms,
        boot_id=fact.boot_id,
        body=fact.body,
    )
