"""Promotions that come down from the hub: kept in a file of their own, beside those that were imported here."""

import contextlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from pos.domain.promotions.record import RowRefusedError, read_row
from pos.promotions.past import keep_past
from pos.promotions.rows_file import HUB_FILE, RowsRefusedError, read_rows, write_rows

__all__ = ["KIND", "take_changes"]

KIND: Final = "promotion"
DOUBT_FILE: Final = f"{HUB_FILE}.doubt"
_log = logging.getLogger("tresen.promotions")


def take_changes(
    state: Path, changes: Sequence[Mapping[str, Any]], *, begins: bool = False, whole: bool = False
) -> None:
    """Put changed rows in the place of those with their ids; taken twice they change nothing more. Raises OSError.

    `begins`: the feed begins anew, and rows of which it says nothing until it is `whole` are gone. A row that this software cannot read must not hold the others up: it is left out, and what it replaces with it.
    """
    path = state / HUB_FILE
    if not changes and not path.exists():
        return
    rows = {}
    try:
        rows = {row.id: row for row in read_rows(path.read_bytes())}
    except FileNotFoundError:
        pass
    except RowsRefusedError as error:
        _log.error("the hub's promotions were damaged and begin anew: %s", error)
    doubtful = set(rows) if begins else _doubtful(state)
    for change in changes:
        name = str(change["key"])
        rows.pop(name, None)
        doubtful.discard(name)
        if change["body"] is None:
            continue
        try:
            row = read_row(change["body"])
        except RowRefusedError as error:
            _log.error("a promotion from the hub was left out: %s: %s", name, error)
        else:
            rows[row.id] = row
    if doubtful and not whole:
        (state / DOUBT_FILE).write_bytes(msgspec.json.encode(sorted(doubtful)))
    left = {name: row for name, row in rows.items() if not (whole and name in doubtful)}
    keep_past(state, changes, left)
    write_rows(path, left.values())
    if whole or not doubtful:
        (state / DOUBT_FILE).unlink(missing_ok=True)


def _doubtful(state: Path) -> set[str]:
    """The ids of which a feed that began anew has said nothing yet."""
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return set(msgspec.json.decode((state / DOUBT_FILE).read_bytes(), type=list[str]))
    return set()
