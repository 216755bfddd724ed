"""What the shop's commands say to customers: written in the command's own transaction, or taken back."""

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from pos.ports import Ids
from sync.hub import tables as t
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters import outbox
from sync.hub.shop.letters.outbox import Message
from sync.hub.shop.letters.people_seals import CustomerSeals
from sync.hub.shop.letters.seals import Seals
from sync.hub.vault import has_vault

__all__ = ["Message", "forget_address", "forget_customer", "say", "say_once", "seals_of", "take_back"]


def seals_of(connection: Connection, ids: Ids, now_ms: int = 0) -> Seals:
    """Who encrypts messages at this hub. `now_ms`: since when there is a key that is made now."""
    seed = connection.execute(sa.select(t.node_key.c.seed)).scalar_one()
    return CustomerSeals(bytes(seed), ids, now_ms)


def say(work: Work, message: Message) -> bool:
    """Write a message into the outbox; False if one with its key is there. Raises ValueError, see `outbox.put`."""
    return outbox.put(work.connection, message, seals_of(work.connection, work.ids, work.now_ms), work.now_ms)


def say_once(work: Work, message: Message) -> bool:
    """The same for what must not stay: sealed under a key of its own, which is destroyed when the kind's `content` goes."""
    own = f"{outbox.ONCE}{work.new_id()}" if has_vault(work.connection) else ""
    return say(work, msgspec.structs.replace(message, customer=own))


def take_back(work: Work, store: str, key: str) -> bool:
    """Take a message back that has not gone out: what it says does not hold any more. False if it was too late."""
    return outbox.withdraw(work.connection, store, key, work.now_ms)


def forget_customer(work: Work, customer: str) -> int:
    """Erase what the outbox holds of a customer; gives how many messages."""
    return outbox.erase_customer(work.connection, customer, work.now_ms)


def forget_address(work: Work, address: str) -> int:
    """Erase what the outbox holds of an address; gives how many messages."""
    return outbox.erase_address(work.connection, address, seals_of(work.connection, work.ids), work.now_ms)
