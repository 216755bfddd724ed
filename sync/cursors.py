"""What each node holds of our facts, remembered; and what was learned from a node and outlives a restart."""

from typing import Final

from pos.storage_ports import FactSource, Memory
from sync.identity import Node
from sync.keys import verify
from sync.wire import Ack, ack_bytes

__all__ = ["Cursor", "Place"]

Place = tuple[int, int]
"""Epoch and seq."""

START: Final[Place] = (1, 0)


class Cursor:
    """Up to which fact one node holds ours. Moves only to a number whose hash is our own.

    Losing it is harmless: facts are sent again, and the node has them already.
    """

    def __init__(self, node: Node, store: str, till: str, source: FactSource, memory: Memory) -> None:
        self._node = node
        self._whose = (store, till)
        self._source = source
        self._memory = memory
        self._key = f"{node.role}.cursor"
        self.place: Place = START

    async def load(self) -> None:
        if text := await self._memory.get(self._key):
            epoch, _, seq = text.decode().partition(":")
            self.place = (int(epoch), int(seq))

    async def move(self, place: Place) -> None:
        if place != self.place:
            self.place = place
            await self._memory.put(self._key, f"{place[0]}:{place[1]}".encode())

    def signed(self, ack: Ack) -> bool:
        """Whether this node vouches for this till's facts with it."""
        return (ack.store, ack.till) == self._whose and verify(
            self._node.public_key, ack.signature, ack_bytes(ack)
        )

    async def is_ours(self, ack: Ack) -> bool:
        return await self._source.hash_at(ack.epoch, ack.acked_seq) == ack.acked_hash

    async def heard(self, ack: Ack) -> bool:
        """An acknowledgement that came through another node; True if it moved the cursor on."""
        if (ack.epoch, ack.acked_seq) <= self.place or not self.signed(ack) or not await self.is_ours(ack):
            return False
        await self.move((ack.epoch, ack.acked_seq))
        return True
