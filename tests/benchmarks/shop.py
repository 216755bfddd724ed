"""The shop that is measured: an invented catalogue of any size, imported once, and fresh tills that sell from it.

Catalogues stay in build/bench and are used again; tills are made anew for each run.
"""

import csv
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pos.catalogue.schema import CATALOGUE_FILE, SCHEMA_VERSION
from tests.benchmarks import million
from tests.benchmarks.harness import ROOT

FOLDER = ROOT / "build" / "bench"
OPERATOR, PIN = "Kim", "4711"
CODES_KEPT = 20_000
_CODES_FILE = "codes.csv"


class Shelved(NamedTuple):
    """What a benchmark knows of an article; its price in cents."""

    code: str
    name: str
    cents: int


@dataclass(frozen=True, slots=True)
class Catalogue:
    """An imported catalogue, and articles from all over it that are sold without any question."""

    folder: Path
    variants: int
    articles: tuple["Shelved", ...]

    @property
    def file(self) -> Path:
        return self.folder / CATALOGUE_FILE


def catalogue(variants: int, folder: Path = FOLDER) -> Catalogue:
    """The catalogue of that size; made first if there is none."""
    place = folder / f"variants-{variants}-v{SCHEMA_VERSION}"
    if not (place / _CODES_FILE).is_file():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        articles = place / "articles.csv.gz"
        million.write(articles, variants)
        tresen("catalogue", "import", str(articles), "--state", str(place))
        articles.unlink()
        _write_codes(place / _CODES_FILE, variants)
    with (place / _CODES_FILE).open(encoding="utf-8", newline="") as file:
        shelf = tuple(Shelved(code, name, int(cents)) for code, name, cents in csv.reader(file))
    return Catalogue(place, variants, shelf)


class Shop:
    """Makes tills in a folder of their own, emptied first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._template = folder / "template"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        tresen("init", "--state", str(self._template), "--operator", OPERATOR, "--till", "bench", pin=PIN)

    def till(self, name: str, sells: Catalogue | None = None) -> Path:
        """The state folder of a new till, with a catalogue or without."""
        state = self.folder / name
        shutil.copytree(self._template, state)
        if sells is not None:
            _link(sells.file, state / CATALOGUE_FILE)
        return state


def tresen(*arguments: str, pin: str = "") -> str:
    """Runs `tresen ARGUMENTS` to its end; its standard output. Raises CalledProcessError."""
    command = [sys.executable, "-m", "pos", *arguments]
    return subprocess.run(
        command, input=f"{pin}\n", text=True, check=True, stdout=subprocess.PIPE, cwd=ROOT
    ).stdout


def _write_codes(path: Path, variants: int) -> None:
    every = max(1, variants // CODES_KEPT)
    whole = path.with_suffix(".part")
    with whole.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for number, row in enumerate(csv.DictReader(million.rows(variants))):
            if number % every == 0 and row["min_age"] == "0":
                writer.writerow((row["gtin"].split("|")[0], row["name"], row["price"].replace(".", "")))
    whole.rename(path)


def _link(source: Path, target: Path) -> None:
    # A catalogue's file is never written again, so all tills may share one.
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)
