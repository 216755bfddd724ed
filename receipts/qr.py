"""QR codes without pictures: as an SVG path for pages, as half blocks for terminals, as bits for printers."""

from functools import lru_cache
from typing import Final

__all__ = ["Matrix", "matrix", "qr_blocks", "qr_fitting", "qr_sextants", "qr_svg"]

QUIET: Final = 4  # modules of white that a scanner is promised on each side
QUIET_TERMINAL: Final = 2  # enough on a screen, where space is short

_HALVES: Final = {0: " ", 21: "▌", 42: "▐", 63: "█"}
_SEXTANTS: Final = tuple(
    _HALVES[bits] if bits in _HALVES else chr(0x1FB00 + bits - 1 - (bits > 21) - (bits > 42))
    for bits in range(64)
)
"""By the modules that are ink: bit 0 is the upper left one, bit 1 the upper right one, and so on downwards."""

Matrix = tuple[tuple[bool, ...], ...]


@lru_cache(maxsize=32)
def matrix(text: str, *, low: bool = False) -> Matrix:
    """The modules of the smallest code of level M (`low`: L) that holds `text`, without a quiet zone; True is dark."""
    from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M  # noqa: PLC0415 - loads Pillow, so only when a code is drawn
    from qrcode.main import QRCode  # noqa: PLC0415

    code = QRCode(error_correction=ERROR_CORRECT_L if low else ERROR_CORRECT_M, border=0)
    code.add_data(text.encode())
    code.make(fit=True)
    return tuple(tuple(bool(module) for module in row) for row in code.get_matrix())


def qr_svg(text: str, *, label: str = "") -> str:
    """An `<svg>` element, dark on white in every colour scheme; `label` must already be safe for HTML."""
    rows = matrix(text)
    size = len(rows) + 2 * QUIET
    path = "".join(
        f"M{x + QUIET} {y + QUIET}h{width}v1h-{width}z"
        for y, row in enumerate(rows)
        for x, width in _runs(row)
    )
    return (
        f'<svg class="qr" role="img" aria-label="{label}" viewBox="0 0 {size} {size}"'
        ' xmlns="http://www.w3.org/2000/svg" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d="{path}"/></svg>'
    )


def qr_fitting(text: str, columns: int, rows: int, *, fine: bool) -> list[str]:
    """The code in the largest modules that have room; where none do, half blocks of level M, which are too many.

    Level M first, for that is what a code of a transfer must have; a link may have less on a screen, where nothing is scratched. `fine`: the
    terminal has sextants (2 x 3 modules a character), a third of the height less than half blocks.
    """
    levels = (False,) if text.startswith("BCD\n") else (False, True)
    drawn = (qr_blocks, qr_sextants) if fine else (qr_blocks,)
    for draw in drawn:
        for low in levels:
            blocks = draw(text, low=low)
            if len(blocks) <= rows and len(blocks[0]) <= columns:
                return blocks
    return qr_blocks(text)


def qr_sextants(text: str, *, low: bool = False) -> list[str]:
    """Lines of sextants, two modules of width and three of height each, light modules as ink; what is left over is light."""
    code = matrix(text, low=low)
    side = len(code) + 2 * QUIET_TERMINAL

    def light(x: int, y: int) -> bool:
        column, row = x - QUIET_TERMINAL, y - QUIET_TERMINAL
        inside = 0 <= row < len(code) and 0 <= column < len(code)
        return not (inside and code[row][column])

    def sextant(x: int, y: int) -> str:
        bits = sum(light(x + n % 2, y + n // 2) << n for n in range(6))
        return _SEXTANTS[bits]

    return ["".join(sextant(x, y) for x in range(0, side, 2)) for y in range(0, side, 3)]


def qr_blocks(text: str, *, low: bool = False) -> list[str]:
    """Lines of half blocks, two modules of height each: light modules are ink, for dark terminals."""
    rows = matrix(text, low=low)
    side = len(rows) + 2 * QUIET_TERMINAL
    blank = (False,) * side
    edge = (False,) * QUIET_TERMINAL
    padded = [blank] * QUIET_TERMINAL + [edge + row + edge for row in rows] + [blank] * QUIET_TERMINAL
    if side % 2:
        padded.append((True,) * side)  # below the code: nothing is drawn there
    halves = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    return [
        "".join(halves[upper, lower] for upper, lower in zip(*padded[at : at + 2], strict=True))
        for at in range(0, len(padded), 2)
    ]


def _runs(row: tuple[bool, ...]) -> list[tuple[int, int]]:
    """Start and width of each dark run."""
    runs: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if dark and runs and sum(runs[-1]) == x:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        elif dark:
            runs.append((x, 1))
    return runs
