"""What a search found, and the departments an open price may belong to."""

from textual.strip import Strip

from pos.tui.face import Target
from pos.tui.scene import Scene
from pos.tui.screens.listing import listing
from pos.words import amount

__all__ = ["departments_panel", "results_panel"]


def results_panel(scene: Scene, height: int) -> tuple[list[Strip], list[Target]]:
    view, words = scene.view, scene.words
    items = []
    for number, article in enumerate(view.results, start=1):
        name = " · ".join((article.text, *article.options))
        price = "?" if article.price_minor is None else amount(article.price_minor, words.language)
        items.append((str(number), name, price if article.unit == "pc" else f"{price}/{article.unit}"))
    title = words("ui.search-title", text=view.search_text, count=len(items))
    return listing(scene, height, title, items, words("ui.list-hint"))


def departments_panel(scene: Scene, height: int) -> tuple[list[Strip], list[Target]]:
    words = scene.words
    items = [(str(number), name, code) for number, name, code in scene.view.departments]
    return listing(scene, height, words("ui.department-title"), items, words("ui.list-hint"))
