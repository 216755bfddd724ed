"""`tresen check power`: the commands around the search for a medium that lies, and the witness that stays awake."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import click

from pos.check.power import Finding, Medium, PowerRun, look, medium_of, run_of, speed_us
from pos.ports import Clock
from pos.resources import Texts, texts
from pos.settings import SettingsError, default_state_folder, load_settings
from pos.system import SystemClock, SystemIds

__all__ = ["power"]

PORT = 8459
_ANSWER_S = 10.0
_LINE_MAX = 200
_RUNS_MAX = 1_000
_EXIT = {"honest": 0, "lies": 1}


@click.command()
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    show_default="TRESEN_STATE, else ~/.local/state/tresen",
    help="The till's folder; its medium is the one that is tried.",
)
@click.option("--witness", metavar="HOST:PORT|DEVICE", default="", help="Where each number is told to.")
@click.option("--screen", is_flag=True, help="Tell each number to this terminal (over ssh or a serial line).")
@click.option("--listen", metavar="[HOST:]PORT", default="", help="Be the witness, on another machine.")
@click.option("--result", is_flag=True, help="After the power cut: compare.")
@click.option("--saw", type=click.IntRange(min=1), help="With --result: the last number that was seen.")
@click.option("--language", type=click.Choice(["de", "en"]), help="The shop's by default.")
@click.pass_context
def power(
    context: click.Context,
    state: Path | None,
    witness: str,
    screen: bool,
    listen: str,
    result: bool,
    saw: int | None,
    language: str | None,
) -> None:
    """Find a memory card that lies: one that says "written" of what a power cut takes back.

    Without options: a short look that can only give a hint. To know it: `--listen 8459` on another machine, `--witness
    THAT-MACHINE:8459` on the till, pull the till's plug while it counts, start it, `--result --witness
    THAT-MACHINE:8459`. Exit code 0: nothing was lost; 1: the medium lies; 2: nothing can be said.
    """
    chosen = (
        state or (context.parent.params.get("state") if context.parent else None) or default_state_folder()
    )
    words = _words(chosen, language)
    if listen:
        _listen(words, listen)
        return
    if not chosen.is_dir():
        raise click.ClickException(words("power.no-folder", folder=chosen))
    clock = SystemClock()
    try:
        if result:
            _result(words, chosen, clock, witness, saw)
        elif witness or screen:
            _write(words, chosen, clock, witness)
        else:
            _hint(words, speed_us(chosen, clock), medium_of(chosen))
    except (OSError, apsw.Error) as error:
        raise click.ClickException(words("power.failed", reason=error)) from error


def _words(state: Path, language: str | None) -> Texts:
    """The language asked for, else the shop's, else the machine's."""
    if language is None and (state / "settings.toml").exists():
        with contextlib.suppress(SettingsError):
            language = load_settings(state).shop.language
    return texts(language or ("de" if os.environ.get("LANG", "").startswith("de") else "en"))


# On the till


def _hint(words: Texts, took_us: int, medium: Medium | None) -> None:
    click.echo(
        words("power.speed", milliseconds=f"{took_us / 1000:.2f}", device=medium.device if medium else "?")
    )
    if medium is not None and took_us < medium.plausible_us:
        click.echo(words("power.too-fast"))
    elif medium is not None and not medium.flushed:
        click.echo(words("power.no-flush"))
    click.echo(words("power.how"))


def _write(words: Texts, state: Path, clock: Clock, witness: str) -> None:
    """Count until the power goes. Ends only by hand, or when the witness is gone."""
    with _told(witness) as tell:
        run = PowerRun(state, SystemIds().new_id(), clock.boot_id)
        click.echo(words("power.pull", folder=state))
        signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell gave it away
        try:
            while True:
                tell(f"{run.name} {run.commit()}\n")
        except KeyboardInterrupt:
            run.end()
            click.echo("\n" + words("power.ended"))


@contextlib.contextmanager
def _told(witness: str) -> Iterator[Callable[[str], None]]:
    """How a number is told: over TCP, to a serial device, or to this terminal."""
    if not witness:
        yield lambda line: click.echo(line.split()[1])
    elif witness.startswith("/"):
        with Path(witness).open("wb", buffering=0) as device:
            yield lambda line: _all(device.write(line.encode()), line)
    else:
        with _connect(witness) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield lambda text: line.sendall(text.encode())


def _all(written: int | None, line: str) -> None:
    if written != len(line):
        raise OSError("the serial line does not take what it is told")


def _result(words: Texts, state: Path, clock: Clock, witness: str, saw: int | None) -> None:
    if saw is None:
        if not witness:
            raise click.UsageError("--result goes with --witness or --saw")
        with _connect(witness) as line:
            line.sendall(f"? {run_of(state) or '-'}\n".encode())
            saw = int(line.makefile("rb").readline() or b"0")
    finding = look(state, saw, clock.boot_id)
    click.echo(_sentence(words, finding))
    sys.exit(_EXIT.get(finding.code, 2))


def _sentence(words: Texts, finding: Finding) -> str:
    detail = f" ({finding.damage})" if finding.damage else ""
    said = words(f"power.{finding.code}", saw=finding.saw, last=finding.last, missing=finding.missing)
    return said + detail


def _connect(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise click.UsageError(f"--witness {address}: HOST:PORT, as in 192.0.2.7:{PORT}")
    return socket.create_connection((host, int(port)), timeout=_ANSWER_S)


# On the other machine


def _listen(words: Texts, address: str) -> None:
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise click.UsageError(f"--listen {address}: [HOST:]PORT, as in {PORT}")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_Witness(words).serve(host or "0.0.0.0", int(port)))  # noqa: S104 - the till is another machine


class _Witness:
    """Remembers the highest number of each run, as long as it runs."""

    def __init__(self, words: Texts) -> None:
        self._words = words
        self._highest: dict[str, int] = {}
        self._newest = ""

    async def serve(self, host: str, port: int) -> None:
        server = await asyncio.start_server(self._talk, host, port, limit=_LINE_MAX)
        click.echo(self._words("power.listening", port=server.sockets[0].getsockname()[1]))
        async with server:
            await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        run = ""
        with contextlib.suppress(OSError, ValueError):  # a line that breaks, or is none of ours
            while raw := await reader.readline():
                name, number = raw.decode("ascii").split()
                if name == "?":
                    asked = self._newest if number == "-" else number
                    writer.write(f"{self._highest.get(asked, 0)}\n".encode())
                    await writer.drain()
                    continue
                if raw.endswith(b"\n"):  # else the number was cut off on its way
                    run = self._newest = name
                    self._note(name, int(number))
        writer.close()
        if run:
            click.echo(self._words("power.heard", saw=self._highest[run]))

    def _note(self, run: str, number: int) -> None:
        if run not in self._highest and len(self._highest) >= _RUNS_MAX:
            self._highest.pop(next(iter(self._highest)))
        self._highest[run] = max(number, self._highest.get(run, 0))
