"""F6 with several sales parked: which one? By when, by whom, and by what it is known by."""

from textual.strip import Strip

from pos.tui.face import Target
from pos.tui.paint import fit_right
from pos.tui.scene import Scene
from pos.tui.screens.listing import listing
from pos.view import ParkedCart
from pos.words import amount

__all__ = ["parked_panel"]


def parked_panel(scene: Scene, height: int) -> tuple[list[Strip], list[Target]]:
    words = scene.words
    times = [_when(scene, cart) for cart in scene.view.parked]
    width = max(map(len, times), default=0)
    items = [
        (
            str(number),
            f"{fit_right(time, width)}  {_known_by(scene, cart)}",
            amount(cart.total_minor, words.language),
        )
        for number, (time, cart) in enumerate(zip(times, scene.view.parked, strict=True), start=1)
    ]
    return listing(scene, height, words("ui.parked-title"), items, words("ui.parked-hint"))


def _known_by(scene: Scene, cart: ParkedCart) -> str:
    """A doubt and what the cashier wrote come first, the first article last: names are cut, amounts never."""
    words = scene.words
    pieces = f"{cart.pieces} {words('ui.piece' if cart.pieces == 1 else 'ui.pieces')}"
    before = words("ui.parked-before") if cart.before else ""
    away = words("ui.parked-away") if cart.away else ""
    till = words("ui.parked-till", till=cart.till) if cart.till else ""
    parts = (before, away, till, cart.note, pieces, cart.by, cart.text)
    return " · ".join(part for part in parts if part)


def _when(scene: Scene, cart: ParkedCart) -> str:
    """The time; the day only where it is not today's."""
    at = cart.parked_at
    time = f"{at:%H:%M}"
    if at.date() == scene.now.date():
        return time
    return scene.words("ui.day-and-time", day=f"{at:%d}", month=f"{at:%m}", time=time)
