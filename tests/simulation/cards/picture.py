"""What a crash dump would show of this process: the variables of every frame, and what the driver's objects hold."""

import asyncio
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

__all__ = ["held_by", "picture", "told_with_variables"]

_TESTS = str(Path(__file__).parents[2])
_RUNNERS = (
    "/_pytest/",
    "/pluggy/",
    "/xdist/",
    "/execnet/",
)  # they hold the names of all tests, and those are any text


def told_with_variables(error: BaseException) -> str:
    """The traceback as tools write it that show variables."""
    return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def picture() -> str:
    """All threads and tasks with their variables; not the frames of tests, simulators and what runs them."""
    said: list[str] = []
    for frame in sys._current_frames().values():
        said += _frames(frame)
    for task in asyncio.all_tasks():
        for frame in task.get_stack():
            said += _frames(frame)
        said += _awaited(task.get_coro())
    return "\n".join(said)


def _frames(frame: FrameType | None) -> Iterator[str]:
    while frame is not None:
        yield from _one(frame)
        frame = frame.f_back


def _awaited(running: Any) -> Iterator[str]:
    """What a task waits for, down to the innermost."""
    while running is not None:
        frame = getattr(running, "cr_frame", None) or getattr(running, "gi_frame", None)
        if frame is not None:
            yield from _one(frame)
        running = getattr(running, "cr_await", None) or getattr(running, "gi_yieldfrom", None)


def _one(frame: FrameType) -> Iterator[str]:
    name = frame.f_code.co_filename
    if name.startswith(_TESTS) or any(runner in name for runner in _RUNNERS):
        return
    yield f"{name}:{frame.f_lineno} {frame.f_code.co_name}"
    for variable, value in list(frame.f_locals.items()):
        try:
            yield f"    {variable} = {value!r}"
        except Exception as error:  # noqa: BLE001 - what cannot be told shows nothing
            yield f"    {variable}: {type(error).__name__}"


def held_by(root: object) -> Iterator[bytes]:
    """All texts and bytes that can be reached from an object of the program over objects of the program."""
    seen: set[int] = set()
    todo: list[object] = [root]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, str):
            yield one.encode()
        elif isinstance(one, bytes | bytearray):
            yield bytes(one)
        elif isinstance(one, dict):
            todo += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            todo += one
        elif isinstance(one, asyncio.Queue):
            todo += one._queue  # type: ignore[attr-defined]
        elif type(one).__module__.split(".")[0] in {"drivers", "pos"}:
            todo += vars(one).values() if hasattr(one, "__dict__") else []
            slots = (name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ()))
            todo += [getattr(one, name, None) for name in slots]
