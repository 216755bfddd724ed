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
        self._heard_ms = 0  # by the node's clock: its newest word that counted
        self._fell_ms = 0  # the word by which it held less than before

    async def load(self) -> None:
        if text := await self._memory.get(self._key):
            epoch, _, seq = text.decode().partition(":")
            self.place = (int(epoch), int(seq))

    async def move(self, place: Place, node_ms: int = 0) -> None:
        self._heard_ms = max(self._heard_ms, node_ms)
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
        """An acknowledgement that came through another node; True if it moved the cursor.

        Back only by a word that is newer than all before: then the node was restored from a backup. What is older
        than such a word counts no longer.
        """
        place, at_ms = (ack.epoch, ack.acked_seq), ack.hub_time_ms
        fell = place < self.place
        if place == self.place or at_ms <= (self._heard_ms if fell else self._fell_ms):
            return False
        if not self.signed(ack) or not await self.is_ours(ack):
            return False
        if fell:
            self._fell_ms = at_ms
        await self.move(place, at_ms)
        return True
