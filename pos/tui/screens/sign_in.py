"""Nobody is signed in: who works here? An open cart waits, and says so. Or: who agrees to what waits?"""

from textual.strip import Strip

from pos.tui.face import Target
from pos.tui.paint import fit
from pos.tui.scene import Scene, people_of
from pos.tui.screens.listing import listing
from pos.tui.themes import BRAND

__all__ = ["sign_in_panel"]


def sign_in_panel(scene: Scene, height: int) -> tuple[list[Strip], list[Target]]:
    view, words, brush = scene.view, scene.words, scene.brush
    head: list[Strip] = [brush.row((f" {fit(scene.shop, scene.width - 1)}", BRAND))] if scene.shop else []
    if view.state == "approval":
        head += [brush.row((f" {words('ui.approval', what=words(f'right.{view.asked_right}'))}", "warn"))]
    elif view.lines:
        head += [brush.row((f" {words('ui.waiting', pieces=view.pieces)}", "warn"))]
    kind = "approval" if view.state == "approval" else "sign-in"
    title, hint = words(f"ui.{kind}-title"), words(f"ui.{kind}-hint")
    if view.state == "approval" and not view.approvers:
        hint = words("ui.approval-nobody")
    if scene.local.signing_in:
        title, hint = words("ui.pin-title", name=scene.local.signing_in), words("ui.pin-hint")
    items = [
        (str(number), operator.name, _role(scene, operator.role))
        for number, operator in enumerate(people_of(view), start=1)
    ]
    rows, targets = listing(scene, height - len(head), title, items, hint)
    return head + rows, [(y + len(head), start, end, token) for y, start, end, token in targets]


def _role(scene: Scene, role: str) -> str:
    """A role of the shop's own is shown by its name."""
    word = f"ui.role-{role}"
    said = scene.words(word)
    return role if said == word else said
