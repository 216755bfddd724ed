"""The measures of the three common kinds of paper, so that every other module asks instead of knowing."""

from dataclasses import dataclass

from tests.simulators.paper.codepages import PAGES

FONT_A = (12, 24)
FONT_B = (9, 17)


@dataclass(frozen=True)
class Profile:
    """One kind of printer: widths in dots, resolution in dots per inch, default line spacing in dots.

    `margin_dots` is the unprintable paper left and right of the print area; it is white in pictures.
    `cutter_dots` is the way from the print head to the knife: print that was fed less stays inside.
    Vertical commands (ESC 3, ESC J, GS V n) count in dots here; real models may count half dots.
    """

    name: str
    columns: int
    width_dots: int
    dpi: int
    margin_dots: int
    line_spacing: int
    cutter_dots: int
    pages: frozenset[int] = frozenset(PAGES)

    def mm(self, dots: int) -> float:
        """Length of `dots` along the paper, in millimetres."""
        return dots * 25.4 / self.dpi


PROFILES = {
    "48": Profile("48", 48, 576, 203, margin_dots=32, line_spacing=34, cutter_dots=112),
    "42": Profile("42", 42, 512, 180, margin_dots=27, line_spacing=30, cutter_dots=99),
    "32": Profile("32", 32, 384, 203, margin_dots=40, line_spacing=34, cutter_dots=112),
}
