"""What the program stands on: Python, SQLite, the libraries, and no stranger in its name's place."""

import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from typing import NamedTuple

from pos.check.report import Finding, State
from pos.storage_ports import JournalUnavailableError

__all__ = ["check_program"]

_SECTION = "Program"
_PYTHON_MINIMUM = (3, 11)
_OUR_NAMES = ("pos", "drivers", "receipts", "sync", "config")
_INSTALL = "Install the till's libraries: pip install 'tresen[till]'"


class _Library(NamedTuple):
    """`native`: imported, because a wheel for another machine is found but does not load."""

    module: str
    package: str
    what_for: str
    vital: bool = False
    native: bool = False


_LIBRARIES = (
    _Library("msgspec", "msgspec", "facts and settings", vital=True, native=True),
    _Library("argon2", "argon2-cffi", "PINs", vital=True, native=True),
    _Library("textual", "textual", "the screen", vital=True),
    _Library("cryptography", "cryptography", "personal data", native=True),
    _Library("sqlite_utils", "sqlite-utils", "importing articles"),
    _Library("escpos", "python-escpos", "receipt printers"),
    _Library("qrcode", "qrcode", "QR codes"),
    _Library("jinja2", "jinja2", "receipts as pages"),
    _Library("httpx", "httpx", "the line to the hub"),
    _Library("evdev", "evdev", "scanners that play keyboard", native=True),
    _Library("serial", "pyserial", "serial devices"),
    _Library("usb", "pyusb", "USB printers"),
)


def check_program() -> list[Finding]:
    return [_python(), _sqlite(), *(_library(library) for library in _LIBRARIES), _libusb(), *_strangers()]


def _python() -> Finding:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] >= _PYTHON_MINIMUM:
        return Finding(_SECTION, "Python", "ok", found)
    wanted = ".".join(str(part) for part in _PYTHON_MINIMUM)
    return Finding(_SECTION, "Python", "wrong", found, f"Install Python {wanted} or newer.", vital=True)


def _sqlite() -> Finding:
    what = "SQLite in apsw"
    try:
        import apsw  # noqa: PLC0415 - its absence is a finding

        from pos.journal.errors import SQLITE_MINIMUM, check_sqlite  # noqa: PLC0415
    except ImportError as error:
        return Finding(_SECTION, what, "missing", str(error), _INSTALL, vital=True)
    wanted = ".".join(str(part) for part in SQLITE_MINIMUM)
    try:
        check_sqlite()
    except JournalUnavailableError:
        to_do = f"Older ones than {wanted} can damage a journal: pip install --upgrade apsw"
        return Finding(_SECTION, what, "wrong", apsw.sqlite_lib_version(), to_do, vital=True)
    return Finding(_SECTION, what, "ok", apsw.sqlite_lib_version(), vital=True)


def _library(library: _Library) -> Finding:
    what = f"{library.package} ({library.what_for})"
    state: State = "ok"
    found, to_do = "", ""
    try:
        if library.native:
            import_module(library.module)
        elif find_spec(library.module) is None:
            raise ImportError(f"there is no module {library.module}")
    except Exception as error:  # noqa: BLE001 - a broken wheel may raise anything
        state, found, to_do = "missing", str(error), _INSTALL
        if library.module == "evdev":
            to_do = (
                "Only for scanners that play keyboard. "
                "Where there is no wheel: apt install gcc linux-libc-dev python3-dev; pip install 'tresen[evdev]'"
            )
    else:
        found = _version_of(library)
    return Finding(_SECTION, what, state, found, to_do, library.vital)


def _version_of(library: _Library) -> str:
    for package in (library.package, f"{library.package}-binary"):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return ""


def _libusb() -> Finding:
    what = "libusb (USB printers)"
    to_do = "Only for printers with an address usb:... : apt install libusb-1.0-0"
    try:
        from usb.backend import libusb1  # noqa: PLC0415 - its absence is a finding

        there = libusb1.get_backend() is not None
    except Exception as error:  # noqa: BLE001 - pyusb raises different kinds
        return Finding(_SECTION, what, "missing", str(error), to_do)
    return Finding(_SECTION, what, "ok") if there else Finding(_SECTION, what, "missing", "", to_do)


def _strangers() -> list[Finding]:
    """Other distributions with a package of our name: the one installed later has overwritten files."""
    owners = packages_distributions()
    findings = []
    for name in _OUR_NAMES:
        others = sorted({owner for owner in owners.get(name, ()) if owner.lower() != "tresen"})
        if others:
            to_do = (
                f"It may have overwritten files of Tresen: pip uninstall {' '.join(others)}; "
                "pip install --force-reinstall --no-deps tresen. Better: give Tresen a venv of its own."
            )
            findings.append(
                Finding(_SECTION, f"Package {name}", "wrong", f"also in {', '.join(others)}", to_do)
            )
    return findings
