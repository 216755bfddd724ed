"""A removed card and a second copy: what they still hold reaches the hub, damage or not, and nothing on them changes."""

import asyncio
import hashlib
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from pos.facts import StoredFact
from pos.journal import file_journal, second_copy
from pos.journal.file_journal import FileJournal
from pos.journal.reader import iterate
from pos.journal.salvage import Salvage, copy_out, find_journals, salvage
from pos.journal.second_copy import SecondCopy, copy_folder
from pos.journal.segment import segment_files
from pos.journal.writer import create_journal
from pos.rescue import Outcome, RescueError, identity_near, opened_medium, send
from pos.system import SystemClock, SystemIds, ThreadWorker
from pos.till_facts import EpochOpened
from sync.hub.database import transact
from sync.hub.stored import read_facts
from sync.identity import Identity, Node, save_identity
from sync.wire import seal_bytes
from tests.contract.hub_kit import key_for
from tests.contract.hub_rig import Rig, hub_rig
from tests.contract.test_epochs import restored, sell, using
from tests.contract.test_new_numbers import ELSEWHERE

Url = Callable[[str], str]


@pytest.fixture
def worker() -> Iterator[ThreadWorker]:
    worker = ThreadWorker("test")
    yield worker
    worker.close()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A till's card, as it is seen where it is mounted."""
    state = tmp_path / "card" / "var" / "lib" / "tresen-till"
    state.mkdir(parents=True)
    create_journal(state / "journal", SystemClock(), EpochOpened("shop", "t1", "new till", "test"))
    return tmp_path / "card"


def state_on(card: Path) -> Path:
    return card / "var" / "lib" / "tresen-till"


def read(card: Path, scratch: Path) -> Salvage:
    (journal,) = find_journals(card)
    return salvage(scratch, copy_out(journal, scratch))


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def own_identity(rig: Rig, card: Path) -> Identity:
    identity = rig.identity("shop", "t1")
    save_identity(state_on(card) / "keys" / "identity.json", identity)
    return identity


def at_hub(rig: Rig, epoch: int = 1) -> list[StoredFact]:
    def ask(connection: object) -> list[StoredFact]:
        return read_facts(connection, "shop", "t1", epoch=epoch, after_seq=0, limit=1000)  # type: ignore[arg-type]

    return transact(rig.engine, ask)


def with_hub(new_url: Url, work: Callable[[Rig], Awaitable[None]]) -> None:
    async def run() -> None:
        async with hub_rig(new_url("sqlite")) as rig:
            await work(rig)

    asyncio.run(run())


async def hand_over(rig: Rig, found: Salvage, own: Identity | None, carrier: Identity) -> Outcome:
    return await send(found, own, carrier, rig.clock, SystemIds(), lambda _: rig.transport())


def test_a_card_brings_what_the_hub_lacks_with_its_own_key_and_says_how_much(
    card: Path, tmp_path: Path, worker: ThreadWorker, new_url: Url
) -> None:
    using(state_on(card), worker, lambda journal: sell(journal, 4))
    early = read(card, tmp_path / "early")
    using(state_on(card), worker, lambda journal: sell(journal, 600))

    async def work(rig: Rig) -> None:
        own = own_identity(rig, card)
        before = contents(card)
        first = await hand_over(rig, early, own, own)
        assert (first.rescued, first.rescued_sales, first.there_sales) == (5, 4, 0)
        found = read(card, tmp_path / "now")
        assert (found.store, found.till, found.sales, found.damage) == ("shop", "t1", 604, [])
        near = identity_near(find_journals(card)[0])
        assert near == own
        outcome = await hand_over(rig, found, near, rig.identity("shop", "office"))
        assert (outcome.rescued_sales, outcome.there_sales, outcome.left) == (600, 4, [])
        again = await hand_over(rig, found, near, own)
        assert (again.rescued_sales, again.there_sales, again.rescued) == (0, 604, 0)
        assert contents(card) == before
        assert at_hub(rig) == list(iterate(state_on(card) / "journal"))

    with_hub(new_url, work)


def mirrored(state: Path, target: Path, monkeypatch: pytest.MonkeyPatch, *, sealed: bool = True) -> None:
    """Copy what is there, as the till's second copy does."""
    monkeypatch.setattr(second_copy, "_must_be_another_medium", lambda *_: 1)
    key = key_for("shop", "t1")

    def sign(epoch: int, first_seq: int, last_seq: int, last_hash: bytes) -> tuple[str, bytes]:
        return key.key_id, key.sign(seal_bytes("shop", "t1", epoch, first_seq, last_seq, last_hash))

    target.mkdir(exist_ok=True)
    copy = SecondCopy(state / "journal", target, "shop", "t1", sign if sealed else None)
    while copy.step()[0] == "behind":
        pass
    copy.close()


def test_a_second_copy_is_handed_over_by_another_machine_with_the_seals_it_kept(
    card: Path, tmp_path: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch, new_url: Url
) -> None:
    monkeypatch.setattr(file_journal, "SEGMENT_FACTS_MAX", 10)
    stick = tmp_path / "stick"
    for count in (3, 1, 9, 2, 14):
        using(state_on(card), worker, lambda journal, n=count: sell(journal, n))  # type: ignore[misc]
        mirrored(state_on(card), stick, monkeypatch)

    async def leap(journal: FileJournal) -> None:
        await journal.open_epoch(restored(), 51, ELSEWHERE, 2)
        await sell(journal, 5)

    using(state_on(card), worker, leap)
    mirrored(state_on(card), stick, monkeypatch)

    async def work(rig: Rig) -> None:
        rig.identity("shop", "t1")
        found = read(stick, tmp_path / "out")
        assert found.damage == []
        outcome = await hand_over(rig, found, None, rig.identity("shop", "other"))
        assert outcome.rescued_sales == 34
        assert outcome.left == []
        assert at_hub(rig, 1) + at_hub(rig, 2) == list(iterate(state_on(card) / "journal"))
        again = await hand_over(rig, found, None, rig.identity("shop", "other"))
        assert (again.rescued_sales, again.there_sales) == (0, 34)

    with_hub(new_url, work)


def test_facts_that_nothing_vouches_for_are_said_and_stay(
    card: Path, tmp_path: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch, new_url: Url
) -> None:
    using(state_on(card), worker, lambda journal: sell(journal, 3))
    mirrored(state_on(card), tmp_path / "stick", monkeypatch, sealed=False)

    async def work(rig: Rig) -> None:
        found = read(tmp_path / "stick", tmp_path / "out")
        outcome = await hand_over(rig, found, None, rig.identity("shop", "other"))
        assert outcome.rescued == 0
        assert "facts 1 to 4: no seal" in outcome.left[0]

    with_hub(new_url, work)


def spoil(path: Path, body: bytes) -> None:
    """Flip a bit in a stored body, on the medium."""
    content = bytearray(path.read_bytes())
    at = content.find(body)
    assert at > 0
    while at > 0:  # moved cells leave their old bytes behind
        content[at + 20] ^= 1
        at = content.find(body, at)
    path.write_bytes(content)


def test_everything_before_a_damage_is_rescued_and_the_damage_named(
    card: Path, tmp_path: Path, worker: ThreadWorker, new_url: Url
) -> None:
    using(state_on(card), worker, lambda journal: sell(journal, 20))
    facts = list(iterate(state_on(card) / "journal"))
    spoil(segment_files(state_on(card) / "journal")[0], facts[14].body)

    async def work(rig: Rig) -> None:
        found = read(card, tmp_path / "out")
        assert found.damage == ["000000000001.journal: fact 15 is not what was written"]
        own = own_identity(rig, card)
        outcome = await hand_over(rig, found, own, own)
        assert outcome.rescued_sales == 13
        assert at_hub(rig) == facts[:14]

    with_hub(new_url, work)


def test_damage_in_what_the_hub_has_keeps_no_newer_sale_from_it(
    card: Path, tmp_path: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch, new_url: Url
) -> None:
    monkeypatch.setattr(file_journal, "SEGMENT_FACTS_MAX", 10)
    using(state_on(card), worker, lambda journal: sell(journal, 15))
    facts = list(iterate(state_on(card) / "journal"))

    async def work(rig: Rig) -> None:
        own = own_identity(rig, card)
        await hand_over(rig, read(card, tmp_path / "whole"), own, own)

    async def all_of_it(rig: Rig) -> None:
        await work(rig)
        using_later = list(iterate(state_on(card) / "journal"))
        assert at_hub(rig) == using_later
        spoil(segment_files(state_on(card) / "journal")[0], facts[4].body)
        await asyncio.get_running_loop().run_in_executor(
            None, lambda: using(state_on(card), worker, lambda journal: sell(journal, 5))
        )
        found = read(card, tmp_path / "later")
        assert len(found.damage) == 1
        own = own_identity(rig, card)
        outcome = await hand_over(rig, found, own, own)
        assert outcome.rescued_sales == 5
        assert len(at_hub(rig)) == 21

    with_hub(new_url, all_of_it)


def test_the_log_of_a_till_that_was_cut_off_is_read_too(
    card: Path, tmp_path: Path, worker: ThreadWorker
) -> None:
    """The newest sales of a pulled card lie in the write-ahead log alone."""
    snapshot = tmp_path / "snapshot"

    async def work(journal: FileJournal) -> None:
        await sell(journal, 7)
        shutil.copytree(card, snapshot)

    using(state_on(card), worker, work)
    assert next((state_on(snapshot) / "journal").glob("*-wal")).stat().st_size > 0
    assert read(snapshot, tmp_path / "out").sales == 7


def test_blocks_that_cannot_be_read_are_zeros_and_counted(
    card: Path, tmp_path: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    using(state_on(card), worker, lambda journal: sell(journal, 60))
    size = segment_files(state_on(card) / "journal")[0].stat().st_size
    import os

    real = os.pread

    def failing(handle: int, length: int, offset: int) -> bytes:
        if offset <= size - 4096 < offset + length:
            raise OSError(5, "Input/output error")
        return real(handle, length, offset)

    monkeypatch.setattr("pos.journal.salvage.os.pread", failing)
    found = read(card, tmp_path / "out")
    assert found.unread == 1
    assert "1 blocks of the medium cannot be read" in found.damage
    assert 10 < found.sales < 60


def test_a_late_tail_of_a_replaced_till_is_taken_in_its_own_epoch(
    card: Path, tmp_path: Path, worker: ThreadWorker, new_url: Url
) -> None:
    using(state_on(card), worker, lambda journal: sell(journal, 4))
    early = read(card, tmp_path / "early")
    using(state_on(card), worker, lambda journal: sell(journal, 3))
    new = tmp_path / "new" / "var" / "lib" / "tresen-till"
    new.mkdir(parents=True)
    facts = list(iterate(state_on(card) / "journal"))
    create_journal(
        new / "journal",
        SystemClock(),
        EpochOpened("shop", "t1", "replaced", "test", 1, 5, facts[4].hash.hex()),
        first_seq=6,
        prev_hash=facts[4].hash,
        epoch=2,
    )
    using(new, worker, lambda journal: sell(journal, 2))

    async def work(rig: Rig) -> None:
        own = own_identity(rig, card)
        await hand_over(rig, early, own, own)
        await hand_over(rig, read(tmp_path / "new", tmp_path / "n"), own, own)
        assert len(at_hub(rig, 2)) == 3
        outcome = await hand_over(rig, read(card, tmp_path / "late"), own, rig.identity("shop", "other"))
        assert (outcome.rescued_sales, outcome.there_sales, outcome.aside) == (3, 4, 0)
        assert at_hub(rig, 1) == facts

    with_hub(new_url, work)


def test_a_cloned_cards_other_sales_are_set_aside_not_lost(
    card: Path, tmp_path: Path, worker: ThreadWorker, new_url: Url
) -> None:
    using(state_on(card), worker, lambda journal: sell(journal, 3))
    clone = tmp_path / "clone"
    subprocess.run(["cp", "-a", str(card), str(clone)], check=True)
    using(state_on(card), worker, lambda journal: sell(journal, 3))
    using(state_on(clone), worker, lambda journal: sell(journal, 2))

    async def work(rig: Rig) -> None:
        own = own_identity(rig, card)
        await hand_over(rig, read(card, tmp_path / "a"), own, own)
        outcome = await hand_over(rig, read(clone, tmp_path / "b"), own, own)
        assert outcome.aside >= 2
        assert outcome.rescued_sales == 0
        assert len(at_hub(rig)) == 7

    with_hub(new_url, work)


def test_another_stores_machine_and_a_silent_hub_are_sentences(
    card: Path, tmp_path: Path, worker: ThreadWorker, new_url: Url
) -> None:
    using(state_on(card), worker, lambda journal: sell(journal, 1))

    async def work(rig: Rig) -> None:
        found = read(card, tmp_path / "out")
        with pytest.raises(RescueError, match="belongs to demo"):
            await hand_over(rig, found, None, rig.identity("demo", "1"))
        own = own_identity(rig, card)

        def refuse(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("no route", request=request)

        def silence(_: Node) -> httpx.MockTransport:
            return httpx.MockTransport(refuse)

        with pytest.raises(RescueError, match="Not reached"):
            await send(found, own, own, rig.clock, SystemIds(), silence)

    with_hub(new_url, work)


def test_a_state_folder_a_copy_and_a_mounted_card_are_all_found(
    card: Path, tmp_path: Path, worker: ThreadWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    using(state_on(card), worker, lambda journal: sell(journal, 1))
    stick = tmp_path / "stick"
    mirrored(state_on(card), stick, monkeypatch)
    journal = state_on(card) / "journal"
    assert find_journals(card) == [journal]
    assert find_journals(state_on(card)) == [journal]
    assert find_journals(journal) == [journal]
    assert find_journals(stick) == [copy_folder(stick, "shop", "t1")]
    assert find_journals(copy_folder(stick, "shop", "t1")) == [copy_folder(stick, "shop", "t1")]


def test_an_image_of_a_card_is_mounted_and_left_as_it_was(
    card: Path, tmp_path: Path, worker: ThreadWorker
) -> None:
    using(state_on(card), worker, lambda journal: sell(journal, 2))
    image = tmp_path / "card.img"
    subprocess.run(["mkfs.ext4", "-q", "-d", str(card), str(image), "8m"], check=True, capture_output=True)
    before = hashlib.sha256(image.read_bytes()).hexdigest()
    with opened_medium(image) as folder:
        found = read(folder, tmp_path / "out")
        assert found.sales == 2
    assert not folder.exists()
    assert hashlib.sha256(image.read_bytes()).hexdigest() == before
