"""Themes are data: a role's name gives its two colours and its weight. Meaning never hangs on colour alone."""

import re

import msgspec
from rich.style import Style

from pos import colours
from pos.resources import config_path, read_toml

__all__ = ["BRAND", "ROLES", "STRONG_ROLES", "Ink", "Theme", "contrast", "load_theme", "theme_names"]

ROLES = frozenset(
    {
        "text", "dim", "header", "newest", "voided", "open", "panel", "total", "change", "status",
        "status_bad", "demo", "training", "info", "warn", "error", "alarm", "entry", "meaning", "key", "key_label",
        "title", "selected", "qr",
    }
)  # fmt: skip
"""Every part of every screen is painted in one of these."""

STRONG_ROLES = frozenset({"total", "change"})
"""Read from afar: at least 7:1, where the rest has at least 4.5:1 (WCAG 2.2, 1.4.3 and 1.4.6)."""

BRAND = "brand"
"""The shop's name alone is painted in it: as a title, or in colours of the shop's own (pos.brand), which are checked there."""

# The colours of the Linux console and of VGA text, by the names that Rich knows them by.
_CONSOLE = {
    "black": "#000000",
    "red": "#aa0000",
    "green": "#00aa00",
    "yellow": "#aa5500",
    "blue": "#0000aa",
    "magenta": "#aa00aa",
    "cyan": "#00aaaa",
    "white": "#aaaaaa",
    "bright_white": "#ffffff",
    "bright_yellow": "#ffff55",
}


class Ink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two colours and a weight. "default" is whatever the terminal writes with."""

    fg: str
    bg: str
    bold: bool = False
    reverse: bool = False
    underline: bool = False

    def style(self) -> Style:
        return Style(
            color=self.fg, bgcolor=self.bg, bold=self.bold, reverse=self.reverse, underline=self.underline
        )


class _ThemeFile(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    terminal_colours: bool
    ink: dict[str, Ink]


class Theme:
    """All roles' styles. `terminal_colours`: the terminal's own palette, to be sent as it is."""

    def __init__(self, name: str, *, terminal_colours: bool, inks: dict[str, Ink]) -> None:
        missing = ROLES - inks.keys()
        unknown = inks.keys() - ROLES
        if missing or unknown:
            raise ValueError(f"theme {name}: missing {sorted(missing)}, unknown {sorted(unknown)}")
        self.name = name
        self.terminal_colours = terminal_colours
        self.inks = inks
        self.styles = {role: ink.style() for role, ink in inks.items()}
        self.styles[BRAND] = self.styles["title"]

    def branded(self, accent: str, on_accent: str) -> "Theme":
        """The same with the shop's name in the shop's colours; a terminal that has only its own keeps them."""
        made = Theme(self.name, terminal_colours=self.terminal_colours, inks=self.inks)
        if accent and not self.terminal_colours:
            made.styles[BRAND] = Ink(on_accent, accent, bold=True).style()
        return made


def theme_names() -> list[str]:
    return sorted(path.stem for path in config_path().joinpath("themes").glob("*.toml"))


def load_theme(name: str) -> Theme:
    """A theme of config/themes; raises FileNotFoundError, or ValueError when its data is wrong."""
    data = msgspec.convert(read_toml("themes", f"{name}.toml"), _ThemeFile)
    return Theme(data.name, terminal_colours=data.terminal_colours, inks=data.ink)


def contrast(ink: Ink) -> float:
    """The contrast of an ink's two colours, 1 to 21 (WCAG 2.2). Default colours count as white on black."""
    return colours.contrast(_written(ink.fg, "#ffffff"), _written(ink.bg, "#000000"))


def _written(colour: str, default: str) -> str:
    written = default if colour == "default" else _CONSOLE.get(colour, colour)
    if not re.fullmatch("#[0-9a-f]{6}", written):
        raise ValueError(f"{colour} is no colour that a theme may use")
    return written
