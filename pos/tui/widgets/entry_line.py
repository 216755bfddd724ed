"""The one place where typing goes: what was typed, and at the right what the till takes it for."""

from textual.strip import Strip

from pos.domain.codes import is_gtin
from pos.domain.question import Question, read_date, to_decimal
from pos.tui.face import Target
from pos.tui.paint import clean, fit, fit_right
from pos.tui.scene import WHO, Panel, Scene
from pos.words import amount, day_text, option_text, quantity_text

__all__ = ["entry_line", "entry_targets", "meaning"]

_CURSOR = "_"


def entry_line(scene: Scene) -> Strip:
    typed = clean(scene.local.entry)
    if scene.view.state in WHO and scene.local.signing_in:
        typed = scene.words("ui.pin") + " " + "*" * (len(scene.local.pin) + scene.local.pin_echo)
    right = fit(clean(meaning(scene)), scene.width // 2).rstrip()
    room = scene.width - len(right) - 6
    shown = typed if len(typed) <= room else "…" + typed[len(typed) - room + 1 :]
    left = f" > {shown}{_CURSOR}"
    return scene.brush.row((left, "entry"), (fit_right(right, scene.width - len(left) - 1) + " ", "meaning"))


def entry_targets(scene: Scene, row: int) -> list[Target]:
    """A touch on what is typed opens the number pad, one on what it means the quick keys."""
    half = scene.width // 2
    return [(row, 0, half, "open:pad"), (row, half, scene.width, "open:quick" if scene.pages else "open:pad")]


def meaning(scene: Scene) -> str:
    """What Enter, a price key or cash would take the text for; empty when there is nothing to say."""
    view, words, text = scene.view, scene.words, scene.local.entry.strip()
    if view.state in WHO:
        return scene.local.signing_in
    if scene.local.panel not in (Panel.NONE, Panel.PAD):
        return words("ui.panel-scan")
    if view.question is not None:
        return _answer(scene, view.question, text)
    said = _typed(scene, text)
    if view.quantity is not None:
        quantity = quantity_text(view.quantity, "pc", words.language)
        return words("ui.times", quantity=quantity.replace(".", "," if words.language == "de" else "."),
                     what=said or "...")  # fmt: skip
    return said


def _answer(scene: Scene, question: Question, text: str) -> str:
    """What Enter would answer; empty where that is the text itself, or nobody may read it."""
    words = scene.words
    if not text or question.kind in ("text", "secret"):
        return ""
    digits = text.isascii() and text.isdigit()
    if question.options and digits and len(text) <= question.choice_digits:
        at = int(text) - 1
        if 0 <= at < len(question.options):
            return option_text(question.options[at], words)
        if question.kind != "amount" and question.scans != "answer":
            return words("ui.no-number")
    match question.kind:
        case "amount":
            minor = scene.local.amount_minor
            return amount(minor, words.language) if minor is not None else words("ui.means-nothing")
        case "number":
            number = to_decimal(text)
            if number is None:
                return words("ui.means-nothing")
            return str(number).replace(".", "," if words.language == "de" else ".")
        case "date":
            day = read_date(text, scene.now.date())
            return day_text(day, words.language) if day is not None else words("ui.means-nothing")
    return words("ui.means-number") if question.scans == "answer" else words("ui.no-number")


def _typed(scene: Scene, text: str) -> str:
    view, words = scene.view, scene.words
    if not text:
        return words("ui.panel-scan") if view.state in ("search", "department") else ""
    digits = text.isascii() and text.isdigit()
    if view.state == "search" and digits and len(text) <= 2:
        number = int(text)
        return view.results[number - 1].text if 1 <= number <= len(view.results) else words("ui.no-number")
    if view.state == "department" and digits:
        return next((name for n, name, _ in view.departments if str(n) == text), words("ui.no-number"))
    if any(char.isalpha() for char in text):
        return words("ui.means-search", text=text)
    if digits and len(text) > 6 and is_gtin(text):
        return words("ui.means-code")
    if scene.local.amount_minor is not None:
        return amount(scene.local.amount_minor, words.language)
    return words("ui.means-code") if digits else words("ui.means-nothing")
