"""The kill matrix: each act of a till is cut at every write and sync that it makes, one after the other.

For each cut several surviving images are looked at: nothing of what was not synced, all of it, and some by
chance. On each the till must start, keep what it had shown, and sell on. The same acts on a disk that stays on
but fails once, at every call: the till says so, and ends in paid and kept or in not paid.
"""

import asyncio
import contextlib
import copy
import random
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from pos.domain import commands as c
from pos.storage_ports import JournalUnavailableError
from tests.simulation.aside import digest
from tests.simulation.disk import Disk, Survival
from tests.simulation.machine import CODES, Machine, Seen, SimClock, SimIds, make_folder
from tests.simulation.power import START
from tests.simulation.promises import LostError, check, sell_on

__all__ = ["ACTS", "FAILING", "SURVIVALS", "Row", "cut_everywhere", "fail_everywhere"]

SURVIVALS = (Survival.NONE, Survival.ALL, Survival.PREFIX, Survival.SUBSET, Survival.TORN)
SEGMENT_FACTS = 6
_Do = Callable[[Machine], Awaitable[None]]


class Row(msgspec.Struct):
    """One act: how many writes and syncs it makes, how many images were looked at, and what failed."""

    act: str
    steps: int = 0
    images: int = 0
    failures: list[str] = []


class Act(msgspec.Struct, frozen=True):
    """What is done before, uncut, and what the power goes in. `killed`: the till before was killed, not closed."""

    before: tuple[c.Command, ...]
    act: _Do
    killed: bool = False


def commands(*wanted: c.Command) -> _Do:
    async def act(machine: Machine) -> None:
        for command in wanted:
            await machine.do(command)

    return act


async def _acknowledge(machine: Machine) -> None:
    await machine.acknowledge()


async def _close(machine: Machine) -> None:
    with contextlib.suppress(JournalUnavailableError):
        await machine.close()


async def _reopen(machine: Machine) -> None:
    with contextlib.suppress(JournalUnavailableError):
        await machine.journal.reopen()


async def _start(_: Machine) -> None:
    """The act is the start itself, see `_run`."""


def _epoch(first_seq: int) -> c.OpenEpoch:
    return c.OpenEpoch(2, first_seq, bytes(range(32)), 1, "restored")


_SCANS = (c.Scan(CODES[0]), c.Scan(CODES[4]))
_SALE = (*_SCANS, c.PayCash())
_TRAINING = (c.Do("training"), c.Choose(1))  # begins it, ends it
_COUNTED = (c.Answer("2x1 2x0,20 3x0,01"), c.Answer("="), c.Choose(1))
_CLOSING = (*_SALE, c.Do("close-day"), c.Answer("0"), c.Choose(1))
ACTS = {
    "first line": Act((), commands(c.Scan(CODES[4]))),
    "line": Act(_SCANS, commands(c.Scan(CODES[3]))),
    "void line": Act(_SCANS, commands(c.VoidLast())),
    "first sale of a day": Act(_SCANS, commands(c.PayCash(5_000))),
    "sale": Act((*_SALE, *_SCANS), commands(c.PayCash())),
    "part by card": Act(_SCANS, commands(c.Do("card", "50"), c.Choose(1), c.Answer("815"))),
    "rest by card": Act((*_SCANS, c.PayCash(50)), commands(c.Do("card"), c.Choose(1), c.Answer("815"))),
    "re-tender": Act(_SALE, commands(c.Do("retender"), c.Choose(1), c.Answer("815"))),
    "void cart": Act((*_SALE, *_SCANS), commands(c.VoidCart(), c.VoidCart())),
    "park": Act((*_SALE, *_SCANS), commands(c.ParkCart("note"))),
    "resume": Act((*_SALE, *_SCANS, c.ParkCart()), commands(c.ResumeParked())),
    "pay a resumed cart": Act((*_SCANS, c.ParkCart(), c.ResumeParked()), commands(c.PayCash())),
    "drawer": Act(_SALE, commands(c.OpenDrawer())),
    "copy": Act(_SALE, commands(c.PrintAgain())),
    "acknowledgement": Act(_SALE, _acknowledge),
    "segment roll": Act((*_SALE, *_SALE, *_SALE, *_SCANS), commands(c.PayCash())),
    "epoch goes on": Act((*_SALE, *_SCANS), commands(_epoch(1))),
    "epoch elsewhere": Act((*_SALE, *_SCANS), commands(_epoch(101))),
    "training begins": Act(_SALE, commands(*_TRAINING)),
    "sale in training": Act((*_SALE, *_TRAINING, *_SALE, *_SCANS), commands(c.PayCash())),
    "park in training": Act((*_SCANS, c.ParkCart(), *_TRAINING, *_SCANS), commands(c.ParkCart())),
    "training ends": Act((*_TRAINING, *_SALE, *_SCANS), commands(*_TRAINING)),
    "drop": Act(
        (*_SALE, c.Do("pay-in"), c.Choose(1), c.Answer("100,00")),
        commands(c.Do("cash-drop"), c.Answer("50,00"), c.Answer("B1")),
    ),
    "count": Act(_CLOSING, commands(*_COUNTED)),
    "day closed": Act((*_CLOSING, *_COUNTED), commands(c.Answer(""))),
    "close": Act((*_SALE, *_SCANS), _close),
    "reopen": Act((*_SALE, *_SCANS), _reopen),
    "start after a cut": Act((*_SCANS, c.PayCash()), _start),
    "start after a kill": Act((*_SCANS, c.PayCash()), _start, killed=True),
}
FAILING = tuple(name for name, act in ACTS.items() if act.act not in (_start, _close))


def cut_everywhere(
    name: str, parent: Path, *, seed: int = 1, survivals: tuple[Survival, ...] = SURVIVALS
) -> Row:
    """Do one act again and again, cut at its first, second, ... last step."""
    row = Row(name)
    template = parent / f"template {name}"
    make_folder(template, SimClock(START))
    looked_at: set[bytes] = set()
    while asyncio.run(_run(row, template, parent, seed, survivals, looked_at)):
        row.steps += 1
    shutil.rmtree(template)
    return row


async def _run(
    row: Row,
    template: Path,
    parent: Path,
    seed: int,
    survivals: tuple[Survival, ...],
    looked_at: set[bytes],
) -> bool:
    """The act once, cut at step `row.steps` + 1; False when it has no such step."""
    act = ACTS[row.act]
    rng = random.Random(seed)
    with Disk(parent, f"{row.act} {row.steps}", rng) as disk:
        shutil.copytree(template, disk.folder, dirs_exist_ok=True)
        seen = Seen()
        machine = await _machine(disk.folder, rng, seen, lambda: not disk.dead)
        seen.head = (machine.journal.head.seq, machine.journal.head.hash)
        await commands(*act.before)(machine)
        if act.act is _start:
            if act.killed:
                disk.kill()
            else:
                disk.crash(Survival.TORN)
            disk.cut_after(row.steps + 1)
            machine.abandon()
            machine = await _machine(disk.folder, rng, Seen(), lambda: not disk.dead, boot=2)
        else:
            disk.cut_after(row.steps + 1)
            await act.act(machine)
        lived = not disk.dead
        disk.cut()
        machine.abandon()
        if lived:
            shutil.rmtree(disk.folder)
            return False
        for survival in survivals:
            image = disk.survivors(survival)
            row.images += 1
            known = digest(image, seen)
            if known not in looked_at:
                looked_at.add(known)
                try:
                    await _look(image, rng, copy.deepcopy(seen), parent)
                except LostError as error:
                    row.failures.append(f"{row.act}, cut at {row.steps + 1}, {survival.value}: {error}")
            shutil.rmtree(image)
        shutil.rmtree(disk.folder)
    return True


def fail_everywhere(name: str, parent: Path, kind: str, *, seed: int = 1) -> Row:
    """Do one act again and again; its first, second, ... call of that kind fails (disk.Disk.fail)."""
    row = Row(f"{name}, {kind}")
    template = parent / f"template {name} {kind}"
    make_folder(template, SimClock(START))
    while asyncio.run(_run_failing(row, name, kind, template, parent, seed)):
        row.steps += 1
    shutil.rmtree(template)
    return row


async def _run_failing(row: Row, name: str, kind: str, template: Path, parent: Path, seed: int) -> bool:
    act = ACTS[name]
    rng = random.Random(seed)
    with Disk(parent, f"{row.act} {row.steps}", rng) as disk:
        shutil.copytree(template, disk.folder, dirs_exist_ok=True)
        seen = Seen()
        machine = await _machine(disk.folder, rng, seen, lambda: not disk.dead)
        seen.head = (machine.journal.head.seq, machine.journal.head.hash)
        await commands(*act.before)(machine)
        disk.fail(kind, after=row.steps)
        await act.act(machine)
        hit = not disk.failing
        disk.fail(kind, 0)
        try:
            await _until_clear(machine)
            await sell_on(machine)
            await check(machine, seen, parent)
            disk.crash()
            machine.abandon()
            machine = await _machine(disk.folder, rng, seen, lambda: not disk.dead, boot=2)
            await check(machine, seen, parent)
        except LostError as error:
            row.failures.append(f"{row.act} at {row.steps + 1}: {error}")
        machine.abandon()
        row.images += 1
        shutil.rmtree(disk.folder)
    return hit


async def _until_clear(machine: Machine) -> None:
    """What a cashier does: try again while the till says that it stopped, then end the cart that is open."""
    for _ in range(4):
        if machine.till.view.state == "stopped":
            await machine.do(c.Retry())
        elif machine.till.view.state == "question":
            await machine.do(c.Cancel())
        elif machine.cart is not None:
            await machine.do(c.PayCash())
        else:
            return
    raise LostError(f"no end after the fault: {machine.till.view.state}, {machine.till.view.message}")


async def _machine(
    folder: Path, rng: random.Random, seen: Seen, has_power: Callable[[], bool], boot: int = 1
) -> Machine:
    machine = Machine(folder, SimClock(START, boot), SimIds(rng), seen, has_power)
    await machine.start()
    return machine


async def _look(image: Path, rng: random.Random, seen: Seen, scratch: Path) -> None:
    """Start on what is left, hold it to what was shown, sell on."""
    machine = await _machine(image, rng, seen, lambda: True, boot=3)
    try:
        await check(machine, seen, scratch)
        await sell_on(machine)
    finally:
        machine.abandon()
