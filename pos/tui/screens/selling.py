"""The screen of a sale: the cart above, pieces, taxes and total below. A list may lie over the cart."""

from collections.abc import Callable

from textual.strip import Strip

from pos.tui.face import Target
from pos.tui.scene import Scene
from pos.tui.widgets.cart_list import cart_header, cart_list, expected_rows
from pos.tui.widgets.digits import SMALL_ROWS
from pos.tui.widgets.payments import payment_rows
from pos.tui.widgets.total import total_block

__all__ = ["selling_body"]

Over = Callable[[Scene, int], tuple[list[Strip], list[Target]]]


def selling_body(scene: Scene, height: int, over: Over | None = None) -> tuple[list[Strip], list[Target]]:
    paid = payment_rows(scene, (height - SMALL_ROWS) // 3)
    above = height - SMALL_ROWS - len(paid)
    if over is not None:
        rows, targets = over(scene, above)
        return rows + paid + total_block(scene), targets
    wanted = expected_rows(scene, (above - 1) // 2)
    cart = cart_list(scene, above - 1 - len(wanted))
    if not scene.view.lines and not wanted:
        cart[0] = scene.brush.row((f"  {scene.words('ui.ready')}", "dim"))
    return [cart_header(scene, above - 1 - len(wanted)), *cart, *wanted, *paid, *total_block(scene)], []
