"""Processes of the program without an interpreter's start for each: forked from one that has loaded all modules.

What is forked is a process of its own with its own threads, files and end, as `python -m pos` is; only the imports
are done. Where the start itself matters, use `fresh`.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

__all__ = ["Process", "Program", "attempt", "fresh", "prepared_program", "run", "using", "usual"]

ROOT = Path(__file__).parents[2]
_MODULES = (
    *("pos.cli", "pos.bootstrap", "pos.plain", "pos.hub_line", "pos.enrol", "sync.uplink", "argon2"),
    *("sync.client", "sync.downlink", "sync.epochs", "httpx", "encodings.ascii", "encodings.idna"),
    *("anyio._backends._asyncio", "cryptography.hazmat.primitives.asymmetric.ed25519"),
    *(
        "sync.hub.command_line",
        "sync.hub.serve",
        "sync.hub.machine_cli",
        "sync.hub.relay_cli",
        "sync.hub.upstream",
    ),
    *("sync.hub.cli", "uvicorn.protocols.http.auto", "uvicorn.lifespan.on", "uvicorn.loops.asyncio"),
    *("litestar._kwargs.kwargs_model", "litestar.exceptions.responses", "litestar.middleware.response_cache"),
    *(
        "litestar.middleware._internal.exceptions",
        "litestar.middleware.csrf",
        "litestar.middleware.allowed_hosts",
    ),
    *(
        "sqlalchemy.dialects.sqlite",
        "sqlalchemy.dialects.postgresql.psycopg",
        "alembic.command",
        "alembic.config",
    ),
)  # what tills, hubs and tools load; one that is missing here is loaded later, by each


class Process(Protocol):
    """What a driver needs of a process; `subprocess.Popen[bytes]` has it."""

    pid: int
    stdin: IO[bytes] | None
    stdout: IO[bytes] | None
    stderr: IO[bytes] | None

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


class Program(Protocol):
    """Starts `tresen ARGUMENTS`. `streams`: stdin, stdout, stderr, each a file number or subprocess.PIPE."""

    def __call__(
        self,
        arguments: Sequence[str],
        streams: tuple[int, int, int] = ...,
        env: Mapping[str, str] | None = None,
    ) -> Process: ...


_PIPES = (subprocess.PIPE,) * 3


def fresh(
    arguments: Sequence[str], streams: tuple[int, int, int] = _PIPES, env: Mapping[str, str] | None = None
) -> Process:
    """`python -m pos ARGUMENTS`, as anybody starts it."""
    stdin, stdout, stderr = streams
    return subprocess.Popen(
        [sys.executable, "-m", "pos", *arguments],
        stdin=stdin, stdout=stdout, stderr=stderr, env=env, bufsize=0, cwd=ROOT,
    )  # fmt: skip


_usual: list[Program] = []


@contextlib.contextmanager
def using(program: Program) -> Iterator[None]:
    """While this lasts, whoever names no program gets this one."""
    _usual.append(program)
    try:
        yield
    finally:
        _usual.pop()


def usual(
    arguments: Sequence[str], streams: tuple[int, int, int] = _PIPES, env: Mapping[str, str] | None = None
) -> Process:
    """The program that is in use: `fresh`, or what `using` says."""
    return (_usual[-1] if _usual else fresh)(arguments, streams, env)


def attempt(program: Program, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    """Run `tresen ARGUMENTS` to its end; its exit code, standard output and standard error."""
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as said,
        tempfile.TemporaryFile() as errors,
    ):
        given.write(stdin.encode())
        given.seek(0)
        code = program(arguments, (given.fileno(), said.fileno(), errors.fileno())).wait(60)
        said.seek(0)
        errors.seek(0)
        return code, said.read().decode(), errors.read().decode()


def run(program: Program, *arguments: str, stdin: str = "") -> str:
    """Run `tresen ARGUMENTS` to its end; returns its standard output, raises RuntimeError on failure."""
    code, said, errors = attempt(program, *arguments, stdin=stdin)
    if code != 0:
        raise RuntimeError(f"tresen {' '.join(arguments)}: {code}\n{said}{errors}")
    return said


@contextlib.contextmanager
def prepared_program() -> Iterator[Program]:
    """An interpreter with everything loaded, from which processes are forked; ends with the block, they do not."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            parent = subprocess.Popen(
                [sys.executable, "-m", __name__, str(theirs.fileno())], pass_fds=(theirs.fileno(),), cwd=ROOT
            )
        try:
            yield _Forks(ours)
        finally:
            ours.close()
            parent.wait()


class _Forks:
    """Implements Program by asking the prepared interpreter."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._lock = threading.Lock()

    def __call__(
        self,
        arguments: Sequence[str],
        streams: tuple[int, int, int] = _PIPES,
        env: Mapping[str, str] | None = None,
    ) -> Process:
        ours: list[IO[bytes] | None] = []
        theirs: list[int] = []
        for number, stream in enumerate(streams):
            if stream != subprocess.PIPE:
                ours.append(None)
                theirs.append(
                    os.dup(stream) if stream != subprocess.DEVNULL else os.open(os.devnull, os.O_RDWR)
                )
                continue
            ends = os.pipe()
            mine, other = ends if number else ends[::-1]
            ours.append(os.fdopen(mine, "rb" if number else "wb", buffering=0))
            theirs.append(other)
        ended, end = os.pipe()
        theirs.append(end)
        request = json.dumps({"arguments": list(arguments), "env": dict(os.environ if env is None else env)})
        with self._lock:
            socket.send_fds(self._asked, [request.encode()], theirs)
            answer = self._asked.recv(64)
        for number in theirs:
            os.close(number)
        if not answer:
            raise RuntimeError("the prepared interpreter has ended")
        return _Forked(int(answer), ours, ended)


def _readable(number: int, timeout_s: float) -> bool:
    poll = select.poll()  # unlike select(), it takes file numbers above 1,023
    poll.register(number, select.POLLIN)
    return bool(poll.poll(timeout_s * 1000))


class _Forked:
    """A process whose parent is the prepared interpreter, which says how it ended."""

    def __init__(self, pid: int, streams: Sequence[IO[bytes] | None], ended: int) -> None:
        self.pid = pid
        self.stdin, self.stdout, self.stderr = streams
        self._ended = ended
        self._code: int | None = None

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            if timeout is not None and not _readable(self._ended, timeout):
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            said = os.read(self._ended, 16)
            os.close(self._ended)
            self._code = int(said) if said else -signal.SIGKILL  # nobody is left who could say
        return self._code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _serve(asked: socket.socket) -> dict[str, Any] | None:
    """Fork a process for each request until nobody asks any more; in a forked process returns what it shall be."""
    for name in _MODULES:
        importlib.import_module(name)
    gc.freeze()  # what is shared stays so
    poll = select.poll()
    poll.register(asked, select.POLLIN)
    children: dict[int, tuple[int, int]] = {}  # what is readable when it ended: its id, and where to say so
    while True:
        for ready, _ in poll.poll():
            if ready in children:
                pid, end = children.pop(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with contextlib.suppress(BrokenPipeError):
                    os.write(end, str(code).encode())
                poll.unregister(ready)
                os.close(ready)
                os.close(end)
                continue
            raw, handles, _, _ = socket.recv_fds(asked, 1 << 20, 4)
            if not raw:
                return None
            pid = os.fork()
            if pid == 0:
                for number, handle in enumerate(handles[:3]):
                    os.dup2(handle, number)
                for handle in (*handles, *children, *(end for _, end in children.values())):
                    os.close(handle)
                asked.close()
                request: dict[str, Any] = json.loads(raw)
                return request
            for handle in handles[:3]:
                os.close(handle)
            watched = os.pidfd_open(pid)
            children[watched] = (pid, handles[3])
            poll.register(watched, select.POLLIN)
            asked.send(str(pid).encode())


def _become(request: Mapping[str, Any]) -> None:
    """Be `tresen ARGUMENTS`. Standard streams anew: those that were inherited may hold what was read ahead."""
    from pos.cli import main

    os.environ.clear()
    os.environ.update(request["env"])
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
    main(request["arguments"], prog_name="tresen")


if __name__ == "__main__":
    wanted = _serve(socket.socket(fileno=int(sys.argv[1])))
    if wanted is not None:
        _become(wanted)
