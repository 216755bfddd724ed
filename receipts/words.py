"""The receipt's fixed words in each language. A receipt speaks the customer's language, not the till's."""

from typing import Final

__all__ = ["LANGUAGES", "tender_name", "word"]

LANGUAGES: Final = ("de", "en")

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "demo": ("DEMO - kein Beleg", "DEMO - not a receipt"),
    "training": ("TRAINING - kein Beleg", "TRAINING - not a receipt"),
    "copy": ("KOPIE", "COPY"),
    "receipt": ("Bon", "Receipt"),
    "till": ("Kasse", "Till"),
    "operator": ("Bediener", "Operator"),
    "start": ("Start", "Start"),
    "end": ("Ende", "End"),
    "vat-id": ("USt-IdNr.", "VAT ID"),
    "tax-number": ("Steuernummer", "Tax number"),
    "total": ("SUMME", "TOTAL"),
    "saved": ("Sie sparen", "You save"),
    "of-which": ("davon", "of which"),
    "discount": ("Rabatt", "Discount"),
    "tax": ("MwSt", "Rate"),
    "tax-title": ("Umsatzsteuer", "Value added tax"),
    "net": ("Netto", "Net"),
    "vat": ("Steuer", "VAT"),
    "gross": ("Brutto", "Gross"),
    "given": ("Gegeben", "Given"),
    "change": ("Rückgeld", "Change"),
    "invoice": ("RECHNUNG", "INVOICE"),
    "rounding": ("Rundung (bar)", "Rounding (cash)"),
    "tip": ("Trinkgeld", "Tip"),
    "to-pay": ("Zu zahlen", "To pay"),
    "balance": ("Restguthaben", "Balance left"),
    "number": ("Nr.", "No."),
    "foreign-rate": ("Kurs", "Rate"),
    "ref-void": ("Storno von Bon", "Void of receipt"),
    "ref-retender": ("Zahlung geändert zu Bon", "Payment changed on receipt"),
    "ref-tip": ("Trinkgeld zu Bon", "Tip on receipt"),
    "ref-return-order": ("Rückgabe zu Bestellung", "Return of order"),
    "ref-return": ("Rückgabe/Umtausch zu Bon", "Return or exchange on receipt"),
    "taken-back": ("zurückgenommen", "taken back"),
    "in-exchange": ("Umtausch zum bezahlten Preis", "exchanged at the price that was paid"),
    "instead-of": ("statt", "instead of"),
    "serial": ("Seriennummer", "Serial number"),
    "pieces": ("Anzahl Artikel", "Number of items"),
    "caption": ("Beleg, Rückgabe, Garantie: hier scannen", "Receipt, returns, warranty: scan here"),
    "article": ("Artikel", "Item"),
    "amount": ("Betrag", "Amount"),
    "rate": ("Satz", "Rate"),
    "payment": ("Zahlung", "Payment"),
    "details": ("Angaben zum Bon", "Receipt details"),
    "keep": (
        "Diese Seite ist Ihr Beleg. Zeigen Sie den Code für Rückgabe oder Garantie.",
        "This page is your receipt. Show the code for a return or the warranty.",
    ),
    "gift": ("Geschenkbon", "Gift receipt"),
    "gift-keep": (
        "Umtausch oder Gutschrift: zeigen Sie diesen Code im Geschäft.",
        "For an exchange or a credit show this code in the shop.",
    ),
    "qr": ("QR-Code dieses Belegs", "QR code of this receipt"),
    "privacy": (
        "Ohne Anmeldung, ohne Cookies, ohne Tracking.",
        "No login, no cookies, no tracking.",
    ),
    "pending-title": ("Ihr Bon ist unterwegs", "Your receipt is on its way"),
    "pending-text": (
        "Die Kasse überträgt ihn, sobald sie online ist. Diese Seite lädt sich selbst neu; der Link bleibt gültig.",
        "The till sends it as soon as it is online. This page reloads by itself; the link stays valid.",
    ),
    "broken-title": ("Dieser Bon lässt sich nicht darstellen", "This receipt cannot be shown"),
    "broken-text": (
        "Der Verkauf ist gespeichert, aber seine Angaben sind nicht lesbar. Das Geschäft hilft weiter.",
        "The sale is stored, but what it says cannot be read. The shop will help.",
    ),
    "busy-title": ("Zu viele Anfragen", "Too many requests"),
    "busy-text": (
        "Von diesem Anschluss kamen sehr viele Anfragen. Bitte gleich noch einmal versuchen.",
        "Very many requests came from this connection. Please try again in a moment.",
    ),
    "return": ("Rückgabe und Garantie", "Returns and warranty"),
    "save": ("Bon behalten", "Keep this receipt"),
    "as-pdf": ("PDF", "PDF"),
    "as-png": ("Bild (PNG)", "Picture (PNG)"),
    "as-ekabs": ("Maschinenlesbar (eKaBS)", "Machine-readable (eKaBS)"),
    "as-json": ("JSON", "JSON"),
    "missing-title": ("Kein Bon unter diesem Link", "No receipt at this link"),
    "missing-text": (
        "Bitte scannen Sie den Code auf dem Bon noch einmal, oder fragen Sie im Geschäft.",
        "Please scan the code on the receipt again, or ask in the shop.",
    ),
}

_TENDERS: Final[dict[str, tuple[str, str]]] = {
    "cash": ("Bar", "Cash"),
    "card": ("Karte", "Card"),
    "collect-later": ("wird abgeholt", "to be collected"),
    "deliver-later": ("wird geliefert", "to be delivered"),
    "voucher": ("Gutschein", "Voucher"),
    "gift_card": ("Geschenkkarte", "Gift card"),
    "store_credit": ("Guthaben", "Store credit"),
    "card-manual": ("Karte", "Card"),
    "gift-card": ("Geschenkkarte", "Gift card"),
    "credit": ("Guthaben", "Store credit"),
    "on-account": ("Auf Kundenkonto", "On account"),
    "invoice": ("Auf Rechnung", "On invoice"),
    "foreign": ("Bar", "Cash"),
    "paid-out": ("Bar ausgezahlt", "Paid out in cash"),
    "transfer": ("Überweisung", "Transfer"),
    "prepaid": ("Bestellung vorab bezahlt", "Order paid before"),
    "prepaid-back": ("Erstattung durch den Zahlungsdienst", "Refund by the payment service"),
    "pay-link": ("Online bezahlt", "Paid online"),
    "bank-transfer-qr": ("Überweisung, offen", "Transfer, open"),
}


def word(key: str, language: str) -> str:
    """A fixed word; an unknown language gets German."""
    return _WORDS[key][1 if language == "en" else 0]


def tender_name(kind: str, language: str) -> str:
    """A means of payment in words; one that is not known yet shows its kind."""
    names = _TENDERS.get(kind)
    return kind if names is None else names[1 if language == "en" else 0]
