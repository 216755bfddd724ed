"""How much memory a hub takes while articles are brought in over a socket: it must not grow with their number."""

import csv
import http.client
import io
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.benchmarks import million
from tests.benchmarks.memory import status_mb
from tests.benchmarks.postgres import postgres
from tests.benchmarks.report import Report
from tests.demo.channels import new_token
from tests.simulation.hubs import HubProcess
from tests.simulation.prepared import fresh

__all__ = ["measure", "measure_postgresql"]

_FLAT = 1.25
"""Of the peak with the fewest articles: what a longer import may add is caches that fill."""
_LINES_AT_ONCE = 1_000
_TAX_CODES = {"19": "A", "7": "B", "0": "C"}
_COLUMNS = ("sku", "text", "price_minor", "tax_code", "unit", "min_age", "content", "content_unit", "codes")


def measure(report: Report, sizes: tuple[int, ...]) -> None:
    """On SQLite. Each import goes to a hub process of its own, on a fresh database."""
    _measure(report, sizes, "SQLite", lambda folder: f"sqlite:///{folder / 'hub.db'}")


def measure_postgresql(report: Report, sizes: tuple[int, ...]) -> None:
    with postgres() as database:
        _measure(report, sizes, "PostgreSQL", lambda _: database())


def _measure(report: Report, sizes: tuple[int, ...], name: str, database: Callable[[Path], str]) -> None:
    for kind, lines in (("ndjson", _ndjson), ("csv", _csv)):
        least: float | None = None
        for size in sizes:
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder)
                peak_mb, seconds = _import(database(place), place, kind, lines, size)
            what = f"import of {size:,} articles, {kind.upper()}, {name}"
            bar = None if least is None else _FLAT
            report.add(f"{what}, peak memory", peak_mb, "MB", reference=least, bar=bar)
            report.add(what, size / seconds, "articles/s")
            least = least or peak_mb


def _import(
    db: str, place: Path, kind: str, lines: Callable[[int], Iterator[bytes]], size: int
) -> tuple[float, float]:
    """The hub's peak of resident memory, MB, and how long it took."""
    token = new_token(db, "bench", "admin")
    hub = HubProcess(db, place / "hub.log", program=fresh)
    hub.start()
    try:
        at = urlsplit(hub.address())
        line = http.client.HTTPConnection(at.hostname or "", at.port, timeout=600)
        kinds = {"ndjson": "application/x-ndjson", "csv": "text/csv"}
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kinds[kind]}
        began = time.monotonic()
        line.request("PUT", "/v1/catalogue/articles", lines(size), headers, encode_chunked=True)
        answer = line.getresponse()
        said = msgspec.json.decode(answer.read())
        seconds = time.monotonic() - began
        line.close()
        assert answer.status == 200, said
        assert (said["records"], said["changes"]) == (size, size), said
        return status_mb(hub.pid)["VmHWM"], seconds
    finally:
        hub.stop()


def _records(size: int) -> Iterator[dict[str, Any]]:
    rows = csv.DictReader(million.rows(size))
    for row in rows:
        yield {
            "sku": row["sku"],
            "text": row["name"],
            "price_minor": int(row["price"].replace(".", "")),
            "tax_code": _TAX_CODES[row["vat_rate"]],
            "unit": row["unit"],
            "min_age": int(row["min_age"] or 0),
            "content": row["content_quantity"],
            "content_unit": row["content_unit"],
            "codes": row["gtin"].split("|"),
        }


def _ndjson(size: int) -> Iterator[bytes]:
    yield from _pieces(msgspec.json.encode(record) + b"\n" for record in _records(size))


def _csv(size: int) -> Iterator[bytes]:
    def lines() -> Iterator[bytes]:
        yield (",".join(_COLUMNS) + "\n").encode()
        for record in _records(size):
            out = io.StringIO(newline="")
            cells = {
                **record,
                "content": f'"{record["content"]}"',
                "codes": msgspec.json.encode(record["codes"]).decode(),
            }
            csv.DictWriter(out, _COLUMNS, lineterminator="\n").writerow(cells)
            yield out.getvalue().encode()

    yield from _pieces(lines())


def _pieces(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Lines as they go over a line: many in a piece."""
    waiting: list[bytes] = []
    for line in lines:
        waiting.append(line)
        if len(waiting) == _LINES_AT_ONCE:
            yield b"".join(waiting)
            waiting.clear()
    yield b"".join(waiting)
