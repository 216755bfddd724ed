"""A card receipt as lines of text: as the terminal sent it, else made of what it said."""

from typing import Final

from pos.domain.card import CardResult
from pos.domain.tender import Tender

__all__ = ["customer_lines", "entry_words", "slip_lines"]

_ENTRIES: Final = {
    "chip": ("Chip", "chip"),
    "contactless": ("kontaktlos", "contactless"),
    "magstripe": ("Magnetstreifen", "magnetic stripe"),
    "manual": ("von Hand", "typed"),
}
_PROOFS: Final = {
    "none": ("ohne PIN", "no PIN"),
    "signature": ("Unterschrift", "signature"),
    "online-pin": ("PIN", "PIN"),
    "offline-pin": ("PIN", "PIN"),
    "device": ("am Gerät des Kunden bestätigt", "confirmed on the customer's device"),
}


def customer_lines(tender: Tender, language: str) -> tuple[str, ...]:
    """The customer's part of a payment at a terminal; never the merchant's. Empty for other tenders."""
    if tender.kind != "card":
        return ()
    sent = [line for paper in tender.paper if paper.kind == "customer" for line in paper.lines]
    if sent:
        return tuple(sent)
    return slip_lines(tender.card, language) if tender.card is not None else ()


def slip_lines(result: CardResult, language: str) -> tuple[str, ...]:
    """A card receipt from what a terminal said, where it sent no lines of its own; amounts in its own currency."""
    german = language == "de"
    pairs = [
        ("Terminal-ID" if german else "Terminal", result.terminal_id),
        (
            "Beleg-Nr." if german else "Receipt",
            "" if result.receipt_no is None else f"{result.receipt_no:04}",
        ),
        ("Trace-Nr." if german else "Trace", "" if result.trace_no is None else f"{result.trace_no:06}"),
        ("VU-Nr." if german else "Merchant", result.vu_number),
        ("Karte" if german else "Card", f"**** {result.pan_last4}" if result.pan_last4 else ""),
        ("Genehmigung" if german else "Authorisation", result.auth_code),
        ("Kartendaten" if german else "Read", entry_words(result, language)),
        ("AID", result.aid),
        ("Zeit des Terminals" if german else "Terminal time", _when(result)),
    ]
    head = [result.app_label or result.brand] if result.app_label or result.brand else []
    lines = [f"{name}: {value}" for name, value in pairs if value]
    return tuple(head + lines + ([result.text] if result.text else []))


def entry_words(result: CardResult, language: str) -> str:
    """How the card was read and how its holder proved it; a phone or watch is a contactless card that proves by itself."""
    at = 0 if language == "de" else 1
    known = (_ENTRIES.get(result.entry_mode), _PROOFS.get(result.cvm))
    return ", ".join(words[at] for words in known if words is not None)


def _when(result: CardResult) -> str:
    if len(result.time) != 6 or len(result.date) != 4:
        return ""
    return f"{result.date[2:]}.{result.date[:2]}. {result.time[:2]}:{result.time[2:4]}:{result.time[4:]}"
