"""Wires the second copy of the journal: its thread, and the till's signature for what is copied."""

import contextlib
from pathlib import Path

from pos.journal.mirror import Mirror
from pos.journal.second_copy import SecondCopy, Sign
from pos.ports import Submit
from pos.storage_ports import Head
from pos.system import ThreadWorker
from sync.identity import Identity, IdentityError, identity_file, load_identity
from sync.wire import seal_bytes

__all__ = ["Mirroring", "signer"]

CLOSE_S = 3.0


class Mirroring:
    """The second copy of one till, as `run`, `kick` and `close`."""

    def __init__(self, state: Path, target: Path, head: Head, submit: Submit) -> None:
        copy = SecondCopy(state / "journal", target, head.store, head.till, signer(state, head))
        self._worker = ThreadWorker("copy")
        self._mirror = Mirror(copy, self._worker, submit)

    async def run(self) -> None:
        await self._mirror.run()

    def kick(self) -> None:
        self._mirror.kick()

    def close(self) -> None:
        """After `run` ended: wait a little for the last facts. A dying medium may hold its thread for minutes."""
        self._worker.close(CLOSE_S)


def signer(state: Path, head: Head) -> Sign:
    """Seals for what is copied, so that a hub takes it from the copy alone; None as long as nobody is enrolled."""
    kept: list[Identity] = []

    def sign(epoch: int, first_seq: int, last_seq: int, last_hash: bytes) -> tuple[str, bytes] | None:
        if not kept:
            with contextlib.suppress(IdentityError):
                identity = load_identity(identity_file(state))
                if identity is not None and (identity.store, identity.machine) == (head.store, head.till):
                    kept.append(identity)
        if not kept:
            return None
        key = kept[0].key
        return key.key_id, key.sign(seal_bytes(head.store, head.till, epoch, first_seq, last_seq, last_hash))

    return sign
