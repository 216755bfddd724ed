"""Keys and grants that a test gives and takes, in place of the hub's own tables."""

import hashlib

import msgspec
from sqlalchemy.engine import Connection

from pos.facts import GENESIS
from sync.hub.rights import Intake
from sync.keys import SigningKey
from sync.wire import Batch, Grant, sealed
from tests.contract.hub_kit import NOW_MS, Till


class KnownKey(msgspec.Struct):
    public_key: bytes
    revoked: bool = False
    last_epoch: int | None = None


class Keyring:
    """Answers as `sync.hub.machines` does; `key` of a till is made from its name."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str, str], KnownKey] = {}
        self.grants: dict[tuple[str, str, int], Grant] = {}

    @property
    def intake(self) -> Intake:
        return Intake(rights=self)

    def key_of(self, _connection: Connection, store: str, machine: str, key_id: str, /) -> KnownKey | None:
        return self.known.get((store, machine, key_id))

    def grant_of(self, _connection: Connection, store: str, till: str, epoch: int, /) -> Grant | None:
        return self.grants.get((store, till, epoch))

    def key(self, till: Till, n: int = 0) -> SigningKey:
        """The n-th key of a till, known from now on."""
        key = SigningKey(hashlib.sha256(f"{till.store}/{till.till}/{n}".encode()).digest())
        self.known.setdefault((till.store, till.till, key.key_id), KnownKey(key.public))
        return key

    def entry(self, till: Till, n: int = 0) -> KnownKey:
        return self.known[till.store, till.till, self.key(till, n).key_id]

    def seal(self, till: Till, first: int, last: int, n: int = 0) -> Batch:
        """`till.batch`, sealed with its n-th key."""
        key = self.key(till, n)
        return sealed(till.batch(first, last), key.key_id, key.sign)

    def grant(self, till: Till, epoch: int, first_seq: int, prev_hash: bytes = GENESIS) -> Grant:
        grant = Grant(till.store, till.till, epoch, first_seq, prev_hash, epoch - 1, "replaced", NOW_MS)
        self.grants[till.store, till.till, epoch] = grant
        return grant
