"""The pictures of the cashier's handbook: the days of tests.demo.day and tests.demo.shop_day on the real screen, drawn by Chromium.

`python -m tests.demo.handbook [NAME ...]` writes docs/handbook/pictures/LANGUAGE/NAME.png.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tests.demo.day import CARD_SITUATIONS, SITUATIONS, Situation, day_shop
from tests.demo.fronts import ScreenFront
from tests.demo.picture import draw
from tests.demo.shop_day import SHOP_SITUATIONS, shop_day
from tests.tui.fakes import Screen, opened

FOLDER = Path(__file__).parents[2] / "docs" / "handbook" / "pictures"
_COLOURS = 16


async def pictures(language: str, names: frozenset[str]) -> dict[str, str]:
    """SVGs by situation, as the screen stood after the step that is to be seen."""
    found: dict[str, str] = {}
    for terminal, situations in ((False, SITUATIONS), (True, CARD_SITUATIONS)):
        shop = day_shop(language, terminal=terminal)
        async with opened(shop, size=(80, 24), signed_in=False) as screen:
            found |= await _taken(screen, situations, names)
    with tempfile.TemporaryDirectory() as folder, shop_day(Path(folder), language) as counter:
        async with opened(counter, size=(80, 24), signed_in=False) as screen:
            found |= await _taken(screen, SHOP_SITUATIONS, names)
    return found


async def _taken(screen: Screen, situations: tuple[Situation, ...], names: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    front = ScreenFront(screen)
    for situation in situations:
        for at, step in enumerate(situation.steps, start=1):
            await front.do(step)
            if at == situation.picture and (not names or situation.name in names):
                await screen.settled()
                found[situation.name] = screen.app.export_screenshot(title="Tresen")
        for _ in range(3):
            if screen.shop.till.view.state in {"question", "approval", "search", "department"}:
                await front.do("key escape")
    return found


def main() -> None:
    names = frozenset(sys.argv[1:])
    for language in ("de", "en"):
        folder = FOLDER / language
        folder.mkdir(parents=True, exist_ok=True)
        for name, svg in asyncio.run(pictures(language, names)).items():
            path = folder / f"{name}.png"
            draw(svg, path)
            with Image.open(path) as image:
                small = image.convert("RGB").quantize(_COLOURS)
            small.save(path, optimize=True)
            print(path.relative_to(FOLDER.parents[2]), path.stat().st_size)


if __name__ == "__main__":
    main()
