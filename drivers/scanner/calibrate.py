"""Finds out which country's keyboard a scanner plays, from one barcode that shows the differences."""

from collections.abc import Sequence

from drivers.scanner.layouts import LAYOUTS, MODIFIERS, PRESS, KeyDecoder

__all__ = ["CALIBRATION", "detect_layout"]

CALIBRATION = "xyzXYZ-/?:&=#]"
"""What the calibration barcode holds: letters and signs that sit on other keys in other layouts."""


def detect_layout(keys: Sequence[tuple[int, int]]) -> str | None:
    """The layout under which these (key code, value) pairs type CALIBRATION, or None if under none."""
    presses = sum(1 for key, value in keys if value == PRESS and key not in MODIFIERS)
    if presses != len(CALIBRATION) + 1:  # the terminator too; this spares every other code the search
        return None
    for name, layout in LAYOUTS.items():
        decoder = KeyDecoder(layout)
        if CALIBRATION in [decoder.feed(key, value) for key, value in keys]:
            return name
    return None
