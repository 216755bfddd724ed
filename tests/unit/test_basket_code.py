"""The code of a phone's cart: what goes in comes out, and what was damaged is none."""

import datetime as dt
import random
import uuid
from decimal import Decimal

from pos.domain.basket_code import BasketCode, pack, plain_share, share_text, unpack
from pos.domain.scan_table import ScanTable
from pos.domain.scans import ScanKind, own_code, read_scan

TODAY = dt.date(2026, 11, 22)


def any_code(chance: random.Random, lines: int) -> BasketCode:
    return BasketCode(
        "demo",
        str(uuid.UUID(int=chance.getrandbits(128))),
        share_text(chance.randbytes(5)),
        chance.randrange(2**31) * 60_000,
        tuple(
            (f"S{chance.randrange(10**6)}", Decimal(chance.randint(1, 999_000)) / 1000) for _ in range(lines)
        ),
    )


def test_lines_survive_the_code_and_every_damage_is_found() -> None:
    chance = random.Random(1)
    for lines in (0, 1, 7, 30):
        code = any_code(chance, lines)
        text = pack(code)
        assert unpack(text) == code
        for _ in range(100):
            at = chance.randrange(4, len(text))
            other = chance.choice([char for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" if char != text[at]])
            damaged = unpack(text[:at] + other + text[at + 1 :])
            assert damaged is None or damaged == code  # the last bits of base32 are padding
        for cut in range(4, len(text)):
            assert unpack(text[:cut]) is None


def test_too_many_lines_make_no_code_and_the_short_one_holds() -> None:
    assert pack(any_code(random.Random(2), 100)) == ""


def test_a_scan_tells_both_codes_and_a_typed_one_is_forgiving() -> None:
    code = any_code(random.Random(3), 2)
    read = read_scan(pack(code), ScanTable(), TODAY)
    assert (read.kind, read.key) == (ScanKind.BASKET, code.share)
    short = read_scan(own_code(ScanKind.BASKET, code.share), ScanTable(), TODAY)
    assert (short.kind, short.key) == (ScanKind.BASKET, code.share)
    assert read_scan(pack(code)[:-3], ScanTable(), TODAY).kind is ScanKind.BROKEN
    assert plain_share(" abcd-0io1 ") == "ABCD0101"
    assert plain_share("ABCD") == plain_share("ABCDEFG!") == ""
