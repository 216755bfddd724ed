"""A question that the till puts to the cashier, and how its answer is read. Every screen draws all of them alike."""

import datetime as dt
import re
from decimal import Decimal
from typing import Final

import msgspec

__all__ = ["KINDS", "Option", "Question", "Scanned", "read_date", "to_decimal", "to_minor"]

KINDS: Final = ("pick", "many", "amount", "number", "text", "secret", "date")
"""What an answer is:

pick: the key of one option (str); many: the keys of those that are ticked (tuple of str); amount: minor units (int);
number: a Decimal; text, secret: what was typed (str); date: a day (datetime.date). Where a question takes scans, a
scan answers it as `Scanned`; where it may be left empty, nothing typed is None. A date may have options beside it: the key of one is
an answer too.
"""


class Scanned(msgspec.Struct, frozen=True):
    """A code that was scanned in answer to a question."""

    code: str


class Option(msgspec.Struct, frozen=True, omit_defaults=True):
    """One choice. `text` is shown as it is; where it is empty, the words of `word` with `fields`.

    At the right stand `note` and `amount_minor`, never cut.
    """

    key: str
    text: str = ""
    word: str = ""
    fields: dict[str, str | int] = {}
    amount_minor: int | None = None
    note: str = ""
    ticked: bool = False


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """`code` names its words: `ask.CODE` is the question, `ask.CODE-hint` what to press.

    `scans` says what a scan means meanwhile: "sell" (the question is dropped, the article sold), "answer", or "refuse".
    `empty`: Enter alone is an answer too. `confirm`: a number chooses only with Enter, for whoever types an amount meanwhile. `rows` are what one must know to answer: texts as they are, left and right. `qr` is what
    a code says that the customer is to scan: on the customer's screen, else on the till's; with `own` it is for whoever stands at the till, and on no other screen.
    `waits`: news of what is named so is an answer too; then nothing but an answer ends it, and Esc means the option `esc`.
    `back`: Esc leads one step back into the function, not out of it (pos.till.flows.step).
    `stays`: another function's key, or a scan that is no answer, is refused and does not end it.
    A choice (pick) that scans answer takes typed codes as well; an amount with options beside it takes one digit for their number.
    """

    code: str
    kind: str = "pick"
    options: tuple[Option, ...] = ()
    fields: dict[str, str | int] = {}
    scans: str = "sell"
    empty: bool = False
    confirm: bool = False
    rows: tuple[tuple[str, str], ...] = ()
    qr: str = ""
    own: bool = False
    waits: str = ""
    esc: str = ""
    back: bool = False
    stays: bool = False

    @property
    def with_enter(self) -> bool:
        """Does a number choose only with Enter? Where a code may be typed instead, and where one digit does not name every choice."""
        return self.confirm or self.scans == "answer" or len(self.options) > _ONE_DIGIT

    @property
    def choice_digits(self) -> int:
        """So many digits, no more, are the number of an option; what is longer is the answer itself."""
        return _CHOICE_DIGITS.get(self.kind, 0)


_ONE_DIGIT: Final = 9
_CHOICE_DIGITS: Final = {"pick": 2, "many": 4, "date": 2, "amount": 1}
"""A day has more digits, and who tells an amount tells more."""

_AMOUNT_DIGITS_MAX: Final = 9
_DATE: Final = re.compile(r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4}|[0-9]{2})", re.ASCII)
_DIGITS: Final = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{4}|[0-9]{2})", re.ASCII)
_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)


def read_date(text: str, today: dt.date) -> dt.date | None:
    """A day as people type it: 24122008, 241208, 24.12.2008, 2008-12-24. Two digits are the last year that is not to come."""
    iso = _ISO.fullmatch(text)
    if iso is not None:
        year, month, day = (int(part) for part in iso.groups())
    else:
        found = _DATE.fullmatch(text) or _DIGITS.fullmatch(text)
        if found is None:
            return None
        day, month, year = (int(part) for part in found.groups())
        if len(found.group(3)) == 2:
            year += today.year // 100 * 100
            year -= 100 if year > today.year else 0
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def to_minor(text: str, *, digits_are_cents: bool) -> int | None:
    """An amount in minor units; without a comma or point, digits are cents or whole units. None when it is none."""
    number = to_decimal(text.strip())
    if number is None or sum(char.isdigit() for char in text) > _AMOUNT_DIGITS_MAX:
        return None
    if "," not in text and "." not in text and digits_are_cents:
        return int(number)
    minor = number * 100
    return int(minor) if minor == minor.to_integral_value() else None


def to_decimal(text: str) -> Decimal | None:
    """A number of at most three decimals, with a comma or a point; None when it is none."""
    plain = text.replace(",", ".")
    if not plain.isascii() or not plain.replace(".", "", 1).isdigit():
        return None
    number = Decimal(plain)
    exponent = number.as_tuple().exponent
    return number if isinstance(exponent, int) and exponent >= -3 else None
