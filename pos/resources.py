"""Finds the data in config/, in a checkout and in an installed wheel, and reads it."""

import datetime as dt
import tomllib
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from pos.domain.returns import Reason
from pos.domain.rights import Role
from pos.domain.tax import TaxRate, TaxTable
from pos.menu import with_ways

__all__ = [
    "Texts",
    "config_path",
    "read_toml",
    "read_words",
    "shipped_reasons",
    "shipped_roles",
    "tax_table",
    "texts",
]

LANGUAGES = ("de", "en")


@lru_cache(maxsize=1)
def config_path() -> Path:
    """The folder of shipped data."""
    here = Path(__file__).resolve().parent
    for candidate in (here / "_config", here.parent / "config"):
        if (candidate / "defaults.toml").is_file():
            return candidate
    raise FileNotFoundError("the folder config/ is missing beside the program; install Tresen again")


def read_toml(*parts: str) -> dict[str, Any]:
    with config_path().joinpath(*parts).open("rb") as file:
        return tomllib.load(file)


class _TaxFile(msgspec.Struct, forbid_unknown_fields=True):
    rate: list["_TaxRow"]


class _TaxRow(msgspec.Struct, forbid_unknown_fields=True):
    code: str
    key: int
    percent: str
    valid_from: dt.date
    valid_to: dt.date | None = None


@lru_cache(maxsize=8)
def tax_table(country: str) -> TaxTable:
    """The VAT table of a country (ISO 3166 alpha-2); raises FileNotFoundError where none is shipped."""
    data = msgspec.convert(read_toml("tax", f"{country.lower()}.toml"), _TaxFile)
    return TaxTable(
        TaxRate(row.code, row.key, Decimal(row.percent), row.valid_from, row.valid_to) for row in data.rate
    )


class _RoleFile(msgspec.Struct, forbid_unknown_fields=True):
    role: tuple[Role, ...]


@lru_cache(maxsize=1)
def shipped_roles() -> tuple[Role, ...]:
    """The roles of config/roles.toml."""
    return msgspec.convert(read_toml("roles.toml"), _RoleFile).role


class _ReasonFile(msgspec.Struct, forbid_unknown_fields=True):
    reason: tuple[Reason, ...]


@lru_cache(maxsize=1)
def shipped_reasons() -> tuple[Reason, ...]:
    """Why goods come back: config/returns.toml."""
    return msgspec.convert(read_toml("returns.toml"), _ReasonFile).reason


_COUNTS: Final = ("count", "pieces", "minutes")
"""Fields that say how many: German and English have a word of their own for one."""


class Texts:
    """The words of one language by key. A missing key shows itself as the key, and a test finds it."""

    def __init__(self, language: str, words: dict[str, dict[str, str]]) -> None:
        self.language = language
        self._words = {f"{group}.{key}": text for group, keys in words.items() for key, text in keys.items()}

    def __call__(self, key: str, /, **fields: object) -> str:
        """The words of `key`; of `key-one`, where there is such a key, if what those leave out is one."""
        text = self._words.get(key)
        if any(str(fields.get(name)) == "1" for name in _COUNTS):
            one = self._words.get(f"{key}-one", "")
            left_out = [name for name in _COUNTS if name in fields and f"{{{name}" not in one]
            if one and all(str(fields[name]) == "1" for name in left_out if f"{{{name}" in (text or "")):
                text = one
        if text is None:
            return key
        return text.format(**fields) if fields else text

    def keys(self) -> frozenset[str]:
        return frozenset(self._words)


@lru_cache(maxsize=4)
def texts(language: str) -> Texts:
    chosen = language if language in LANGUAGES else "de"
    return Texts(chosen, read_words(chosen))


def read_words(language: str) -> dict[str, dict[str, str]]:
    """All words of a language by group and key: those of its file, and of the files in its folder, one per subject.

    `F9:NAME` in them is the way to a function. Raises ValueError where a key is given twice, KeyError for a way to nowhere.
    """
    words: dict[str, dict[str, str]] = {}
    folder = config_path() / "locales" / language
    for path in (folder.with_suffix(".toml"), *sorted(folder.glob("*.toml"))):
        with path.open("rb") as file:
            groups: dict[str, dict[str, str]] = tomllib.load(file)
        for group, keys in groups.items():
            known = words.setdefault(group, {})
            twice = known.keys() & keys.keys()
            if twice:
                raise ValueError(f"{path.name}: {group}.{min(twice)} is given twice")
            known.update({key: with_ways(text) for key, text in keys.items()})
    return words
