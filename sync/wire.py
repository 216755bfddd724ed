"""What till and hub say to each other: JSON messages over HTTP, and the link that every receipt carries.

    PUT  /v1/tills/{store}/{till}         Hello -> Welcome
    POST /v1/tills/{store}/{till}/facts   Batch -> 200 Ack | 409 Gap | 409 Fork | 4xx, 5xx Problem
    GET  /v1/changes?scope=&after=&limit= -> Changes

Fields are only ever added, with a default, and unknown ones are passed over: a hub must understand tills
that were offline for weeks, and a till a hub that is newer. Bytes travel as base64. Gap, Fork and Problem
are problem documents of RFC 9457; their `type` tells them apart.
"""

import binascii
import gzip
import hashlib
import hmac
import re
from typing import Annotated, Any, Final

import msgspec

from pos.facts import StoredFact

__all__ = [
    "BATCH_MAX_BYTES",
    "BATCH_MAX_FACTS",
    "REQUEST_MAX_BYTES",
    "TOKEN_BYTES",
    "Ack",
    "Batch",
    "Change",
    "Changes",
    "Fork",
    "Gap",
    "Health",
    "Hello",
    "Problem",
    "ShopInfo",
    "Welcome",
    "WireError",
    "decode_answer",
    "decode_batch",
    "decode_hello",
    "encode_batch",
    "encode_json",
    "mint_link",
    "split_link",
    "verify_link",
]

BATCH_MAX_FACTS: Final = 500
BATCH_MAX_BYTES: Final = 1024 * 1024
# One fact alone may be larger than a batch: 4 MiB of JSON that do not deflate, in base64, with room to spare.
REQUEST_MAX_BYTES: Final = 8 * 1024 * 1024
TOKEN_BYTES: Final = 16
_MAC_BYTES: Final = 6
_MAC_TAG: Final = b"tresen.link.1"
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_", b"+/")
_LINK: Final = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9_-]{0,31})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{8})", re.ASCII
)

# "$" alone would let a line feed pass.
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$(?!\n)")]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Digest = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]


class WireError(ValueError):
    """A message cannot be read; the text says where."""


class ShopInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who sells, as the receipt page shows it. Fields as in receipts.model.Shop."""

    name: str
    address: tuple[str, ...] = ()
    tax_number: str = ""
    country: str = "DE"
    currency: str = "EUR"
    footer_de: str = ""
    footer_en: str = ""


class Hello(msgspec.Struct, frozen=True, omit_defaults=True):
    """A till reports for service: at its start and after each broken line."""

    store: Name
    till: Name
    epoch: Count
    software: str = ""
    shop: ShopInfo | None = None


class Welcome(msgspec.Struct, frozen=True):
    """The hub's answer to Hello.

    `link_key` belongs to the store. `acked_*` is what the hub holds of the newest epoch up to the one that
    was named in Hello (epoch 0: nothing). `latest_epoch` above that one: the till was replaced by another.
    """

    link_key: bytes
    public_url: str
    acked_epoch: int
    acked_seq: int
    acked_hash: bytes
    hub_time_ms: int
    latest_epoch: int = 0


class Batch(msgspec.Struct, frozen=True):
    """Facts of one epoch in order, without gaps. `prev_hash` is the hash of the fact before the first."""

    store: Name
    till: Name
    epoch: Count
    first_seq: Count
    prev_hash: Digest
    facts: tuple[StoredFact, ...]


class Ack(msgspec.Struct, frozen=True):
    """Durable: the hub holds all facts of `epoch` up to `acked_seq`, the last of which has `acked_hash`."""

    epoch: int
    acked_seq: int
    acked_hash: bytes
    hub_time_ms: int
    stored_by: str = "hub"


class Gap(msgspec.Struct, frozen=True, tag="urn:tresen:problem:gap", tag_field="type"):
    """Facts are missing before this batch: go on from `expected_seq`."""

    expected_seq: int
    title: str = "Facts are missing before this batch"
    status: int = 409


class Fork(msgspec.Struct, frozen=True, tag="urn:tresen:problem:fork", tag_field="type"):
    """At `seq` the hub holds another fact, with `hub_hash`. Both branches are kept; people must look."""

    seq: int
    hub_hash: bytes
    title: str = "The hub holds another fact under this number"
    status: int = 409


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Any other refusal, as RFC 9457 has it."""

    status: int
    title: str
    detail: str = ""
    type: str = "about:blank"


class Change(msgspec.Struct, frozen=True):
    """One change of a scope. `n` counts without gaps; `body` is the whole new record."""

    n: int
    kind: str
    key: str
    body: Any


class Changes(msgspec.Struct, frozen=True):
    """Changes after the asked number. `head` is the newest there is: below the reader's, start again at 0."""

    scope: str
    changes: tuple[Change, ...]
    cursor: int
    head: int


class Health(msgspec.Struct, frozen=True):
    """The hub lives, and its database answers."""

    name: str
    version: str
    public_url: str


_batch_decoder = msgspec.json.Decoder(Batch)
_hello_decoder = msgspec.json.Decoder(Hello)
_conflict_decoder: msgspec.json.Decoder[Gap | Fork] = msgspec.json.Decoder(Gap | Fork)
_ack_decoder = msgspec.json.Decoder(Ack)
_problem_decoder = msgspec.json.Decoder(Problem)
_encoder = msgspec.json.Encoder()


def encode_json(message: Any) -> bytes:
    return _encoder.encode(message)


def encode_batch(batch: Batch) -> tuple[bytes, int]:
    """The gzip bytes to send, and how many bytes of JSON are in them."""
    raw = _encoder.encode(batch)
    return gzip.compress(raw, compresslevel=1, mtime=0), len(raw)


def decode_batch(raw: bytes) -> Batch:
    """Raises WireError. Whether the chain holds is the ledger's question."""
    try:
        return _batch_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(str(error)) from error


def decode_hello(raw: bytes) -> Hello:
    """Raises WireError."""
    try:
        return _hello_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(str(error)) from error


def decode_answer(status: int, raw: bytes) -> Ack | Gap | Fork | Problem:
    """What the hub said to a batch. Whatever cannot be read is a Problem with its status."""
    try:
        if status == 200:
            return _ack_decoder.decode(raw)
        if status == 409:
            return _conflict_decoder.decode(raw)
        return _problem_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Problem(status, "An answer that cannot be read", str(error))


def mint_link(store: str, token: bytes, link_key: bytes) -> str:
    """`<store>.<128 random bits>.<short MAC>`, for the path `/r/<that>`. `token`: 16 bytes of chance."""
    if len(token) != TOKEN_BYTES:
        raise ValueError(f"a link takes {TOKEN_BYTES} bytes of chance, not {len(token)}")
    link = f"{store}.{_base64url(token)}.{_base64url(_mac(store, token, link_key))}"
    if not _LINK.fullmatch(link):
        raise ValueError(f"a store named {store!r} cannot stand in a link")
    return link


def split_link(link: str) -> tuple[str, bytes, bytes] | None:
    """Store, token and MAC of a link (the MAC unchecked); None if it is none."""
    match = _LINK.fullmatch(link)
    if match is None:
        return None
    store, token, mac = match.groups()
    token_bytes = _bytes_of(token + "==")
    if _base64url(token_bytes) != token:  # the last character holds spare bits: one spelling only
        return None
    return store, token_bytes, _bytes_of(mac)


def verify_link(link: str, link_key: bytes) -> bool:
    """Whether whoever made the link had the store's key. Takes the same time for each wrong MAC."""
    parts = split_link(link)
    if parts is None:
        return False
    store, token, mac = parts
    return hmac.compare_digest(mac, _mac(store, token, link_key))


def _mac(store: str, token: bytes, link_key: bytes) -> bytes:
    return hmac.new(link_key, _MAC_TAG + store.encode() + b"\0" + token, hashlib.sha256).digest()[:_MAC_BYTES]


def _base64url(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode()


def _bytes_of(text: str) -> bytes:
    return binascii.a2b_base64(text.encode().translate(_FROM_URL))
