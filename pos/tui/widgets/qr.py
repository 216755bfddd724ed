"""The receipt's code on the screen: white on black in every theme, as phones expect it."""

__all__ = ["fits", "framed"]

_LIGHT = frozenset("█▀")


def framed(blocks: tuple[str, ...], height: int) -> tuple[str, ...]:
    """Half blocks with light modules as ink; a half-used last row of the white edge becomes whole.

    If only that row is too many it is left out: the edge is then a module narrower, which phones forgive.
    """
    if not blocks or not set(blocks[-1]) <= _LIGHT:
        return blocks
    if len(blocks) == height + 1:
        return blocks[:-1]
    return (*blocks[:-1], "█" * len(blocks[-1]))


def fits(blocks: tuple[str, ...], width: int, height: int) -> bool:
    return bool(blocks) and len(blocks) <= height and len(blocks[0]) <= width
