"""New numbers at a real till on a real disk: a granted epoch, a till that must wait for one, a journal that is short."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from pos.bootstrap import OpenTill, create_till, open_till
from pos.domain import commands as c
from pos.facts import decode_fact
from pos.journal.reader import iterate, verify_journal
from pos.journal.segment import segment_files
from pos.journal.standing import lock
from pos.journal.state import StateStore
from pos.settings import load_settings
from pos.system import ThreadWorker
from pos.till_facts import EpochOpened

PIN = "4711"
ELSEWHERE = bytes(range(32))
Work = Callable[[OpenTill], Awaitable[None]]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    create_till(tmp_path, load_settings(tmp_path, {}), "t1", "Kim", PIN)
    return tmp_path


def at_the_till(state: Path, work: Work) -> None:
    async def run() -> None:
        async with open_till(state, load_settings(state, {})) as opened:
            await work(opened)

    asyncio.run(run())


def remember(state: Path, key: str, value: str) -> None:
    async def run() -> None:
        worker = ThreadWorker("test")
        store = StateStore(state / "state.db", worker)
        await store.open()
        await store.put(key, value.encode())
        await store.close()
        worker.close()

    asyncio.run(run())


async def sell(opened: OpenTill, count: int = 1) -> None:
    """Open lines with a price are sales too, without any catalogue."""
    till = opened.till
    await till.handle(c.SignIn("Kim", PIN))
    for _ in range(count):
        await till.handle(c.Scan("2000000000299"))
        await till.handle(c.SetPrice(250, department=1))
        await till.handle(c.PayCash())
        assert till.view.state == "paid", till.view.message


def granted(epoch: int, first_seq: int) -> c.OpenEpoch:
    return c.OpenEpoch(epoch, first_seq, ELSEWHERE, epoch - 1, "restored", "ab" * 16, bytes(64))


def epochs_of(state: Path) -> list[tuple[int, int, EpochOpened]]:
    found = []
    for row in iterate(state / "journal"):
        fact = decode_fact(row.kind, row.version, row.body)
        if isinstance(fact, EpochOpened):
            found.append((row.epoch, row.seq, fact))
    return found


def test_a_granted_epoch_begins_between_two_sales_and_receipts_count_from_one(state: Path) -> None:
    async def work(opened: OpenTill) -> None:
        await sell(opened, 2)
        assert opened.till.view.last_sale is not None
        assert opened.till.view.last_sale.number == "t1-1-2"
        await opened.till.handle(granted(3, 101))
        assert opened.till.view.message is not None
        assert opened.till.view.message.code == "epoch-opened"
        assert opened.till.view.last_sale.number == "t1-1-2"  # a receipt keeps the number it was given
        await sell(opened)
        assert opened.till.view.last_sale.number == "t1-3-1"

    at_the_till(state, work)
    _, (epoch, seq, fact) = epochs_of(state)
    assert (epoch, seq) == (3, 101)
    assert (fact.reason, fact.previous_seq, fact.previous_hash) == ("restored", 100, ELSEWHERE.hex())
    assert (fact.granted_by, fact.grant) == ("ab" * 16, "00" * 64)
    assert verify_journal(state / "journal").problems == []


def test_the_last_receipt_of_an_old_epoch_keeps_its_number_after_a_restart(state: Path) -> None:
    async def work(opened: OpenTill) -> None:
        await sell(opened, 2)
        await opened.till.handle(granted(2, 1))

    at_the_till(state, work)

    async def look(opened: OpenTill) -> None:
        assert opened.till.view.last_sale is not None
        assert opened.till.view.last_sale.number == "t1-1-2"

    at_the_till(state, look)


def test_the_same_grant_again_changes_nothing(state: Path) -> None:
    async def work(opened: OpenTill) -> None:
        await sell(opened)
        await opened.till.handle(granted(2, 51))
        await sell(opened)
        await opened.till.handle(granted(2, 51))
        await sell(opened)

    at_the_till(state, work)
    assert [(epoch, seq) for epoch, seq, _ in epochs_of(state)] == [(1, 1), (2, 51)]


def test_an_epoch_that_arrives_while_a_cart_is_open_leaves_the_cart(state: Path) -> None:
    async def work(opened: OpenTill) -> None:
        till = opened.till
        await till.handle(c.SignIn("Kim", PIN))
        await till.handle(c.Scan("2000000000299"))
        await till.handle(c.SetPrice(250, department=1))
        await till.handle(granted(2, 51))
        assert (till.view.state, till.view.due_minor) == ("selling", 250)
        await till.handle(c.PayCash())
        assert till.view.last_sale is not None
        assert till.view.last_sale.number == "t1-2-1"

    at_the_till(state, work)


@pytest.mark.parametrize("code", ["till-restored", "journal-shorter"])
def test_a_locked_till_takes_nobody_and_no_money_until_its_new_numbers_come(state: Path, code: str) -> None:
    async def mark() -> None:
        worker = ThreadWorker("test")
        store = StateStore(state / "state.db", worker)
        await store.open()
        await lock(store, 1, code)
        await store.close()
        worker.close()

    asyncio.run(mark())

    async def work(opened: OpenTill) -> None:
        till = opened.till
        await till.handle(c.SignIn("Kim", PIN))
        assert till.view.state == "stopped"
        assert till.view.message is not None
        assert till.view.message.code == code
        await till.handle(c.Retry())
        await till.handle(c.PayCash())
        assert till.view.state == "stopped"
        await till.handle(granted(2, 51))
        assert till.view.state == "signed-out"
        await sell(opened)

    at_the_till(state, work)

    async def again(opened: OpenTill) -> None:
        assert opened.till.view.state == "signed-out"

    at_the_till(state, again)


def test_a_lock_that_was_not_forgotten_in_time_does_not_outlive_its_epoch(state: Path) -> None:
    async def work(opened: OpenTill) -> None:
        await opened.till.handle(granted(2, 51))

    at_the_till(state, work)
    remember(state, "till.restored", "1:till-restored")
    at_the_till(state, sell)


@pytest.mark.parametrize("cursor", ["hub.cursor", "relay.cursor"])
@pytest.mark.parametrize(("place", "short"), [("1:3", False), ("1:4", True), ("2:1", True)])
def test_a_journal_that_ends_before_what_a_node_acknowledged_is_not_sold_on(
    state: Path, cursor: str, place: str, short: bool
) -> None:
    at_the_till(state, sell)  # facts 1 to 3: epoch, day, sale
    remember(state, cursor, place)

    async def work(opened: OpenTill) -> None:
        assert (opened.till.view.state == "stopped") is short

    at_the_till(state, work)
    at_the_till(state, work)  # and it stays so


def test_a_cursor_in_an_older_epoch_says_nothing_of_this_disk(state: Path) -> None:
    """The machine that this one replaced may have sold more under its own numbers."""

    async def work(opened: OpenTill) -> None:
        await opened.till.handle(granted(2, 51))

    at_the_till(state, work)
    remember(state, "hub.cursor", "1:900")
    at_the_till(state, sell)


def test_views_that_know_more_facts_than_the_journal_give_the_lying_disk_away(state: Path) -> None:
    saved = {}

    async def work(opened: OpenTill) -> None:
        await sell(opened, 1)

    at_the_till(state, work)
    for path in (state / "journal").iterdir():
        saved[path] = path.read_bytes()
    at_the_till(state, lambda opened: sell(opened, 2))
    for path, content in saved.items():
        path.write_bytes(content)
    assert len(segment_files(state / "journal")) == 1

    async def look(opened: OpenTill) -> None:
        assert opened.till.view.state == "stopped"
        assert opened.till.view.message is not None
        assert opened.till.view.message.code == "journal-shorter"

    at_the_till(state, look)


@pytest.mark.parametrize(
    ("problem", "skew_ms", "code"),
    [
        ("fork", 0, "hub-fork"),
        ("replaced", 0, "hub-replaced"),
        ("revoked", 0, "hub-revoked"),
        ("behind", 0, "hub-behind"),
        ("not-enrolled", 0, "hub-not-enrolled"),
        ("untrusted", 0, "hub-untrusted"),
        ("clock", 300_000, "hub-clock-slow"),
        ("clock", -300_000, "hub-clock-fast"),
    ],
)
def test_what_somebody_must_look_at_is_an_alarm_said_once(
    state: Path, problem: str, skew_ms: int, code: str
) -> None:
    async def work(opened: OpenTill) -> None:
        till = opened.till
        report = c.HubReported(True, 1, 0, problem, "hub", skew_ms)
        await till.handle(report)
        assert till.view.message is not None
        assert (till.view.message.code, till.view.message.level) == (code, "alarm")
        await till.handle(c.SignIn("Kim", PIN))
        await till.handle(report)
        assert till.view.message is None
        assert till.view.hub.problem == problem

    at_the_till(state, work)


def test_a_relay_that_is_away_is_said_once_and_with_the_hub_away_too_both_are_named(state: Path) -> None:
    async def work(opened: OpenTill) -> None:
        till = opened.till
        said: list[str] = []

        async def hears(report: c.HubReported) -> None:
            await till.handle(report)
            if till.view.message is not None:
                said.append(till.view.message.code)
            await till.handle(c.SignIn("Kim", PIN))

        relay_away = c.HubReported(False, 1, 0, "away", "relay")
        await hears(c.HubReported(True, 1, 0, "", "hub"))
        await hears(c.HubReported(False, 1, 0, "", "relay"))  # a line that broke and may be back at once
        assert said == []
        await hears(relay_away)
        await hears(relay_away)
        assert said == ["relay-away"]
        await hears(c.HubReported(False, 1, 0, "", "hub"))
        await hears(relay_away)
        assert said == ["relay-away", "hub-and-relay-away"]
        await hears(c.HubReported(True, 1, 0, "", "relay"))
        await hears(c.HubReported(True, 1, 0, "", "hub"))
        await hears(relay_away)
        assert said[2:] == ["relay-away"]

    at_the_till(state, work)


def test_a_sale_is_only_here_until_either_node_holds_it(state: Path) -> None:
    async def work(opened: OpenTill) -> None:
        till = opened.till
        await sell(opened, 3)  # facts 3, 4 and 5
        assert till.view.unsent == 3
        await till.handle(c.HubReported(True, 1, 4, node="relay"))
        assert till.view.unsent == 1
        await till.handle(c.HubReported(False, 1, 2, node="hub"))
        assert till.view.unsent == 1
        await till.handle(c.HubReported(True, 1, 5, node="hub"))
        assert till.view.unsent == 0
        assert (till.view.relay.online, till.view.hub.online) == (True, True)

    at_the_till(state, work)
