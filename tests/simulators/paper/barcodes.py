"""Bars from digits: the linear symbologies of GS k, drawn from their standards and from nothing else."""

from dataclasses import dataclass
from itertools import cycle

# GS1 General Specifications 5.2: seven modules per digit, set A (odd parity); B is C mirrored, C is A inverted.
_EAN_A = (
    "0001101",
    "0011001",
    "0010011",
    "0111101",
    "0100011",
    "0110001",
    "0101111",
    "0111011",
    "0110111",
    "0001011",
)
_EAN_C = tuple(code.translate(str.maketrans("01", "10")) for code in _EAN_A)
_EAN_B = tuple(code[::-1] for code in _EAN_C)
_EAN13_PARITY = (
    "AAAAAA",
    "AABABB",
    "AABBAB",
    "AABBBA",
    "ABAABB",
    "ABBAAB",
    "ABBBAA",
    "ABABAB",
    "ABABBA",
    "ABBABA",
)


def _words(table: str) -> list[str]:
    """A table kept in rows, to be compared with the standard by eye."""
    return table.split()


# ISO/IEC 15417 table 1: widths of bar, space, bar, space, bar, space for the values 0 to 105; 106 is the stop.
_CODE128 = _words(
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 "
    "113222 123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 "
    "212123 212321 232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 "
    "113123 113321 133121 313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 "
    "314111 221411 431111 111224 111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 "
    "241211 221114 413111 241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 "
    "214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 211214 "
    "211232 2331112"
)

# ISO/IEC 16388: five bars and four spaces, w = wide.
_CODE39 = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. *$/+%",
        _words(
            "nnnwwnwnn wnnwnnnnw nnwwnnnnw wnwwnnnnn nnnwwnnnw wnnwwnnnn nnwwwnnnn nnnwnnwnw wnnwnnwnn nnwwnnwnn "
            "wnnnnwnnw nnwnnwnnw wnwnnwnnn nnnnwwnnw wnnnwwnnn nnwnwwnnn nnnnnwwnw wnnnnwwnn nnwnnwwnn nnnnwwwnn "
            "wnnnnnnww nnwnnnnww wnwnnnnwn nnnnwnnww wnnnwnnwn nnwnwnnwn nnnnnnwww wnnnnnwwn nnwnnnwwn nnnnwnwwn "
            "wwnnnnnnw nwwnnnnnw wwwnnnnnn nwnnwnnnw wwnnwnnnn nwwnwnnnn nwnnnnwnw wwnnnnwnn nwwnnnwnn nwnnwnwnn "
            "nwnwnwnnn nwnwnnnwn nwnnnwnwn nnnwnwnwn"
        ),
        strict=True,
    )
)


@dataclass(frozen=True)
class Symbol:
    """Bars of one code: `modules` is True where ink is, the quiet zones are counted in modules."""

    name: str
    data: str
    modules: tuple[bool, ...]
    quiet_left: int
    quiet_right: int


class BarcodeError(ValueError):
    """The data cannot be printed in this symbology."""


def _bits(pattern: str) -> tuple[bool, ...]:
    return tuple(bit == "1" for bit in pattern)


def _bars(widths: str) -> str:
    return "".join(colour * int(width) for width, colour in zip(widths, cycle("10"), strict=False))


def check_digit(digits: str) -> str:
    """GS1 check digit of the digits before it (General Specifications 7.9)."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def _gtin(data: bytes, length: int) -> str:
    digits = data.decode("ascii", errors="replace")
    if not (digits.isascii() and digits.isdigit()) or len(digits) not in (length - 1, length):
        raise BarcodeError(f"{length - 1} or {length} digits are needed, got {digits!r}")
    body = digits[: length - 1]
    if len(digits) == length and digits[-1] != check_digit(body):
        raise BarcodeError(f"check digit of {digits} should be {check_digit(body)}")
    return body + check_digit(body)


def ean13(data: bytes) -> Symbol:
    code = _gtin(data, 13)
    sets = {"A": _EAN_A, "B": _EAN_B}
    left = "".join(
        sets[parity][int(digit)] for parity, digit in zip(_EAN13_PARITY[int(code[0])], code[1:7], strict=True)
    )
    right = "".join(_EAN_C[int(digit)] for digit in code[7:])
    return Symbol("EAN13", code, _bits(f"101{left}01010{right}101"), 11, 7)


def upca(data: bytes) -> Symbol:
    code = _gtin(data, 12)
    return Symbol("UPC-A", code, ean13(b"0" + code.encode()).modules, 9, 9)


def ean8(data: bytes) -> Symbol:
    code = _gtin(data, 8)
    left = "".join(_EAN_A[int(digit)] for digit in code[:4])
    right = "".join(_EAN_C[int(digit)] for digit in code[4:])
    return Symbol("EAN8", code, _bits(f"101{left}01010{right}101"), 7, 7)


def code39(data: bytes) -> Symbol:
    """Code 39; start and stop asterisks are added where the sender left them out."""
    text = data.decode("ascii", errors="replace")
    inner = text.removeprefix("*").removesuffix("*")
    if not inner or any(char not in _CODE39 or char == "*" for char in inner):
        raise BarcodeError(f"Code 39 has no {text!r}")
    drawn = ["".join("3" if width == "w" else "1" for width in _CODE39[char]) for char in f"*{inner}*"]
    return Symbol("CODE39", inner, _bits("0".join(_bars(widths) for widths in drawn)), 10, 10)


_START = {"A": 103, "B": 104, "C": 105}
_SWITCH = {("B", "A"): 101, ("C", "A"): 101, ("A", "B"): 100, ("C", "B"): 100, ("A", "C"): 99, ("B", "C"): 99}
_FNC = {("A", "1"): 102, ("B", "1"): 102, ("C", "1"): 102, ("A", "2"): 97, ("B", "2"): 97}
_FNC |= {("A", "3"): 96, ("B", "3"): 96, ("A", "4"): 101, ("B", "4"): 100}


def _code128_value(code: int, code_set: str) -> tuple[int, str]:
    """Symbol value and readable text of one data byte in a code set."""
    if code_set == "A" and code < 0x60:
        return (code - 32, chr(code)) if code >= 32 else (code + 64, " ")
    if code_set == "B" and 32 <= code < 128:
        return code - 32, chr(code)
    if code_set == "C" and code < 100:
        return code, f"{code:02d}"
    raise BarcodeError(f"Code 128 set {code_set} has no byte {code:#04x}")


def code128(data: bytes) -> Symbol:
    """Code 128 as GS k 73 takes it: `{A`, `{B`, `{C` choose the set, `{1` to `{4` are FNC, `{S` shifts."""
    code_set, values, text, shifted = "", list[int](), "", ""
    place = 0
    while place < len(data):
        if data[place] == ord("{"):  # 123 is no value of set C, so the brace is a mark there too
            mark = chr(data[place + 1]) if place + 1 < len(data) else ""
            place += 2
            if mark in _START:
                values.append(_SWITCH.get((code_set, mark), _START[mark]) if code_set else _START[mark])
                code_set = mark
                continue
            if not code_set:
                break
            if (code_set, mark) in _FNC:
                values.append(_FNC[code_set, mark])
                continue
            if mark == "S" and code_set in "AB":
                values.append(98)
                shifted = "B" if code_set == "A" else "A"
                continue
            if mark != "{" or code_set == "C":
                raise BarcodeError(f"Code 128 does not know {{{mark}")
            code = ord("{")
        else:
            code = data[place]
            place += 1
        if not code_set:
            break
        value, readable = _code128_value(code, shifted or code_set)
        values.append(value)
        text += readable
        shifted = ""
    if not code_set:
        raise BarcodeError("Code 128 data must begin with {A, {B or {C")
    if len(values) < 2:
        raise BarcodeError("Code 128 without data")
    values.append((values[0] + sum(n * value for n, value in enumerate(values))) % 103)
    widths = "".join(_CODE128[value] for value in [*values, 106])
    return Symbol("CODE128", text, _bits(_bars(widths)), 10, 10)


# GS k m: form A (NUL-terminated, 0 to 6) and form B (with a length, 65 to 73).
ENCODERS = {
    0: upca,
    2: ean13,
    3: ean8,
    4: code39,
    65: upca,
    67: ean13,
    68: ean8,
    69: code39,
    73: code128,
}
