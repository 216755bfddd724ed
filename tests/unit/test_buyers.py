"""Buyers on invoices: kept sealed in a file of their own that outlives the till's memory, and in every backup."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from click.testing import CliRunner

from pos.buyers import BuyersStore, look_at
from pos.buyers_cli import buyers
from pos.check.buyers import check_buyers
from pos.journal.lock import StateFolderLock
from pos.journal.state import StateStore
from pos.storage_ports import JournalUnavailableError
from pos.system import SystemClock, SystemIds, ThreadWorker
from pos.till.tenders.buyers import BuyersBook, MemoryBuyers
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


def test_who_is_forgotten_is_gone_for_good_and_the_others_stay(tmp_path: Path) -> None:
    async def case() -> None:
        kept = store(tmp_path)
        await kept.put("A", MUSTER)
        await kept.put("B", OTHER)
        before = (tmp_path / "buyers.db").read_bytes()
        sealed = [bytes(row[0]) for row in _rows(tmp_path, "select sealed from buyer where id = 'A'")]
        own = [bytes(row[0]) for row in _rows(tmp_path, "select own_key from buyer where id = 'A'")]
        assert all(one in before for one in (*sealed, *own))
        assert await kept.forget("A")
        assert (await kept.get("A"), await kept.get("B")) == ((), OTHER)
        assert await kept.newest(8) == {"B": OTHER}
        forgotten, other = await kept.all()
        assert (forgotten.reference, forgotten.lines, forgotten.forgotten_ms is None) == ("A", (), False)
        assert (other.reference, other.lines, other.forgotten_ms) == ("B", OTHER, None)
        left = (tmp_path / "buyers.db").read_bytes()
        assert not any(one in left for one in (*sealed, *own)), (
            "neither the key nor what it sealed is in the file"
        )
        assert not await kept.forget("A")
        assert not await kept.forget("C")

    asyncio.run(case())


def test_buyers_of_a_file_from_before_are_read_and_forgotten_too(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key, nonce = b"k" * 32, b"n" * 12
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "buyers.key").write_bytes(key)
    sealed = nonce + AESGCM(key).encrypt(nonce, msgspec.json.encode(MUSTER), b"A")
    connection = apsw.Connection(str(tmp_path / "buyers.db"))
    connection.execute(
        "create table buyer(at integer primary key, id text not null unique, sealed blob not null,"
        " kept_ms integer not null)"
    )
    connection.execute("insert into buyer(id, sealed, kept_ms) values('A', ?, 1)", (sealed,))
    connection.close()
    assert look_at(tmp_path / "buyers.db", tmp_path / "keys" / "buyers.key") == (1, 0, 0)

    async def case() -> None:
        kept = store(tmp_path)
        assert await kept.get("A") == MUSTER
        assert await kept.forget("A")
        assert await kept.get("A") == ()

    asyncio.run(case())
    assert look_at(tmp_path / "buyers.db", tmp_path / "keys" / "buyers.key") == (0, 0, 1)


def test_a_look_says_how_many_cannot_be_read_and_changes_nothing(tmp_path: Path) -> None:
    asyncio.run(store(tmp_path).put("A", MUSTER))
    assert check_buyers(tmp_path)[0].state == "ok"
    before = (tmp_path / "buyers.db").read_bytes()
    (tmp_path / "keys" / "buyers.key").unlink()
    (finding,) = check_buyers(tmp_path)
    assert (finding.state, finding.found, finding.vital) == ("wrong", "1 of 1 cannot be read", False)
    assert not (tmp_path / "keys" / "buyers.key").exists()
    assert (tmp_path / "buyers.db").read_bytes() == before
    (tmp_path / "buyers.db").write_bytes(b"nothing of the kind" * 100)
    assert check_buyers(tmp_path)[0].state == "wrong"
    (tmp_path / "buyers.db").unlink()
    assert check_buyers(tmp_path) == []


def test_the_command_lists_forgets_and_says_what_stays(tmp_path: Path) -> None:
    asyncio.run(store(tmp_path).put("A", MUSTER))
    state = ["--state", str(tmp_path)]
    runner = CliRunner()
    assert "There is no till" in runner.invoke(buyers, ["list", *state]).output
    worker = ThreadWorker("test")
    older = StateStore(tmp_path / "state.db", worker)

    async def remember() -> None:
        await older.open()
        await MemoryBuyers(older).put("B", OTHER)
        await older.close()

    asyncio.run(remember())
    worker.close()
    listed = runner.invoke(buyers, ["list", *state]).output
    assert "Muster GmbH" in listed
    assert "Beispiel AG" in listed
    assert runner.invoke(buyers, ["forget", *state, "C"]).exit_code == 1
    assert runner.invoke(buyers, ["forget", *state, "A"], input="n\n").exit_code == 1
    assert "Muster" in runner.invoke(buyers, ["list", *state]).output, "nobody is forgotten by mistake"
    done = runner.invoke(buyers, ["forget", "--yes", *state, "A"])
    assert (done.exit_code, "What stays" in done.output, "backups" in done.output) == (0, True, True)
    assert runner.invoke(buyers, ["forget", "--yes", *state, "B"]).exit_code == 0
    listed = runner.invoke(buyers, ["list", *state]).output
    assert ("Muster" in listed, "Beispiel" in listed, "1 forgotten" in listed) == (False, False, True)
    with StateFolderLock(tmp_path):
        assert runner.invoke(buyers, ["list", *state]).exit_code == 1


def _rows(folder: Path, sql: str) -> list[Any]:
    connection = apsw.Connection(str(folder / "buyers.db"))
    rows = connection.execute(sql).fetchall()
    connection.close()
    return rows
