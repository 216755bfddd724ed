"""What is kept for ever: the stored form of each fact, its version, and the hash that chains them.

A body, once written, is never written anew: it is hashed, sent and shown as the stored bytes. Fields
are only ever added, with a default; a change of meaning is a new version with an upcaster. Amounts
are gross integer minor units of the sale's currency, times are milliseconds since 1970 UTC by the
till's clock. All sums are stored: nobody ever runs today's rules over yesterday's facts.
"""

import datetime as dt
import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from pos.card_facts import PaymentEnded, PaymentIntent, PaymentResult, TerminalClosed, TerminalMet
from pos.cash_facts import (
    CashCounted,
    CashMoved,
    DayClosed,
    DayOpened,
    SessionClosed,
    SessionOpened,
    SessionTaken,
)
from pos.domain.about import About
from pos.domain.drawer import Pieces
from pos.domain.line import Discount, Origin
from pos.domain.rights import Approval
from pos.domain.tender import Foreign, Tender
from pos.domain.used import Used

__all__ = [
    "GENESIS",
    "About",
    "AgeRefused",
    "Approval",
    "CartAbandoned",
    "CartParked",
    "CartResumed",
    "CashCounted",
    "CashMoved",
    "DayClosed",
    "DayOpened",
    "Discount",
    "DrawerOpenedFact",
    "EpochOpened",
    "Fact",
    "FactError",
    "Foreign",
    "Origin",
    "Pieces",
    "ReceiptCopied",
    "Reference",
    "Sale",
    "SaleLine",
    "SaleTax",
    "SaleTender",
    "SessionClosed",
    "SessionOpened",
    "SessionTaken",
    "StoredFact",
    "TaxKey",
    "Training",
    "TrainingBegan",
    "TrainingEnded",
    "UnknownFact",
    "Used",
    "body_of",
    "chain_hash",
    "counts_for_budgets",
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


class SaleLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a sale, removed ones too (`voided_ms` set, and not in any sum).

    `total_minor` = `qty` x `unit_minor` rounded, less nothing: `discounts` are separate and summed in
    `total_minor` of the sale. `case` is the business case in words of DSFinV-K (GV_TYP). `by` is empty
    where it is the sale's operator. `origin` is the line that a "return" takes back. `reason` and `approved`
    (an operator) belong to a price that was set by hand. The rest is as in pos.domain.line.
    """

    n: int
    text: str
    unit_minor: int
    total_minor: int
    tax: str
    percent: Decimal
    at_ms: int
    qty: Decimal = Decimal(1)
    kind: str = "article"
    case: str = "Umsatz"
    unit: str = "pc"
    gtin: str | None = None
    sku: str = ""
    code: str = ""
    source: str = ""
    department: int = 0
    price_source: str = "catalogue"
    list_minor: int | None = None
    discounts: tuple[Discount, ...] = ()
    parent: int | None = None
    min_age: int = 0
    open_reason: str = ""
    by: str = ""
    voided_ms: int | None = None
    voided_by: str = ""
    origin: Origin | None = None
    serial: str = ""
    batch: str = ""
    best_before: dt.date | None = None
    seller: str = ""
    options: tuple[str, ...] = ()
    reason: str = ""
    approved: str = ""

    @property
    def pay_minor(self) -> int:
        """What was paid for it: its price less its discounts."""
        return self.total_minor - sum(discount.amount_minor for discount in self.discounts)


class SaleTax(msgspec.Struct, frozen=True):
    """Sums of one tax code: gross = net + vat. `key` is the export's number for the code."""

    code: str
    key: int
    percent: Decimal
    gross_minor: int
    net_minor: int
    vat_minor: int


SaleTender = Tender


class Reference(msgspec.Struct, frozen=True, omit_defaults=True):
    """Another receipt or order that this one is about.

    `kind` "retender": this document takes that receipt's tenders back and puts others in their place; "void": it takes
    the whole receipt back; "return": some of its lines.
    """

    kind: str
    till: str = ""
    epoch: int = 0
    number: int = 0
    external: str = ""


class Sale(msgspec.Struct, frozen=True, omit_defaults=True):
    """A completed sale, whole. The sum of its taxes' gross = `total_minor`.

    The sum of its tenders' amounts = `total_minor` + `rounding_minor` (cash rounding) + `tip_minor`. `customer` is a
    reference, `staff` the operator who bought as staff, `coupons` what was scanned for a discount. `promotions` says how
    often each was applied and what it took off, for budgets; the shares are discounts of the lines. Counter-documents are
    sales too: their lines, or their tenders, are those of the receipt in `references` with the sign turned. `invoice` is
    its number as an invoice, `buyer` a reference to whom it is addressed.
    """

    cart_id: str
    number: int
    business_day: str
    cash_session: str
    operator: str
    started_ms: int
    tendered_ms: int
    completed_ms: int
    offset_min: int
    lines: tuple[SaleLine, ...]
    tenders: tuple[SaleTender, ...]
    taxes: tuple[SaleTax, ...]
    total_minor: int
    pieces: int
    currency: str = "EUR"
    link: str = ""
    language: str = "de"
    demo: bool = False
    training: bool = False
    references: tuple[Reference, ...] = ()
    approvals: tuple[Approval, ...] = ()
    country: dict[str, Any] = {}
    software: str = ""
    rounding_minor: int = 0
    tip_minor: int = 0
    customer: str = ""
    staff: str = ""
    coupons: tuple[str, ...] = ()
    invoice: str = ""
    buyer: str = ""
    promotions: tuple[Used, ...] = ()


def counts_for_budgets(sale: Sale) -> bool:
    """Whether its promotions were really given: not in training, and not in a document that counters another one."""
    countering = any(reference.kind in {"retender", "void"} for reference in sale.references)
    return bool(sale.promotions) and not sale.training and not countering


class CartAbandoned(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cart that ended without a sale: every line it ever had, and who gave it up."""

    cart_id: str
    business_day: str
    operator: str
    started_ms: int
    ended_ms: int
    offset_min: int
    lines: tuple[SaleLine, ...]
    reason: str = "void"
    training: bool = False
    approvals: tuple[Approval, ...] = ()


class TaxKey(msgspec.Struct, frozen=True):
    """The number by which an export knows a tax code at a rate; lines of a sale do not carry it."""

    code: str
    percent: Decimal
    key: int


class CartParked(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cart was set aside: it ended under `cart_id`, and everything to go on with it under another is here.

    `operator` parked it, `opened_by` began it (empty: the same). `tax_keys` holds each code and rate of the
    lines once. `follows` is the operator at whose next sign-in it goes on by itself. Lines without a price yet are among `lines`, with kind "open".
    """

    cart_id: str
    business_day: str
    operator: str
    started_ms: int
    parked_ms: int
    offset_min: int
    lines: tuple[SaleLine, ...]
    tax_keys: tuple[TaxKey, ...]
    total_minor: int
    pieces: int
    currency: str = "EUR"
    note: str = ""
    opened_by: str = ""
    tenders: tuple[SaleTender, ...] = ()
    about: About = About()
    follows: str = ""


class CartResumed(msgspec.Struct, frozen=True, omit_defaults=True):
    """The cart parked under `cart_id` goes on at this till, as a new cart: `new_cart_id`."""

    cart_id: str
    new_cart_id: str
    business_day: str
    operator: str
    resumed_ms: int
    offset_min: int


class EpochOpened(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first fact of an epoch: which till of which store, and why its numbers begin anew.

    `previous_*` is the fact it follows (hash in hexadecimal digits), which may lie on another machine's disk.
    `grant` is the hub's signature (hexadecimal), `granted_by` its key; both empty where a person decided,
    the operator `by`.
    """

    store: str
    till: str
    reason: str
    software: str
    previous_epoch: int = 0
    previous_seq: int = 0
    previous_hash: str = ""
    granted_by: str = ""
    grant: str = ""
    by: str = ""


class DrawerOpenedFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """The drawer was opened without a sale; `by_key`: with the key, as no printer could open it."""

    operator: str
    reason: str
    by_key: bool = False
    cart_id: str = ""
    approvals: tuple[Approval, ...] = ()


class ReceiptCopied(msgspec.Struct, frozen=True, omit_defaults=True):
    """A marked copy of a receipt was ordered. `epoch` is the one of its number; 0: the fact's own."""

    number: int
    operator: str
    epoch: int = 0


class TrainingBegan(msgspec.Struct, frozen=True, omit_defaults=True):
    """From here to the next TrainingEnded nothing at this till is real: all that is done is kept as `Training`."""

    operator: str
    offset_min: int
    approvals: tuple[Approval, ...] = ()


class TrainingEnded(msgspec.Struct, frozen=True, omit_defaults=True):
    """The till sells again. Carts that were parked in training ended with it."""

    operator: str
    offset_min: int
    approvals: tuple[Approval, ...] = ()


class Training(msgspec.Struct, frozen=True):
    """Something that was done in training. Its body is that of the real thing, its kind "training." before the real one's.

    So that nothing that reads sales can count one: it is of another kind, and of another type.
    """

    fact: "Fact"


class AgeRefused(msgspec.Struct, frozen=True, omit_defaults=True):
    """Goods were not sold because the customer could not be taken for `min_age`. Nothing of the customer is kept.

    `skus` are the articles that left the cart, one entry a line.
    """

    business_day: str
    cart_id: str
    operator: str
    min_age: int
    at_ms: int
    offset_min: int
    skus: tuple[str, ...]


Fact = (
    Sale
    | CartAbandoned
    | CartParked
    | CartResumed
    | EpochOpened
    | DayOpened
    | DrawerOpenedFact
    | ReceiptCopied
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
    "epoch.opened": (1, EpochOpened),
    "day.opened": (1, DayOpened),
    "drawer.opened": (1, DrawerOpenedFact),
    "receipt.copied": (1, ReceiptCopied),
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
