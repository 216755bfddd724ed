"""What is printed beside receipts: slips, reports, cards. Words and numbers as they are to stand there."""

from typing import Final

import msgspec

__all__ = ["STYLES", "Document", "DocumentRow"]

STYLES: Final = ("", "rule", "centre", "mark", "big", "code", "bars")
"""rule: a line across; centre; mark: centred and loud; big: twice as wide and high; code: a QR code of `left` (a path: below the
public address); bars: the EAN-13, EAN-8 or UPC-A of `left`."""


class DocumentRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """`right` stands at the right edge and is never cut; `left` wraps."""

    left: str = ""
    right: str = ""
    style: str = ""


class Document(msgspec.Struct, frozen=True, omit_defaults=True):
    """`marks` are loud words at the top and at the bottom (demo, training, copy). `head`: the shop's name and address above."""

    rows: tuple[DocumentRow, ...]
    marks: tuple[str, ...] = ()
    head: bool = True
