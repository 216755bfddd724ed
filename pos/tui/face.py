"""The one widget: rows given from outside, of which only the changed ones are painted again.

One widget of fixed size means no layout, no focus and one region list a frame; what stands in the rows is
made by plain functions of the view in screens/ and widgets/.
"""

from collections.abc import Callable, Sequence

from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

__all__ = ["Drawing", "Face", "Target"]

Target = tuple[int, int, int, str]
"""Row, first column, column after the last, and what a touch there means ("key:cash", "pick:3")."""


class Drawing:
    """All rows of a screen of one size, and where it can be touched."""

    def __init__(self, rows: Sequence[Strip], targets: Sequence[Target] = ()) -> None:
        self.rows = rows
        self.targets = targets

    def text(self) -> str:
        return "\n".join(strip.text.rstrip() for strip in self.rows)


class Face(Widget):
    """Shows a Drawing. `draw(width, height)` makes one; `touched` hears what was touched."""

    DEFAULT_CSS = "Face { width: 100%; height: 100%; }"

    def __init__(self, draw: Callable[[int, int], Drawing], touched: Callable[[str], None]) -> None:
        super().__init__()
        self._draw = draw
        self._touched = touched
        self._drawn = Drawing(())
        self._drawn_size = (0, 0)

    @property
    def drawing(self) -> Drawing:
        return self._drawn

    def renew(self) -> bool:
        """Draw again and ask for the changed rows to be painted; False if nothing changed."""
        width, height = self.size
        if not width or not height:
            return False
        old = self._drawn.rows
        fresh = self._draw(width, height)
        self._drawn = fresh
        if self._drawn_size != (width, height):
            self._drawn_size = (width, height)
            self.refresh()
            return True
        changed = [y for y, row in enumerate(fresh.rows) if row is not old[y]]
        if changed:
            self.refresh(*_regions(changed, width))
        return bool(changed)

    def render_line(self, y: int) -> Strip:
        if self._drawn_size != tuple(self.size):
            self._drawn = self._draw(*self.size)
            self._drawn_size = (self.size.width, self.size.height)
        rows = self._drawn.rows
        return rows[y] if y < len(rows) else Strip.blank(self.size.width)

    def on_click(self, event: events.Click) -> None:
        for row, start, end, token in self._drawn.targets:
            if row == event.y and start <= event.x < end:
                self._touched(token)
                return


def _regions(rows: Sequence[int], width: int) -> list[Region]:
    """Neighbouring rows as one region."""
    regions: list[Region] = []
    for y in rows:
        if regions and regions[-1].bottom == y:
            regions[-1] = Region(0, regions[-1].y, width, regions[-1].height + 1)
        else:
            regions.append(Region(0, y, width, 1))
    return regions
