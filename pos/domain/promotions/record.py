"""A promotion's row as somebody wrote it: read with all its faults at once, each by its field. Till and hub read alike."""

import re
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, Final

import msgspec

from pos.domain.promotions.rows import Promotion, troubles_of

__all__ = ["ID_MAX", "ROWS_MAX", "Fault", "RowRefusedError", "read_row"]

ID_MAX: Final = 64
ROWS_MAX: Final = 10_000
_FIELDS: Final = {field.name: field for field in msgspec.structs.fields(Promotion)}
_HOURS: Final = re.compile(r"[0-2][0-9]:[0-5][0-9]", re.ASCII)


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with one field of a row; `field` is empty where it is the row as a whole."""

    field: str
    trouble: str

    def __str__(self) -> str:
        known = not self.field or self.trouble.startswith(self.field)
        return self.trouble if known else f"{self.field}: {self.trouble}"


class RowRefusedError(ValueError):
    """No till could mean this row; `faults` holds all that is wrong with it."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def read_row(record: object) -> Promotion:
    """A promotion out of JSON's or TOML's values (numbers with decimals as Decimal). Raises RowRefusedError.

    Times may be written without seconds. Fields that are None are as if not given.
    """
    if not isinstance(record, Mapping):
        raise RowRefusedError((Fault("", "a row is a table of fields"),))
    faults: list[Fault] = []
    values: dict[str, Any] = {}
    for name, given in record.items():
        field = _FIELDS.get(name)
        if field is None:
            faults.append(Fault(str(name)[:40], f"there is no such field; there are {', '.join(_FIELDS)}"))
        elif given is not None:
            try:
                values[name] = msgspec.convert(_timed(name, given), field.type)
            except (msgspec.ValidationError, ValueError) as error:
                faults.append(Fault(name, str(error)))
    faults += [
        Fault(name, "is missing")
        for name, field in _FIELDS.items()
        if field.required and record.get(name) is None
    ]
    whole = {name: "-" if field.required else field.default for name, field in _FIELDS.items()} | values
    told = {fault.field for fault in faults}
    found = (Fault(*trouble) for trouble in troubles_of(SimpleNamespace(**whole)))
    faults += [fault for fault in found if fault.field not in told]
    if faults:
        raise RowRefusedError(tuple(faults))
    return Promotion(**values)


def _timed(name: str, given: object) -> object:
    if name in {"time_from", "time_to"} and isinstance(given, str) and _HOURS.fullmatch(given):
        return f"{given}:00"
    return given
