"""No cut loses what was shown: the kill matrix in full, a slice of the random cuts, and each fault once found."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from pos.domain import commands as c
from pos.journal.views import Views
from tests.simulation.disk import Disk, Survival, ram_folder
from tests.simulation.kill_matrix import (
    ACTS,
    FAILING,
    SEGMENT_FACTS,
    SURVIVALS,
    cut_everywhere,
    fail_everywhere,
)
from tests.simulation.lying import lying_cuts
from tests.simulation.machine import CODES, Machine, Seen, SimClock, SimIds, make_folder
from tests.simulation.platter import Platter
from tests.simulation.power import START, power_cuts, small_limits
from tests.simulation.promises import check

LONG_ACTS = (
    "re-tender",
    "count",
    "day closed",
    "segment roll",
    "epoch elsewhere",
    "start after a cut",
    "start after a kill",
)  # in full in `make simulate`


@pytest.fixture
def parent() -> Iterator[Path]:
    with ram_folder() as folder:
        yield folder


@pytest.mark.parametrize("act", ACTS)
def test_an_act_cut_at_any_of_its_writes_is_whole_or_absent_and_the_till_sells_on(
    parent: Path, act: str
) -> None:
    survivals = (Survival.NONE, Survival.ALL, Survival.TORN) if act in LONG_ACTS else SURVIVALS
    with small_limits(segment_facts=SEGMENT_FACTS, group_facts=1):
        row = cut_everywhere(act, parent, survivals=survivals)
    assert row.failures == []
    assert row.steps >= 3
    assert row.images == len(survivals) * row.steps


@pytest.mark.parametrize(
    ("kind", "act"),
    [
        *(("sync", act) for act in FAILING),
        *(("write", act) for act in ("sale", "void cart", "resume", "acknowledgement")),
        *(("full", act) for act in ("line", "park")),
    ],
)
def test_an_act_in_which_any_one_call_fails_is_done_or_not_and_the_till_goes_on(
    parent: Path, act: str, kind: str
) -> None:
    with small_limits(segment_facts=SEGMENT_FACTS, group_facts=1):
        row = fail_everywhere(act, parent, kind)
    assert row.failures == []
    assert row.steps >= 1


def test_the_act_that_is_cut_for_it_closes_the_day(parent: Path) -> None:
    make_folder(parent / "till", SimClock(START))

    async def run() -> None:
        machine = Machine(parent / "till", SimClock(START), SimIds(random.Random(1)), Seen())
        await machine.start()
        act = ACTS["day closed"]
        for command in act.before:
            await machine.do(command)
        assert [day.business_day for day in machine.journal.head.days.open] == [START.date().isoformat()]
        await act.act(machine)
        assert machine.journal.head.days.open == ()
        assert machine.journal.head.days.z_number == 1
        await machine.close()

    asyncio.run(run())


def test_a_segment_rolls_in_the_act_that_is_cut_for_it(parent: Path) -> None:
    make_folder(parent / "till", SimClock(START))

    async def run() -> None:
        machine = Machine(parent / "till", SimClock(START), SimIds(random.Random(1)), Seen())
        await machine.start()
        act = ACTS["segment roll"]
        for command in act.before:
            await machine.do(command)
        assert len(list((parent / "till" / "journal").glob("*.journal"))) == 1
        await act.act(machine)
        assert len(list((parent / "till" / "journal").glob("*.journal"))) == 2
        await machine.close()

    with small_limits(segment_facts=SEGMENT_FACTS, group_facts=1):
        asyncio.run(run())


def test_random_cuts_and_kills_lose_nothing() -> None:
    report = power_cuts(20_261_122, 200, steps_aside=30)
    assert report.failures == []
    assert report.cuts >= 200
    assert 40 < report.aside < 160
    assert report.kills > 0
    assert report.sales > 5


def test_cuts_put_aside_find_a_till_that_syncs_too_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Platter, "sync", lambda _platter, _number: None)
    report = power_cuts(20_261_122, 30)
    assert report.failures
    assert all("aside, before step" in failure for failure in report.failures)


def test_what_a_lying_disk_loses_is_noticed_where_anybody_else_knew_it() -> None:
    """Never a crash, never a payment on a journal known to be short; only what the disk alone had goes unseen."""
    report = lying_cuts(1, 150)
    assert report.failures == []
    assert report.stopped > 0
    assert report.locked > 0
    assert report.detected > 20
    assert report.alone < report.detected


def test_a_fact_damaged_long_ago_stops_the_till_with_a_sentence_that_names_it(parent: Path) -> None:
    """Only the newest segment is walked at each start; views that are made anew read them all."""
    make_folder(parent / "till", SimClock(START))

    async def run() -> Machine:
        machine = Machine(parent / "till", SimClock(START), SimIds(random.Random(1)), Seen())
        await machine.start()
        return machine

    async def sell() -> None:
        machine = await run()
        for _ in range(2 * SEGMENT_FACTS):
            await machine.do(c.Scan(CODES[0]))
            await machine.do(c.PayCash())
        await machine.close()

    with small_limits(segment_facts=SEGMENT_FACTS, group_facts=1):
        asyncio.run(sell())
    oldest = min((parent / "till" / "journal").glob("*.journal"))
    content = oldest.read_bytes()
    oldest.write_bytes(content.replace(b'"lines":[', b'"lines":{', 1))
    (parent / "till" / "views.db").unlink()
    stopped = asyncio.run(run()).stopped
    assert stopped is not None
    assert stopped.code == "journal-damaged"
    assert stopped.detail.startswith("fact 6: ")  # its row lies first in the file


def test_the_same_seed_gives_the_same_cuts() -> None:
    reports = [power_cuts(5, 40) for _ in range(2)]
    for report in reports:
        report.seconds = 0
    assert reports[0] == reports[1]


def test_views_whose_making_was_cut_off_are_made_anew(parent: Path) -> None:
    make_folder(parent / "till", SimClock(START))
    connection = apsw.Connection(str(parent / "till" / "views.db"))
    connection.execute("create table applied(id, version, seq, boot_id, clean)")
    connection.close()
    views = Views(parent / "till" / "views.db")
    views.open(parent / "till" / "journal", "boot")
    views.close()
    seq = apsw.Connection(str(parent / "till" / "views.db")).execute("select seq from applied").get
    assert seq == 1


def test_views_that_a_killed_till_was_writing_are_whole_again(parent: Path) -> None:
    """The machine runs on, so they are not made anew: SQLite itself takes the half transaction back."""
    for step in range(8, 34):
        with Disk(parent, f"disk{step}", random.Random(1)) as disk:
            make_folder(disk.folder, SimClock(START))
            with small_limits(group_facts=1):
                asyncio.run(_pay_and_die(disk, step, parent))


async def _pay_and_die(disk: Disk, step: int, scratch: Path) -> None:
    seen = Seen()
    machine = Machine(disk.folder, SimClock(START), SimIds(random.Random(1)), seen, lambda: not disk.dead)
    await machine.start()
    seen.head = (machine.journal.head.seq, machine.journal.head.hash)
    await machine.do(c.Scan(CODES[0]))
    disk.cut_after(step)
    await machine.do(c.PayCash())
    assert disk.dead
    again = Machine(disk.kill(), SimClock(START), SimIds(random.Random(2)), seen)
    await again.start()
    await check(again, seen, scratch)
    await again.close()


def test_facts_in_a_log_that_a_killed_till_had_made_keep_its_name_through_a_cut(parent: Path) -> None:
    """The file is synced by the next till, but only who makes a log syncs its folder: so the till does, at start."""
    for step in range(1, 200):
        with Disk(parent, f"disk{step}", random.Random(1)) as disk:
            make_folder(disk.folder, SimClock(START))
            if asyncio.run(_die_at_start_then_sell(disk, step, parent)):
                return
    raise AssertionError("the start has no end")


async def _die_at_start_then_sell(disk: Disk, step: int, scratch: Path) -> bool:
    seen = Seen()

    async def start(boot: int) -> Machine:
        machine = Machine(
            disk.folder, SimClock(START, boot), SimIds(random.Random(boot)), seen, lambda: not disk.dead
        )
        await machine.start()
        return machine

    disk.cut_after(step)
    await start(1)
    started = not disk.dead
    disk.kill()
    machine = await start(2)
    await machine.do(c.Scan(CODES[0]))
    await machine.do(c.PayCash())
    assert seen.head[0] == 3
    disk.crash(Survival.NONE)
    machine = await start(3)
    await check(machine, seen, scratch)
    await machine.close()
    return started


def test_the_cart_that_a_till_shows_after_it_was_killed_outlives_a_cut_too(parent: Path) -> None:
    """What the killed till wrote and never synced is in the kernel's cache only: the next one syncs it first."""
    carts = set()
    for step in range(1, 5):
        with Disk(parent, f"disk{step}", random.Random(1)) as disk:
            make_folder(disk.folder, SimClock(START))
            carts.add(asyncio.run(_shown_after_a_kill(disk, step)))
    assert carts == {1, 2}, "some kills fell before the save, some after"


async def _shown_after_a_kill(disk: Disk, step: int) -> int:
    async def start(boot: int) -> Machine:
        clock, ids = SimClock(START, boot), SimIds(random.Random(boot))
        machine = Machine(disk.folder, clock, ids, Seen(), lambda: not disk.dead)
        await machine.start()
        return machine

    machine = await start(1)
    await machine.do(c.Scan(CODES[0]))
    disk.cut_after(step)
    await machine.do(c.Scan(CODES[1]))
    disk.kill()
    shown = (await start(1)).cart
    disk.crash(Survival.NONE)
    assert (await start(2)).cart == shown
    assert shown is not None
    return len(shown.lines)


def test_the_drawer_opens_only_after_the_fact_that_says_so(parent: Path) -> None:
    """Held by the matrix too; here the order itself is seen."""
    with Disk(parent, "disk", random.Random(1)) as disk:
        make_folder(disk.folder, SimClock(START))

        async def run() -> None:
            machine = Machine(
                disk.folder, SimClock(START), SimIds(random.Random(1)), Seen(), lambda: not disk.dead
            )
            await machine.start()
            disk.fail("sync")
            await machine.do(c.OpenDrawer())
            assert machine.pulses == 0
            assert machine.till.view.state == "stopped"
            await machine.do(c.Retry())
            await machine.do(c.OpenDrawer())
            assert machine.pulses == 1
            await machine.close()

        asyncio.run(run())
