"""Asks the hub for a new epoch, once per need: the request outlives a crash, so that it is granted once."""

import logging
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from pos.domain.commands import OpenEpoch
from pos.ports import Ids, Submit
from pos.storage_ports import TILL_LOCKED, FactSource, Memory
from sync.identity import Identity, Node
from sync.keys import verify
from sync.line import Line
from sync.pace import PauseError
from sync.wire import EpochRequest, Grant, encode_json, epoch_bytes, grant_bytes

__all__ = ["EpochAsker"]

_REQUEST: Final = "hub.epoch_request"
_PATIENCE: Final = 40
_LOOK_S: Final = 0.25
_log = logging.getLogger("tresen.epochs")


class EpochAsker:
    """Shared by the lines of one till. The grant must be the hub's, whoever passes it on."""

    def __init__(
        self,
        identity: Identity,
        hub: Node | None,
        source: FactSource,
        memory: Memory,
        ids: Ids,
        epoch: Callable[[], int],
        submit: Submit,
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._identity = identity
        self._hub = hub
        self._source = source
        self._memory = memory
        self._ids = ids
        self._epoch = epoch
        self._submit = submit
        self._sleep = sleep

    async def restored(self) -> bool:
        """Whether this till waits, locked, for an epoch other than the one it is in."""
        locked = (await self._memory.get(TILL_LOCKED) or b"").decode()
        epoch, _, _ = locked.partition(":")
        return bool(locked) and int(epoch) >= self._epoch()

    async def ask(self, line: Line, reason: str) -> None:
        """Have a new epoch granted and opened by the till. Raises PauseError where that is not possible now."""
        request = await self._request(reason)
        path = f"/v1/tills/{self._identity.store}/{self._identity.machine}/epochs"
        answer = await line.ask("POST", path, body=encode_json(request))
        if answer.status != 200:
            _log.warning("no epoch: %d %s", answer.status, answer.content[:300].decode(errors="replace"))
            raise PauseError("busy" if answer.status in {429, 503} else "refused")
        grant = msgspec.json.decode(answer.content, type=Grant)
        whose = (grant.store, grant.till) == (self._identity.store, self._identity.machine)
        if (
            self._hub is None
            or not whose
            or not verify(self._hub.public_key, grant.signature, grant_bytes(grant))
        ):
            raise PauseError("untrusted")
        if grant.epoch > self._epoch():
            self._submit(
                OpenEpoch(
                    grant.epoch,
                    grant.first_seq,
                    grant.prev_hash,
                    grant.previous_epoch,
                    grant.reason,
                    grant.key_id,
                    grant.signature,
                )
            )
            await self._until_opened(grant.epoch)
        await self._memory.put(_REQUEST, b"")

    async def _request(self, reason: str) -> EpochRequest:
        """The request under way, if one is; else a new one."""
        kept = await self._memory.get(_REQUEST)
        if kept:
            request = msgspec.json.decode(kept, type=EpochRequest)
            if request.epoch == self._epoch() and request.key_id == self._identity.key.key_id:
                return request
        epoch, seq, hash_ = await self._source.last()
        key = self._identity.key
        request = EpochRequest(
            self._identity.store, self._identity.machine, self._ids.new_id(), reason, epoch, seq, hash_,
            key.key_id,
        )  # fmt: skip
        request = msgspec.structs.replace(request, signature=key.sign(epoch_bytes(request)))
        await self._memory.put(_REQUEST, encode_json(request))
        return request

    async def _until_opened(self, epoch: int) -> None:
        for _ in range(_PATIENCE):
            if self._epoch() >= epoch:
                return
            await self._sleep(_LOOK_S)
        raise PauseError("journal")
