"""A log of what is said to and by a terminal, for technicians: fields by name, masked, without passwords. Off unless asked for."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from drivers.card.zvt import Apdu, scan
from drivers.card.zvt.facts import facts
from pos.ports import Clock

__all__ = ["traced"]

_SECRET: Final = frozenset({"password", "old_password", "new_password"})


def traced(
    terminal: str, clock: Clock, write: Callable[[str], None], charset: str
) -> Callable[[str, Apdu], None]:
    """Gives `write` a line for each message."""

    def note(direction: str, apdu: Apdu) -> None:
        try:
            said = msgspec.json.encode(_bare(facts(apdu, charset))).decode()
        except Exception as error:  # noqa: BLE001 - a trace must not harm a payment
            said = f"not told: {type(error).__name__}"
        write(f"{clock.now().isoformat(timespec='milliseconds')} {terminal} {direction} {scan(said)}")

    return note


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: "hidden" if name in _SECRET else _bare(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_bare(inner) for inner in value]
    return value
