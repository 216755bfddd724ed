"""F9: what is not done with every sale, by number."""

from textual.strip import Strip

from pos.menu import GROUPS, MORE, TROUBLE
from pos.tui.choices import choices
from pos.tui.face import Target
from pos.tui.scene import Panel, Scene
from pos.tui.screens.listing import listing

__all__ = ["functions_panel"]


def functions_panel(scene: Scene, height: int) -> tuple[list[Strip], list[Target]]:
    words, printing = scene.words, scene.local.panel is Panel.PRINTING
    items = [
        (str(number), words(f"ui.{name}" if name in (TROUBLE, MORE, *GROUPS) else f"key.{name}"), "")
        for number, name in enumerate(choices(scene.local, scene.view), start=1)
    ]
    menu = scene.local.menu
    title = words("ui.printing-title" if printing else f"ui.{menu}" if menu else "ui.functions-title")
    return listing(scene, height, title, items, words("ui.functions-hint"))
