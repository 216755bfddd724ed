"""The receipt's code on the screen: white on black in every theme, as phones expect it."""

__all__ = ["fits", "trimmed"]

_LIGHT = frozenset("█▀")


def trimmed(blocks: tuple[str, ...], height: int) -> tuple[str, ...]:
    """Without the last row of the white edge if only that one row is too many."""
    if len(blocks) == height + 1 and set(blocks[-1]) <= _LIGHT:
        return blocks[:-1]
    return blocks


def fits(blocks: tuple[str, ...], width: int, height: int) -> bool:
    return bool(blocks) and len(blocks) <= height and len(blocks[0]) <= width
