"""Two who want the same at once, each in a transaction of its own: how many of them got it."""

import asyncio
from typing import Any

from sync.hub.shop.baskets.core import claim, make
from sync.hub.shop.baskets.messages import Claim, MakeBasket
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.refusal import RefusedError
from sync.hub.shop.kit.work import perform
from tests.contract.hub_rig import Rig
from tests.contract.shop.kit import do

__all__ = ["race_for_basket"]


def race_for_basket(rig: Rig, n: int) -> int:
    """Two tills claim one cart; answers the winners. Who lost was told who won."""
    cart = do(rig, make, MakeBasket("demo"))
    tills = ("1", "2") if n % 2 else ("2", "1")

    async def one(till: str) -> bool:
        actor = Actor("till", f"demo/{till}", "till", "demo")

        def run(connection: Any) -> object:
            ask = Claim("demo", cart.share_code, f"operator {till}")
            return perform(connection, claim, ask, now_ms=rig.clock.wall_ms(), ids=rig.hub.ids, actor=actor)

        try:
            await rig.hub.database.run(f"lane {till}", run)
        except RefusedError as refused:
            other = "2" if till == "1" else "1"
            if (refused.code, refused.detail) != ("claimed", f"{other} operator {other}"):
                raise AssertionError(f"{refused.code} {refused.detail}") from refused
            return False
        return True

    async def both() -> int:
        return sum(await asyncio.gather(*map(one, tills)))

    return asyncio.run(both())
