"""What a store's own 13-digit codes look like: price and weight labels, deposit slips, mark-down stickers."""

from typing import Final

import msgspec

__all__ = ["LabelRule", "ScanTable", "SlipRule", "StickerRule"]

_EAN: Final = 13


class LabelRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A price or weight label of the store: prefix, item, inner check digit if any, value, check digit; 13 digits.

    `value` is "price" (minor units after `decimals`), "weight" (of `unit`) or "count". `lookup`: "item" finds the
    article by the item's number without leading zeros, "label" by the label with value and inner check zero.
    """

    prefix: str
    item_digits: int
    value_digits: int
    value: str
    inner_check: bool = False
    decimals: int = 2
    unit: str = "kg"
    lookup: str = "item"

    def __post_init__(self) -> None:
        length = len(self.prefix) + self.item_digits + self.inner_check + self.value_digits + 1
        if not (self.prefix.isascii() and self.prefix.isdigit()) or length != _EAN:
            raise ValueError(
                f"label {self.prefix}: prefix, item, inner check, value and check digit are 13 digits"
            )
        if self.value not in {"price", "weight", "count"} or self.lookup not in {"item", "label"}:
            raise ValueError(f"label {self.prefix}: value {self.value!r}, lookup {self.lookup!r}")
        if self.inner_check and self.value_digits not in (4, 5):
            raise ValueError(f"label {self.prefix}: an inner check digit belongs to a value of 4 or 5 digits")
        if self.item_digits < 1 or self.value_digits < 1 or not 0 <= self.decimals <= self.value_digits:
            raise ValueError(f"label {self.prefix}: {self.item_digits} + {self.value_digits} digits")


class SlipRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A deposit slip of the store's machine: prefix, number, amount in minor units, check digit; 13 digits.

    `amount_digits` 0: the number is looked up.
    """

    prefix: str
    number_digits: int
    amount_digits: int

    def __post_init__(self) -> None:
        length = len(self.prefix) + self.number_digits + self.amount_digits + 1
        digits = self.prefix.isascii() and self.prefix.isdigit()
        if not digits or length != _EAN or self.number_digits < 1 or self.amount_digits < 0:
            raise ValueError(f"slip {self.prefix}: prefix, number, amount and check digit are 13 digits")


class StickerRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mark-down sticker that is scanned after its article: prefix, any number, value, check digit; 13 digits.

    `value` is "percent" (whole ones, 1 to 99) or "price" (the new price in minor units).
    """

    prefix: str
    number_digits: int
    value_digits: int
    value: str

    def __post_init__(self) -> None:
        length = len(self.prefix) + self.number_digits + self.value_digits + 1
        digits = self.prefix.isascii() and self.prefix.isdigit()
        if not digits or length != _EAN or self.number_digits < 0 or self.value_digits < 1:
            raise ValueError(f"sticker {self.prefix}: prefix, number, value and check digit are 13 digits")
        if self.value not in {"percent", "price"}:
            raise ValueError(f"sticker {self.prefix}: value {self.value!r}")


class ScanTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a store's own codes look like. The longest prefix that fits decides.

    `slip_tax_code` is the deposit's; empty: the country's first.
    """

    label: tuple[LabelRule, ...] = ()
    slip: tuple[SlipRule, ...] = ()
    sticker: tuple[StickerRule, ...] = ()
    slip_tax_code: str = ""

    def __post_init__(self) -> None:
        rules: list[LabelRule | SlipRule | StickerRule] = [*self.label, *self.slip, *self.sticker]
        prefixes = [rule.prefix for rule in rules]
        if len(set(prefixes)) != len(prefixes):
            raise ValueError(f"a prefix is given twice: {sorted(prefixes)}")
