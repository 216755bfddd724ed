"""Which numbered list is open just now."""

from typing import Final

from pos.menu import FUNCTIONS, GROUPS, MORE
from pos.tui.scene import Local, Panel
from pos.view import TillView

__all__ = ["PRINTING", "choices"]

PRINTING: Final = ("print-came-out", "print-once-more", "print-code-only", "print-other-printer")


def choices(local: Local, view: TillView) -> tuple[str, ...]:
    """The names behind the numbers 1, 2, 3 ... of the open list; empty when none is open."""
    if local.panel is Panel.PRINTING:
        return PRINTING
    if local.panel is not Panel.FUNCTIONS:
        return ()
    if local.menu == MORE:
        return tuple(GROUPS)
    if local.menu:
        return GROUPS[local.menu]
    return FUNCTIONS if view.print_problem else FUNCTIONS[:-1]
