"""What the ledger asks about keys and grants; `sync.hub.machines` answers from its tables."""

from typing import Protocol

import msgspec
from sqlalchemy.engine import Connection

from sync.wire import Grant

__all__ = ["Intake", "Key", "Rights"]


class Key(Protocol):
    """A machine's public key as this node knows it.

    `last_epoch`: the key was retired (its machine was replaced, or it was rotated out) and still vouches for
    facts of epochs up to this one. None: it is in use.
    """

    @property
    def public_key(self) -> bytes: ...

    @property
    def revoked(self) -> bool: ...

    @property
    def last_epoch(self) -> int | None: ...


class Rights(Protocol):
    """Both are asked inside the transaction that stores."""

    def key_of(self, connection: Connection, store: str, machine: str, key_id: str, /) -> Key | None:
        """A key of this very machine of this very store; None for any other."""
        ...

    def grant_of(self, connection: Connection, store: str, till: str, epoch: int, /) -> Grant | None:
        """The grant that opened this epoch; None where none was given."""
        ...


class Intake(msgspec.Struct, frozen=True):
    """How a node takes facts in. Without `rights` seals are not asked for: a hub without enrolment.

    `name` stands in acknowledgements as `stored_by`; `relay`: a hub stands above, and its newest Ack goes along.
    """

    name: str = "hub"
    rights: Rights | None = None
    relay: bool = False
