"""Quick keys are data: what cannot be is named with its place, pages come and go with the time of day."""

import datetime as dt
from pathlib import Path

import pytest

from pos.domain import commands as c
from pos.entry import Entry, load_keymap
from pos.quickkeys import Page, QuickKey, QuickKeyError, QuickKeys, load_quick_keys, quick_place
from pos.resources import config_path
from pos.view import TillView

VIEW = TillView(state="ready", till="1", store="s")
PAGES = (
    Page(
        "a",
        (QuickKey("Bun", article="201"), QuickKey("Food", department=5), QuickKey("20", amount_minor=2000)),
    ),
    Page("b", (QuickKey("-10 %", percent=10), QuickKey("", function="lock"))),
)


def entry() -> Entry:
    return Entry(pages=lambda: PAGES)


@pytest.mark.parametrize(
    ("typed", "name", "command"),
    [
        ("", "quick-1-1", c.EnterCode("201")),
        ("350", "quick-1-2", c.SetPrice(350, department=5)),
        ("", "quick-1-2", c.Mistyped("price-first")),
        ("x", "quick-1-2", c.Mistyped("not-an-amount", "x")),
        ("", "quick-1-3", c.PayCash(2000)),
        ("", "quick-2-1", c.Do("discount", "10%")),
        ("", "quick-2-2", c.Lock()),
        ("", "quick-2-3", c.Mistyped("no-quick-key", "2-3")),
        ("", "quick-9-1", c.Mistyped("no-quick-key", "9-1")),
        ("", "quick-0-0", c.Mistyped("no-quick-key", "0-0")),
    ],
)
def test_a_quick_key_is_a_command(typed: str, name: str, command: c.Command) -> None:
    line = entry()
    line.text = typed
    assert line.press(name, VIEW) == command
    assert line.text == ""


@pytest.mark.parametrize("name", ["quick-", "quick-1", "quick-x-1", "quick-1-", "drawer", "quick-1-²"])
def test_other_names_are_no_quick_keys(name: str) -> None:
    assert quick_place(name) is None


@pytest.mark.parametrize(
    ("begins", "ends", "hour", "shown"),
    [
        ("06:00", "11:00", 6, True),
        ("06:00", "11:00", 11, False),
        ("22:00", "02:00", 23, True),
        ("22:00", "02:00", 1, True),
        ("22:00", "02:00", 12, False),
        ("09:00", None, 8, False),
        ("09:00", None, 23, True),
    ],
)
def test_a_page_has_its_hours(begins: str, ends: str | None, hour: int, shown: bool) -> None:
    page = Page("x", (), dt.time.fromisoformat(begins), dt.time.fromisoformat(ends) if ends else None)
    assert bool(QuickKeys([page]).at(dt.time(hour))) is shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[page]]\ntitle='a'\nkey=[{label='x'}]", "page 'a', key 'x': exactly one of"),
        ("[[page]]\ntitle='a'\nkey=[{label='x', article='1', percent=5}]", "exactly one of"),
        ("[[page]]\ntitle='a'\nkey=[{label='x', function='fly'}]", "there is no function 'fly'"),
        ("[[page]]\ntitle='a'\nkey=[{label='x', percent=101}]", "out of range"),
        ("[[page]]\ntitle='a'\nkey=[" + "{label='x', article='1'}," * 10 + "]", "has 10 keys, at most 9"),
        ("[[page]]\ntitle='a'\ncolour='red'", "unknown field"),
        ("[[page", "quickkeys.toml: "),
    ],
)
def test_every_fault_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "quickkeys.toml").write_text(text, encoding="utf-8")
    with pytest.raises(QuickKeyError) as caught:
        load_quick_keys(tmp_path, {"lock"})
    assert said in str(caught.value)


def test_no_file_is_no_fault_and_the_demos_is_a_good_one(tmp_path: Path) -> None:
    assert load_quick_keys(tmp_path, ()).pages == ()
    demo = load_quick_keys(config_path() / "demo", load_keymap().names)
    assert len(demo.at(dt.time(12))) == 4
