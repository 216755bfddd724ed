"""The raw SQLite a journal is measured against: one sale as twelve bare rows in one durable commit.

Nothing of a journal is here: no chain, no schema, no checks. What is here is what no journal can leave
out: the standard library's sqlite3, a write-ahead log, synchronous=FULL, an explicit commit, and one
writer thread that is handed its work through a queue. The time is taken inside that thread, so that the
way there and back, which depends on the caller's loop, is not in it.

As a program, `python -m tests.benchmarks.journal_reference FOLDER SALES` marks each sale for `iocount`.
"""

import json
import queue
import sqlite3
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Self

from tests.benchmarks.iocount import mark

LINES = 10  # of a sale; with its header and its payment it is twelve rows
BODY_BYTES = 200
FILE_NAME = "raw.db"

Job = tuple[list[tuple[bytes]], "Future[float]"]


class RawReference:
    """One file, one thread. `sale(n)` gives the seconds of its commit; n varies every byte that can vary."""

    def __init__(self, folder: Path) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._write, args=(folder / FILE_NAME,), daemon=True)
        self._thread.start()
        self._ready.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def sale(self, number: int) -> float:
        done: Future[float] = Future()
        self._jobs.put(([(body,) for body in bodies(number)], done))
        return done.result()

    def close(self) -> None:
        self._jobs.put(None)
        self._thread.join()

    def _write(self, path: Path) -> None:
        try:
            connection = _open(path)
        except sqlite3.Error as error:
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        while (job := self._jobs.get()) is not None:
            rows, done = job
            try:
                done.set_result(_commit(connection, rows))
            except sqlite3.Error as error:
                done.set_exception(error)
        connection.close()


def bodies(number: int) -> list[bytes]:
    """The twelve rows of a sale, about 200 bytes of JSON each, no two alike, nor like another sale's.

    Rewriting identical bytes writes nothing, so sameness would flatter.
    """
    kinds = ["header", *["line"] * LINES, "payment"]
    rows = []
    for place, kind in enumerate(kinds):
        seed = number * len(kinds) + place
        row = {
            "id": f"{seed * 0x9E3779B97F4A7C15 % 2**128:032x}",  # scattered, as random ids are
            "sale": f"{number:012d}",
            "kind": kind,
            "article": f"{4_000_000_000_000 + seed * 7919 % 10**12}",
            "quantity": seed % 9 + 1,
            "price_cents": seed * 31 % 9999,
            "tax": "normal",
        }
        room = BODY_BYTES - len(json.dumps({**row, "name": ""}, separators=(",", ":")))
        row["name"] = f"Article {seed} ".ljust(max(room, 1), "abcdefghij"[seed % 10])
        rows.append(json.dumps(row, separators=(",", ":")).encode())
    return rows


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("pragma journal_mode=wal")
    connection.execute("pragma synchronous=full")
    connection.execute("create table if not exists facts (seq integer primary key, body blob not null)")
    return connection


def _commit(connection: sqlite3.Connection, rows: list[tuple[bytes]]) -> float:
    started = time.perf_counter()
    connection.execute("begin immediate")
    connection.executemany("insert into facts (body) values (?)", rows)
    connection.execute("commit")
    return time.perf_counter() - started


def main(folder: Path, sales: int) -> None:
    with RawReference(folder) as reference:
        reference.sale(0)  # the first commit writes the log's header, too
        mark()
        for number in range(1, sales + 1):
            seconds = reference.sale(number)
            mark()
            print(f"{number} {seconds * 1000:.3f} ms")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
