"""The first run: questions one after another, each with what to do. The answers make a till; nothing is
written here.
"""

import re
from collections.abc import Callable

import msgspec
from textual.strip import Strip

from pos.domain.pins import pin_fault
from pos.resources import texts
from pos.tui.face import Drawing
from pos.tui.paint import Brush, fit, wrap

__all__ = ["STEPS", "SetupAnswers", "Wizard", "draw_setup"]

STEPS = (
    "language", "shop", "street", "city", "tax", "operator", "pin", "pin-again", "scanner",
    "printer", "paper", "catalogue", "hub", "hub-address", "hub-code", "done",
)  # fmt: skip
_NEEDED = frozenset({"language", "shop", "operator", "pin", "pin-again", "hub", "hub-address", "paper"})
_HIDDEN = frozenset({"pin", "pin-again"})
_TEXT_MAX = 200
_YES, _NO, _AGAIN, _DRAWER = "jy", "n", "w", "s"
HERE = "here"


class SetupAnswers(msgspec.Struct, frozen=True):
    """What the first run came to. `hub` is empty, "here" or an address; `hub_code` enrolled the till there.

    `repr` hides the PIN.
    """

    language: str
    shop_name: str
    address: tuple[str, ...]
    tax_number: str
    operator: str
    pin: str
    scanner: str
    printer: str
    drawer: bool
    catalogue: str
    hub: str
    hub_code: str = ""

    def __repr__(self) -> str:
        return f"SetupAnswers(shop_name={self.shop_name!r}, operator={self.operator!r}, pin=...)"


class Wizard:
    """The questions' order and what counts as an answer. `ask(what, text)` starts what takes time:
    "scanner", "print", "drawer", "catalogue" or "hub-code" (address and code); its outcome comes back through `told`.
    `begun`: the hub's address and the code of an enrolment that an earlier dialogue did not finish; they stand there
    to be confirmed.
    """

    def __init__(
        self, ask: Callable[[str, str], None], language: str = "de", begun: tuple[str, str] = ("", "")
    ) -> None:
        self._ask = ask
        self._values: dict[str, str] = {"language": language}
        self._values |= {"hub-address": begun[0], "hub-code": begun[1]} if begun[1] else {}
        self._drawer = False
        self._read_file = ""
        self._used_code = ""
        self.at = 0
        self.typed = ""
        self.note = ""
        self.wrong = ""
        self.finished: SetupAnswers | None = None

    @property
    def step(self) -> str:
        return STEPS[self.at]

    @property
    def language(self) -> str:
        return self._values["language"]

    @property
    def operator(self) -> str:
        return self._values.get("operator", "")

    @property
    def hidden(self) -> bool:
        return self.step in _HIDDEN

    @property
    def may_skip(self) -> bool:
        return self.step not in _NEEDED and self.step != "done"

    @property
    def so_far(self) -> list[str]:
        names = ("shop", "street", "city", "tax", "operator", "scanner", "printer", "catalogue")
        return [self._values[name] for name in names if self._values.get(name)]

    def type(self, char: str) -> None:
        if len(self.typed) < _TEXT_MAX and char.isprintable():
            self.typed += char
            self.wrong = ""

    def backspace(self) -> None:
        self.typed = self.typed[:-1]

    def escape(self) -> None:
        """Back by one question; what was answered stands there again, but for the PIN."""
        at = self.at - 1
        while at > 0 and self._passed_over(STEPS[at]):
            at -= 1
        if at >= 0:
            self._go(at)

    def enter(self) -> None:
        text = self.typed.strip()
        self.wrong = ""
        handler = {
            "language": self._language,
            "pin": self._pin,
            "pin-again": self._pin_again,
            "scanner": self._scanner,
            "paper": self._paper,
            "catalogue": self._catalogue,
            "hub": self._hub,
            "hub-address": self._hub_address,
            "hub-code": self._hub_code,
            "done": self._done,
        }.get(self.step, self._plain)
        handler(text)

    def told(self, what: str, note: str, *, ok: bool, value: str = "") -> None:
        """News of what `ask` started; late news of a question already left is dropped."""
        if {"print": "paper", "drawer": "paper"}.get(what, what) != self.step:
            return
        self.note = note
        if what == "scanner" and ok:
            self._values["scanner"] = value
        elif what == "drawer":
            self._drawer = ok
        elif what == "catalogue" and ok and value:
            self._read_file = value
        elif what == "hub-code" and ok:
            self._used_code = self.typed.strip()

    # -- answers

    def _plain(self, text: str) -> None:
        if not text and self.step in _NEEDED:
            self.wrong = "wrong-needed"
            return
        self._values[self.step] = text
        self._on()

    def _language(self, text: str) -> None:
        if text not in ("1", "2", ""):
            self.wrong = "wrong-choice"
            self.typed = ""
            return
        if text:
            self._values["language"] = "de" if text == "1" else "en"
        self._on()

    def _pin(self, text: str) -> None:
        if pin_fault(text, number="1"):
            self.wrong, self.typed = "wrong-pin", ""
            return
        self._values["pin"] = text
        self._on()

    def _pin_again(self, text: str) -> None:
        if text != self._values.get("pin"):
            self._go(STEPS.index("pin"))
            self.wrong = "wrong-pin-again"
            return
        self._on()

    def _scanner(self, text: str) -> None:
        if text[:1].casefold() == _AGAIN:
            self.typed, self.note = "", ""
            self._ask("scanner", "")
        else:
            self._on()

    def _paper(self, text: str) -> None:
        letter = text[:1].casefold()
        self.typed = ""
        if letter and letter in _YES:
            self._on()
        elif letter == _NO:
            self._go(STEPS.index("printer"))
        elif letter and letter in _AGAIN + _DRAWER:
            self.note = ""
            self._ask("print" if letter == _AGAIN else "drawer", self._values["printer"])
        else:
            self.wrong = "paper-wrong"

    def _catalogue(self, text: str) -> None:
        if text and text != self._read_file:
            self.note = ""
            self._ask("catalogue", text)
            return
        self._values["catalogue"] = text
        self._on()

    def _hub(self, text: str) -> None:
        if text not in ("1", "2", "3"):
            self.wrong = "wrong-choice"
            self.typed = ""
            return
        self._values["hub"] = text
        self._on()

    def _hub_address(self, text: str) -> None:
        if not re.fullmatch(r"https?://\S+", text):
            self.wrong = "wrong-address"
            return
        self._values["hub-address"] = text
        self._on()

    def _hub_code(self, text: str) -> None:
        if text and text != self._used_code:
            self.note = ""
            self._ask("hub-code", f"{self._values['hub-address']} {text}")
            return
        self._values["hub-code"] = text
        self._on()

    def _done(self, _: str) -> None:
        value = self._values.get
        hub = {"1": "", "2": HERE, "3": value("hub-address", "")}[value("hub", "1")]
        self.finished = SetupAnswers(
            language=self.language,
            shop_name=value("shop", ""),
            address=tuple(row for row in (value("street", ""), value("city", "")) if row),
            tax_number=value("tax", ""),
            operator=self.operator,
            pin=value("pin", ""),
            scanner=value("scanner", ""),
            printer=value("printer", ""),
            drawer=self._drawer,
            catalogue=value("catalogue", ""),
            hub=hub,
            hub_code=value("hub-code", "") if value("hub") == "3" else "",
        )
        self._values["pin"] = ""

    # -- moving

    def _on(self) -> None:
        at = self.at + 1
        while self._passed_over(STEPS[at]):
            at += 1
        self._go(at)

    def _passed_over(self, step: str) -> bool:
        if step == "paper":
            return not self._values.get("printer")
        return step in {"hub-address", "hub-code"} and self._values.get("hub") != "3"

    def _go(self, at: int) -> None:
        self.at = at
        self.note = self.wrong = ""
        keeps = self.step not in _HIDDEN and self.step not in ("language", "scanner", "paper", "hub", "done")
        self.typed = self._values.get(self.step, "") if keeps else ""
        if self.step == "scanner":
            self._ask("scanner", "")
        elif self.step == "paper":
            self._ask("print", self._values["printer"])


def draw_setup(wizard: Wizard, brush: Brush, height: int) -> Drawing:
    """One question: what it is, what to do, what came of it, and what was answered so far."""
    words = texts(wizard.language)
    step = wizard.step
    width = brush.width
    left, right = words("setup.title"), words("setup.step", at=wizard.at + 1, of=len(STEPS))
    rows: list[Strip] = [
        brush.row((f" {fit(left, width - len(right) - 3)} {right} ", "status")),
        brush.blank(),
        brush.row((f"   {words(f'setup.{step}', operator=wizard.operator)}", "title")),
        brush.blank(),
        *(brush.row((f"   {line}", "text")) for line in wrap(words(f"setup.{step}-do"), width - 6, 3)),
        brush.blank(),
    ]
    for number in (1, 2, 3):
        choice = words(f"setup.{step}-{number}")
        if not choice.startswith("setup."):
            rows.append(brush.row((f"     {number}  {choice}", "text")))
    rows += [brush.row((f"   {line}", "info")) for line in wrap(wizard.note, width - 6, 4) if line]
    if wizard.wrong:
        rows.append(brush.row((f" ! {words(f'setup.{wizard.wrong}')}", "error")))
    room = height - len(rows) - 3
    if step == "done" or room > 0:
        rows.append(brush.blank())
        rows += [brush.row((f"   {answer}", "dim")) for answer in wizard.so_far[: room - 1]]
    rows += [brush.blank()] * (height - 2 - len(rows))
    shown = "*" * len(wizard.typed) if wizard.hidden else wizard.typed
    if len(shown) > width - 6:
        shown = "…" + shown[-(width - 7) :]
    hint = words("setup.hint-skip" if wizard.may_skip else "setup.hint")
    rows = rows[: height - 2]
    return Drawing([*rows, brush.row((f" > {shown}_", "entry")), brush.row((f" {hint}", "key_label"))])
