"""A barcode scanner from outside: real bytes on a pty or pipe, real key events for an event device.

`python -m tests.simulators.scanner --to PIPE CODE...` scans codes into a named pipe, `--pty LINK` into a
pty of its own that the till opens as a serial port. Without a code it reads them from its own input, one
a line: a scanner in another terminal.
"""

import argparse
import contextlib
import os
import stat
import struct
import sys
import time
import tty
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

__all__ = ["Keyboard", "SerialScanner", "frame", "main", "pieces"]

EVENT = struct.Struct("llHHi")  # struct input_event on a 64-bit machine
EV_SYN, EV_KEY, EV_MSC = 0, 1, 4
MSC_SCAN = 4


def frame(code: str, prefix: bytes = b"", suffix: bytes = b"\r") -> bytes:
    """A code as a serial scanner sends it."""
    return prefix + code.encode() + suffix


def pieces(data: bytes, sizes: Iterable[int]) -> Iterator[bytes]:
    """Cut bytes into pieces of these sizes; what is left comes last."""
    at = 0
    for size in sizes:
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size
    if at < len(data):
        yield data[at:]


class SerialScanner:
    """A scanner on a pty. `path` is its device; with a link, the address stays when it is plugged anew."""

    def __init__(self, *, prefix: bytes = b"", suffix: bytes = b"\r", link: Path | None = None) -> None:
        self._prefix = prefix
        self._suffix = suffix
        self._link = link
        self._master = -1
        self.path = ""
        self.plug()

    def plug(self) -> None:
        self._master, line = os.openpty()
        tty.setraw(line)
        self.path = os.ttyname(line)
        os.close(line)
        if self._link is not None:
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(self.path)

    def unplug(self) -> None:
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def scan(self, code: str) -> None:
        self.send(frame(code, self._prefix, self._suffix))

    def send(self, data: bytes, *, sizes: Iterable[int] = (), pause_s: float = 0.0) -> None:
        for piece in pieces(data, sizes):
            os.write(self._master, piece)
            if pause_s:
                time.sleep(pause_s)

    def received(self, size: int = 4096) -> bytes:
        """What the other side has written to the scanner."""
        return os.read(self._master, size)


# Written down key by key from pictures of the keyboards, by name, not by number: a second opinion on
# the driver's own tables.
_SIGNS_US = {
    "-": "MINUS", "=": "EQUAL", "[": "LEFTBRACE", "]": "RIGHTBRACE", ";": "SEMICOLON", "'": "APOSTROPHE",
    "`": "GRAVE", "\\": "BACKSLASH", ",": "COMMA", ".": "DOT", "/": "SLASH", " ": "SPACE",
}  # fmt: skip
_SHIFTED_US = {
    "!": "1", "@": "2", "#": "3", "$": "4", "%": "5", "^": "6", "&": "7", "*": "8", "(": "9", ")": "0",
    "_": "MINUS", "+": "EQUAL", "{": "LEFTBRACE", "}": "RIGHTBRACE", ":": "SEMICOLON", '"': "APOSTROPHE",
    "~": "GRAVE", "|": "BACKSLASH", "<": "COMMA", ">": "DOT", "?": "SLASH",
}  # fmt: skip
_SIGNS_DE = {
    "ß": "MINUS", "ü": "LEFTBRACE", "+": "RIGHTBRACE", "ö": "SEMICOLON", "ä": "APOSTROPHE",
    "#": "BACKSLASH", ",": "COMMA", ".": "DOT", "-": "SLASH", "<": "102ND", " ": "SPACE",
}  # fmt: skip
_SHIFTED_DE = {
    "!": "1", '"': "2", "§": "3", "$": "4", "%": "5", "&": "6", "/": "7", "(": "8", ")": "9", "=": "0",
    "?": "MINUS", "Ü": "LEFTBRACE", "*": "RIGHTBRACE", "Ö": "SEMICOLON", "Ä": "APOSTROPHE",
    "'": "BACKSLASH", ";": "COMMA", ":": "DOT", "_": "SLASH", ">": "102ND", "°": "GRAVE",
}  # fmt: skip
_ALTGR_DE = {
    "²": "2", "³": "3", "{": "7", "[": "8", "]": "9", "}": "0", "\\": "MINUS", "@": "Q", "€": "E",
    "~": "RIGHTBRACE", "|": "102ND", "µ": "M",
}  # fmt: skip
_DEAD_DE = {"^": ("GRAVE", ""), "´": ("EQUAL", ""), "`": ("EQUAL", "LEFTSHIFT")}


class Keyboard:
    """A scanner that plays a `us` or `de` keyboard: codes into key events, as the kernel passes them on.

    `gs` is how this make sends the separator of GS1 codes: "ctrl" for Ctrl+], or "f8".
    """

    def __init__(self, layout: str = "us", *, gs: str = "ctrl", terminator: str = "ENTER") -> None:
        self._german = layout == "de"
        self._gs = gs
        self._terminator = terminator

    def presses(self, code: str) -> list[tuple[str, str]]:
        """Keys with their modifier, by the kernel's names without KEY_."""
        keys: list[tuple[str, str]] = []
        for char in code:
            keys += self._keys_of(char)
        return [*keys, (self._terminator, "")]

    def keys(self, code: str) -> list[tuple[int, int]]:
        """Key codes with 1 for press and 0 for release."""
        steps: list[tuple[int, int]] = []
        for key, modifier in self.presses(code):
            stroke = [(_number(key), 1), (_number(key), 0)]
            if modifier:
                stroke = [(_number(modifier), 1), *stroke, (_number(modifier), 0)]
            steps += stroke
        return steps

    def events(self, code: str) -> list[bytes]:
        """One report of input_event structs for each press and release."""
        return [report(key, value) for key, value in self.keys(code)]

    def _keys_of(self, char: str) -> list[tuple[str, str]]:
        if char == "\x1d":
            return [("F8", "")] if self._gs == "f8" else [("RIGHTBRACE", "LEFTCTRL")]
        signs, shifted = (_SIGNS_DE, _SHIFTED_DE) if self._german else (_SIGNS_US, _SHIFTED_US)
        if char in signs:
            return [(signs[char], "")]
        if char in shifted:
            return [(shifted[char], "LEFTSHIFT")]
        if self._german and char in _ALTGR_DE:
            return [(_ALTGR_DE[char], "RIGHTALT")]
        if self._german and char in _DEAD_DE:
            return [_DEAD_DE[char], ("SPACE", "")]
        key = char.upper()
        if self._german and key in {"Y", "Z"}:
            key = "Z" if key == "Y" else "Y"
        return [(key, "LEFTSHIFT" if char.isupper() else "")]


def _number(name: str) -> int:
    from evdev import ecodes

    return int(ecodes.ecodes[f"KEY_{name}"])


def report(key: int, value: int) -> bytes:
    """What one key makes the kernel send: the scan code, the key, and the end of the report."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    triples = ((EV_MSC, MSC_SCAN, 0x70000 + key), (EV_KEY, key, value), (EV_SYN, 0, 0))
    return b"".join(EVENT.pack(seconds, nanoseconds // 1000, *triple) for triple in triples)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scanner", description="Scan codes as a barcode scanner would.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", type=Path, metavar="PATH", help="a named pipe, or the far end of a pty pair")
    where.add_argument("--pty", type=Path, metavar="LINK", help="make a pty of our own and link it there")
    parser.add_argument("--prefix", default="", metavar="HEX", help="bytes before each code, like 02")
    parser.add_argument("--suffix", default="0D", metavar="HEX", help="bytes after each code (0D)")
    parser.add_argument("--rate", type=float, default=5.0, metavar="N", help="codes a second (5)")
    parser.add_argument("codes", nargs="*", metavar="CODE", help="codes; none: read them from standard input")
    return parser


@contextlib.contextmanager
def _line(chosen: argparse.Namespace) -> Iterator[Callable[[bytes], object]]:
    """How bytes get to the till: into a pipe that is there, or through a pty of our own."""
    if chosen.pty is not None:
        scanner = SerialScanner(link=chosen.pty)
        try:
            yield scanner.send
        finally:
            scanner.unplug()
        return
    line = os.open(chosen.to, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        os.set_blocking(line, True)
        if stat.S_ISCHR(os.fstat(line).st_mode):
            tty.setraw(line)
        yield partial(os.write, line)
    finally:
        os.close(line)


def main(arguments: list[str] | None = None) -> int:
    chosen = _arguments().parse_args(arguments)
    prefix, suffix = bytes.fromhex(chosen.prefix), bytes.fromhex(chosen.suffix)
    asked = not chosen.codes and sys.stdin.isatty()
    try:
        with _line(chosen) as send:
            if asked:
                print("Scanner. One code a line, Ctrl-D to end.")
            for code in filter(None, chosen.codes or map(str.strip, sys.stdin)):
                send(frame(code, prefix, suffix))
                if not asked:
                    time.sleep(1 / chosen.rate)
    except KeyboardInterrupt:
        return 1
    except OSError as error:
        print(f"{chosen.to or chosen.pty}: {error.strerror}; is anyone reading there?", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
