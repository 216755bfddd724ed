"""The till's lines to its nodes: facts go up to the relay and the hub, changes come down, and it never gives up.

A shop with a relay speaks to the relay, which passes everything on; what the hub holds is heard through it, as the
hub signed it. The line to the hub itself stands by, and opens when the relay has been silent for a while. A shop
without a relay has the one line. Nothing here ever holds up a sale: the till only kicks, and hears by HubReported
how things stand.

Problems, as HubReported names them: "" none, "fork" (the node holds another fact under one of our numbers; the
branch is sent and kept aside, and a new epoch begins), "replaced", "revoked" (this machine's key may no longer),
"gap" (the node lacks facts that this till no longer has), "stuck" (connected, but the queue has not shrunk for a
minute; the line is built anew), "refused" (it does not take our messages), "untrusted" (whoever answers is not the
node we were enrolled at), "busy" (it asked us to wait), "too-large" (one fact is too large for it), "journal" (our
own facts cannot be read), "clock" (our clock and the node's are over two minutes apart), "away" (the relay has not
answered for a while: sales go past it, and the shop has no second copy), "unreachable" (the relay answers, and has
not heard the hub for a while).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from pos.domain.commands import HubReported
from pos.ports import Clock, Ids, Submit, Worker
from pos.storage_ports import FactSource, Memory
from sync.cart_line import CartLine
from sync.cursors import Cursor
from sync.downlink import ApplyChanges, Downlink
from sync.epochs import EpochAsker
from sync.identity import Identity, Node
from sync.links import TOKEN_BYTES, gift_link, mint_link, receipt_of_gift
from sync.pace import AT_WORK, IDLE, Stride
from sync.shop_line import ShopLine
from sync.uplink import Uplink
from sync.wire import Ack, ShopInfo, Welcome

__all__ = ["HubClient"]

RELAY_PATIENCE_MS: Final = 10_000
STAND_BY_S: Final = 1.0
_LINK_KEY: Final = "hub.link_key"
_PUBLIC_URL: Final = "hub.public_url"


class HubClient:
    """Implements pos.ports.Hub. `run` is the task; `load` may be awaited before it, so that links work at once.

    `epoch` says which epoch the till writes now. `apply_changes` gets the records of the chain's scope and their
    cursor, and may be handed the same ones again. `worker` packs batches, beside the loop. `at_work` says whether
    somebody works at the till just now: then a backlog goes up in small pieces. `sleep` and `transport` (an httpx
    transport for a node) are for tests and simulations.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        epoch: Callable[[], int],
        source: FactSource,
        memory: Memory,
        clock: Clock,
        ids: Ids,
        worker: Worker,
        submit: Submit,
        apply_changes: ApplyChanges | None = None,
        shop: ShopInfo | None = None,
        software: str = "",
        at_work: Callable[[], bool] = lambda: False,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        transport: Callable[[Node], Any] | None = None,
    ) -> None:
        self.identity = identity
        self.shop = shop
        self.software = software
        self.epoch = epoch
        self.source = source
        self.memory = memory
        self.clock = clock
        self.ids = ids
        self.worker = worker
        self.sleep = sleep
        self.transport = transport
        self.public_url = ""
        self._submit = submit
        self._at_work = at_work
        self._link_key = b""
        self._loaded = False
        self._reported: dict[str, HubReported] = {}
        self._told_ms: dict[str, int] = {}
        self._untold: dict[str, HubReported] = {}
        self._hub_is_away = False
        self.downlink = Downlink(memory, clock, sleep, apply_changes)
        hub = identity.node("hub")
        self.carts = CartLine(
            identity,
            identity.node("relay") or hub or identity.nodes[0],
            clock=clock,
            ids=ids,
            submit=submit,
            sleep=sleep,
            transport=transport,
        )
        self.channels = ShopLine(
            identity, hub or identity.nodes[0], clock=clock, ids=ids, transport=transport
        )
        self.epochs = EpochAsker(identity, hub, source, memory, ids, epoch, submit, sleep)
        self._lines = [
            Uplink(self, node, Cursor(node, identity.store, identity.machine, source, memory))
            for node in identity.nodes
        ]

    # The port

    def kick(self) -> None:
        for line in self._lines:
            line.kicked.set()

    def receipt_link(self) -> str:
        if not self._link_key:
            return ""
        return mint_link(self.identity.store, self.ids.token(TOKEN_BYTES), self._link_key)

    def gift_link(self, link: str) -> str:
        return gift_link(link, self._link_key) if self._link_key else ""

    def receipt_of_gift(self, link: str) -> str:
        return receipt_of_gift(link, self._link_key) if self._link_key else ""

    async def load(self) -> None:
        """What earlier runs remembered: the store's link key, the public address, the cursors."""
        self._link_key = await self.memory.get(_LINK_KEY) or b""
        self.public_url = (await self.memory.get(_PUBLIC_URL) or b"").decode()
        for line in self._lines:
            await line.cursor.load()
        await self.downlink.load()
        self._loaded = True

    async def run(self) -> None:
        """Keep the lines up until cancelled; survives everything else."""
        while not self._loaded:
            try:
                await self.load()
            except Exception:  # noqa: BLE001 - the state file may come back
                for line in self._lines:
                    self.report(line, online=False, problem="journal")
                await self.sleep(STAND_BY_S)
        tasks = [asyncio.ensure_future(line.run()) for line in self._lines]
        tasks.append(asyncio.ensure_future(self.carts.run()))
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # What the lines share

    def stands_by(self, line: Uplink) -> bool:
        """The hub's own line waits while the relay answers, or may only be restarting."""
        if line.node.role == "relay":
            return False
        relay = next((other for other in self._lines if other.node.role == "relay"), None)
        return relay is not None and relay.silent_ms() < RELAY_PATIENCE_MS

    @property
    def at_rest(self) -> bool:
        """Whether a node has heard all that there is to say, as far as it is known here."""
        return any(line.at_rest for line in self._lines)

    @property
    def stride(self) -> Stride:
        """How a backlog goes up just now."""
        return AT_WORK if self._at_work() else IDLE

    async def welcomed(self, welcome: Welcome) -> None:
        """Remember what belongs to the store."""
        if welcome.link_key and welcome.link_key != self._link_key:
            await self.memory.put(_LINK_KEY, welcome.link_key)
            self._link_key = welcome.link_key
        if welcome.public_url and welcome.public_url != self.public_url:
            await self.memory.put(_PUBLIC_URL, welcome.public_url.encode())
            self.public_url = welcome.public_url

    async def heard_upstream(self, ack: Ack | None, *, draining: bool = False) -> None:
        """A relay tells what the hub holds, with the hub's signature."""
        if ack is None:
            return
        for line in self._lines:
            if line.node.role == "hub" and await line.cursor.heard(ack):
                self._report_hub(line, draining=draining)

    def heard_of_hub(self, *, away: bool) -> None:
        """A relay tells whether it hears the hub; nobody else does while the relay answers."""
        self._hub_is_away = away
        for line in self._lines:
            if line.node.role == "hub" and self.stands_by(line):
                self._report_hub(line)

    def _report_hub(self, line: Uplink, *, draining: bool = False) -> None:
        away = self._hub_is_away
        self.report(line, online=not away, problem="unreachable" if away else "", draining=draining)

    def report(
        self, line: Uplink, *, online: bool, problem: str = "", skew_ms: int = 0, draining: bool = False
    ) -> None:
        """Tell the till, if it is news. The skew is told by tens of seconds.

        While a backlog drains, mere progress is told from time to time, and what it came to in the end.
        """
        epoch, seq = line.cursor.place
        role = line.node.role
        if role == "relay" and not online and not problem and line.silent_ms() >= RELAY_PATIENCE_MS:
            problem = "away"
        news = HubReported(online, epoch, seq, problem, role, skew_ms // 10_000 * 10_000)
        if draining and self._is_mere_progress(news):
            self._untold[role] = news
            return
        self._untold[role] = news
        for untold in list(self._untold.values()):
            self._tell(untold)
        self._untold.clear()

    def _is_mere_progress(self, news: HubReported) -> bool:
        told = self._reported.get(news.node)
        if told is None or self.clock.mono_ms() - self._told_ms[news.node] >= self.stride.tell_ms:
            return False
        return news == msgspec.structs.replace(told, acked_epoch=news.acked_epoch, acked_seq=news.acked_seq)

    def _tell(self, news: HubReported) -> None:
        self._told_ms[news.node] = self.clock.mono_ms()
        if news != self._reported.get(news.node):
            self._reported[news.node] = news
            self._submit(news)
