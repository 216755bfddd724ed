"""Where the sales lie beside this till's own disk, and whether it waits for new numbers. Read only."""

from pathlib import Path

from pos.check.report import Finding
from pos.storage_ports import TILL_LOCKED, JournalUnavailableError

__all__ = ["check_copy", "check_numbers"]

_TO_DO = {
    "behind": "Start the till and leave the medium in: it catches up by itself.",
    "absent": "Put the medium in, or name another: [till] second_copy in settings.toml.",
    "full": "Make room on the medium, or use a larger one.",
    "read-only": "Make the medium writable; some cards have a switch. Under systemd: ReadWritePaths=.",
    "same-medium": "Name a folder on another medium; is the medium mounted?",
    "fault": "Check the medium, and use a new one: an empty medium is filled by itself.",
    "other": "Look what is on it: tresen journal rescue FOLDER; then move its tresen-* folder away.",
    "ahead": "Sell nothing. The journal lost facts that the copy holds: tresen journal rescue FOLDER.",
}


def check_copy(state: Path, target: str, hub: str) -> Finding:
    """The second copy on a second medium; without it a hub or relay is the only other place."""
    section, what = "Till", "Second copy"
    if not target:
        to_do = "Name a folder on a second medium: [till] second_copy in settings.toml."
        if hub:
            return Finding(section, what, "off", "none on a second medium; the hub or relay holds one")
        return Finding(section, what, "missing", "sales lie on one medium only", to_do)
    try:
        from pos.journal.second_copy import look  # noqa: PLC0415 - apsw may be missing
        from pos.journal.segment import open_reader, segment_files  # noqa: PLC0415

        files = segment_files(state / "journal")
        if not files:
            return Finding(section, what, "off", "there is no till here yet")
        newest = open_reader(files[-1])
        newest.connection.close()
        word, waiting = look(state / "journal", Path(target), newest.head.store, newest.head.till)
    except ImportError:
        return Finding(section, what, "off", "cannot be read without apsw")
    except JournalUnavailableError as error:
        return Finding(section, what, "off", f"not compared: {error.detail}")
    if word == "ok":
        return Finding(section, what, "ok", f"{target}, whole")
    found = f"{target}: {waiting} facts behind" if word == "behind" else f"{target}: {word}"
    return Finding(section, what, "missing" if word in {"behind", "absent"} else "wrong", found, _TO_DO[word])


def check_numbers(state: Path) -> list[Finding]:
    """Whether the till waits for a new epoch; says nothing where all is well."""
    path = state / "state.db"
    if not path.is_file():
        return []
    try:
        import apsw  # noqa: PLC0415 - may be missing

        from pos.journal.epochs import newest_facts  # noqa: PLC0415

        flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(f"file:{path}?mode=ro", flags=flags)
        try:
            row = connection.execute("select value from memory where key = ?", (TILL_LOCKED,)).fetchone()
        finally:
            connection.close()
        if row is None or not row[0]:
            return []
        epoch, _, code = row[0].decode().partition(":")
        if newest_facts(state / "journal", 1)[-1].epoch > int(epoch):
            return []
    except (ImportError, ValueError, IndexError, JournalUnavailableError, apsw.Error):
        return []
    why = "it comes from a backup" if code == "till-restored" else "its journal lost facts that others hold"
    to_do = f"Start it where it reaches the hub, or: tresen epoch --alone --state {state} --operator NAME --reason TEXT"
    return [Finding("Till", "Numbers", "wrong", f"the till waits for new ones: {why}", to_do, vital=True)]
