"""Who is named on invoices. What an older till kept in its memory is still found there, and so is what training keeps."""

from collections.abc import Mapping
from typing import Final

import msgspec

from pos.storage_ports import Buyers, Memory

__all__ = ["BuyersBook", "MemoryBuyers"]

_BUYERS: Final = "invoice.buyers"
_BUYERS_MAX: Final = 500
_Book = dict[str, tuple[str, ...]]


class MemoryBuyers:
    """storage_ports.Buyers in the till's memory: the newest 500."""

    def __init__(self, memory: Memory | None) -> None:
        self._memory = memory

    async def put(self, buyer: str, lines: tuple[str, ...]) -> None:
        if self._memory is not None:
            book = dict(list((await self._book()).items())[-_BUYERS_MAX + 1 :]) | {buyer: lines}
            await self._memory.put(_BUYERS, msgspec.json.encode(book))

    async def get(self, buyer: str) -> tuple[str, ...]:
        return (await self._book()).get(buyer, ())

    async def newest(self, limit: int) -> Mapping[str, tuple[str, ...]]:
        return dict(list((await self._book()).items())[-limit:][::-1])

    async def forget(self, buyer: str) -> bool:
        """False where there is nothing of them."""
        book = await self._book()
        if buyer not in book or self._memory is None:
            return False
        del book[buyer]
        await self._memory.put(_BUYERS, msgspec.json.encode(book))
        return True

    async def _book(self) -> _Book:
        kept = await self._memory.get(_BUYERS) if self._memory is not None else None
        return msgspec.json.decode(kept, type=_Book) if kept else {}


class BuyersBook:
    """A store of their own where there is one, and what memory holds from before."""

    def __init__(self, store: Buyers | None, memory: Memory | None) -> None:
        self._before = MemoryBuyers(memory)
        self._store: Buyers = store or self._before

    async def put(self, buyer: str, lines: tuple[str, ...]) -> None:
        await self._store.put(buyer, lines)

    async def get(self, buyer: str) -> tuple[str, ...]:
        return await self._store.get(buyer) or await self._before.get(buyer)

    async def newest(self, limit: int) -> Mapping[str, tuple[str, ...]]:
        found = dict(await self._store.newest(limit))
        return dict(list((found | dict(await self._before.newest(limit))).items())[:limit])
