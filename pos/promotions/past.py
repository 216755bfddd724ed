"""How the hub's promotions stood before, as it said beside their rows: kept in a file, read where a label is made."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pos.domain.price_past import Ran
from pos.domain.promotions import Promotion
from pos.domain.promotions.record import RowRefusedError, read_row
from pos.promotions.rows_file import PAST_FILE, write_file

__all__ = ["keep_past", "ran_of"]

_log = logging.getLogger("tresen.promotions")


class _Past(msgspec.Struct, frozen=True, omit_defaults=True):
    """`since_ms`: since when the row is as it is; `was`: since, until, and the row as it stood then."""

    since_ms: int
    was: tuple[tuple[int, int, dict[str, Any]], ...] = ()


_FILE: Final = msgspec.json.Decoder(dict[str, _Past])


def keep_past(state: Path, changes: Sequence[Mapping[str, Any]], kept: Iterable[str]) -> None:
    """Take what came beside these rows; of rows that are not among those `kept` nothing is known any more. Raises OSError."""
    path = state / PAST_FILE
    before = _read(path)
    past = dict(before)
    for change in changes:
        name = str(change["key"])
        past.pop(name, None)
        if change.get("history") is None:
            continue
        try:
            past[name] = msgspec.convert(change["history"], _Past)
        except msgspec.ValidationError as error:
            _log.error("how promotion %s stood before cannot be read: %s", name, error)
    wanted = set(kept)
    past = {name: said for name, said in past.items() if name in wanted}
    if past != before:
        write_file(path, msgspec.json.encode(past))


def ran_of(state: Path, rows: Iterable[Promotion]) -> tuple[Ran, ...]:
    """The rows that are in use and how they stood before; a row of which the hub said nothing stood as it does for ever."""
    past = _read(state / PAST_FILE)
    found = []
    for row in rows:
        said = past.get(row.id, _Past(0))
        for since, until, record in said.was:
            try:
                found.append(Ran(since, until, read_row(record)))
            except RowRefusedError as error:
                _log.error("how promotion %s stood before cannot be read: %s", row.id, error)
        found.append(Ran(said.since_ms, None, row))
    return tuple(found)


def _read(path: Path) -> dict[str, _Past]:
    try:
        return _FILE.decode(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        _log.error("%s is damaged and begins anew: %s", path.name, error)
        return {}
