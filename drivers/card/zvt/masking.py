"""What nobody may see is taken out of the bytes before anything is made of them.

Every length stays, so that masked bytes are read as the others. Of a card number the last four digits stay; tracks,
expiry, check digits, PIN and chip data do not; what is not understood loses every run of digits. In texts a number of
13 to 19 digits that satisfies the check of card numbers (Luhn) loses all but four.
"""

import re
from typing import Final

from drivers.card.zvt import tlv
from drivers.card.zvt.fields import FIELDS, TLVS, TOTALS_SIZE, Seen
from drivers.card.zvt.layouts import Layout, split

__all__ = ["REDACTED", "luhn", "mask", "masked_fields", "redact", "scan", "scan_bytes"]

REDACTED: Final = 0xEE
_KEEP: Final = 4
_SHORT: Final = 8  # a number with fewer digits keeps none of them
_RUN: Final = 3  # bytes; shorter runs of digits cannot be the heart of a card number
_WIDE: Final = 6  # bytes; longer numbers than any that ZVT knows

_TAG_LIST: Final = 0x1F71

_GROUPS: Final = re.compile(r"[0-9]+(?:[ .\-\u00a0][0-9]+)*")
_GROUP: Final = re.compile(r"[0-9]+")


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def scan(text: str) -> str:
    """`text` without card numbers: for everything that leaves the driver. Digits become `*`, all but the last four.

    Between the digits single blanks, dots and hyphens may stand. A number that begins with 0 is no card's.
    """
    return _GROUPS.sub(lambda found: _scanned(found.group()), text)


def scan_bytes(data: bytes) -> bytes:
    """The same in bytes of any character set: digits are the same in all of them."""
    return scan(data.decode("latin-1")).encode("latin-1")


def _scanned(text: str) -> str:
    groups = [found.span() for found in _GROUP.finditer(text)]
    if sum(end - start for start, end in groups) < 13:
        return text
    hidden = bytearray(text, "latin-1")
    for first in range(len(groups)):
        digits = ""
        for last in range(first, len(groups)):
            start, end = groups[last]
            digits += text[start:end]
            if len(digits) > 19:
                if first == last:
                    _hide_long(hidden, digits, start)
                break
            if len(digits) >= 13 and digits[0] != "0" and luhn(digits):
                _hide(hidden, groups[first][0], end, len(digits) - _KEEP)
    return hidden.decode("latin-1")


def _hide(hidden: bytearray, start: int, end: int, count: int) -> None:
    for at in range(start, end):
        if count and (chr(hidden[at]).isdigit() or hidden[at] == 0x2A):
            hidden[at] = 0x2A
            count -= 1


def _hide_long(hidden: bytearray, digits: str, start: int) -> None:
    """More digits than a card number has: one may stand at either end."""
    for size in range(13, 20):
        for at in (0, len(digits) - size):
            part = digits[at : at + size]
            if part[0] != "0" and luhn(part):
                _hide(hidden, start + at, start + at + size, size - _KEEP)


def redact(data: bytes) -> bytes:
    """Bytes that nobody could read: without each run of three or more that could be digits, packed or as characters."""
    found = bytearray(data)
    at = 0
    while at < len(found):
        end = at
        while end < len(found) and _digits(found[end]):
            end += 1
        if end - at >= _RUN:
            found[at:end] = bytes((REDACTED,)) * (end - at)
        at = end + 1
    return bytes(found)


def _digits(byte: int) -> bool:
    high, low = byte >> 4, byte & 0x0F
    return (high < 10 or high > 12) and (low < 10 or low > 12)


def mask(command: int, data: bytes) -> bytes:
    """The data of a message without what nobody may see. Never raises; masking twice changes nothing."""
    layout = split(command, data)
    found = bytearray(data)
    for _, start, end in layout.texts:
        found[start:end] = scan_bytes(bytes(found[start:end]))
    for field in layout.fields:
        if field.tag == 0x06:
            continue
        kind = FIELDS[field.tag]
        short = kind.holds == "totals" and field.end - field.start < TOTALS_SIZE
        _hidden(found, field.start, field.end, "no-digits" if short else kind.seen)
    for nodes in layout.containers:
        _mask_nodes(found, nodes.nodes)
        if nodes.stop >= 0:
            _keep_head(found, nodes.stop, nodes.end)
    if layout.stop is not None:
        kind_there = FIELDS.get(found[layout.stop.at]) if layout.stop.why == "truncated" else None
        if kind_there is not None and kind_there.seen in {"card-number", "nothing"}:
            _hidden(found, layout.stop.rest, layout.end, "nothing")
        found[layout.stop.rest : layout.end] = redact(bytes(found[layout.stop.rest : layout.end]))
    return bytes(found)


def _mask_nodes(found: bytearray, nodes: tuple[tlv.Node, ...]) -> None:
    for node in nodes:
        if node.children is not None:
            _mask_nodes(found, node.children)
            if node.stop >= 0:
                _keep_head(found, node.stop, node.end)
            continue
        kind = TLVS.get(node.tag)
        seen: Seen = kind.seen if kind is not None else "no-digits"
        size = node.end - node.start
        if node.tag == _TAG_LIST:
            found[node.start : node.end] = _tag_list(bytes(found[node.start : node.end]))
            continue
        if kind is not None and kind.seen == "all" and size > _WIDE:
            application = node.tag == 0x43 and size <= 16 and found[node.start] >= 0xA0
            seen = "all" if application else "nothing" if kind.holds in {"bcd", "digits"} else "no-digits"
        _hidden(found, node.start, node.end, seen)


def _tag_list(value: bytes) -> bytes:
    """Numbers of tags, one behind the other. Most begin with 1F, which no digits hold; a run of digits as long as a card
    number's heart is hidden.
    """
    found = bytearray(value)
    at = 0
    while at < len(found):
        end = at
        while end < len(found) and found[end] >> 4 < 10 and found[end] & 0x0F < 10:
            end += 1
        if end - at >= _WIDE:
            found[at:end] = bytes((REDACTED,)) * (end - at)
        at = end + 1
    return bytes(found)


def _keep_head(found: bytearray, at: int, end: int) -> None:
    found[at + 1 : end] = redact(bytes(found[at + 1 : end]))


def _hidden(found: bytearray, start: int, end: int, seen: Seen) -> None:
    value = bytes(found[start:end])
    if seen == "nothing":
        found[start:end] = bytes((REDACTED,)) * (end - start)
    elif seen == "card-number":
        found[start:end] = _card_number(value)
    elif seen == "text":
        found[start:end] = scan_bytes(value)
    elif seen == "no-digits":
        found[start:end] = redact(value)
    elif seen == "code" and not all(0x20 <= byte < 0x7F or byte == 0 for byte in value):
        digits = value.hex()
        if digits.isdecimal() and digits[0] != "0" and luhn(digits):
            found[start:end] = bytes((REDACTED,)) * (end - start)


def _card_number(value: bytes) -> bytes:
    """The last four digits, all else E; padding stays. With a separator it is a track, and nothing of it stays."""
    nibbles = [half for byte in value for half in (byte >> 4, byte & 0x0F)]
    number = [place for place, half in enumerate(nibbles) if half != 0xF]
    kept = set(number[-_KEEP:]) if len(number) >= _SHORT and 0xD not in nibbles else set()
    out = [
        half if half == 0xF or (place in kept and half < 10) else 0xE for place, half in enumerate(nibbles)
    ]
    return bytes(high << 4 | low for high, low in zip(out[::2], out[1::2], strict=True))


def masked_fields(layout: Layout) -> tuple[str, ...]:
    """The names of the fields in a message that were masked because of what they are."""
    names = [
        FIELDS[field.tag].name
        for field in layout.fields
        if FIELDS[field.tag].seen in {"card-number", "nothing"} and field.end > field.start
    ]

    def look(nodes: tuple[tlv.Node, ...]) -> None:
        for node in nodes:
            kind = TLVS.get(node.tag)
            if node.children is not None:
                look(node.children)
            elif kind is not None and kind.seen == "nothing":
                names.append(kind.name)

    for container in layout.containers:
        look(container.nodes)
    return tuple(dict.fromkeys(names))
