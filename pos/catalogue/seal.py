"""A digest over the whole of catalogue.db, kept in it: a file that changed under its name is found.

The table `seal` holds SHA-256 over the file with the 32 bytes of the digest itself as zeros. Pages that SQLite can
still read may hold another price than was imported; nothing but this notices.
"""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

__all__ = ["DIGEST_BYTES", "SEAL", "Digester", "chunks_of", "digest_of"]

DIGEST_BYTES: Final = 32
CHUNK_BYTES: Final = 1 << 20
SEAL: Final = "CREATE TABLE IF NOT EXISTS seal (id INTEGER PRIMARY KEY CHECK (id = 1), digest BLOB NOT NULL)"


class Digester:
    """Takes the file's bytes in order. `place`: where the bytes `kept` first stood, -1 if nowhere."""

    def __init__(self, kept: bytes) -> None:
        self._kept = kept
        self._hasher = hashlib.sha256()
        self._tail = b""
        self._hashed = 0
        self.place = -1

    def add(self, chunk: bytes) -> None:
        data = self._tail + chunk
        if self.place < 0 and (at := data.find(self._kept)) >= 0:
            self.place = self._hashed + at
            data = data[:at] + bytes(DIGEST_BYTES) + data[at + DIGEST_BYTES :]
        done = max(0, len(data) - DIGEST_BYTES + 1)
        self._hasher.update(data[:done])
        self._hashed += done
        self._tail = data[done:]

    def digest(self) -> bytes:
        hasher = self._hasher.copy()
        hasher.update(self._tail)
        return hasher.digest()


def chunks_of(path: Path) -> Iterator[bytes]:
    """Raises OSError."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def digest_of(chunks: Iterable[bytes], kept: bytes) -> tuple[bytes, int]:
    """The digest of a file in which `kept` stands for it, and where that stands."""
    digester = Digester(kept)
    for chunk in chunks:
        digester.add(chunk)
    return digester.digest(), digester.place
