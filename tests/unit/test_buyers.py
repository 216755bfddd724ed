"""Buyers on invoices: kept sealed in a file of their own that outlives the till's memory, and in every backup."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from pos.buyers import BuyersStore
from pos.storage_ports import JournalUnavailableError
from pos.system import SystemClock, SystemIds
from pos.till.buyers import BuyersBook, MemoryBuyers
from tests.tui.fakes import FakeMemory

MUSTER = ("Muster GmbH", "Weg 1", "12345 Ort")
OTHER = ("Beispiel AG", "12345 Ort")


class Here:
    """A worker that works at once."""

    def run(self, function: Callable[..., Any], *args: Any) -> Awaitable[Any]:
        async def done() -> Any:
            await asyncio.sleep(0)
            return function(*args)

        return done()

    def post(self, function: Callable[[], None]) -> None:
        function()


def store(folder: Path) -> BuyersStore:
    return BuyersStore(folder / "buyers.db", folder / "keys", SystemClock(), SystemIds(), Here())


def test_they_are_there_after_a_restart_newest_first_and_no_name_lies_in_the_file(tmp_path: Path) -> None:
    async def case() -> None:
        await store(tmp_path).put("A", MUSTER)
        await store(tmp_path).put("B", OTHER)
        again = store(tmp_path)
        assert await again.get("A") == MUSTER
        assert list((await again.newest(8)).items()) == [("B", OTHER), ("A", MUSTER)]
        assert await again.newest(1) == {"B": OTHER}
        assert await again.get("C") == ()

    asyncio.run(case())
    assert b"Muster" not in (tmp_path / "buyers.db").read_bytes()
    assert ((tmp_path / "keys" / "buyers.key").stat().st_mode & 0o777) == 0o600


def test_without_its_key_or_swapped_a_buyer_is_unknown_and_no_other(tmp_path: Path) -> None:
    import apsw

    async def case() -> None:
        await store(tmp_path).put("A", MUSTER)
        await store(tmp_path).put("B", OTHER)
        connection = apsw.Connection(str(tmp_path / "buyers.db"))
        connection.execute(
            "update buyer set sealed = (select sealed from buyer where id = 'A') where id = 'B'"
        )
        connection.close()
        assert (await store(tmp_path).get("A"), await store(tmp_path).get("B")) == (MUSTER, ())
        (tmp_path / "keys" / "buyers.key").unlink()
        assert await store(tmp_path).newest(8) == {}

    asyncio.run(case())


def test_a_file_that_cannot_be_written_is_told_and_one_that_cannot_be_read_is_empty(tmp_path: Path) -> None:
    (tmp_path / "buyers.db").write_bytes(b"nothing of the kind" * 100)

    async def case() -> None:
        assert await store(tmp_path).get("A") == ()
        with pytest.raises(JournalUnavailableError) as refused:
            await store(tmp_path).put("A", MUSTER)
        assert refused.value.code == "buyers-unusable"

    asyncio.run(case())


def test_what_memory_kept_before_there_was_a_file_is_still_found(tmp_path: Path) -> None:
    async def case() -> None:
        memory = FakeMemory()
        await MemoryBuyers(memory).put("A", MUSTER)
        book = BuyersBook(store(tmp_path), memory)
        await book.put("B", OTHER)
        assert (await book.get("A"), await book.get("B")) == (MUSTER, OTHER)
        assert list(await book.newest(8)) == ["B", "A"]
        memory.kept.clear()
        assert (await book.get("A"), await book.get("B")) == ((), OTHER)

    asyncio.run(case())
