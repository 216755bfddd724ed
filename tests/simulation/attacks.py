"""Somebody in between: answers that no node gave, and messages with a bit turned on their way."""

import gzip
import random

import msgspec

from sync.wire import Ack, Change, Changes, Feed, Hello, Welcome, decode_batch, encode_json
from tests.simulation.network import Answer, Asked

__all__ = ["flipped", "invented"]

JSON = [(b"content-type", b"application/json")]
_hello = msgspec.json.Decoder(Hello)


def flipped(data: bytes, rng: random.Random) -> bytes:
    """One bit is another one."""
    at = rng.randrange(len(data) * 8)
    changed = bytearray(data)
    changed[at // 8] ^= 1 << at % 8
    return bytes(changed)


def invented(asked: Asked, rng: random.Random) -> Answer:
    """What somebody who is not the node would say to make a till believe that all is stored."""
    if asked.method == "POST" and asked.path.endswith("/facts"):
        batch = decode_batch(gzip.decompress(asked.body))
        last = batch.facts[-1]
        ack = Ack(
            last.epoch, last.seq, last.hash, 0, "hub", batch.store, batch.till, "0" * 32, rng.randbytes(64)
        )
        return Answer(200, JSON, encode_json(ack))
    if asked.method == "PUT":
        hello = _hello.decode(asked.body)
        welcome = Welcome(b"k" * 32, "http://evil", hello.epoch, hello.last_seq, hello.last_hash, 0)
        return Answer(200, JSON, encode_json(welcome))
    changes = Changes(
        "chain", (Change(10**6, "article", "S1", {"sku": "S1", "price_minor": 1}),), 10**6, 10**6
    )
    return Answer(200, JSON, encode_json(Feed((msgspec.structs.replace(changes, next="1000000.evil"),), 0)))
