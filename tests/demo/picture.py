"""Makes the README's picture of the till: the real screen on a demo sale, drawn by Chromium.

`python -m tests.demo.picture docs/till.png [paid]`
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from pos.bootstrap import open_till
from pos.domain import commands as c
from pos.entry import load_keymap
from pos.settings import load_settings
from pos.tui.app import TillApp
from pos.tui.themes import load_theme
from receipts.qr import qr_blocks
from tests.demo.shop import DATA
from tests.simulation.line_till import PIN, make_till, run_tool

SCANS = ("2000000000299", "2000000000800", "4006381333931", "2000000000367", "2000000002019")
LINK = "https://shop.example/r/demo.pNLl4nXmH0WzFJ8pVY3xAw.q3XK7mZa"


async def screenshot(state: Path, *, paid: bool) -> str:
    settings = load_settings(state)
    async with open_till(state, settings) as opened:
        till = opened.till
        app = TillApp(
            till,
            load_keymap(),
            clock=opened.clock,
            theme=load_theme("dark"),
            qr_blocks=lambda _: qr_blocks(LINK),
        )
        async with app.run_test(size=(80, 24)) as pilot:
            await till.handle(c.SignIn("Kim", PIN))
            for code in SCANS:
                await till.handle(c.Scan(code))
            await till.handle(c.VoidLine(4))
            if paid:
                await till.handle(c.DropOpenLines())
                await till.handle(c.PayCash(5000))
            else:
                await pilot.press("2", "0", "0", "0")
            await pilot.pause()
            svg: str = app.export_screenshot(title="Tresen")
            return svg


def draw(svg: str, target: Path) -> None:
    """SVG to PNG with a font of this machine: the SVG names one from the network."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "till.html"
        local = svg.replace("Fira Code", "DejaVu Sans Mono")
        page.write_text(
            f"<meta charset='utf-8'><body style='margin:0;background:#fff'>{local}</body>", encoding="utf-8"
        )
        subprocess.run(
            [
                *(
                    "chromium",
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--no-first-run",
                ),
                *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
                *(f"--user-data-dir={folder}/profile", "--window-size=1000,700", "--hide-scrollbars"),
                *(f"--screenshot={target.absolute()}", page.as_uri()),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "till"
        make_till(state, "--till", "3", "--shop-file", str(DATA / "shop.toml"))
        run_tool(
            *("catalogue", "import", str(DATA / "articles.csv")),
            *("--departments", str(DATA / "departments.csv"), "--state", str(state)),
        )
        draw(asyncio.run(screenshot(state, paid="paid" in sys.argv[2:])), Path(sys.argv[1]))


if __name__ == "__main__":
    main()
