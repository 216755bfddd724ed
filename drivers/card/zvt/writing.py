"""From messages to bytes, strictly: what does not fit its field is not sent, and card data never is."""

from typing import Any, Final

from drivers.card.zvt import charsets, messages, tlv
from drivers.card.zvt.apdu import Apdu
from drivers.card.zvt.fields import FIELDS, TLVS, join
from drivers.card.zvt.masking import scan
from drivers.card.zvt.messages import Message
from drivers.card.zvt.tlv import Tlv
from drivers.card.zvt.values import write as write_value

__all__ = ["RefusedError", "offer", "write"]

_NUMBERS: Final = {kind.name: tag for tag, kind in FIELDS.items()}
_ALIASES: Final = {(0x060F, "status_byte"): 0x19}
_SECRET: Final = frozenset({"nothing", "card-number"})


class RefusedError(ValueError):
    """The message holds what a till never sends. The text names the field, not what is in it."""


def write(message: Message, charset: str = charsets.CP437) -> Apdu:
    """Raises RefusedError for card data, ValueError for what does not fit."""
    command = message.command
    if isinstance(message, messages.Unknown) or not command:
        raise RefusedError("a message that is not known is not sent")
    if isinstance(message, messages.Nack):
        if not 0 <= message.error_code <= 0xFF:
            raise ValueError("error_code is one byte")
        command |= message.error_code
    if message.undecoded:
        raise RefusedError("what could not be read is not sent")
    data = bytearray()
    for name in message.heads:
        data += _head(message, name, charset)
    data += join(_fields(message, charset))
    if len(data) > 0xFFFF:
        raise ValueError("a message carries at most 65,535 bytes")
    return Apdu(command, bytes(data))


def _fields(message: Message, charset: str) -> list[tuple[int, bytes]]:
    parts: list[tuple[int, bytes]] = []
    for name in message.__struct_fields__:
        number = _ALIASES.get((message.command, name), _NUMBERS.get(name))
        value = getattr(message, name)
        if number is None or value is None or name == "tlv" or _as_head(message, name):
            continue
        _check_text(name, value)
        parts.append((number, write_value(FIELDS[number], value, charset)))
    if isinstance(message, messages.Abort):
        parts += [(0x87, write_value(FIELDS[0x87], number, charset)) for number in message.receipts]
    for other in message.others:
        kind = FIELDS.get(other.field)
        if kind is None or kind.seen in _SECRET:
            raise RefusedError(f"field {other.field:02X} is never sent")
        parts.append((other.field, bytes.fromhex(other.data)))
    if message.tlv is not None:
        _check(message.tlv)
        parts.append((0x06, tlv.encode(message.tlv)))
    return parts


def _as_head(message: Message, name: str) -> bool:
    """Whether a name that is a field elsewhere stands before the fields here."""
    if isinstance(message, messages.Nack):
        return name in {"result_code", "currency"} and message.error_code == 0x1E
    return name in message.heads


def _head(message: Message, name: str, charset: str) -> bytes:
    value: Any = getattr(message, name)
    if isinstance(message, messages.Nack) and message.error_code != 0x1E:
        return b""
    if isinstance(message, messages.PrintLine) and name == "text" and message.attribute == 0xFF:
        return bytes((message.feed,))
    if value is None:
        return b""
    if name == "password":
        if not (len(value) == 6 and value.isascii() and value.isdecimal()):
            raise ValueError("a password has six digits")
        return bytes.fromhex(value)
    if name == "currency":
        return write_value(FIELDS[0x49], value, charset)
    if name == "timeout_minutes":
        if not 0 <= value <= 99:
            raise ValueError("timeout_minutes has two digits")
        return bytes.fromhex(f"{value:02d}")
    if name == "text":
        _check_text(name, value)
        return charsets.encode(value, charset)
    if name == "sw_version":
        _check_text(name, value)
        version = charsets.encode(value, charset)
        return bytes(0xF0 | int(digit) for digit in f"{len(version):03d}") + version
    if not 0 <= value <= 0xFF:
        raise ValueError(f"{name} is one byte")
    return bytes((value,))


def _check(values: tuple[Tlv, ...]) -> None:
    for value in values:
        kind = TLVS.get(value.tag)
        if kind is not None and kind.seen in _SECRET:
            raise RefusedError(f"tag {tlv.tag_name(value.tag)} is never sent")
        if value.children is not None:
            _check(value.children)
        elif kind is not None and kind.holds == "text":
            _check_text(kind.name, value.value.decode("latin-1"))


def _check_text(name: str, value: Any) -> None:
    if isinstance(value, str) and scan(value) != value:
        raise RefusedError(f"{name} holds what looks like the number of a card")


def offer(
    *,
    commands: tuple[int, ...] = (0x06D3,),
    columns: int | None = None,
    max_apdu: int | None = None,
    charset: str | None = None,
    message_ids: bool = False,
) -> tuple[Tlv, ...]:
    """What a registration offers: the commands that the terminal may send, the printer's columns, the largest message
    (bytes), one character set, numbered messages. Raises ValueError for a set that ZVT has no number for.
    """
    found: list[Tlv] = []
    if columns is not None:
        found.append(Tlv(0x12, bytes.fromhex(f"{columns:02d}")))
    if max_apdu is not None:
        found.append(Tlv(0x1A, max_apdu.to_bytes(2, "big")))
    if commands:
        found.append(Tlv(0x26, b"", tuple(Tlv(0x0A, command.to_bytes(2, "big")) for command in commands)))
    if charset is not None:
        found.append(Tlv(0x27, b"", (Tlv(0x14, bytes((charsets.code_of(charset),))),)))
    if message_ids:
        found.append(Tlv(0x1F73, bytes(3)))
    return tuple(found)
