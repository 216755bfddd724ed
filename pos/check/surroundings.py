"""What stands around the till: the hub, the clock, the terminal."""

import asyncio
import contextlib
import curses
import http.client
import locale
import os
import shutil
import sys
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pos.check.report import Finding
from pos.ports import Clock
from sync.reasons import reason_of

__all__ = ["check_clock", "check_hub", "check_terminal", "check_time_sync", "hub_address"]

_HUB_S = 0.9
_HERE_PORT = 8080
_SYNC_S = 1.0
_BUILT = datetime(2025, 1, 1, tzinfo=UTC)  # a clock before this has lost its battery
_SECTION_HUB, _SECTION_CLOCK, _SECTION_TERMINAL = "Hub", "Clock", "Terminal"
_COLUMNS_MINIMUM, _ROWS_MINIMUM = 64, 18


def hub_address(url: str) -> str:
    """`hub.url` as an address: "here" and "here:PORT" are the hub on this machine."""
    here, _, port = url.partition(":")
    return f"http://127.0.0.1:{port or _HERE_PORT}" if here == "here" else url


def check_hub(url: str) -> Finding:
    """Asks the hub of a till that is not enrolled for its health; blocks for a second at most, and longer only while a host name is looked up."""
    what = "Hub"
    if not url:
        return Finding(_SECTION_HUB, what, "off", "none set: this till works alone")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        to_do = "hub.url in settings.toml is like https://hub.example"
        return Finding(_SECTION_HUB, what, "wrong", url, to_do)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    to_do = "The till sells without it and sends later. Look whether it runs, at the network, and at hub.url."
    try:
        line = kind(parts.hostname, parts.port, timeout=_HUB_S)
        with contextlib.closing(line):
            line.request("GET", f"{parts.path.rstrip('/')}/v1/health")
            status = line.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Finding(_SECTION_HUB, what, "missing", f"{url}: {reason_of(error)}", to_do)
    if status == http.client.OK:
        to_do = "Sales stay here only. A code: tresen hub enrol at the hub; then: tresen enrol --hub URL --code CODE"
        return Finding(_SECTION_HUB, what, "missing", f"{url} answers, and this till is not enrolled", to_do)
    return Finding(_SECTION_HUB, what, "wrong", f"{url} answers {status}", to_do)


def check_clock(clock: Clock, last_wall_ms: int) -> Finding:
    """The journal is ordered by number, so a wrong clock stops no sale; but receipts carry its time."""
    what = "Time of day"
    now = clock.now()
    found = now.isoformat(sep=" ", timespec="seconds")
    to_do = "Set the clock, or switch on time synchronisation: timedatectl set-ntp true"
    if now < _BUILT:
        return Finding(_SECTION_CLOCK, what, "wrong", found, to_do)
    if clock.wall_ms() < last_wall_ms:
        last = datetime.fromtimestamp(last_wall_ms / 1000, now.tzinfo).isoformat(sep=" ", timespec="seconds")
        return Finding(_SECTION_CLOCK, what, "wrong", f"{found} is before the last fact, {last}", to_do)
    return Finding(_SECTION_CLOCK, what, "ok", found)


async def check_time_sync() -> Finding:
    """As timedatectl sees it."""
    what = "Time synchronisation"
    unknown = Finding(_SECTION_CLOCK, what, "off", "not known here: timedatectl does not answer")
    tool = shutil.which("timedatectl")
    if tool is None:
        return unknown
    process = await asyncio.create_subprocess_exec(
        tool,
        "show",
        "--property=NTPSynchronized",
        "--value",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_SYNC_S):
            said, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return unknown
    answer = said.decode("ascii", "replace").strip()
    if answer == "yes":
        return Finding(_SECTION_CLOCK, what, "ok")
    if answer == "no":
        to_do = "Receipts may carry a wrong time: timedatectl set-ntp true"
        return Finding(_SECTION_CLOCK, what, "wrong", "the clock is not synchronised", to_do)
    return unknown


def check_terminal() -> list[Finding]:
    return [_screen(), _colours(), _letters()]


def _screen() -> Finding:
    what = "Screen"
    if not sys.stdout.isatty():
        return Finding(_SECTION_TERMINAL, what, "off", "the output is no terminal")
    size = os.get_terminal_size(sys.stdout.fileno())
    if not (size.columns and size.lines):
        return Finding(_SECTION_TERMINAL, what, "off", "this terminal does not tell its size")
    found = f"{size.columns} columns, {size.lines} rows"
    if size.columns >= _COLUMNS_MINIMUM and size.lines >= _ROWS_MINIMUM:
        return Finding(_SECTION_TERMINAL, what, "ok", found)
    to_do = f"The till needs {_COLUMNS_MINIMUM} x {_ROWS_MINIMUM}, better 80 x 24: make the window larger."
    return Finding(_SECTION_TERMINAL, what, "wrong", found, to_do)


def _colours() -> Finding:
    what = "Colours"
    term = os.environ.get("TERM", "")
    if os.environ.get("COLORTERM") in {"truecolor", "24bit"}:
        return Finding(_SECTION_TERMINAL, what, "ok", f"{term}, all")
    try:
        curses.setupterm(term or None, sys.stdout.fileno())
        count = curses.tigetnum("colors")
    except (curses.error, OSError, ValueError):
        if not sys.stdout.isatty():
            return Finding(_SECTION_TERMINAL, what, "off", "the output is no terminal")
        to_do = "Set TERM to your terminal's name, such as linux or xterm-256color."
        return Finding(_SECTION_TERMINAL, what, "wrong", f"TERM={term or '(empty)'} is unknown", to_do)
    return Finding(_SECTION_TERMINAL, what, "ok" if count >= 8 else "off", f"{term}, {max(count, 2)}")


def _letters() -> Finding:
    what = "Letters"
    encoding = locale.getpreferredencoding(False).upper().replace("_", "-")
    if encoding in {"UTF-8", "UTF8"}:
        return Finding(_SECTION_TERMINAL, what, "ok", encoding)
    return Finding(_SECTION_TERMINAL, what, "wrong", encoding, "Umlauts would be lost: set LANG=C.UTF-8")
