"""One finding of `tresen check`, and the table of all of them."""

from collections.abc import Iterable, Sequence
from typing import Literal

import click
import msgspec

__all__ = ["Finding", "State", "can_sell", "table"]

State = Literal["ok", "missing", "wrong", "off"]
"""`off`: not asked for, or nothing to look at; never a fault."""

_COLOURS: dict[State, str] = {"ok": "green", "missing": "yellow", "wrong": "red", "off": "bright_black"}
_INDENT = 10


class Finding(msgspec.Struct, frozen=True):
    """What was looked at, how it is, what was found, and what to do about it.

    `vital`: the till cannot sell unless this is ok. `must_not_sell`: it could, and another machine sells in its place,
    or its key was revoked.
    """

    section: str
    what: str
    state: State
    found: str = ""
    to_do: str = ""
    vital: bool = False
    must_not_sell: bool = False


def can_sell(findings: Iterable[Finding]) -> bool:
    return not any(finding.vital and finding.state in {"missing", "wrong"} for finding in findings)


def table(findings: Sequence[Finding]) -> str:
    """For people: one line each, and below it what to do."""
    width = max((len(finding.what) for finding in findings), default=0)
    lines = []
    section = ""
    for finding in findings:
        if finding.section != section:
            section = finding.section
            lines.append(click.style(section, bold=True))
        state = click.style(finding.state.ljust(_INDENT - 2), fg=_COLOURS[finding.state])
        found = _hanging(finding.found, _INDENT + width + 2)
        lines.append(f"  {state}{finding.what.ljust(width)}  {found}".rstrip())
        if finding.to_do:
            lines.append(f"{' ' * _INDENT}-> {_hanging(finding.to_do, _INDENT + 3)}")
    return "\n".join(lines)


def _hanging(text: str, indent: int) -> str:
    return text.replace("\n", "\n" + " " * indent)
