"""A process that is killed at its n-th step to disk: every SQL statement, sync, rename, unlink and folder is one."""

import os
import signal
from collections.abc import Callable
from typing import Any

import apsw

__all__ = ["STEPS_MAX", "finished_before"]

STEPS_MAX = 400
_CALLS = ("fsync", "rename", "replace", "unlink", "rmdir", "mkdir", "open")


def finished_before(step: int, work: Callable[[], object]) -> bool:
    """Run `work` in a child that is killed with SIGKILL just before its n-th step; True if it ended before that."""
    child = os.fork()
    if child == 0:
        _child(step, work)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0, f"the work failed of itself before step {step}"
    return True


def _child(step: int, work: Callable[[], object]) -> None:
    left = [step]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(call: Any) -> Any:
        def counting(*args: Any, **options: Any) -> Any:
            count()
            return call(*args, **options)

        return counting

    for name in _CALLS:
        setattr(os, name, counted(getattr(os, name)))

    def traced(*_: object) -> bool:
        count()
        return True

    apsw.connection_hooks.append(lambda connection: connection.set_exec_trace(traced))
    try:
        work()
    except BaseException:  # noqa: BLE001 - told to the parent as an exit code
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)
