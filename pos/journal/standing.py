"""At start: is this journal what it was, or does a disk lie, or lie behind? Then numbers must begin anew first."""

from collections.abc import Sequence
from typing import Final

from pos.storage_ports import TILL_LOCKED, Head, Memory

__all__ = ["RESTORING", "lock", "lock_of", "lock_text"]

RESTORING: Final = ".restoring"
"""Where a backup is unpacked inside a state folder; while it is there, there is no till."""

_CURSORS: Final = ("hub.cursor", "relay.cursor")


async def lock(memory: Memory, epoch: int, code: str) -> None:
    """Let the till take no payment before an epoch above `epoch` begins; `code` names the sentence."""
    await memory.put(TILL_LOCKED, lock_text(epoch, code))


def lock_text(epoch: int, code: str) -> bytes:
    """What is remembered under ports.TILL_LOCKED."""
    return f"{epoch}:{code}".encode()


async def lock_of(memory: Memory, head: Head, held: Sequence[tuple[int, int]] = ()) -> str:
    """The sentence's code on a till that may not sell yet, or an empty text.

    `held` are places (epoch, seq) up to which somebody once knew this journal: whatever knows more of it than
    it does itself says that facts were lost, or that this is an old disk.
    """
    kept = await memory.get(TILL_LOCKED)
    if kept:
        epoch, _, code = kept.decode().partition(":")
        if head.epoch <= int(epoch):
            return code
        await memory.put(TILL_LOCKED, b"")
    places = list(held)
    for key in _CURSORS:
        cursor = await memory.get(key)
        if cursor:
            epoch, _, seq = cursor.decode().partition(":")
            places.append((int(epoch), int(seq)))
    if any(place > (head.epoch, head.seq) for place in places):
        await lock(memory, head.epoch, "journal-shorter")
        return "journal-shorter"
    return ""
