"""Drives a real till in line mode: one process, one line in, one view out. Also through kills."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.simulation.prepared import Program, run, usual

__all__ = ["LineTill", "TillDiedError", "make_till", "run_tool"]

PIN = "4711"


class TillDiedError(Exception):
    """The till's process ended while a view was awaited."""


def run_tool(*arguments: str, stdin: str = "") -> str:
    """Run `tresen ARGUMENTS`; returns its standard output, raises on failure."""
    return run(usual, *arguments, stdin=stdin)


def make_till(state: Path, *extra: str) -> None:
    run_tool("init", "--state", str(state), "--operator", "Kim", *extra, stdin=PIN + "\n")


class LineTill:
    """A running `tresen till --plain --json`. `send` returns the view; events collect in `events`."""

    def __init__(
        self, state: Path, *extra: str, env: dict[str, str] | None = None, program: Program = usual
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self._process = program(
            ["till", "--plain", "--json", "--state", str(state), *extra], env={**os.environ, **(env or {})}
        )
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        self._in = self._process.stdin
        self._out = os.fdopen(os.dup(self._process.stdout.fileno()), "rb")
        try:
            self._until(lambda message: message.get("event") == "ready")
        except TillDiedError as error:
            raise TillDiedError(self.end()) from error

    @property
    def pid(self) -> int:
        return self._process.pid

    def sign_in(self) -> dict[str, Any]:
        return self.send(f"sign-in Kim {PIN}")

    def send(self, line: str) -> dict[str, Any]:
        """One input line; its one view. Raises TillDiedError."""
        self.write(line)
        return self.read_view()

    def write(self, line: str) -> None:
        try:
            self._in.write(line.encode() + b"\n")
        except BrokenPipeError as error:
            raise TillDiedError from error

    def read_view(self) -> dict[str, Any]:
        view: dict[str, Any] = self._until(lambda message: "view" in message)["view"]
        return view

    def close(self) -> None:
        """End it in any case, for the end of a test; harmless when it has ended."""
        if self._process.poll() is None:
            self._process.kill()
        if not self._out.closed:
            self.end()

    def kill(self) -> str:
        """SIGKILL, and wait until the kernel is done with it; returns what it had said on standard error."""
        self._process.send_signal(signal.SIGKILL)
        return self.end()

    def end(self) -> str:
        """Close the input, wait, close everything; returns what the till said on standard error."""
        if not self._in.closed:
            self._in.close()
        assert self._process.stderr is not None
        errors = self._process.stderr.read().decode()
        self._process.wait(60)
        self._process.stderr.close()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._out.close()
        return errors

    def _until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            raw = self._out.readline()
            if not raw.endswith(b"\n"):
                raise TillDiedError
            message: dict[str, Any] = json.loads(raw)
            if wanted(message):
                return message
            self.events.append(message)
