"""What was paid of an open sale, and what is left: rows between the cart and the total, only where something was paid."""

from textual.strip import Strip

from pos.domain.card_slip import entry_words
from pos.domain.purchase import PREPAID
from pos.domain.tender import Tender
from pos.resources import Texts
from pos.tui.paint import fit, fit_right
from pos.tui.scene import Scene
from pos.words import amount

__all__ = ["payment_rows", "tender_text"]

_AMOUNT = 14


def payment_rows(scene: Scene, room: int) -> list[Strip]:
    """At most `room` rows; the last one says what is left."""
    view, words, language = scene.view, scene.words, scene.words.language
    if not view.tenders and not view.tip_minor and view.cash_due_minor == view.due_minor:
        return []
    rows = []
    if view.tip_minor:
        rows.append((words("ui.tip"), view.tip_minor, "dim"))
    for n, tender in enumerate(view.tenders, start=1):
        rows.append((words("ui.paid-part", n=n, what=tender_text(tender, words)), tender.amount_minor, "dim"))
    left = words("ui.left")
    if view.cash_due_minor != view.due_minor:
        left = words("ui.left-cash", cash=amount(view.cash_due_minor, language))
    rows.append((left, view.due_minor, "title"))
    width = scene.width - _AMOUNT - 1
    return [
        scene.brush.row((f"    {fit(text, width - 4)}{fit_right(amount(minor, language), _AMOUNT)} ", role))
        for text, minor, role in rows[-max(1, room) :]
    ]


def tender_text(tender: Tender, words: Texts) -> str:
    """A means of payment in words, with its number and what was given in another currency."""
    if tender.kind == "cash" and tender.amount_minor < 0:
        return words("tender.paid-out")
    if tender.kind == PREPAID:  # its reference is the hub's, not for people
        return words("tender.prepaid-back" if tender.amount_minor < 0 else "tender.prepaid")
    parts = [words(f"tender.{tender.kind}")]
    if tender.foreign is not None:
        given = amount(tender.foreign.given_minor, words.language)
        parts.append(f"{given} {tender.foreign.currency}")
    elif tender.reference:
        parts.append(tender.reference if len(tender.reference) <= 12 else f"...{tender.reference[-6:]}")
    if tender.card is not None and tender.card.entry_mode:
        parts.append(entry_words(tender.card, words.language).partition(",")[0])
    return " ".join(parts)
