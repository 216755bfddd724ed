"""What all messages have. No object holds card data beyond the last four digits."""

from typing import Any, ClassVar

import msgspec

from drivers.card.zvt import charsets, tlv
from drivers.card.zvt.fields import TLVS
from drivers.card.zvt.tlv import Tlv
from drivers.card.zvt.values import read as read_value

__all__ = ["Message", "Other", "Undecoded", "Unknown", "named_charset", "permitted_commands"]


class Undecoded(msgspec.Struct, frozen=True):
    """Bytes that could not be read. `data` is hexadecimal, with every run of digits taken out."""

    why: str
    size: int
    data: str
    field: int | None = None


class Other(msgspec.Struct, frozen=True):
    """A field that this kind of message does not name; `data` hexadecimal, masked."""

    field: int
    name: str
    data: str


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What all have. `tlv` is None without a container, () with an empty one. `charset`: what texts were read with."""

    command: ClassVar[int] = 0
    heads: ClassVar[tuple[str, ...]] = ()
    tlv: tuple[Tlv, ...] | None = None
    others: tuple[Other, ...] = ()
    masked: tuple[str, ...] = ()
    undecoded: tuple[Undecoded, ...] = ()
    charset: str = charsets.AUTO

    def __repr__(self) -> str:
        """Without what is empty, and without the terminal's password."""
        shown = [
            f"{name}={'hidden' if name == 'password' else repr(value)}"
            for name, value in ((name, getattr(self, name)) for name in self.__struct_fields__)
            if value is not None and value not in ((), "") and name != "charset"
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("", repr(self))]

    def tag(self, tag: int) -> Any:
        """The value of the first TLV with this tag, as what it is; None without one."""
        found = tlv.find(self.tlv, tag)
        kind = TLVS.get(tag)
        if found is None or kind is None:
            return None
        return read_value(kind, found.value, self.charset)

    def texts_of(self, container: int, tag: int = 0x07) -> tuple[str, ...]:
        """The texts in a container, one a line."""
        found = tlv.find(self.tlv, container)
        return tuple(
            charsets.decode(value.value, self.charset).rstrip("\x00")
            for value in tlv.every(found.children if found is not None else None, tag)
        )

    @property
    def display_texts(self) -> tuple[str, ...]:
        """What the terminal shows, for the till to show too."""
        return self.texts_of(0x24)

    @property
    def message_id(self) -> str | None:
        """Six digits; a repeated message has the same."""
        found: str | None = self.tag(0x1F73)
        return found

    @property
    def extended_error_code(self) -> str | None:
        """The maker's own code, hexadecimal."""
        found: str | None = self.tag(0x1F16)
        return found.upper() if found is not None else None

    @property
    def extended_error_text(self) -> str | None:
        found: str | None = self.tag(0x1F17)
        return found


class Unknown(Message, frozen=True, kw_only=True):
    """A command that is not spoken here; `code` is its number."""

    code: int = 0


def permitted_commands(values: tuple[Tlv, ...] | None) -> tuple[str, ...]:
    container = tlv.find(values, 0x26)
    return tuple(
        value.value.hex().upper() for value in tlv.every(container.children if container else None, 0x0A)
    )


def named_charset(values: tuple[Tlv, ...] | None) -> str | None:
    container = tlv.find(values, 0x27)
    code = tlv.find(container.children, 0x14) if container is not None else None
    return charsets.charset_name(code.value[0]) if code is not None and code.value else None
