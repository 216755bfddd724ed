"""What a scan means. Our own codes first, then GS1 syntax, article numbers, the store's labels by its table, coupons.

A code means one thing or nothing: what is not exactly of a form is broken or foreign, and sells nothing. Addresses are
read, never opened.
"""

import datetime as dt
import enum
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from pos.domain import gs1
from pos.domain.basket_code import LONG_PREFIX, unpack
from pos.domain.codes import CodeKind, check_digit, is_gtin, key_of, read_code, shown
from pos.domain.scan_table import LabelRule, ScanTable, SlipRule, StickerRule

__all__ = [
    "OWN_PREFIX",
    "LabelRule",
    "Meaning",
    "ScanKind",
    "ScanTable",
    "SlipRule",
    "StickerRule",
    "own_code",
    "read_scan",
    "short_number",
    "typed_own_code",
]

OWN_PREFIX: Final = "TRS"
_TOKEN_MIN: Final = 90  # it holds a signature; whatever is shorter is a damaged code of another kind
PICKUP_TOKEN: Final = "TRST"  # noqa: S105 - how a signed pickup token begins; see pos.domain.pickup
_LINK: Final = re.compile(
    r"(?i:https?)://[^/?#\s]+(?:/[^?#\s]*)?/([rg])/([A-Za-z0-9][A-Za-z0-9_-]{0,31}\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{8})",
    re.ASCII,
)
_OWN: Final = re.compile(r"TRS([A-Z])([0-9A-Z]{1,32})[0-9A-Z]{2}", re.ASCII)
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MODULUS: Final = 1271  # ISO 7064 MOD 1271-36
_AIM: Final = re.compile(r"\]([A-Za-z][0-9A-Fa-f])", re.ASCII)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|www\.", re.ASCII | re.IGNORECASE)
_FISCAL_FIELDS: Final = 12  # DSFinV-K, annex I
_TEXT_MAX: Final = 2_000
_LONG_SHOWN: Final = 12
_EAN: Final = 13
_GTIN_FIRST: Final = re.compile(r"01[0-9]{14}", re.ASCII)
_COUPONS: Final = ("981", "982", "983", "984", "99")
_NO_COMPANY: Final = (
    "0000"  # no company prefix begins so in a UPC-A: 8 digits of this form are the store's own
)
_PERIODICALS: Final = ("977", "978", "979")
_ADDONS: Final = (2, 5)
# AIM symbology identifiers (ISO/IEC 15424) by what follows from them.
_NUMBERS: Final[Mapping[str, tuple[int, ...]]] = {"E0": (12, 13), "E4": (8,), "X0": (13,)}
_ELEMENTS: Final = frozenset({"C1", "e0", "d2", "Q3", "J1"})
_DATES: Final = ("11", "12", "13", "15", "16", "17", "7003")
_MEASURES: Final = frozenset({"310", "311", "314", "315", "392", "393"})
_ONLY_ADDON: Final = frozenset({"E1", "E2"})
_ITF: Final = "I"


class ScanKind(enum.StrEnum):
    """What a scan is, by who must look at it."""

    ARTICLE = "article"  # sells `key`, with what the code says of it
    PLU = "plu"  # a short number that people type
    COUPON = "coupon"
    BADGE = "badge"
    RECEIPT = "receipt"
    PARKED = "parked"
    PICKUP = "pickup"
    RETURN = "return"  # what a customer announced that comes back
    BASKET = "basket"  # a phone's cart: `key` is its share code
    GIFT_CARD = "gift-card"
    SLIP = "slip"  # a deposit slip from the store's machine
    STICKER = "sticker"  # marks down the article that was scanned before it
    FISCAL = "fiscal"  # the tax office's code of a receipt
    OTHER = "other"  # known only if the catalogue lists it
    BROKEN = "broken"
    FOREIGN = "foreign"


_OWN_KINDS: Final[Mapping[str, ScanKind]] = {
    "B": ScanKind.BADGE,
    "R": ScanKind.RECEIPT,
    "P": ScanKind.PARKED,
    "A": ScanKind.PICKUP,
    "N": ScanKind.RETURN,
    "W": ScanKind.BASKET,
    "G": ScanKind.GIFT_CARD,
    "C": ScanKind.COUPON,
}
_LETTERS: Final = {kind: letter for letter, kind in _OWN_KINDS.items()}


class Meaning(msgspec.Struct, frozen=True, omit_defaults=True):
    """A scan, read. `text` may be shown. `key` finds the article in the catalogue.

    `quantity` and `price_minor` (of the whole pack) are set where the code says them; `payload` is an own code's
    content, a receipt's link (a gift receipt's with `g/` before it), a slip's number or a fiscal code's text;
    `amount_minor` a slip's amount or a sticker's new price, `percent` what a sticker takes off.
    """

    kind: ScanKind
    text: str
    symbology: str = ""
    key: str = ""
    quantity: Decimal | None = None
    unit: str = ""
    price_minor: int | None = None
    best_before: dt.date | None = None
    use_by: dt.date | None = None
    batch: str = ""
    serial: str = ""
    addon: str = ""
    payload: str = ""
    amount_minor: int | None = None
    percent: int | None = None


def own_code(kind: ScanKind, payload: str) -> str:
    """Our own code for a badge, receipt, parked cart, phone's cart, pickup, announced return, gift card or coupon: for QR codes and Code 128.

    `payload`: 1 to 32 of 0-9 and A-Z. Two check characters (ISO 7064 MOD 1271-36) find every wrong character and every
    two neighbours that changed places.
    """
    body = OWN_PREFIX + _LETTERS[kind] + payload
    if _OWN.fullmatch(body + "00") is None:
        raise ValueError(f"{payload!r} cannot stand in a code")
    first, second = divmod((1 - int(body + "00", 36)) % _MODULUS, 36)
    return body + _DIGITS[first] + _DIGITS[second]


def typed_own_code(text: str) -> str:
    """What somebody typed from a paper of ours, as it is scanned: in capitals, without spaces. Empty where it is none.

    Whether its check characters are right is for `read_scan` to say.
    """
    code = text.replace(" ", "").upper()
    return code if _OWN.fullmatch(code) is not None and any(char.isdigit() for char in code) else ""


def short_number(payload: str) -> str:
    """Six digits to type for a code of our own, where the code cannot be scanned. Several codes may share them."""
    return f"{int(payload, 36) % 1_000_003 % 1_000_000:06}"


def read_scan(raw: str, table: ScanTable, today: dt.date) -> Meaning:
    """Read what a scanner sent or a person typed, with or without an AIM identifier (`]E0...`)."""
    text = raw.strip(" \r\n\t")
    symbology = ""
    aim = _AIM.match(text)
    if aim is not None:
        symbology, text = aim[1], text[3:]
    if not text or len(text) > _TEXT_MAX:
        return Meaning(ScanKind.BROKEN, shown(text[:80]), symbology)
    meaning = (
        _own(text)
        or _address(text, today)
        or _by_symbology(symbology, text, table, today)
        or _plain(symbology, text, table, today)
    )
    return msgspec.structs.replace(meaning, symbology=symbology)


def _own(text: str) -> Meaning | None:
    if text.startswith(LONG_PREFIX):
        found = unpack(text)
        if found is None:
            return _broken(text)
        return Meaning(ScanKind.BASKET, text[:_LONG_SHOWN], key=found.share, payload=text)
    if text.startswith(PICKUP_TOKEN) and len(text) >= _TOKEN_MIN:
        return Meaning(ScanKind.PICKUP, shown(text[:12]), payload=text)
    if text.startswith(OWN_PREFIX):
        match = _OWN.fullmatch(text)
        kind = _OWN_KINDS.get(match[1]) if match is not None else None
        if match is None or kind is None or int(text, 36) % _MODULUS != 1:
            return _broken(text)
        key = match[2] if kind is ScanKind.BASKET else ""
        return Meaning(kind, text, key=key, payload=match[2])
    if _nearly_own(text):
        return _broken(text)
    link = _LINK.fullmatch(text)
    if link is not None:
        return Meaning(ScanKind.RECEIPT, link[2], payload=f"g/{link[2]}" if link[1] == "g" else link[2])
    if text.startswith("V0;"):
        whole = text.count(";") == _FISCAL_FIELDS - 1 and text.isprintable()
        return Meaning(ScanKind.FISCAL, shown(text[:80]), payload=text) if whole else _broken(text)
    return None


def _nearly_own(text: str) -> bool:
    """A code of ours but for its prefix (one wrong character, two that changed places) or in lower case."""
    upper = text.upper() if text.isascii() else text
    for mended in (OWN_PREFIX + upper[3:], OWN_PREFIX + upper[2:3] + upper[4:]):
        wrong = sum(a != b for a, b in zip(mended, upper, strict=False))
        if wrong <= 2 and _OWN.fullmatch(mended) is not None and int(mended, 36) % _MODULUS == 1:
            return True
    return False


def _address(text: str, today: dt.date) -> Meaning | None:
    if _SCHEME.match(text) is None:
        return None
    found = gs1.read_digital_link(text)
    if found is None:
        return Meaning(ScanKind.FOREIGN, shown(text[:80]))
    return _of_elements(text, found, today)


def _by_symbology(symbology: str, text: str, table: ScanTable, today: dt.date) -> Meaning | None:
    """What an identifier promises must be there; None where it promises nothing."""
    if symbology in _ELEMENTS:
        if symbology == "e0" and is_gtin(text):  # some scanners leave the identifier (01) out
            return _number(text, table)
        found = gs1.read_elements(text)
        return _of_elements(text, found, today) if found is not None else _broken(text)
    if symbology == "E3":
        return _with_addon(text, table) or _broken(text)
    if symbology.startswith(_ITF) and len(text) < 14:  # part of a longer one: it ends anywhere
        return _broken(text)
    if symbology in _ONLY_ADDON:
        return _broken(text)
    if symbology in _NUMBERS:
        fits = len(text) in _NUMBERS[symbology] and is_gtin(text)
        return _number(text, table) if fits else _broken(text)
    return None


def _plain(symbology: str, text: str, table: ScanTable, today: dt.date) -> Meaning:
    if text.startswith("]") or (text != text.strip() and gs1.GS not in text):
        return _broken(text)  # a second identifier, or a control character
    if gs1.GS in text or (len(text) >= 16 and text[:2].isdigit()):
        found = gs1.read_elements(text)
        if found is not None and ("01" in found or gs1.GS in text):
            return _of_elements(text, found, today)
        if gs1.GS in text or _GTIN_FIRST.match(text) is not None:
            return _broken(text)
    if text.startswith(_PERIODICALS) and len(text) in (15, 18):
        return _with_addon(text, table) or _broken(text)
    if len(text) == 8 and (text[0] == "0" or not is_gtin(text)):  # no GTIN-8 begins with 0
        upc_a = _upc_a(text)
        if upc_a is not None:
            return _number(upc_a, table)
    code = read_code(text)
    if code.kind is CodeKind.GTIN:
        return _number(code.text, table)
    return Meaning(ScanKind(code.kind.value), code.text, symbology, code.key)


def _number(text: str, table: ScanTable) -> Meaning:
    """A number whose check digit is right: a label or slip of the store's own, a coupon, or an article."""
    if not text.strip("0"):
        return _broken(text)
    ean = text.removeprefix("0") if len(text) == 14 else text.zfill(_EAN) if len(text) == 12 else text
    if len(ean) == _EAN:
        rules: list[LabelRule | SlipRule | StickerRule] = [*table.label, *table.slip, *table.sticker]
        rule = max(
            (rule for rule in rules if ean.startswith(rule.prefix)),
            key=lambda rule: len(rule.prefix),
            default=None,
        )
        if isinstance(rule, LabelRule):
            return _label(ean, rule)
        if isinstance(rule, SlipRule):
            return _slip(ean, rule)
        if isinstance(rule, StickerRule):
            return _sticker(ean, rule)
        if ean.startswith(_COUPONS):
            return Meaning(ScanKind.COUPON, text, key=key_of(text), payload=ean)
    return Meaning(ScanKind.ARTICLE, text, key=key_of(text))


def _label(ean: str, rule: LabelRule) -> Meaning:
    at = len(rule.prefix)
    item, at = ean[at : at + rule.item_digits], at + rule.item_digits
    inner, at = ean[at : at + rule.inner_check], at + rule.inner_check
    value = ean[at : at + rule.value_digits]
    if inner and int(inner) != gs1.price_check_digit(value):
        return _broken(ean)
    number = int(value)
    if not number:  # a label without a weight or price is a label that was not printed right
        return _broken(ean)
    if rule.lookup == "item":
        key = item.lstrip("0") or "0"
    else:
        body = (rule.prefix + item).ljust(_EAN - 1, "0")
        key = key_of(body + str(check_digit(body)))
    if rule.value == "price":
        cents = Decimal(number).scaleb(2 - rule.decimals)
        if cents != cents.to_integral_value():
            return _broken(ean)
        return Meaning(ScanKind.ARTICLE, ean, key=key, price_minor=int(cents))
    if rule.value == "count":
        return Meaning(ScanKind.ARTICLE, ean, key=key, quantity=Decimal(number), unit="pc")
    return Meaning(
        ScanKind.ARTICLE, ean, key=key, quantity=Decimal(number).scaleb(-rule.decimals), unit=rule.unit
    )


def _slip(ean: str, rule: SlipRule) -> Meaning:
    at = len(rule.prefix)
    number, amount = ean[at : at + rule.number_digits], ean[at + rule.number_digits : -1]
    if amount and not int(amount):
        return _broken(ean)
    return Meaning(ScanKind.SLIP, ean, payload=number, amount_minor=int(amount) if amount else None)


def _sticker(ean: str, rule: StickerRule) -> Meaning:
    value = int(ean[-1 - rule.value_digits : -1])
    if not value or (rule.value == "percent" and value > 99):
        return _broken(ean)
    if rule.value == "percent":
        return Meaning(ScanKind.STICKER, ean, percent=value)
    return Meaning(ScanKind.STICKER, ean, amount_minor=value)


def _of_elements(text: str, found: Mapping[str, str], today: dt.date) -> Meaning:
    """What the elements say of a trade item; without one they are a coupon or nothing that is sold."""
    shown_text = shown(text.replace(gs1.GS, " ")[:80])
    gtin = found.get("01")
    if gtin is None:
        coupon = next((found[ai] for ai in ("255", "8112", "8110") if ai in found), "")
        return Meaning(ScanKind.COUPON if coupon else ScanKind.FOREIGN, shown_text, payload=coupon)
    dates = {ai: gs1.date_of(found[ai], today) for ai in _DATES if ai in found}
    price = _price_of(found)
    quantity, unit = _quantity_of(found)
    impossible = None in dates.values() or price == -1 or quantity == 0 or not gtin.strip("0")
    if impossible or _contradicts(found):
        return _broken(shown_text)
    use_by = [date for ai in ("17", "7003") if (date := dates.get(ai)) is not None]
    return Meaning(
        ScanKind.ARTICLE,
        shown_text,
        key=key_of(gtin),
        quantity=quantity,
        unit=unit,
        price_minor=price,
        best_before=dates.get("15"),
        use_by=min(use_by, default=None),
        batch=found.get("10", ""),
        serial=found.get("21", ""),
    )


def _contradicts(found: Mapping[str, str]) -> bool:
    """A trade item beside what is no trade item, or one measure or price told twice (GS1 General Specifications 4.13)."""
    told = ["39" if ai.startswith("39") else ai[:3] for ai in found if ai[:3] in _MEASURES]
    return bool(found.keys() & {"02", "37", "255"}) or len(told) != len(set(told))


def _price_of(found: Mapping[str, str]) -> int | None:
    """The pack's price in minor units (392n, or 393n in euros); -1 where it is in fractions of a cent or foreign."""
    for kind in ("392", "393"):
        price = gs1.measure_of(found, kind)
        if price is None:
            continue
        if kind == "393" and any(ai.startswith("393") and value[:3] != "978" for ai, value in found.items()):
            return -1
        cents = price.scaleb(2)
        return int(cents) if cents == cents.to_integral_value() and cents else -1
    return None


def _quantity_of(found: Mapping[str, str]) -> tuple[Decimal | None, str]:
    for kind, unit in (("310", "kg"), ("311", "m"), ("314", "m2"), ("315", "l")):
        value = gs1.measure_of(found, kind)
        if value is not None:
            return value, unit
    return (Decimal(found["30"]), "pc") if "30" in found else (None, "")


def _with_addon(text: str, table: ScanTable) -> Meaning | None:
    number, addon = text[:_EAN], text[_EAN:]
    if len(addon) not in _ADDONS or not (addon.isascii() and addon.isdigit()) or not is_gtin(number):
        return None
    return msgspec.structs.replace(_number(number, table), addon=addon)


def _upc_a(text: str) -> str | None:
    """The UPC-A that eight digits of UPC-E stand for; None where they are none."""
    if text[0] not in "01" or not (text.isascii() and text.isdigit()):
        return None
    d = text[1:7]
    if d[5] in "012":
        body = d[:2] + d[5] + "0000" + d[2:5]
    elif d[5] == "3" and d[2] > "2":
        body = d[:3] + "00000" + d[3:5]
    elif d[5] == "4" and d[3] != "0":
        body = d[:4] + "00000" + d[4]
    elif d[5] > "4" and d[4] != "0":
        body = d[:5] + "0000" + d[5]
    else:
        return None
    upc = text[0] + body + text[7]
    return upc if is_gtin(upc) and not upc.startswith(_NO_COMPANY) else None


def _broken(text: str) -> Meaning:
    return Meaning(ScanKind.BROKEN, shown(text[:80]))
