"""What till, relay and hub say to each other: JSON messages over HTTP.

    PUT  /v1/tills/{store}/{till}         Hello -> Welcome
    POST /v1/tills/{store}/{till}/facts   Batch -> 200 Ack | 409 Gap | 409 Fork | 4xx, 5xx Problem
    POST /v1/tills/{store}/{till}/epochs  EpochRequest -> Grant
    POST /v1/enrolments                   Enrol -> Enrolled
    POST /v1/keys                         Rotation -> Rotated
    GET  /v1/relays                       -> Relays
    GET  /v1/changes?cursor=&limit=&wait= -> Feed

The whole protocol, with signatures and what follows from each answer: docs/protocol.md.

Fields are only ever added, with a default, and unknown ones are passed over: a hub must understand tills
that were offline for weeks, and a till a hub that is newer. Bytes travel as base64. Gap, Fork and Problem
are problem documents of RFC 9457; their `type` tells them apart.
"""

import gzip
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec

from pos.facts import StoredFact

__all__ = [
    "BATCH_MAX_BYTES",
    "BATCH_MAX_FACTS",
    "REQUEST_MAX_BYTES",
    "Ack",
    "Batch",
    "Change",
    "Changes",
    "Enrol",
    "Enrolled",
    "EpochRequest",
    "Feed",
    "Fork",
    "Gap",
    "Grant",
    "Health",
    "Hello",
    "Problem",
    "RelayKey",
    "Relays",
    "Rotated",
    "Rotation",
    "Seal",
    "ShopInfo",
    "Welcome",
    "WireError",
    "ack_bytes",
    "decode_answer",
    "decode_batch",
    "decode_hello",
    "encode_batch",
    "encode_json",
    "epoch_bytes",
    "grant_bytes",
    "rotation_bytes",
    "seal_bytes",
    "sealed",
]

BATCH_MAX_FACTS: Final = 500
BATCH_MAX_BYTES: Final = 1024 * 1024
# One fact alone may be larger than a batch: 4 MiB of JSON that do not deflate, in base64, with room to spare.
REQUEST_MAX_BYTES: Final = 8 * 1024 * 1024

# "$" alone would let a line feed pass.
Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$(?!\n)")]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Digest = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
KeyId = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]


class WireError(ValueError):
    """A message cannot be read; the text says where."""


class ShopInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who sells, as the receipt page shows it. Fields as in receipts.model.Shop, but those of its brand: the hub has that."""

    name: str
    address: tuple[str, ...] = ()
    tax_number: str = ""
    country: str = "DE"
    currency: str = "EUR"
    footer_de: str = ""
    footer_en: str = ""


class Hello(msgspec.Struct, frozen=True, omit_defaults=True):
    """A till reports for service. `last_*` is the end of its journal, when it says hello."""

    store: Name
    till: Name
    epoch: Count
    software: str = ""
    shop: ShopInfo | None = None
    last_seq: Count = 0
    last_hash: bytes = b""


class Seal(msgspec.Struct, frozen=True):
    """A till's signature over a run of facts; by the chain it vouches for its epoch up to `last_seq`."""

    first_seq: Count
    last_seq: Count
    last_hash: Digest
    key_id: KeyId
    signature: Signature


class Ack(msgspec.Struct, frozen=True, omit_defaults=True):
    """Durable: the node `stored_by` holds all facts of `epoch` up to `acked_seq`, the last of which has `acked_hash`.

    A relay adds in `upstream` the newest Ack of the hub that it knows for this till.
    """

    epoch: int
    acked_seq: int
    acked_hash: bytes
    hub_time_ms: int
    stored_by: str = "hub"
    store: str = ""
    till: str = ""
    key_id: str = ""
    signature: bytes = b""
    upstream: "Ack | None" = None


class Welcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node's answer to Hello.

    `link_key` belongs to the store. `acked_*` is what the node holds of the newest epoch up to the one that
    was named in Hello (epoch 0: nothing). `standing` is "ok", "behind", "fork", "replaced" or "revoked".
    `run` is a word by chance, another one each time the node starts. `has_last`: it holds the very fact that Hello
    named as the till's last. `hub_away`: a relay has not heard the hub for a while.
    """

    link_key: bytes
    public_url: str
    acked_epoch: int
    acked_seq: int
    acked_hash: bytes
    hub_time_ms: int
    latest_epoch: int = 0
    standing: str = "ok"
    stored_by: str = "hub"
    upstream: Ack | None = None
    run: str = ""
    has_last: bool = False
    hub_away: bool = False


class Batch(msgspec.Struct, frozen=True, omit_defaults=True):
    """Facts of one epoch in order, without gaps. `prev_hash` is the hash of the fact before the first."""

    store: Name
    till: Name
    epoch: Count
    first_seq: Count
    prev_hash: Digest
    facts: tuple[StoredFact, ...]
    seal: Seal | None = None


class Gap(msgspec.Struct, frozen=True, tag="urn:tresen:problem:gap", tag_field="type"):
    """Facts are missing before this batch: go on from `expected_seq`."""

    expected_seq: int
    title: str = "Facts are missing before this batch"
    status: int = 409


class Fork(msgspec.Struct, frozen=True, tag="urn:tresen:problem:fork", tag_field="type"):
    """At `seq` the node holds another fact, with `hub_hash`. This branch is kept aside up to `kept_seq`."""

    seq: int
    hub_hash: bytes
    kept_seq: int = 0
    title: str = "The hub holds another fact under this number"
    status: int = 409


class EpochRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """A till asks for a new epoch. `reason` is "restored" or "fork"; then the end of its journal.

    The till's own signature, as a relay may carry the wish.
    """

    store: Name
    till: Name
    request_id: Name
    reason: str
    epoch: Count
    last_seq: Count
    last_hash: Digest
    key_id: str = ""
    signature: bytes = b""


class Grant(msgspec.Struct, frozen=True):
    """A new epoch: begins at `first_seq` on `prev_hash`, unless the till's own journal already goes further."""

    store: str
    till: str
    epoch: int
    first_seq: int
    prev_hash: bytes
    previous_epoch: int
    reason: str
    granted_ms: int
    key_id: str = ""
    signature: bytes = b""


class Enrol(msgspec.Struct, frozen=True, omit_defaults=True):
    """A machine redeems a one-time code. `store` and `machine` only if it already is one and means to stay it."""

    code_id: str
    public_key: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    nonce: Annotated[bytes, msgspec.Meta(min_length=16, max_length=32)]
    proof: Digest
    role: str = "till"
    store: str = ""
    machine: str = ""
    epoch: Count = 0
    last_seq: Count = 0
    last_hash: bytes = b""
    software: str = ""


class RelayKey(msgspec.Struct, frozen=True):
    """A relay of the store, and the key under which it answers."""

    name: str
    public_key: bytes


class Enrolled(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the machine is from now on. `grant` for a till without a journal; `shop` as the store's tills said it.

    `time_zone` is the store's by its name, where somebody told the hub of the store.
    """

    store: str
    machine: str
    role: str
    node_key: bytes
    node_name: str
    hub_time_ms: int
    proof: bytes
    grant: Grant | None = None
    shop: ShopInfo | None = None
    relays: tuple[RelayKey, ...] = ()
    time_zone: str = ""


class Relays(msgspec.Struct, frozen=True):
    """The relays of the caller's store."""

    relays: tuple[RelayKey, ...]


class Rotation(msgspec.Struct, frozen=True):
    """A new key for the machine that signs the request; `proof` is the new key's over the old."""

    public_key: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    proof: Signature


class Rotated(msgspec.Struct, frozen=True):
    """The old key may still be used until `old_until_ms`."""

    key_id: str
    old_until_ms: int


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Any other refusal, as RFC 9457 has it."""

    status: int
    title: str
    detail: str = ""
    type: str = "about:blank"
    hub_time_ms: int = 0


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change of a scope. `n` counts without gaps; `body` is the whole new record; `stamp` is by chance.

    `history` stands beside articles and promotions: since when the record says what it does of the price, and what was before.
    """

    n: int
    kind: str
    key: str
    body: Any
    stamp: str = ""
    history: Any = None


class Changes(msgspec.Struct, frozen=True, omit_defaults=True):
    """Changes of one scope after a cursor. `head` is the newest there is: below the reader's, start again at 0.

    `next` is the cursor behind the last of them, "n.stamp". `reset`: the cursor that was asked with is not
    this log's (any more); what is here begins at the start. `floor`: who stands below it begins again; a relay
    keeps it with its mirror.
    """

    scope: str
    changes: tuple[Change, ...]
    cursor: int
    head: int
    next: str = ""
    reset: bool = False
    floor: int = 0


class Feed(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to one question about several scopes, in the order they were asked.

    `run`, `hub_away`: as in Welcome.
    """

    scopes: tuple[Changes, ...]
    hub_time_ms: int
    run: str = ""
    hub_away: bool = False


class Health(msgspec.Struct, frozen=True):
    """The hub lives, and its database answers."""

    name: str
    version: str
    public_url: str


class RefusedRecord(msgspec.Struct, frozen=True):
    """A record that was not taken: the how-manieth it was, from 1, and why. `line` counts all lines; `field` may be empty."""

    record: int
    why: str
    line: int = 0
    field: str = ""


class Brought(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the office brought: how many records, how many changes came of them, and which were not taken.

    `errors` are the first hundred of the `refused`.
    """

    records: int
    changes: int
    refused: int = 0
    errors: tuple[RefusedRecord, ...] = ()


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


def seal_bytes(store: str, till: str, epoch: int, first_seq: int, last_seq: int, last_hash: bytes) -> bytes:
    """What a till signs for a batch."""
    return _signed(b"tresen.seal.1", (store, till, epoch, first_seq, last_seq), last_hash)


def sealed(batch: Batch, key_id: str, sign: Callable[[bytes], bytes]) -> Batch:
    """The batch with a fresh seal over all its facts."""
    last = batch.facts[-1]
    signature = sign(seal_bytes(batch.store, batch.till, batch.epoch, batch.first_seq, last.seq, last.hash))
    return msgspec.structs.replace(batch, seal=Seal(batch.first_seq, last.seq, last.hash, key_id, signature))


def ack_bytes(ack: Ack) -> bytes:
    """What a node signs when it has stored."""
    return _signed(
        b"tresen.ack.1",
        (ack.store, ack.till, ack.epoch, ack.acked_seq, ack.hub_time_ms, ack.stored_by),
        ack.acked_hash,
    )


def grant_bytes(grant: Grant) -> bytes:
    """What the hub signs when it grants an epoch."""
    return _signed(
        b"tresen.grant.1",
        (
            grant.store, grant.till, grant.epoch, grant.first_seq, grant.previous_epoch, grant.reason,
            grant.granted_ms,
        ),
        grant.prev_hash,
    )  # fmt: skip


def epoch_bytes(request: EpochRequest) -> bytes:
    """What a till signs when it asks for an epoch."""
    return _signed(
        b"tresen.epoch.1",
        (request.store, request.till, request.request_id, request.reason, request.epoch, request.last_seq),
        request.last_hash,
    )


def rotation_bytes(old_key_id: str) -> bytes:
    """What a machine's new key signs when it takes the old one's place."""
    return b"tresen.key.1\0" + old_key_id.encode()


def _signed(tag: bytes, words: tuple[object, ...], digest: bytes) -> bytes:
    return tag + b"\0" + "\x1f".join(map(str, words)).encode() + b"\0" + digest
