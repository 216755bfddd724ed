"""Terminals that cannot tell what became of a payment: the till does not guess, a person decides, and the bank is the judge."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from tests.simulation.cards.matrix import one
from tests.simulation.cards.world import Cut
from tests.simulation.disk import ram_folder
from tests.simulators.terminal.memory import Memory, Transaction

pytestmark = [
    pytest.mark.simulation,
    # a life that ends in the middle of something leaves it so
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    with ram_folder() as made:
        yield made


def _changed(memory: Memory, **changes: object) -> Transaction:
    return msgspec.structs.replace(memory.stored[0], **changes)


def nothing(_: Memory) -> Memory:
    return Memory()


def a_backup(memory: Memory) -> Memory:
    """Older than what the till had seen before the payment."""
    old = _changed(memory, receipt=4700, trace=803, turnover=803, time="120000")
    return Memory(4701, 804, [old], [old])


def no_numbers(memory: Memory) -> Memory:
    """It tells a result, and not of which transaction."""
    return Memory(4713, 816, [_changed(memory, fault="missing-fields")])


def no_status(memory: Memory) -> Memory:
    """It answers the question without saying anything."""
    return Memory(4713, 816, [_changed(memory, fault="repeat-without-status")])


def another_sale(memory: Memory) -> Memory:
    """Somebody has used it by hand since, for another amount."""
    other = _changed(memory, receipt=4720, trace=823, turnover=823, minor=4_242, date="0302")
    return Memory(4721, 824, [*memory.stored, other])


@pytest.mark.parametrize("serial", [False, True])
@pytest.mark.parametrize("lost", [nothing, a_backup, no_numbers, no_status, another_sale])
def test_what_a_terminal_cannot_tell_is_for_a_person(
    folder: Path, lost: Callable[[Memory], Memory], serial: bool
) -> None:
    """The card was charged, and its transaction is gone: "not charged" would be a second charge, "charged" a guess."""
    cut = Cut("changed", 9)
    outcome = one(folder, personality="keep", serial=serial, cuts=[cut], lost=lost)
    assert outcome.failures == []
    assert (outcome.end, outcome.charged, outcome.kept, outcome.open) == ("manual", 106, 0, 1)


def test_a_terminal_that_numbers_messages_finds_each_in_its_order(folder: Path) -> None:
    for serial in (False, True):
        outcome = one(folder, personality="keep", serial=serial, cuts=[Cut("link", 9)], numbered=True)
        assert (outcome.end, outcome.failures) == ("sold", [])
