"""The small text screen of the terminal: what it shows, and keys."""

import asyncio
import contextlib
import os
import sys
import termios
import tty

import msgspec

from tests.simulators.terminal.desk import WORDS, Look

__all__ = ["drawn", "run_panel"]

_WIDTH = 62


def drawn(look: Look) -> str:
    """The screen's rows."""
    state = "power off" if not look.on else "hangs" if look.hanging else look.busy or "idle"
    box = "─" * 30
    rows = [
        f"┌{box}┐  {'till on the line' if look.connected else 'no till on the line'}",
        f"│{(look.screen if look.on else ''):^30}│  {state}{', waits for a key' if look.manual else ''}",
        f"└{box}┘  {look.count} charges, {look.charged / 100:.2f} EUR",
        f"last: {look.last or 'nothing stored'}",
        "",
        *(f"  {line}"[:_WIDTH] for line in look.said),
        *(f"! {line}"[:_WIDTH] for line in look.violations),
        "",
        *(f"  {key}  {word}: {what}" for key, (word, what) in WORDS.items()),
        "  q  leave",
    ]
    return "\n".join(rows)


async def run_panel(port: int) -> None:
    """Show the terminal behind a control port until "q", or until it is gone. Without a keyboard: words, line by line."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    ended = asyncio.Event()
    keyboard = sys.stdin.isatty()

    async def show() -> None:
        while line := await reader.readline():
            look = msgspec.json.decode(line, type=Look)
            if keyboard:
                sys.stdout.write("\x1b[H\x1b[2J" + drawn(look) + "\n")
            else:
                sys.stdout.write(line.decode())
            sys.stdout.flush()
        ended.set()

    def typed() -> None:
        data = os.read(sys.stdin.fileno(), 64)
        if not data or (keyboard and b"q" in data):
            ended.set()
        elif keyboard:
            words = [WORDS[key][0] for key in data.decode("ascii", "replace") if key in WORDS]
            writer.write("".join(f"{word}\n" for word in words).encode())
        else:
            writer.write(data)

    loop = asyncio.get_running_loop()
    before = termios.tcgetattr(sys.stdin) if keyboard else None
    shown = asyncio.ensure_future(show())
    if keyboard:
        tty.setcbreak(sys.stdin)
    loop.add_reader(sys.stdin.fileno(), typed)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
        shown.cancel()
        if before is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
        with contextlib.suppress(OSError):
            writer.close()
