"""Entry grammar and keymap: keys and typed text become commands. Screen and line mode share it.

The entry line holds what was typed and nothing more. Digits without a separator are cents (a setting
makes them whole units), with `,` or `.` always decimal; `3*` sets a quantity at once.
"""

from collections.abc import Callable, Sequence

import msgspec

from pos.domain import commands as c
from pos.domain.question import to_decimal, to_minor
from pos.domain.scans import short_number, typed_own_code
from pos.quickkeys import Page, quick_place
from pos.resources import read_toml
from pos.view import TillView

__all__ = ["ENTRY_MAX", "Entry", "Key", "Keymap", "load_keymap"]

ENTRY_MAX = 254
"""As long as an e-mail address may be (RFC 5321): none is cut."""
_QUANTITY_DIGITS_MAX = 6


class Key(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key by name, the terminal's names for it, and its place on the key bar."""

    name: str
    keys: tuple[str, ...] = ()
    bar: int = 0


class Keymap:
    """Which key does what; names are unique, and so is each terminal key."""

    def __init__(self, keys: tuple[Key, ...]) -> None:
        self.keys = keys
        self.names = frozenset(key.name for key in keys)
        self._by_terminal = {name: key.name for key in keys for name in key.keys}
        assert len(self.names) == len(keys), "a key's name is given once"
        assert len(self._by_terminal) == sum(len(key.keys) for key in keys), "a terminal key is given once"

    def name_of(self, terminal_key: str) -> str | None:
        return self._by_terminal.get(terminal_key)

    def bar(self) -> dict[int, str]:
        return {key.bar: key.name for key in self.keys if key.bar}


class _KeymapFile(msgspec.Struct, forbid_unknown_fields=True):
    key: tuple[Key, ...]


def load_keymap(name: str = "default") -> Keymap:
    return Keymap(msgspec.convert(read_toml("keymaps", f"{name}.toml"), _KeymapFile).key)


class Entry:
    """The entry line. `type` a character, `press` a key by name; both may answer with a command."""

    def __init__(self, *, digits_are_cents: bool = True, pages: Callable[[], Sequence[Page]] = tuple) -> None:
        self.text = ""
        self._digits_are_cents = digits_are_cents
        self._pages = pages

    def type(self, char: str) -> c.Command | None:
        """One printable character; `*` ends a quantity."""
        if char == "*":
            return self._quantity()
        if len(self.text) < ENTRY_MAX and char.isprintable():
            self.text += char
        return None

    def backspace(self) -> None:
        self.text = self.text[:-1]

    def press(self, name: str, view: TillView) -> c.Command | None:
        """A key of the keymap. None: nothing for the till to do (a screen may still act on it)."""
        if name == "escape":
            if self.text:
                self.text = ""
                return None
            return c.Cancel()
        if name in _PLAIN_KEYS:
            if name == "lock":  # what one operator typed is not the next one's
                self.text = ""
            return _PLAIN_KEYS[name]
        maker = {
            "enter": self._enter,
            "cash": self._cash,
            "price": self._price,
            "quantity": lambda _: self._quantity(),
            "search": self._search,
            "void-line": self._void_line,
            "park": self._park,
        }.get(name)
        if maker is not None:
            return maker(view)
        place = quick_place(name)
        if place is not None:
            return self._quick(*place, view)
        return None if name in _SCREEN_KEYS else c.Do(name, self.take())

    def _quick(self, page: int, at: int, view: TillView) -> c.Command | None:
        pages = self._pages()
        keys = pages[page].key if 0 <= page < len(pages) else ()
        if not 0 <= at < len(keys):
            return c.Mistyped("no-quick-key", f"{page + 1}-{at + 1}")
        key = keys[at]
        match key.kind:
            case "article":
                self.take()
                return c.EnterCode(key.article)
            case "department":
                amount = self.amount_minor()
                text = self.take()
                if not text:
                    return c.Mistyped("price-first")
                if amount is None:
                    return c.Mistyped("not-an-amount", text)
                return c.SetPrice(amount, department=key.department)
            case "percent":
                self.take()
                return c.Do("discount", f"{key.percent}%")
            case "amount_minor":
                self.take()
                return c.PayCash(key.amount_minor)
        return self.press(key.function, view)

    def amount_minor(self) -> int | None:
        """The typed text as an amount in minor units; None when it is none."""
        return to_minor(self.text, digits_are_cents=self._digits_are_cents)

    def take(self) -> str:
        text, self.text = self.text.strip(), ""
        return text

    def _enter(self, view: TillView) -> c.Command | None:
        text = self.take()
        if view.question is not None:
            return c.Answer(text)
        if not text:
            return c.RepeatLast() if view.quantity is not None and view.state == "selling" else None
        if view.state == "search" and text.isascii() and text.isdigit() and len(text) <= 2:
            return c.PickResult(int(text))
        if any(char.isalpha() for char in text) and not typed_own_code(text):
            return c.Search(text)
        return c.EnterCode(text)

    def _search(self, _: TillView) -> c.Command | None:
        text = self.take()
        return c.Search(text) if text else None

    def _cash(self, _: TillView) -> c.Command:
        if not self.text:
            return c.PayCash()
        amount = self.amount_minor()
        text = self.take()
        return c.PayCash(amount) if amount is not None else c.Mistyped("not-an-amount", text)

    def _price(self, _: TillView) -> c.Command:
        amount = self.amount_minor()
        text = self.take()
        if not text:
            return c.Mistyped("price-first")
        return c.SetPrice(amount) if amount is not None else c.Mistyped("not-an-amount", text)

    def _void_line(self, _: TillView) -> c.Command:
        text = self.take()
        if not text:
            return c.VoidLast()
        return c.VoidLine(int(text)) if text.isascii() and text.isdigit() else c.Mistyped("not-a-line", text)

    def _park(self, view: TillView) -> c.Command:
        """With an open cart what was typed is its note, without one the number of a cart that waits: its place, or its slip's."""
        if view.lines:
            note = self.text.strip()
            if len(note) <= c.NOTE_MAX:  # one that is too long stays, to be made shorter
                self.take()
            return c.ParkCart(note)
        text = self.take()
        if not text:
            return c.ResumeParked()
        if text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) <= len(view.parked):
            return c.ResumeParked(view.parked[int(text) - 1].cart_id)
        named = [cart.cart_id for cart in view.parked if short_number(cart.cart_id) == text]
        if len(named) == 1:
            return c.ResumeParked(named[0])
        return c.Mistyped("no-such-parked", text)

    def _quantity(self) -> c.Command:
        text = self.take()
        if sum(char.isdigit() for char in text) > _QUANTITY_DIGITS_MAX:
            return c.Mistyped("quantity-too-long", text)
        number = to_decimal(text)
        return c.SetQuantity(number) if number is not None else c.Mistyped("not-a-quantity", text)


_SCREEN_KEYS = frozenset({"help", "functions"})
_PLAIN_KEYS: dict[str, c.Command] = {
    "void-last": c.VoidLast(),
    "void-cart": c.VoidCart(),
    "drop": c.DropOpenLines(),
    "next-open": c.ChooseOpenLine(),
    "lock": c.Lock(),
    "print": c.PrintAgain(),
    "drawer": c.OpenDrawer(),
    "drawer-by-key": c.OpenDrawer(by_key=True),
    "print-came-out": c.SpoolDecision("printed"),
    "print-once-more": c.SpoolDecision("again"),
    "print-code-only": c.SpoolDecision("code-only"),
    "print-other-printer": c.SpoolDecision("other-printer"),
    "retry": c.Retry(),
}
