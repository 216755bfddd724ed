"""The till's line to its hub, from the moment when it is enrolled: before that, the till sells and says so.

The identity may come while the till runs, or become another one: by `tresen enrol` in another terminal, or, for a
hub on this very machine, by itself.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pos.domain.commands import HubReported
from pos.domain.events import DeviceChanged, Event, HubChanged, ReceiptPrinting
from pos.domain.store_carts import ClaimAnswer
from pos.node_ports import ShopAnswer
from pos.ports import Clock, Submit
from pos.storage_ports import Head
from sync.identity import Identity, IdentityError, identity_file, load_identity

if TYPE_CHECKING:
    from sync.client import HubClient

__all__ = ["HubLine"]

LOOK_S: Final = 5.0
AT_WORK_MS: Final = 5_000
_BY_ITSELF: Final = (DeviceChanged, HubChanged, ReceiptPrinting)
_log = logging.getLogger("tresen.hub-line")


class HubLine:
    """Implements pos.ports.Hub, Parks and ShopDesk. `make` builds the client of an identity; `enrol_here` enrols without a person.

    `hub_url`, where it is not empty, is where the hub is now, whatever it was when the till was enrolled.
    """

    def __init__(
        self,
        state: Path,
        hub_url: str,
        head: Callable[[], Head],
        make: Callable[[Identity], "HubClient"],
        submit: Submit,
        clock: Clock,
        *,
        enrol_here: Callable[[], Awaitable[None]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._file = identity_file(state)
        self._hub_url = hub_url
        self._head = head
        self._make = make
        self._submit = submit
        self._clock = clock
        self._worked_ms: int | None = None
        self._enrol_here = enrol_here
        self._sleep = sleep
        self._client: HubClient | None = None
        self._told: tuple[Sequence[tuple[str, str]], Sequence[str]] | None = None
        self._seen: tuple[int, ...] = ()
        self._trouble = ""

    @property
    def public_url(self) -> str:
        return self._client.public_url if self._client is not None else ""

    def kick(self) -> None:
        if self._client is not None:
            self._client.kick()

    def receipt_link(self) -> str:
        return self._client.receipt_link() if self._client is not None else ""

    def gift_link(self, link: str) -> str:
        return self._client.gift_link(link) if self._client is not None else ""

    def receipt_of_gift(self, gift_link: str) -> str:
        return self._client.receipt_of_gift(gift_link) if self._client is not None else ""

    # pos.ports.Parks

    @property
    def arbiter(self) -> str:
        return self._client.carts.arbiter if self._client is not None else ""

    def tell(self, given: Sequence[tuple[str, str]], released: Sequence[str]) -> None:
        self._told = (given, released)
        if self._client is not None:
            self._client.carts.tell(given, released)

    async def claim(self, cart_id: str, key: str, *, own: bool, force: bool = False) -> ClaimAnswer:
        if self._client is None:
            return ClaimAnswer("silent")
        return await self._client.carts.claim(cart_id, key, own=own, force=force)

    # pos.node_ports.ShopDesk

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, key: str = "", timeout_s: float = 5.0
    ) -> ShopAnswer:
        if self._client is None:
            return ShopAnswer(0)
        return await self._client.channels.ask(method, path, body, key=key, timeout_s=timeout_s)

    def vouches(self, data: bytes, signature: bytes) -> bool:
        return self._client is not None and self._client.channels.vouches(data, signature)

    def heard(self, events: Sequence[Event]) -> None:
        """What came of a command: whether somebody works here, and is not to wait for what goes up meanwhile."""
        for event in events:
            if not isinstance(event, _BY_ITSELF):
                self._worked_ms = self._clock.mono_ms()
                return

    def at_work(self) -> bool:
        """Whether somebody worked at the till within the last seconds."""
        return self._worked_ms is not None and self._clock.mono_ms() - self._worked_ms < AT_WORK_MS

    def hurry(self) -> None:
        """Nobody works here any more: what there is goes up as fast as it can."""
        self._worked_ms = None
        self.kick()

    async def load(self) -> None:
        """Take the identity, if there is one by now, and what earlier runs remembered."""
        self._seen = self._stamp()
        identity = self._identity()
        if identity is not None:
            client = self._make(identity)
            await client.load()
            self._client = client
            if self._told is not None:
                client.carts.tell(*self._told)

    async def run(self) -> None:
        """Wait until the till is enrolled, then keep its lines up until cancelled; a new identity makes new lines."""
        while True:
            await self._until_enrolled()
            assert self._client is not None
            running = asyncio.ensure_future(self._client.run())
            looking = asyncio.ensure_future(self._until_another())
            try:
                await asyncio.wait((running, looking), return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (running, looking):
                    task.cancel()
                results = await asyncio.gather(running, looking, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result
            for node in self._client.identity.nodes:  # what was said of the old lines holds no longer
                self._submit(HubReported(online=False, acked_epoch=0, acked_seq=0, node=node.role))
            await self.load()

    async def _until_enrolled(self) -> None:
        while self._client is None:
            self._submit(HubReported(online=False, acked_epoch=0, acked_seq=0, problem="not-enrolled"))
            if self._enrol_here is not None:
                try:
                    await self._enrol_here()
                except Exception as error:  # noqa: BLE001 - whatever it is, the next try may do
                    _log.warning("the till could not enrol at its own hub yet: %s", error)
            await self.load()
            if self._client is None:
                await self._sleep(LOOK_S)

    async def _until_another(self) -> None:
        """Until the file says that this till has another key, or other nodes. One that cannot be read changes nothing."""
        while True:
            await self._sleep(LOOK_S)
            seen = self._stamp()
            if seen == self._seen:
                continue
            self._seen = seen
            identity = self._identity()
            if identity is not None and self._client is not None and identity != self._client.identity:
                _log.info("the till's key or its nodes are others now: its lines begin anew")
                return

    def _stamp(self) -> tuple[int, ...]:
        """Tells one version of the file from another; empty where there is none."""
        try:
            found = self._file.stat()
        except OSError:
            return ()
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    def _identity(self) -> Identity | None:
        """Who we are, if the file is there and is ours."""
        try:
            identity = load_identity(self._file)
        except IdentityError as error:
            self._complain(str(error))
            return None
        if identity is None:
            return None
        head = self._head()
        if (identity.store, identity.machine) != (head.store, head.till):
            self._complain(
                f"{self._file} is of till {identity.machine} of store {identity.store}, and this is till "
                f"{head.till} of store {head.store}"
            )
            return None
        if not self._hub_url:
            return identity
        nodes = tuple(
            msgspec.structs.replace(node, url=self._hub_url) if node.role == "hub" else node
            for node in identity.nodes
        )
        return msgspec.structs.replace(identity, nodes=nodes)

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            _log.error("%s", trouble)
