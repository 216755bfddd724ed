"""A real hub behind a till of fakes: what the till asks is answered, what it writes is heard."""

from typing import Any

from pos.node_ports import ShopAnswer
from sync.shop_line import ShopLine
from tests.contract.hub_rig import Rig
from tests.contract.shop.orders_kit import heard
from tests.tui.fakes import Shop


class CutLine:
    """The till's line to a hub, to be cut: `cut` "before" the hub hears anything, "after" it did it; "" is whole."""

    def __init__(self, rig: Rig, store: str = "s", till: str = "3") -> None:
        identity = rig.identity(store, till)
        self._line = ShopLine(
            identity, identity.nodes[0], clock=rig.clock, ids=rig.hub.ids, transport=lambda _: rig.transport()
        )
        self.cut = ""
        self.asked: list[str] = []

    async def ask(self, method: str, path: str, body: bytes = b"", **options: Any) -> ShopAnswer:
        self.asked.append(f"{method} {path}")
        if self.cut == "before":
            return ShopAnswer(0)
        answer = await self._line.ask(method, path, body, **options)
        return ShopAnswer(0) if self.cut == "after" else answer

    def vouches(self, data: bytes, signature: bytes) -> bool:
        return self._line.vouches(data, signature)


def tell_hub(rig: Rig, shop: Shop, kind: type, till: str = "3") -> None:
    """The hub hears the till's facts of a kind, in their order."""
    for seq, fact in enumerate(shop.journal.facts, 1):
        if isinstance(fact, kind):
            heard(rig, fact, till, seq, store="s")
