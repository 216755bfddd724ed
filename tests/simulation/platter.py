"""What a power cut leaves of files: names and contents on the medium, and what was on its way there.

A pure model without I/O. Contents become durable by a sync of the file, names (creation, unlink, rename) by a
sync of their folder. What was not synced when the power went survives as a `Survival` says. Sectors of 512
bytes are written whole or not at all. A later write may survive an earlier one; an older version of a sector
never comes back over a newer one. Of the unsynced names of one folder a prefix survives, as in a journal of
metadata.
"""

import enum
import random
from collections.abc import Mapping

__all__ = ["SECTOR", "Platter", "Survival"]

SECTOR = 512
_KEEPS = (0.1, 0.5, 0.9)


class Survival(enum.Enum):
    """Which of the unsynced writes and names are on the medium after the cut."""

    NONE = "none"
    ALL = "all"
    PREFIX = "prefix"  # in the order of writing, up to somewhere in the middle of one write
    SUBSET = "subset"  # any of them, each whole
    TORN = "torn"  # any sectors of any of them


_CHANCE = (Survival.NONE, Survival.ALL, Survival.PREFIX, Survival.SUBSET, Survival.TORN, Survival.TORN)


class _File:
    """One file under whatever name. `durable` None: it was never changed, what stands in the folder counts."""

    __slots__ = ("durable", "pending")

    def __init__(self, durable: bytearray | None) -> None:
        self.durable = durable
        # (stamp, offset, data), or (stamp, size, None) for a truncation
        self.pending: list[tuple[int, int, bytes | None]] = []


class Platter:
    """Files by number, names by path relative to the disk's folder. `stamp`: the newest place in the order of all
    changes."""

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._durable: dict[str, int] = {}
        self._names: dict[str, int] = {}
        # folder -> changes of names not synced yet: (stamp, {path: file number or None})
        self._entries: dict[str, list[tuple[int, dict[str, int | None]]]] = {}
        self.stamp = 0

    def number(self, path: str) -> int | None:
        """The file that has this name now, if it is known."""
        return self._names.get(path)

    def found(self, path: str) -> int:
        """A file that was there before; returns its number."""
        number = len(self._files) + 1
        self._files[number] = _File(None)
        self._durable[path] = self._names[path] = number
        return number

    def created(self, path: str) -> int:
        number = len(self._files) + 1
        self._files[number] = _File(bytearray())
        self._enter({path: number})
        return number

    def needs_base(self, number: int) -> bool:
        """True for a file whose content must be given by `base` before it is changed."""
        return self._files[number].durable is None

    def base(self, number: int, content: bytes) -> None:
        self._files[number].durable = bytearray(content)

    def write(self, number: int, offset: int, data: bytes) -> None:
        self.stamp += 1
        self._files[number].pending.append((self.stamp, offset, data))

    def truncate(self, number: int, size: int) -> None:
        self.stamp += 1
        self._files[number].pending.append((self.stamp, size, None))

    def changes(self, number: int) -> list[tuple[int, int, bytes | None]]:
        """What of a file is not synced: one list for as long as the platter is, to which a writer may add
        (stamp, offset, data), with one `stamp` more, by itself."""
        return self._files[number].pending

    def unlink(self, path: str) -> None:
        self._enter({path: None})

    def rename(self, old: str, new: str) -> None:
        self._enter({old: None, new: self._names[old]})

    def sync(self, number: int) -> None:
        file = self._files[number]
        if file.pending:
            assert file.durable is not None
            _apply(file.durable, file.pending)
            file.pending.clear()

    def sync_folder(self, folder: str) -> None:
        for _, change in self._entries.pop(folder, ()):
            _rename(self._durable, change)

    def lose_sync(self, number: int, rng: random.Random) -> None:
        """A sync that failed: some of it is on the medium, the rest is marked clean and never goes there."""
        file = self._files[number]
        if file.pending:
            assert file.durable is not None
            file.durable = bytearray(_survivors(file, Survival.TORN, rng, 0))
            file.pending.clear()

    def drain(self, kept: int) -> None:
        """What a medium that lies about syncs has written back by now: all but the newest `kept` changes."""
        until = self.stamp - kept
        for file in self._files.values():
            if file.pending and file.pending[0][0] <= until:
                assert file.durable is not None
                _apply(file.durable, [change for change in file.pending if change[0] <= until])
                file.pending[:] = [change for change in file.pending if change[0] > until]
        for folder, entries in self._entries.items():
            for stamp, change in entries:
                if stamp <= until:
                    _rename(self._durable, change)
            self._entries[folder] = [entry for entry in entries if entry[0] > until]

    @property
    def known(self) -> Mapping[str, int]:
        """The names as the running machine sees them."""
        return self._names

    @property
    def unsynced(self) -> int:
        """Changes that a cut could still lose."""
        return sum(len(file.pending) for file in self._files.values()) + sum(map(len, self._entries.values()))

    def image(self, rng: random.Random, survival: Survival | None = None) -> dict[str, bytes | None]:
        """Contents by path after a cut; None: as it stands in the folder. Without a survival, chance picks one."""
        if survival is None:
            survival = rng.choice(_CHANCE)
        names = dict(self._durable)
        until = 0
        if survival is Survival.PREFIX and self.unsynced:
            until = rng.choice(sorted(self._unsynced_stamps()))
        for entries in self._entries.values():
            for stamp, change in entries[: _names_kept(len(entries), survival, rng)]:
                if survival is not Survival.PREFIX or stamp <= until:
                    _rename(names, change)
        contents: dict[int, bytes | None] = {}
        for number in names.values():
            file = self._files[number]
            contents[number] = None if file.durable is None else _survivors(file, survival, rng, until)
        return {path: contents[number] for path, number in names.items()}

    def _unsynced_stamps(self) -> list[int]:
        stamps = [change[0] for file in self._files.values() for change in file.pending]
        return stamps + [entry[0] for entries in self._entries.values() for entry in entries]

    def _enter(self, change: dict[str, int | None]) -> None:
        self.stamp += 1
        folder = next(reversed(change)).rpartition("/")[0]
        self._entries.setdefault(folder, []).append((self.stamp, change))
        _rename(self._names, change)


def _rename(names: dict[str, int], change: Mapping[str, int | None]) -> None:
    for path, number in change.items():
        if number is None:
            names.pop(path, None)
        else:
            names[path] = number


def _names_kept(count: int, survival: Survival, rng: random.Random) -> int:
    if survival is Survival.NONE:
        return 0
    if survival in (Survival.ALL, Survival.PREFIX):
        return count
    return rng.randint(0, count)


def _survivors(file: _File, survival: Survival, rng: random.Random, until: int) -> bytes:
    assert file.durable is not None
    if not file.pending or survival is Survival.NONE:
        return bytes(file.durable)
    content = bytearray(file.durable)
    if survival is Survival.ALL:
        _apply(content, file.pending)
        return bytes(content)
    keep = rng.choice(_KEEPS)
    for change in file.pending:
        stamp, offset, data = change
        if survival is Survival.PREFIX:
            if stamp > until:
                break
            if stamp == until and data is not None:  # the one that was under way
                cut = rng.randint(0, len(data) // SECTOR + 1) * SECTOR - offset % SECTOR
                data = data[: max(0, cut)]
            _apply(content, [(stamp, offset, data)])
        elif rng.random() < keep:
            if survival is Survival.TORN and data is not None and rng.random() < 0.5:
                _apply_sectors(content, offset, data, keep, rng)
            else:
                _apply(content, [change])
    return bytes(content)


def _apply(content: bytearray, changes: list[tuple[int, int, bytes | None]]) -> None:
    for _, offset, data in changes:
        size = len(content)
        if data is None:
            if offset < size:
                del content[offset:]
            else:
                content.extend(bytes(offset - size))
        elif data:
            if offset > size:
                content.extend(bytes(offset - size))
            content[offset : offset + len(data)] = data


def _apply_sectors(content: bytearray, offset: int, data: bytes, keep: float, rng: random.Random) -> None:
    at = 0
    while at < len(data):
        end = min(len(data), at + SECTOR - (offset + at) % SECTOR)
        if rng.random() < keep:
            _apply(content, [(0, offset + at, data[at:end])])
        at = end
