"""Epochs: when the till's numbers begin anew, and the lock of a till that has to wait for that."""

import logging

from pos.domain import commands as c
from pos.storage_ports import TILL_LOCKED, JournalUnavailableError
from pos.till.desk import Desk
from pos.till.ledger import Ledger
from pos.till_facts import EpochOpened

__all__ = ["Numbers"]

_log = logging.getLogger(__name__)


class Numbers:
    """Opens epochs between commands, as the hub granted them."""

    def __init__(self, desk: Desk, ledger: Ledger) -> None:
        self._desk = desk
        self._ledger = ledger
        self.handlers = {c.OpenEpoch: self._open_epoch}

    async def _open_epoch(self, command: c.OpenEpoch) -> None:
        """The same grant again changes nothing. A till that cannot write does not open one: it will be asked again."""
        desk = self._desk
        head = desk.world.journal.head
        if command.epoch <= head.epoch or desk.stopped is not None or desk.in_doubt:
            return
        fact = EpochOpened(
            head.store,
            head.till,
            command.reason,
            desk.setup.software,
            command.previous_epoch,
            granted_by=command.granted_by,
            grant=command.grant.hex(),
        )
        await self._ledger.open_epoch(fact, command.first_seq, command.prev_hash, command.epoch)
        desk.warn("epoch-opened", level="info", number=f"{head.till}-{command.epoch}")
        if desk.world.hub is not None:
            desk.world.hub.kick()
        if desk.locked is not None and desk.world.memory is not None:
            desk.locked = None
            try:
                await desk.world.memory.put(TILL_LOCKED, b"")
            except JournalUnavailableError:  # the next start sees that the epoch is past
                _log.exception("the lock could not be forgotten")
