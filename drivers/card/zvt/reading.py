"""From masked bytes to messages. Nothing that a terminal sends makes it raise."""

from typing import Any, Final

from drivers.card.zvt import charsets, messages, tlv
from drivers.card.zvt.apdu import Apdu
from drivers.card.zvt.fields import FIELDS, Stop
from drivers.card.zvt.layouts import Layout, split
from drivers.card.zvt.masking import masked_fields, redact
from drivers.card.zvt.messages import KINDS, Message, Other, Undecoded, Unknown
from drivers.card.zvt.values import bcd
from drivers.card.zvt.values import read as read_value

__all__ = ["parse", "read"]

_ALIASES: Final = {(0x060F, "payment_type"): "status_byte"}
_DATA: Final = "what stands here could not be read"


def read(apdu: Apdu, charset: str = charsets.AUTO) -> Message:
    """What a message says. `charset` is the terminal's setting; a block that names its own goes before.

    Never raises: whatever happens, a 04 0F is a StatusInformation, and what could not be read stands in `undecoded`.
    """
    try:
        return parse(apdu, charset)
    except Exception:  # noqa: BLE001  an error here would take a payment back at the terminal
        lost = (Undecoded(_DATA, len(apdu.data), ""),)
        kind = KINDS.get(apdu.command)
        if kind is None or kind is messages.Registration:
            return Unknown(code=apdu.command, undecoded=lost)
        return kind(undecoded=lost)


def parse(apdu: Apdu, charset: str = charsets.AUTO) -> Message:
    """As `read`, without its net."""
    data = apdu.data
    layout = split(apdu.command, data)
    kind = KINDS.get(apdu.command, messages.Nack if apdu.command >> 8 == 0x84 else Unknown)
    trees = [tlv.tree(data, container.nodes) for container in layout.containers]
    values = tuple(value for tree in trees for value in tree) if trees else None
    charset = _charset(data, layout, values, charset)
    found: dict[str, Any] = {
        "tlv": values,
        "masked": masked_fields(layout),
        "undecoded": _undecoded(data, layout, apdu),
        "charset": charset,
    }
    for name, start, end in (*layout.heads, *layout.texts):
        found[name] = _head(name, data[start:end], charset)
    if kind is messages.Registration and "config_byte" not in found:
        kind = Unknown
    if kind is messages.Unknown:
        found["code"] = apdu.command
    _take_fields(kind, apdu, layout, found, charset)
    if kind is messages.Nack:
        found["error_code"] = apdu.command & 0xFF
    if kind is messages.PrintLine and found.get("attribute") == 0xFF:
        found["feed"], found["text"] = _feed(data, layout), ""
    return kind(**{name: value for name, value in found.items() if name in kind.__struct_fields__})


def _take_fields(
    kind: type[Message], apdu: Apdu, layout: Layout, found: dict[str, Any], charset: str
) -> None:
    others: list[Other] = []
    if kind is Unknown:
        others += [Other(0, name, apdu.data[start:end].hex()) for name, start, end in layout.heads]
    receipts: list[int] = []
    lost: list[Undecoded] = []
    seen: dict[str, bytes] = {}
    twice: set[str] = set()
    for field in layout.fields:
        spec, value = FIELDS[field.tag], apdu.data[field.start : field.end]
        name = _ALIASES.get((apdu.command, spec.name), spec.name)
        if field.tag == 0x06:
            continue
        if name == "pan" and "pan_last4" in kind.__struct_fields__:
            found["pan_last4"] = _last4(value)
        elif spec.seen in {"nothing", "card-number"}:
            continue
        elif name == "receipt_no" and kind is messages.Abort:
            number = read_value(spec, value, charset)
            receipts += [number] if number is not None else []
        elif name in kind.__struct_fields__:
            read = read_value(spec, value, charset)
            if seen.setdefault(name, value) != value:
                twice.add(name)  # which of them is true is not for us to say
                lost.append(Undecoded("given twice, differently", len(value), redact(value).hex(), field.tag))
                continue
            if read is None:
                lost.append(
                    Undecoded("the value does not fit the field", len(value), redact(value).hex(), field.tag)
                )
            else:
                found[name] = read
        else:
            others.append(Other(field.tag, spec.name, value.hex()))
    for name in twice:
        found.pop(name, None)
    found["others"], found["receipts"] = tuple(others), tuple(receipts)
    found["undecoded"] += tuple(lost)


def _head(name: str, value: bytes, charset: str) -> Any:
    if name == "password":
        return value.hex()
    if name in {"currency", "timeout_minutes"}:
        return bcd(value)
    if name in {"text", "sw_version"}:
        return charsets.decode(value, charset).rstrip("\x00")
    return int.from_bytes(value, "big")


def _feed(data: bytes, layout: Layout) -> int:
    start = layout.texts[0][1] if layout.texts else len(data)
    return data[start] if start < len(data) else 1


def _last4(value: bytes) -> str | None:
    """Of what masking left: the four digits."""
    left = value.hex().partition("d")[0].replace("e", "").replace("f", "")
    return left if len(left) == 4 and left.isdecimal() else None


def _charset(data: bytes, layout: Layout, values: tuple[tlv.Tlv, ...] | None, charset: str) -> str:
    """The block's own, else the setting; the guess looks at all texts of the message together."""
    own = tlv.find([value for value in values or () if value.tag == 0x14], 0x14)
    named = charsets.charset_name(own.value[0]) if own is not None and own.value else None
    if named is not None:
        return named
    if charset != charsets.AUTO and charsets.known(charset):
        return charset
    texts = [data[start:end] for _, start, end in layout.texts]
    texts += [data[field.start : field.end] for field in layout.fields if FIELDS[field.tag].holds == "text"]
    texts += [value.value for tag in (0x07, 0x1F17, 0x42, 0x44) for value in tlv.every(values, tag)]
    return charsets.guess(b" ".join(texts))


def _undecoded(data: bytes, layout: Layout, apdu: Apdu) -> tuple[Undecoded, ...]:
    found: list[Undecoded] = []
    if layout.stop is not None:
        found.append(_stopped(data, layout.stop, layout.end))
    for container in layout.containers:
        if container.stop >= 0:
            found.append(_lost(data, container.stop, container.end))
        found += _lost_inside(data, container.nodes)
    if apdu.declared is not None:
        found.append(Undecoded(f"the length says {apdu.declared} bytes and {len(data)} came", 0, ""))
    return tuple(found)


def _stopped(data: bytes, stop: Stop, end: int) -> Undecoded:
    why = {
        "unknown": "unknown field",
        "truncated": "the field is cut off",
        "counter": "no length that could be",
    }[stop.why]
    field = data[stop.at] if stop.rest > stop.at else None
    return Undecoded(why, end - stop.at, data[stop.at : end].hex(), field)


def _lost(data: bytes, at: int, end: int) -> Undecoded:
    return Undecoded("the TLV container cannot be read on", end - at, data[at:end].hex())


def _lost_inside(data: bytes, nodes: tuple[tlv.Node, ...]) -> list[Undecoded]:
    found: list[Undecoded] = []
    for node in nodes:
        if node.children is not None:
            if node.stop >= 0:
                found.append(_lost(data, node.stop, node.end))
            found += _lost_inside(data, node.children)
    return found
