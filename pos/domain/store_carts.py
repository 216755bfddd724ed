"""Parked carts that belong to the store: what a till hears of them, what it is answered, and which may travel at all."""

import hashlib
from collections.abc import Iterable
from typing import Final

import msgspec

from pos.domain.line import Line

__all__ = ["VERDICTS", "CartGone", "ClaimAnswer", "StoreCart", "person_tag", "travels"]

VERDICTS: Final = ("granted", "gone", "busy", "unknown", "silent", "refused")


class StoreCart(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cart that waits for any till of the store. `till` parked it, `claimed_by` has claimed it at `claimed_ms` and not gone on yet.

    `follows` is the tag of who takes it up by signing in (`person_tag`).
    """

    cart_id: str
    till: str
    parked_ms: int
    offset_min: int
    operator: str
    pieces: int
    total_minor: int
    currency: str
    note: str = ""
    text: str = ""
    follows: str = ""
    claimed_by: str = ""
    claimed_ms: int = 0


class CartGone(msgspec.Struct, frozen=True):
    """A cart of the till that asks went on at another one, `till`."""

    cart_id: str
    till: str


class ClaimAnswer(msgspec.Struct, frozen=True):
    """What the arbiter said: a word of VERDICTS, and in whose way it is. `body` is the fact of a cart parked at `till`."""

    verdict: str
    till: str = ""
    epoch: int = 0
    seq: int = 0
    version: int = 1
    body: bytes = b""


def travels(lines: Iterable[Line]) -> bool:
    """Whether a cart may go on at another till: not with what only its own till can count.

    Lines that come back from a receipt, vouchers and deposit slips are looked up in one till's own facts.
    """
    return not any(
        line.live
        and (line.origin is not None or line.kind == "voucher" or (line.kind == "deposit" and line.serial))
        for line in lines
    )


def person_tag(store: str, name: str) -> str:
    """By which tills of a store know the same person; it says nothing to others."""
    return hashlib.sha256(f"tresen.person.1\0{store}\x1f{name.strip().casefold()}".encode()).hexdigest()[:24]
