"""Large type for who wants it: a command of the settings runs when the size changes, and its failure costs nothing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from pos.cli import main
from pos.domain.events import Event, SignedIn, SignedOut
from pos.ports import Operator
from pos.tui.type_size import TypeSize, run_command

KIM, ALEX = Operator("1", "Kim"), Operator("2", "Alex", large=True)


def heard(people: Sequence[Operator], large: tuple[str, ...] = ("big",)) -> list[tuple[str, ...]]:
    ran: list[tuple[str, ...]] = []

    async def run(command: Sequence[str]) -> None:
        ran.append(tuple(command))

    async def case() -> None:
        size = TypeSize(large, ("small",), run)
        for person in people:
            size.heard([SignedIn(person.name)], person)
            await asyncio.sleep(0)
            events: list[Event] = [SignedOut()]
            size.heard(events, None)
        await asyncio.sleep(0)

    asyncio.run(case())
    return ran


def test_the_type_changes_when_the_next_person_wants_another() -> None:
    assert heard([KIM, ALEX, ALEX, KIM, KIM]) == [("big",), ("small",)]


def test_without_commands_nothing_is_run() -> None:
    assert heard([ALEX, KIM], large=()) == []


@pytest.mark.parametrize("command", [["/nonexistent/font"], ["false"]])
def test_a_command_that_fails_is_logged_and_nothing_more(
    command: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(run_command(command))
    assert command[0] in caplog.text


def test_the_wish_is_kept_with_the_person(tmp_path: Path) -> None:
    def tresen(*arguments: str, typed: str = "") -> str:
        done = CliRunner().invoke(main, [*arguments, "--state", str(tmp_path)], input=typed)
        assert done.exit_code == 0, done.output
        return done.output

    tresen("init", "--operator", "Kim", typed="4711\n")
    tresen("people", "add", "--large", "Alex", typed="8253\n")
    assert "large type" in tresen("people", "list")
    tresen("people", "change", "--normal", "Alex")
    assert "large type" not in tresen("people", "list")
