"""A till with a real hub behind it: the hub's application over a real database, asked by the till's own signed line."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pos.facts import Fact
from pos.node_ports import ShopAnswer
from sync.shop_line import ShopLine
from tests.contract.hub_kit import Ids, Till
from tests.contract.hub_rig import Rig, say_hello, send
from tests.contract.shop import orders_kit
from tests.contract.shop.kit import hear
from tests.tui.fakes import FakeIds, Shop

__all__ = ["HubBehind", "hub_behind", "tell_orders", "till_at", "till_of"]

_STARTS = itertools.count(1)
_S = TypeVar("_S", bound=Shop)


class HubBehind:
    """Implements pos.node_ports.ShopDesk.

    `away`: what is asked is lost, until it is set back; `deaf`: the hub does it and no answer comes. `cut` "before" or
    "after": the same for the next question alone.
    """

    def __init__(self, rig: Rig, till: str = "1", store: str = "demo") -> None:
        self.rig = rig
        self.cut = ""
        self.away = False
        self.deaf = False
        self.asked: list[str] = []
        identity = rig.identity(store, till)
        self._line = ShopLine(
            identity,
            identity.nodes[0],
            clock=rig.clock,
            ids=Ids(f"line {store} {till} {next(_STARTS)}"),  # nonces that no other line uses
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
        return ShopAnswer(0) if self.deaf or cut == "after" else answer

    def vouches(self, data: bytes, signature: bytes) -> bool:
        return self._line.vouches(data, signature)

    def fail(self, when: str) -> None:
        """`when` "before" or "after" the hub did it: every question from here on; "": none any more."""
        self.away, self.deaf = when == "before", when == "after"

    async def hear(self, *facts: Fact) -> None:
        """The hub hears what the till wrote, as facts of a till's journal."""
        first = self._sent + 1
        self._till.write(*facts)
        self._sent = len(self._till.facts)
        async with self.rig.asking_from() as line:
            await say_hello(line, self._till.store, self._till.till)
            answer = await send(line, self._till.batch(first, self._sent))
            assert answer.status_code == 200, answer.text
        hear(self.rig)


@contextmanager
def hub_behind(folder: Path, till: str = "1", store: str = "demo") -> Iterator[HubBehind]:
    """A fresh hub on SQLite, and the line of one till to it."""
    rig = Rig(f"sqlite:///{folder / 'hub.db'}")
    try:
        yield HubBehind(rig, till, store)
    finally:
        rig.close()


def till_at(rig: Rig, till: str = "1", store: str = "demo", **options: Any) -> tuple[Shop, HubBehind]:
    """A till in memory that is in step with the hub's clock, and the line by which it reaches the hub."""
    return till_of(Shop, rig, till, store, **options)


def till_of(kind: type[_S], rig: Rig, till: str, store: str, **options: Any) -> tuple[_S, HubBehind]:
    """The same of a kind of Shop."""
    line = HubBehind(rig, till, store)
    shop = kind(shop=line, **options)
    shop.clock.time = rig.clock.now().astimezone(shop.clock.time.tzinfo)
    ids = shop.till._desk.world.ids
    assert isinstance(ids, FakeIds)
    ids._count = next(_STARTS) * 10_000  # keys of requests are by chance, also after a restart
    shop.journal.head = msgspec.structs.replace(shop.journal.head, store=store, till=till)
    return shop, line


def tell_orders(rig: Rig, shop: Shop, kind: type, till: str = "3") -> None:
    """The hub's orders hear the till's facts of a kind, in their order."""
    for seq, fact in enumerate(shop.journal.facts, 1):
        if isinstance(fact, kind):
            orders_kit.heard(rig, fact, till, seq, store="s")
