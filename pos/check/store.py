"""What the till keeps: its folder, journal, articles, operators and settings. Read only, also while it sells."""

import asyncio
import fcntl
import os
import shutil
from pathlib import Path

import msgspec

from pos.check.buyers import check_buyers
from pos.check.report import Finding
from pos.ports import Clock, Worker
from pos.settings import Settings, SettingsError, load_settings
from pos.storage_ports import JournalUnavailableError

__all__ = ["JournalFound", "check_settings", "check_store", "running_till"]

_SECTION = "Till"
_FREE_MINIMUM_BYTES = 200 * 1024 * 1024
_MIB = 1024 * 1024


class JournalFound(msgspec.Struct, frozen=True):
    """What else wants to know of the journal: when its last fact was written, 0 where there is none."""

    last_wall_ms: int = 0


def check_store(state: Path, clock: Clock, worker: Worker) -> tuple[list[Finding], JournalFound]:
    folder = _folder(state)
    if folder.vital and folder.state != "ok":
        return [folder], JournalFound()
    journal, found = _journal(state)
    return [
        folder,
        _free_space(state),
        _running(state),
        *journal,
        _catalogue(state / "catalogue.db", clock, worker),
        _operators(state),
        *check_buyers(state),
    ], found


def _make_one(state: Path) -> str:
    return f"Make a till: tresen init --state {state} --operator NAME"


def _folder(state: Path) -> Finding:
    what = "State folder"
    if not state.exists():
        return Finding(_SECTION, what, "missing", str(state), _make_one(state), vital=True)
    if not state.is_dir():
        return Finding(
            _SECTION, what, "wrong", f"{state} is no folder", "Give a folder with --state.", vital=True
        )
    if not os.access(state, os.R_OK | os.W_OK | os.X_OK):
        to_do = "Run this as the till's user (under systemd: tresen), or make the medium writable."
        return Finding(_SECTION, what, "wrong", f"{state} cannot be written", to_do, vital=True)
    if state.stat().st_mode & 0o077:
        return Finding(
            _SECTION,
            what,
            "wrong",
            f"{state}: other users may look into it",
            f"It holds keys and PINs: chmod 700 {state}",
        )
    return Finding(_SECTION, what, "ok", str(state), vital=True)


def _free_space(state: Path) -> Finding:
    what = "Free space"
    try:
        free = shutil.disk_usage(state).free
    except OSError as error:
        return Finding(_SECTION, what, "wrong", str(error.strerror), "See whether the disk is there.")
    found = f"{free // _MIB} MiB"
    if free >= _FREE_MINIMUM_BYTES:
        return Finding(_SECTION, what, "ok", found)
    to_do = "Make room soon: a till on a full disk takes no payment."
    return Finding(_SECTION, what, "wrong", found, to_do, vital=free < _MIB)


def running_till(state: Path) -> str:
    """The process id of the till that runs on this folder; empty if none does.

    The shared lock is held for some microseconds. A till that starts in that moment is refused, and systemd
    starts it again.
    """
    try:
        handle = os.open(state / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
    finally:
        os.close(handle)
    return ""


def _running(state: Path) -> Finding:
    pid = running_till(state)
    return Finding(_SECTION, "Running till", "ok" if pid else "off", f"process {pid}" if pid else "none")


def _journal(state: Path) -> tuple[list[Finding], JournalFound]:
    """The newest segment is verified whole, with its seam to the one before; older ones are counted.

    `tresen journal verify` walks all of them, which may take longer than anyone waits here.
    """
    what = "Journal"
    try:
        from pos.journal.errors import check_sqlite, translate  # noqa: PLC0415 - apsw may be missing
        from pos.journal.segment import end_of, open_reader, segment_files, verify_segment  # noqa: PLC0415
    except ImportError:
        return [Finding(_SECTION, what, "off", "cannot be read without apsw")], JournalFound()
    files = segment_files(state / "journal")
    if not files:
        return [
            Finding(_SECTION, what, "missing", "there is no till here yet", _make_one(state), vital=True)
        ], JournalFound()
    last = None
    try:
        check_sqlite()
        with translate(f"reading {files[-1].name}"):
            end = None
            if len(files) > 1:
                before = open_reader(files[-2])
                end = end_of(before)
                before.connection.close()
            newest = open_reader(files[-1])
            try:
                verify_segment(newest, end)
                last = newest.connection.execute("select wall_ms from fact order by seq desc limit 1").get
            finally:
                newest.connection.close()
    except JournalUnavailableError as error:
        if error.code == "sqlite-too-old":
            return [Finding(_SECTION, what, "off", "not read with this SQLite")], JournalFound()
        to_do = (
            "Sell nothing on this till. Copy its folder away as it is, look with `tresen journal verify`, "
            "and ask for help before anything is deleted."
        )
        return [Finding(_SECTION, what, "wrong", error.detail, to_do, vital=True)], JournalFound()
    parts = "1 segment" if len(files) == 1 else f"{len(files)} segments"
    found = f"till {newest.head.till} of store {newest.head.store}, {newest.last_seq} facts in {parts}, newest clean"
    return [Finding(_SECTION, what, "ok", found, vital=True)], JournalFound(last or 0)


def _catalogue(path: Path, clock: Clock, worker: Worker) -> Finding:
    what = "Articles"
    to_do = "Import them: tresen catalogue import FILE"
    if not path.exists():
        return Finding(_SECTION, what, "missing", "none imported yet", to_do)
    try:
        from pos.catalogue.reader import CatalogueReader, CatalogueUnusableError  # noqa: PLC0415
    except ImportError:
        return Finding(_SECTION, what, "off", "cannot be read without apsw")
    reader = CatalogueReader(path, worker)
    try:
        reader.refresh(clock.now().date())
        if not asyncio.run(reader.verify()):
            reader.refresh(clock.now().date())
        found = f"{reader.count} articles, imported {reader.meta.get('imported_at', 'at an unknown time')}"
    except CatalogueUnusableError as error:
        return Finding(_SECTION, what, "wrong", str(error), to_do)
    finally:
        reader.close()
    return Finding(_SECTION, what, "ok", found)


def _operators(state: Path) -> Finding:
    what = "Operators"
    to_do = f"Nobody can sign in. {_make_one(state)}"
    path = state / "people.db"
    if not path.exists():
        return Finding(_SECTION, what, "missing", "", to_do, vital=True)
    try:
        import apsw  # noqa: PLC0415 - its absence is a finding of its own
    except ImportError:
        return Finding(_SECTION, what, "off", "cannot be read without apsw")
    try:
        people = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            count = people.execute("select count(*) from operator where active").get
        finally:
            people.close()
    except apsw.Error as error:
        broken = "Put people.db back from a backup."
        return Finding(_SECTION, what, "wrong", f"people.db: {error}", broken, vital=True)
    if not count:
        return Finding(_SECTION, what, "missing", "0", to_do, vital=True)
    return Finding(_SECTION, what, "ok", str(count), vital=True)


def check_settings(state: Path) -> tuple[list[Finding], Settings | None]:
    """Settings in force; None where they need mending."""
    try:
        settings = load_settings(state)
    except SettingsError as error:
        to_do = "Mend the lines named here; `tresen config` then shows what is in force."
        return [Finding(_SECTION, "Settings", "wrong", str(error), to_do, vital=True)], None
    findings = [Finding(_SECTION, "Settings", "ok", vital=True), _shop(settings)]
    return findings, settings


def _shop(settings: Settings) -> Finding:
    what = "Shop on the receipt"
    empty = [name for name in ("name", "address", "tax_number") if not getattr(settings.shop, name)]
    if not empty:
        return Finding(_SECTION, what, "ok", settings.shop.name)
    missing = ", ".join(f"shop.{name}" for name in empty)
    return Finding(
        _SECTION, what, "missing", missing, "Receipts must name the shop: fill these in settings.toml."
    )
