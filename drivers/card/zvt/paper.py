"""What a terminal wants printed."""

from typing import Final

import msgspec

from drivers.card.zvt import charsets, tlv
from drivers.card.zvt.base import Message

__all__ = ["PrintBlock", "PrintLine", "Printed"]


_RECEIPTS: Final = {1: "merchant", 2: "customer", 3: "administration"}


class Printed(msgspec.Struct, frozen=True):
    """One line for paper. Attribute: 40 centred, 20 double width, 10 double height, low four bits: indent."""

    attribute: int
    text: str

    @property
    def last(self) -> bool:
        """Whether the receipt ends with this line."""
        return bool(self.attribute & 0x80) and self.attribute not in {0x80, 0xFF}

    @property
    def centred(self) -> bool:
        return self.attribute != 0xFF and bool(self.attribute & 0x40)

    @property
    def double_width(self) -> bool:
        return self.attribute != 0xFF and bool(self.attribute & 0x20)

    @property
    def double_height(self) -> bool:
        return self.attribute != 0xFF and bool(self.attribute & 0x10)

    @property
    def indent(self) -> int:
        return 0 if self.attribute & 0x80 else self.attribute & 0x0F


class PrintLine(Message, frozen=True, kw_only=True):
    """06 D1. With attribute FF it is `feed` empty lines."""

    command = 0x06D1
    heads = ("attribute", "text")
    attribute: int | None = None
    text: str = ""
    feed: int = 0

    @property
    def line(self) -> Printed:
        return Printed(self.attribute or 0, self.text)

    @property
    def receipt_type(self) -> str | None:
        return _RECEIPTS.get(self.tag(0x1F07) or 0)


class PrintBlock(Message, frozen=True, kw_only=True):
    """06 D3: a receipt, or a part of one."""

    command = 0x06D3

    @property
    def lines(self) -> tuple[Printed, ...]:
        found: list[Printed] = []
        for container in tlv.every(self.tlv, 0x25):
            attribute = 0
            for value in container.children or ():
                if value.tag == 0x09 and value.value:
                    attribute = value.value[0]
                elif value.tag == 0x07:
                    text = charsets.decode(value.value, self.charset).rstrip("\x00")
                    found.append(Printed(attribute, text))
        return tuple(found)

    @property
    def last(self) -> bool:
        """Whether the receipt ends with this block: so says its last attribute, FF included."""
        attributes = [
            value.value[0]
            for container in tlv.every(self.tlv, 0x25)
            for value in container.children or ()
            if value.tag == 0x09 and value.value
        ]
        return bool(attributes) and bool(attributes[-1] & 0x80) and attributes[-1] != 0x80

    @property
    def receipt_type(self) -> str | None:
        return _RECEIPTS.get(self.tag(0x1F07) or 0)

    @property
    def receipt_information(self) -> int | None:
        """Bits: 01 positive, 02 signature needed, 04 negative, 80 must be printed."""
        found: int | None = self.tag(0x1F37)
        return found

    @property
    def signature(self) -> bool:
        return bool((self.receipt_information or 0) & 0x02)

    @property
    def positive(self) -> bool | None:
        found = self.receipt_information
        return None if found is None or not found & 0x05 else bool(found & 0x01)
