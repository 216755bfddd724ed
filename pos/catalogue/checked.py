"""What a row of a file has come to when it is right by itself: how it compares with the others is not known yet."""

import msgspec

__all__ = ["CheckedRow", "Common"]


class Common(msgspec.Struct, frozen=True):
    """What many rows of a file have alike. Amounts are gross minor units, content a decimal number as text.

    `deposit_key` is the code key of the deposit's article, empty where only the amount is known. `valid_from` and
    `valid_to` are ISO days (schema.DAY_MIN and DAY_MAX at an open end), None where the price has no days.
    """

    tax_code: str
    department: int
    unit: str
    min_age: int
    serial_required: bool
    deposit_minor: int
    deposit_key: str
    content: str | None
    content_unit: str | None
    valid_from: str | None
    valid_to: str | None


class CheckedRow(msgspec.Struct):
    """An article. `codes` are (key, kind); `options` and `option_names` are joined by `|`."""

    line: int
    sku: str
    text: str
    price_minor: int
    gtin: str | None
    codes: list[tuple[str, str]]
    product: str
    option_names: str
    options: str
    common: Common
