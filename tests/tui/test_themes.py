"""Colours that can be read, words that exist in both languages, and themes that are complete."""

import pytest

from pos.resources import read_words
from pos.tui.screens.help import HELP_ROWS
from pos.tui.screens.setup import STEPS
from pos.tui.themes import ROLES, STRONG_ROLES, Ink, Theme, contrast, load_theme, theme_names


def test_there_are_four_themes() -> None:
    assert theme_names() == ["console", "dark", "light", "mono"]


@pytest.mark.parametrize("name", theme_names())
def test_every_pair_of_colours_can_be_read(name: str) -> None:
    theme = load_theme(name)
    poor = {
        role: round(contrast(ink), 2)
        for role, ink in theme.inks.items()
        if contrast(ink) < (7.0 if role in STRONG_ROLES else 4.5)
    }
    assert poor == {}


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(Ink("#000000", "#ffffff")) == pytest.approx(21.0)
    assert contrast(Ink("#767676", "#ffffff")) == pytest.approx(4.54, abs=0.01)
    assert contrast(Ink("default", "default")) == pytest.approx(21.0)


def test_a_theme_with_a_role_missing_or_unknown_is_refused() -> None:
    inks = dict.fromkeys(ROLES, Ink("#000000", "#ffffff"))
    with pytest.raises(ValueError, match="missing"):
        Theme("x", terminal_colours=False, inks={"text": inks["text"]})
    with pytest.raises(ValueError, match="unknown"):
        Theme("x", terminal_colours=False, inks={**inks, "blink": inks["text"]})


@pytest.mark.parametrize("group", ["ui", "help", "setup", "message", "key", "state"])
def test_both_languages_have_the_same_words(group: str) -> None:
    german, english = (read_words(name)[group] for name in ("de", "en"))
    assert german.keys() == english.keys()
    for key in german:
        for field in ("{count}", "{code}", "{text}", "{pieces}", "{name}", "{number}"):
            assert (field in german[key]) == (field in english[key]), key


def test_every_help_row_and_setup_step_has_its_words() -> None:
    for language in ("de", "en"):
        words = read_words(language)
        assert set(HELP_ROWS) == words["help"].keys()
        assert all(" = " in row for row in words["help"].values())
        assert {name for step in STEPS for name in (step, f"{step}-do")} <= words["setup"].keys()


def test_help_fits_sixty_four_columns() -> None:
    for language in ("de", "en"):
        for row in read_words(language)["help"].values():
            typed, _, what = row.partition(" = ")
            assert len(typed) <= 16, row
            assert len(what) <= 64 - 19, row


def test_no_message_is_cut_at_eighty_columns() -> None:
    from pos.tui.paint import wrap

    for language in ("de", "en"):
        messages = read_words(language)["message"]
        long = {
            key: text
            for key, text in messages.items()
            if any(row.endswith("…") for row in wrap(text.replace("{detail}", ""), 75, 2))
        }
        assert long == {}
