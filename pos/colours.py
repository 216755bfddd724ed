"""Colours written as #rrggbb, and whether one can be read on the other (WCAG 2.2, 1.4.3)."""

from typing import Final

__all__ = ["TEXT", "contrast", "luminance", "readable"]

TEXT: Final = 4.5
"""The contrast that text needs."""


def contrast(one: str, other: str) -> float:
    """1 (the same) to 21 (black and white)."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable(colour: str, *grounds: str) -> str:
    """The colour, mixed with white or black as little as makes text of it readable on all of these grounds."""
    towards = "#ffffff" if luminance(grounds[0]) < 0.18 else "#000000"
    for part in range(0, 101, 5):
        mixed = _mix(colour, towards, part)
        if all(contrast(mixed, ground) >= TEXT for ground in grounds):
            return mixed
    return towards


def luminance(colour: str) -> float:
    """Relative, 0 (black) to 1 (white)."""
    parts = [value / 255 for value in _channels(colour)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def _mix(colour: str, other: str, per_cent: int) -> str:
    pairs = zip(_channels(colour), _channels(other), strict=True)
    return "#" + "".join(f"{(a * (100 - per_cent) + b * per_cent) // 100:02x}" for a, b in pairs)
