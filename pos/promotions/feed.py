"""Promotions that come down from the hub: kept in a file of their own, beside those that were imported here."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pos.domain.promotions.record import RowRefusedError, read_row
from pos.promotions.rows_file import HUB_FILE, RowsRefusedError, read_rows, write_rows

__all__ = ["KIND", "take_changes"]

KIND: Final = "promotion"
_log = logging.getLogger("tresen.promotions")


def take_changes(state: Path, changes: Sequence[Mapping[str, Any]]) -> None:
    """Put changed rows in the place of those with their ids; taken twice they change nothing more. Raises OSError.

    A row that this software cannot read must not hold the others up: it is left out, and what it replaces with it.
    """
    path = state / HUB_FILE
    rows = {}
    try:
        rows = {row.id: row for row in read_rows(path.read_bytes())}
    except FileNotFoundError:
        pass
    except RowsRefusedError as error:
        _log.error("the hub's promotions were damaged and begin anew: %s", error)
    for change in changes:
        name = str(change["key"])
        rows.pop(name, None)
        if change["body"] is None:
            continue
        try:
            row = read_row(change["body"])
        except RowRefusedError as error:
            _log.error("a promotion from the hub was left out: %s: %s", name, error)
        else:
            rows[row.id] = row
    write_rows(path, rows.values())
