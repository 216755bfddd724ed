"""A till in memory with a real hub behind it: the way of `ShopDesk` over the hub's whole application."""

import itertools
from typing import Any

import msgspec

from pos.node_ports import ShopAnswer
from sync.shop_line import ShopLine
from tests.contract.hub_rig import Rig
from tests.tui.fakes import FakeIds, Shop

__all__ = ["Breakable", "shop_at"]


class Breakable:
    """`ShopDesk` over a hub; `silent` says nothing is heard, `deaf` that the hub does it and no answer comes."""

    def __init__(self, line: ShopLine) -> None:
        self._line = line
        self.silent = False
        self.deaf = False
        self.asked: list[tuple[str, str]] = []

    async def ask(
        self, method: str, path: str, body: bytes = b"", *, key: str = "", timeout_s: float = 5.0
    ) -> ShopAnswer:
        self.asked.append((method, path))
        if self.silent:
            return ShopAnswer(0)
        answer = await self._line.ask(method, path, body, key=key, timeout_s=timeout_s)
        return ShopAnswer(0) if self.deaf else answer

    def vouches(self, data: bytes, signature: bytes) -> bool:
        return self._line.vouches(data, signature)


_STARTS = itertools.count(1)


class _Ids(FakeIds):
    """Nonces and keys that no other line of this process uses."""

    def __init__(self) -> None:
        super().__init__()
        self._tokens = next(_STARTS) << 40


def shop_at(rig: Rig, till: str = "1", **options: Any) -> tuple[Shop, Breakable]:
    """A till of the store "demo", and the line by which it reaches the hub."""
    identity = rig.identity("demo", till)
    line = ShopLine(
        identity,
        identity.nodes[0],
        clock=rig.clock,
        ids=_Ids(),
        transport=lambda _: rig.transport(),
    )
    way = Breakable(line)
    shop = Shop(shop=way, **options)
    shop.clock.time = rig.clock.now().astimezone(shop.clock.time.tzinfo)
    ids = shop.till._desk.world.ids
    assert isinstance(ids, FakeIds)
    ids._count = next(_STARTS) * 10_000  # keys of requests are by chance, also after a restart
    shop.journal.head = msgspec.structs.replace(shop.journal.head, store="demo", till=till)
    return shop, way
