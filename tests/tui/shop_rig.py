"""A till with a real hub behind it: the hub's application over a real database, asked by the till's own signed line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pos.node_ports import ShopAnswer
from pos.sale_facts import Sale
from sync.shop_line import ShopLine
from tests.contract.hub_kit import Ids, Till
from tests.contract.hub_rig import Rig, say_hello, send
from tests.contract.shop.kit import hear

__all__ = ["HubBehind", "hub_behind"]


class HubBehind:
    """Implements pos.node_ports.ShopDesk. `cut` "before": the question is lost; "after": its answer is; both once, or while `away`."""

    def __init__(self, rig: Rig, till: str = "1", store: str = "demo") -> None:
        self.rig = rig
        self.cut = ""
        self.away = False
        self.asked: list[str] = []
        identity = rig.identity(store, till)
        self._line = ShopLine(
            identity,
            identity.nodes[0],
            clock=rig.clock,
            ids=Ids(f"line {store} {till}"),
            transport=lambda _: rig.transport(),
        )
        self._till = Till(store, till)
        self._sent = 0

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, key: str = "", timeout_s: float = 5.0
    ) -> ShopAnswer:
        self.asked.append(f"{method} {path}")
        cut, self.cut = self.cut, ""
        if self.away or cut == "before":
            return ShopAnswer(0)
        answer = await self._line.ask(method, path, body, key=key, timeout_s=timeout_s)
        return ShopAnswer(0) if cut == "after" else answer

    def vouches(self, data: bytes, signature: bytes) -> bool:
        return self._line.vouches(data, signature)

    async def hear(self, *sales: Sale) -> None:
        """The hub hears what the till sold, as facts of a till's journal."""
        first = self._sent + 1
        self._till.write(*sales)
        self._sent = len(self._till.facts)
        async with self.rig.asking_from() as line:
            await say_hello(line, self._till.store, self._till.till)
            answer = await send(line, self._till.batch(first, self._sent))
            assert answer.status_code == 200, answer.text
        hear(self.rig)


@contextmanager
def hub_behind(folder: Path, till: str = "1") -> Iterator[HubBehind]:
    """A fresh hub on SQLite, and the line of one till to it."""
    rig = Rig(f"sqlite:///{folder / 'hub.db'}")
    try:
        yield HubBehind(rig, till)
    finally:
        rig.close()
