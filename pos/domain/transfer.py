"""Credit transfers that a customer starts by scanning a code: account numbers, references, the EPC QR payload (Girocode).

The code begins a transfer and proves nothing: whether money came, only the bank's statement says.
"""

import re
import unicodedata
from typing import Final

import msgspec

__all__ = [
    "PAYLOAD_MAX",
    "CreditorAccount",
    "TransferError",
    "epc_payload",
    "grouped",
    "iban_of",
    "is_reference",
    "names_reference",
    "reference_of",
    "sepa_text",
]

PAYLOAD_MAX: Final = 331
"""Bytes of an EPC payload: what a QR code of version 13 holds at error correction M."""

CHARSETS: Final = {
    1: "utf-8",
    2: "iso-8859-1",
    3: "iso-8859-2",
    4: "iso-8859-4",
    5: "iso-8859-5",
    6: "iso-8859-7",
    7: "iso-8859-10",
    8: "iso-8859-15",
}
_AMOUNT_MAX: Final = 99_999_999_999
_NAME_MAX: Final = 70
_BODY_MAX: Final = 21
_IBAN: Final = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
_BIC: Final = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?", re.ASCII)
_PURPOSE: Final = re.compile(r"[A-Z]{4}", re.ASCII)
_REFERENCE: Final = re.compile(r"RF[0-9]{2}[A-Z0-9]{1,21}", re.ASCII)
# Lengths of account numbers in the single payments area, where they are known by heart.
_LENGTHS: Final = {
    "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24,
    "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27, "LI": 21,
    "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24,
    "SE": 24, "SI": 19, "SK": 24, "SM": 27,
}  # fmt: skip
_PUNCTUATION: Final = frozenset("/-?:().,'+ &*$%")
_OTHERWISE: Final = {
    "ß": "ss", "Æ": "AE", "æ": "ae", "Ø": "O", "ø": "o", "Œ": "OE", "œ": "oe", "Ł": "L", "ł": "l", "Đ": "D", "đ": "d",
    "–": "-", "—": "-", "_": "-", "’": "'", "‘": "'", "`": "'", "´": "'", "„": "'", "“": "'", "”": "'", '"': "'",
    "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ä": "ae", "ö": "oe", "ü": "ue",
    ";": ",", "!": ".", "@": "(at)", "#": "/", "|": "/", "\\": "/", "[": "(", "]": ")", "{": "(", "}": ")", "€": "EUR",
}  # fmt: skip


class TransferError(ValueError):
    """It cannot be made into a transfer; `code` names what is wrong: iban, bic, name, amount, reference, purpose, text, size."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail


class CreditorAccount(msgspec.Struct, frozen=True):
    """Where the money is to go. `name` is the account's holder, as the bank knows it: the payer's bank compares it."""

    name: str
    iban: str
    bic: str = ""


def iban_of(text: str) -> str:
    """An account number without blanks, in capitals. Raises TransferError("iban")."""
    plain = "".join(text.split()).upper()
    if not _IBAN.fullmatch(plain) or len(plain) != _LENGTHS.get(plain[:2], len(plain)):
        raise TransferError("iban", text)
    if _mod97(plain) != 1:
        raise TransferError("iban", text)
    return plain


def reference_of(body: str) -> str:
    """A creditor reference (ISO 11649) with this body: letters and digits, at most 21. Raises TransferError."""
    plain = body.upper()
    if not (1 <= len(plain) <= _BODY_MAX and plain.isascii() and plain.isalnum()):
        raise TransferError("reference", body)
    return f"RF{98 - _mod97(f'RF00{plain}'):02d}{plain}"


def is_reference(text: str) -> bool:
    """Is this a creditor reference whose check digits are right? Blanks do not count."""
    plain = "".join(text.split()).upper()
    return bool(_REFERENCE.fullmatch(plain)) and _mod97(plain) == 1


def names_reference(text: str, reference: str) -> bool:
    """Does a bank's text hold this reference? Blanks, small letters and what stands around it do not count."""
    return bool(reference) and reference in "".join(
        char for char in text.upper() if char.isascii() and char.isalnum()
    )


def grouped(text: str) -> str:
    """In groups of four, as people read an account number or a reference."""
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def sepa_text(text: str, charset: int = 1) -> str:
    """Text as banks carry it in a transfer: what the charset or the banks do not know is written otherwise."""
    codec = CHARSETS[charset]
    return " ".join("".join(_carried(char, codec) for char in unicodedata.normalize("NFC", text)).split())


def _carried(char: str, codec: str) -> str:
    if char in _PUNCTUATION or (char.isascii() and char.isalnum()):
        return char
    if char.isalpha() and _encodable(char, codec):
        return char
    if char in _OTHERWISE:
        return _OTHERWISE[char]
    plain = "".join(part for part in unicodedata.normalize("NFKD", char) if part.isascii() and part.isalnum())
    return plain or " "


def _encodable(char: str, codec: str) -> bool:
    if ord(char) > 0x24F:  # beyond the Latin letters no bank of the area takes a name
        return codec in {"iso-8859-5", "iso-8859-7"} and _known(char, codec)
    return _known(char, codec)


def _known(char: str, codec: str) -> bool:
    try:
        char.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def epc_payload(
    account: CreditorAccount,
    amount_minor: int,
    reference: str = "",
    *,
    text: str = "",
    purpose: str = "",
    charset: int = 1,
) -> bytes:
    """The bytes of an EPC QR code, version 002: `reference` (structured) or `text`, never both. Raises TransferError."""
    if not 0 < amount_minor <= _AMOUNT_MAX:
        raise TransferError("amount", str(amount_minor))
    if account.bic and not _BIC.fullmatch(account.bic):
        raise TransferError("bic", account.bic)
    name = sepa_text(account.name, charset)
    if not 0 < len(name) <= _NAME_MAX:
        raise TransferError("name", account.name)
    if purpose and not _PURPOSE.fullmatch(purpose):
        raise TransferError("purpose", purpose)
    if reference and (text or not is_reference(reference)):
        raise TransferError("reference", reference)
    told = sepa_text(text, charset)
    if len(told) > 140:
        raise TransferError("text", text)
    rows = [
        "BCD",
        "002",
        str(charset),
        "SCT",
        account.bic,
        name,
        iban_of(account.iban),
        f"EUR{amount_minor // 100}.{amount_minor % 100:02d}",
        purpose,
        "".join(reference.split()).upper(),
        told,
    ]
    while not rows[-1]:
        rows.pop()
    payload = "\n".join(rows).encode(CHARSETS[charset])
    if len(payload) > PAYLOAD_MAX:
        raise TransferError("size", str(len(payload)))
    return payload


def _mod97(text: str) -> int:
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97
