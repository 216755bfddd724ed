"""Who hears of the tills' facts, in this order. Each room is a function `(work, arrived)`; see kit.facts."""

from typing import Final

from sync.hub.shop.kit.facts import Room

__all__ = ["ROOMS"]

ROOMS: Final[tuple[Room, ...]] = ()
