"""From keys and touches to commands. What only the screen knows (an open list, the arrow's place, a PIN being
typed) is kept here; everything else is the till's, and is asked of it each time.
"""

from collections.abc import Callable, Sequence

from pos.domain import commands as c
from pos.domain import events as e
from pos.domain.question import Question
from pos.entry import Entry, Keymap
from pos.menu import GROUPS, MORE, TROUBLE
from pos.ports import Clock, Submit
from pos.quickkeys import QUICK, Page
from pos.tui.choices import choices
from pos.tui.scene import WHO, Local, Panel, people_of
from pos.view import TillView

__all__ = ["ENTER_GUARD_MS", "PARK_GUARD_MS", "Controls"]

ENTER_GUARD_MS = 300
"""Enter is deaf this long after a list opened and after the last Enter: a key held down confirms nothing."""

PARK_GUARD_MS = 1_000
"""One key parks and brings back: held down, it must not do both in turn. Longer than any keyboard's first pause."""

CASH_GUARD_MS = 1_000
"""A cash key that just took a part, held down, must not take the rest as well."""

PIN_MAX = 12
_PAGE = 10
_DIGITS = 9
_CODE_DIGITS = 7
"""No operator has a number so long: it is an article's."""
_SELLS = frozenset({"ready", "selling", "paid"})
_CLOSES_LISTS = (
    e.LineAdded,
    e.OpenLineAdded,
    e.CodeRefused,
    e.SalePaid,
    e.CartParked,
    e.CartResumed,
    e.SignedOut,
)
_PAGES = {"pageup": -1, "pagedown": 1}
_PAID_KEYS = {
    "p": "print",
    "P": "print",
    "w": "retender",
    "W": "retender",
    "m": "receipt-mail",
    "M": "receipt-mail",
}
"""Letters that act while the last sale is shown."""
_MOVES = {"up": -1, "down": 1, "pageup": -_PAGE, "pagedown": _PAGE}


class Controls:
    """Takes keys by the terminal's name and gives commands to `submit`; `local` is the screen's own state."""

    def __init__(
        self,
        view: Callable[[], TillView],
        submit: Submit,
        keymap: Keymap,
        clock: Clock,
        entry: Entry,
        pages: Callable[[], Sequence[Page]] = tuple,
    ) -> None:
        self._view = view
        self._submit = submit
        self._keymap = keymap
        self._clock = clock
        self._entry = entry
        self._pages = pages
        self._last_enter_ms = -ENTER_GUARD_MS
        self._last_park_ms = -PARK_GUARD_MS
        self._last_cash_ms = -CASH_GUARD_MS
        self._echo = ""
        self._refused: e.Message | None = None
        self.local = Local()
        self._state, self._asked = view().state, ""

    def heard(self, events: Sequence[e.Event]) -> None:
        """After each command: what is over is closed, so that the news is seen."""
        local = self.local
        for event in events:
            if isinstance(event, _CLOSES_LISTS):
                self._close()
                local.scrolled, local.follows_open, local.asks_name = 0, False, False
                local.deaf = local.told = ""
            if isinstance(event, e.SignedIn | e.SignedOut | e.Approved):
                local.signing_in = local.pin = ""
            if isinstance(event, e.BadgeShown):
                self.notice()
                local.signing_in, local.pin = event.name, ""
        self._count_refusals(events)

    def _count_refusals(self, events: Sequence[e.Event]) -> None:
        """The same sentence once more would look as if nothing had happened."""
        said = self._view().message
        if said is None or said != self._refused:
            self.local.again, self._refused = 1, None
        if any(isinstance(event, e.Refused | e.CodeRefused) for event in events):
            self.local.deaf = self.local.told = ""
            if self._refused is not None:
                self.local.again += 1
            self._refused = said

    def notice(self) -> None:
        """Before a key is taken and before a picture is made: has the till gone on to another state?"""
        view = self._view()
        state, asked = view.state, view.question.code if view.question is not None else ""
        if (state, asked) == (self._state, self._asked):
            return
        self._state, self._asked = state, asked
        self.local.cursor, self.local.opened_ms = None, self._clock.mono_ms()
        if state in WHO:
            self.local.signing_in = self.local.pin = ""
            self._entry.take()
            self._mirror()

    def key(self, key: str, character: str | None) -> bool:
        """A key. False when it means nothing here."""
        self.notice()
        self.local.deaf = self.local.told = ""
        known = self._take_key(key, character)
        self._mirror()
        return known

    def echo(self, text: str) -> None:
        """Show `text` as if it were typed, until the next echo: whether it was typed is not known yet."""
        self._echo = text
        self._mirror()

    def paste(self, text: str) -> None:
        """Text from the terminal's clipboard is typed, and never confirms itself."""
        self.notice()
        for char in text:
            if char.isprintable():
                self._type(char)
        self._mirror()

    def touch(self, where: str) -> None:
        """A touch on a target, by what it means."""
        self.notice()
        if self._view().state == "paying":
            return
        kind, _, what = where.partition(":")
        if kind == "key":
            self._press(what)
        elif kind == "pick":
            self._pick(int(what))
        elif kind == "page":
            self.local.page = int(what)
        elif kind == "char":
            for char in what:
                self._type(char)
        elif kind == "open":
            self._toggle(Panel[what.upper()])
        else:
            self._backspace()
        self._mirror()

    # -- keys

    def _take_key(self, key: str, character: str | None) -> bool:
        if key in _PAGES and self._turns(_PAGES[key]):
            return True
        if key in _MOVES:
            self._move(_MOVES[key])
            return True
        if key in ("backspace", "ctrl+h"):
            self._backspace()
            return True
        name = self._keymap.name_of(key)
        if name is not None and self._view().state == "paying":
            # Whatever it means now would come true in the next sale. The paying key itself was pressed twice.
            return name in ("cash", "enter")
        if name is not None:
            self._press(name)
            return True
        if character is not None and character.isprintable() and len(character) == 1:
            self._type(character)
            return True
        return False

    def _press(self, name: str) -> None:
        view, local = self._view(), self.local
        if name == "help":
            self._toggle(Panel.HELP)
        elif name == "functions":
            self._functions(view)
        elif name == "enter":
            self._enter(view)
        elif name == "escape":
            self._escape(view)
        elif view.state in WHO:
            if name == "quantity":
                self._type("*")
        elif name == "search" and not self._entry.text:
            self._close()
            local.asks_name = True
        elif name == "park":
            self._park(view)
        elif name == "cash":
            self._cash(view)
        else:
            local.follows_open = name == "next-open"
            self._give(self._entry.press(name, view))

    def _park(self, view: TillView) -> None:
        """Park, bring the only one back, or show the list of several; what is typed goes along."""
        now = self._clock.mono_ms()
        held = now - self._last_park_ms < PARK_GUARD_MS
        self._last_park_ms = now
        if held:
            self._say("park-held", "F6")
            return
        if not view.lines and not self._entry.text and len(view.parked) > 1:
            self._toggle(Panel.PARKED)
        else:
            self._give(self._entry.press("park", view))

    def _cash(self, view: TillView) -> None:
        now = self._clock.mono_ms()
        held = now - self._last_cash_ms < CASH_GUARD_MS and bool(view.tenders) and not self._entry.text
        self._last_cash_ms = now
        self.local.follows_open = False
        if not held:
            self._give(self._entry.press("cash", view))

    def _functions(self, view: TillView) -> None:
        if self.local.panel is Panel.NONE and view.print_problem:
            self._open(Panel.PRINTING)
        elif self.local.panel is Panel.PRINTING:
            self._open(Panel.FUNCTIONS)
        else:
            self._toggle(Panel.FUNCTIONS)

    def _escape(self, view: TillView) -> None:
        local = self.local
        if local.panel is Panel.FUNCTIONS and local.menu:
            self._open(Panel.FUNCTIONS, "" if local.menu == MORE else MORE)
        elif local.panel is not Panel.NONE:
            self._close()
            if view.second_step:
                self._give(c.Cancel())
        elif view.state in WHO:
            if view.state == "approval" and not local.signing_in and not self._entry.text:
                self._give(c.Cancel())
            local.signing_in = local.pin = ""
            self._entry.take()
        elif local.asks_name and not self._entry.text:
            local.asks_name = False
        else:
            local.scrolled, local.cursor = 0, None
            self._give(self._entry.press("escape", view))

    def _enter(self, view: TillView) -> None:
        now, local = self._clock.mono_ms(), self.local
        deaf = now - max(local.opened_ms, self._last_enter_ms) < ENTER_GUARD_MS
        self._last_enter_ms = now
        if local.panel not in (Panel.NONE, Panel.PAD):
            if local.cursor is not None and not deaf:
                self._pick(local.cursor)
        elif view.state in WHO:
            self._enter_name_or_pin(view)
        elif view.state == "stopped":
            if not deaf:
                self._give(c.Retry())
        elif local.cursor is not None and not self._entry.text and not _ticks(view):
            if not deaf:
                self._pick(local.cursor)
        elif view.question is not None and deaf and not self._entry.text:
            pass  # a key held down answers nothing
        else:
            self._give(self._entry.press("enter", view))

    def _type(self, char: str) -> None:
        view, local = self._view(), self.local
        if view.state == "paying":
            if char != "*":
                self._entry.type(char)
            return
        if local.panel not in (Panel.NONE, Panel.PAD):
            if (
                char.isascii()
                and char.isdigit()
                and not (self._pick(int(char) - 1) or self._past_printing(char))
            ):
                self._nothing_there(char)
            return
        if view.state in WHO:
            self._type_name_or_pin(view, char)
        elif view.question is not None and self._picks(view.question, char):
            pass
        elif view.state == "paid" and char in _PAID_KEYS and not self._entry.text and not local.asks_name:
            self._give(self._entry.press(_PAID_KEYS[char], view))
        else:
            local.cursor = None
            self._give(self._entry.type(char))

    def _picks(self, question: Question, char: str) -> bool:
        """A digit chooses where there are no more choices than digits; the space bar ticks the one at the arrow."""
        local, count = self.local, len(question.options)
        if self._entry.text or question.kind not in {"pick", "many"}:
            return False
        if char == " " and local.cursor is not None:
            self._give(c.Choose(local.cursor + 1))
            return True
        if question.with_enter or not (char.isascii() and char.isdigit()):
            return False
        if 1 <= int(char) <= count:
            local.opened_ms = self._clock.mono_ms()
            self._give(c.Choose(int(char)))
        else:
            self._nothing_there(char)
        return True

    def _backspace(self) -> None:
        if self._view().state in WHO and self.local.signing_in:
            self.local.pin = self.local.pin[:-1]
        else:
            self._entry.backspace()

    def _move(self, step: int) -> None:
        """Arrows walk a list; without one, whole pages of a long cart go by."""
        view, local = self._view(), self.local
        count = self._list_length(view)
        if count:
            at = (-1 if step > 0 else count) if local.cursor is None else local.cursor
            local.cursor = max(0, min(count - 1, at + step))
        elif view.lines and not local.signing_in:
            local.follows_open = False
            local.scrolled = max(0, min(len(view.lines) - 1, local.scrolled - step))

    def _turns(self, step: int) -> bool:
        """Page keys open the quick keys and turn their pages, and those of the help; elsewhere they move."""
        local, pages = self.local, self._pages()
        if local.panel is Panel.HELP:
            local.page = max(0, local.page + step)
            return True
        if local.panel is Panel.QUICK:
            local.page = (min(local.page, len(pages) - 1) + step) % max(1, len(pages))
            return True
        if not pages or local.panel is not Panel.NONE or self._view().state not in _SELLS:
            return False
        self._open(Panel.QUICK)
        local.page = min(local.page, len(pages) - 1)
        return True

    def _list_length(self, view: TillView) -> int:
        if self.local.panel is Panel.PARKED:
            return len(view.parked)
        if self.local.panel is not Panel.NONE:
            return len(choices(self.local, view))  # none in those for the hand
        if view.state in WHO:
            return 0 if self.local.signing_in else len(people_of(view))
        if view.question is not None:
            return len(view.question.options)
        return {"search": len(view.results), "department": len(view.departments)}.get(view.state, 0)

    # -- lists

    def _pick(self, at: int) -> bool:
        """What stands at this place of the list, from 0. False where nothing does."""
        view, local = self._view(), self.local
        listed = local.panel is not Panel.QUICK and bool(
            local.panel not in (Panel.NONE, Panel.PAD) or view.state in WHO
        )
        if at < 0 or (listed and at >= self._list_length(view)):
            return False
        if local.panel is Panel.PARKED:
            self._close()
            self._give(c.ResumeParked(view.parked[at].cart_id))
        elif local.panel is Panel.QUICK or (local.panel is Panel.NONE and view.state in _SELLS):
            self._close()
            self._give(self._entry.press(f"{QUICK}{self.local.page + 1}-{at + 1}", view))
        elif local.panel not in (Panel.NONE, Panel.PAD):
            self._pick_function(view, at)
        elif view.question is not None:
            self._give(c.Choose(at + 1))
        elif view.state == "search":
            self._give(c.PickResult(at + 1))
        elif view.state == "department" and at < len(view.departments):
            self._give(c.EnterCode(str(view.departments[at][0])))
        elif view.state in WHO:
            person = people_of(view)[at]
            local.signing_in, local.pin, local.cursor = person.name, "", None
            self._entry.take()
            if view.state == "signed-out" and person.operator_id in view.trusted:  # one touch is enough
                self._give(c.SignIn(person.operator_id, ""))
        return True

    def _past_printing(self, char: str) -> bool:
        """Keys that are known by heart (F9 8 4 2) lead where they always do, also past the list of a receipt in trouble."""
        if self.local.panel is not Panel.PRINTING:
            return False
        self._open(Panel.FUNCTIONS)
        if self._pick(int(char) - 1):
            return True
        self._open(Panel.PRINTING)
        return False

    def _nothing_there(self, char: str) -> None:
        """A digit that names nothing in the list is told: nothing looks as if it had been taken."""
        self._say("no-such-number", char)

    def _say(self, word: str, key: str) -> None:
        self.local.told, self.local.deaf = word, key

    def _pick_function(self, view: TillView, at: int) -> None:
        name = choices(self.local, view)[at]
        if name == MORE or name in GROUPS:
            self._open(Panel.FUNCTIONS, name)
            return
        if name == TROUBLE:
            self._open(Panel.PRINTING)
            return
        if name != "void-cart" or view.second_step == "void-cart":
            self._close()
        self._give(self._entry.press(name, view))

    def _toggle(self, panel: Panel) -> None:
        if self.local.panel is panel:
            self._close()
        else:
            self._open(panel)

    def _open(self, panel: Panel, menu: str = "") -> None:
        self.local.panel, self.local.menu = panel, menu
        if panel is Panel.HELP:
            self.local.page = 0
        self.local.cursor = None
        self.local.opened_ms = self._clock.mono_ms()

    def _close(self) -> None:
        self.local.panel = Panel.NONE
        self.local.cursor = None

    # -- signing in

    def _type_name_or_pin(self, view: TillView, char: str) -> None:
        local = self.local
        if local.signing_in:
            if char.isascii() and char.isdigit() and len(local.pin) < PIN_MAX:
                local.pin += char
        elif self._names_person(view, char):
            if not self._pick(int(char) - 1):
                self._nothing_there(char)
        else:
            local.cursor = None
            self._entry.type(char)

    def _names_person(self, view: TillView, char: str) -> bool:
        """Who works here is one digit; who agrees is a number with Enter, for an article's number may be meant."""
        one_digit = view.state == "signed-out" and len(people_of(view)) <= _DIGITS
        return one_digit and char.isascii() and char.isdigit() and not self._entry.text

    def _enter_name_or_pin(self, view: TillView) -> None:
        local = self.local
        if local.signing_in:
            name, pin, local.pin = local.signing_in, local.pin, ""
            if pin:
                self._give(c.Approve(name, pin) if view.state == "approval" else c.SignIn(name, pin))
            return
        typed = self._entry.take()
        if not typed:
            if local.cursor is not None:
                self._pick(local.cursor)
            return
        if typed.isascii() and typed.isdigit() and len(typed) <= 2:
            if not self._pick(int(typed) - 1):
                self._nothing_there(typed)
            return
        if view.state == "approval" and typed.isascii() and typed.isdigit() and len(typed) >= _CODE_DIGITS:
            self._say("approve-first", typed)
            return
        alike = [op.name for op in people_of(view) if op.name.casefold().startswith(typed.casefold())]
        local.signing_in = alike[0] if len(alike) == 1 else typed

    # -- out

    def _give(self, command: c.Command | None) -> None:
        if command is None:
            return
        self.local.asks_name = False
        self._submit(command)

    def _mirror(self) -> None:
        local, typed = self.local, self._entry.text
        echo = self._echo_in_entry()
        self._entry.text = typed + echo
        local.entry = self._entry.text
        question = self._view().question
        if question is not None and question.kind == "secret":
            local.entry = "*" * len(local.entry)
        money = question is None or question.kind == "amount"
        local.amount_minor = self._entry.amount_minor() if local.entry and money else None
        self._entry.text = typed
        local.pin_echo = min(len(self._echo), PIN_MAX - len(local.pin)) if local.signing_in else 0

    def _echo_in_entry(self) -> str:
        """As much of the echo as would stand in the entry line; the rest would do something instead."""
        view, local, echo = self._view(), self.local, self._echo
        if not echo or local.panel not in (Panel.NONE, Panel.PAD) or local.signing_in:
            return ""
        acts = not self._entry.text and (
            (view.state in WHO and echo[0].isdigit())
            or (view.state == "paid" and echo[0] in _PAID_KEYS and not local.asks_name)
        )
        return "" if acts else echo.partition("*")[0].partition("\x1d")[0]


def _ticks(view: TillView) -> bool:
    return view.question is not None and view.question.kind == "many"
