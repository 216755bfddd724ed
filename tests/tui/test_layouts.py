"""Every reviewed screen at three sizes, in both languages and one that is 40 % longer: no price is cut, no key is lost."""

import re

import pytest

from pos.entry import load_keymap
from pos.resources import Texts, read_words
from pos.tui.paint import wrap
from pos.tui.scene import Panel
from pos.words import amount
from tests.tui.fakes import Screen, Shop, opened, run
from tests.tui.test_golden import CASES

SIZES = ((64, 18), (80, 24), (128, 37))
_FIELD = re.compile(r"(\{[^}]*\})")
_AMOUNT = re.compile(r"-?\d[\d.,]*[.,]\d\d$")


def pseudo(language: str) -> Texts:
    """German with every text 40 % longer and in brackets, so that what is cut at its end is seen."""
    assert language
    words = {
        group: {key: _longer(text) if group != "help" else text for key, text in keys.items()}
        for group, keys in read_words("de").items()
    }
    return Texts("de", words)


def _longer(text: str) -> str:
    letters = len(_FIELD.sub("", text))
    return f"[{text}{'~' * max(1, round(letters * 0.4) - 2)}]"


def languages(monkeypatch: pytest.MonkeyPatch, language: str) -> str:
    if language == "pseudo":
        monkeypatch.setattr("pos.tui.app.texts", pseudo)
        return "de"
    return language


@pytest.mark.parametrize("language", ["de", "en", "pseudo"])
@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", CASES)
def test_nothing_that_counts_is_cut(
    name: str, size: tuple[int, int], language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(language=languages(monkeypatch, language))

    async def case() -> None:
        async with opened(shop, size=size) as screen:
            await CASES[name](screen)
            look(screen, size)

    run(case)


def look(screen: Screen, size: tuple[int, int]) -> None:
    view, rows = screen.shop.till.view, screen.text.splitlines()
    assert len(screen.app.drawing.rows) == size[1]
    assert all(len(row) <= size[0] for row in rows)
    signs = {f"F{place}" for place in load_keymap().bar()}
    bar = " ".join(rows[-6:])
    assert signs <= set(re.findall(r"F\d+", bar)), bar
    touched = {token for _, _, _, token in screen.app.drawing.targets}
    assert {f"key:{name}" for name in load_keymap().bar().values()} <= touched
    amounts_whole(screen, rows)
    if view.question is not None:
        numbers = [f" {number}  " for number in range(1, len(view.question.options) + 1)]
        shown = [number for number in numbers if any(number in row for row in rows)]
        assert len(shown) == len(numbers) or any(token.startswith("pick:") for token in touched)


def amounts_whole(screen: Screen, rows: list[str]) -> None:
    """Each cart row that shows is found by its number, and ends with its whole amount."""
    view = screen.shop.till.view
    language = view.language
    known = {amount(line.total_minor, language) for line in view.lines}
    known |= {amount(article.price_minor, language) for article in view.results if article.price_minor}
    known |= {amount(cart.total_minor, language) for cart in view.parked}
    if view.lines and view.state == "selling" and screen.app._controls.local.panel is Panel.NONE:
        shown = 0
        for line in view.lines:
            ends = "?" if line.kind == "open" else amount(line.total_minor, language)
            row = next((row for row in rows[2:] if re.match(rf"^ *>?{line.n} ", row)), "")
            shown += bool(row)
            assert not row or not line.live or row.endswith(f" {ends}"), row
        assert shown >= min(len(view.lines), 6)
    for row in rows:
        found = _AMOUNT.search(row.rstrip())
        if found and "…" in row:
            whole = found.group().lstrip("-")
            assert any(whole == one.lstrip("-") for one in known), row


@pytest.mark.parametrize("language", ["de", "en"])
def test_no_question_and_no_hint_is_cut_at_sixty_four_columns(language: str) -> None:
    """With fields filled in as long as an amount or a name is."""
    asks = read_words(language)["ask"]
    filled = {key: _FIELD.sub("1.234,56", text) for key, text in asks.items() if not key.endswith("-help")}
    assert {key for key, text in filled.items() if wrap(text, 62, 2)[-1].endswith("…")} == set()
