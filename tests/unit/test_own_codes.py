"""Our own codes: read back in any symbology, and broken by anything that happens to them on the way."""

import itertools

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pos.domain.scans import Meaning, ScanKind, own_code, read_scan
from tests.unit.scan_samples import BROKEN, GS, NONE, TODAY

OWN_KINDS = (
    ScanKind.BADGE,
    ScanKind.RECEIPT,
    ScanKind.PARKED,
    ScanKind.PICKUP,
    ScanKind.GIFT_CARD,
    ScanKind.COUPON,
)
few = settings(max_examples=300, deadline=None)


def read(raw: str) -> Meaning:
    return read_scan(raw, NONE, TODAY)


@pytest.mark.parametrize("kind", OWN_KINDS)
@pytest.mark.parametrize("payload", ["7", "K4N2", "0123456789ABCDEFGHIJKLMNOPQRSTUV", "1B2M3X1B2M3X"])
@pytest.mark.parametrize("identifier", ["", "]Q1", "]C0", "]d1", "]L0", "]Q0"])
def test_an_own_code_is_read_back_in_any_symbology(kind: ScanKind, payload: str, identifier: str) -> None:
    code = own_code(kind, payload)
    meaning = read(identifier + code)
    assert (meaning.kind, meaning.payload, meaning.symbology) == (kind, payload, identifier[1:])
    assert meaning.key == ""


def _spoiled(code: str) -> dict[str, str]:
    return {
        "a letter wrong": code[:5] + ("Q" if code[5] != "Q" else "W") + code[6:],
        "a digit for a letter": code[:5] + ("8" if code[5] != "8" else "B") + code[6:],
        "a sign inside": code[:5] + "-" + code[6:],
        "the prefix wrong": "TRX" + code[3:],
        "the prefix swapped": "RTS" + code[3:],
        "prefix and kind swapped": "TR" + code[3] + "S" + code[4:],
        "a kind that is none": "TRSZ" + code[4:],
        "swapped": code[:5] + code[6] + code[5] + code[7:],
        "check characters swapped": code[:-2] + code[-1] + code[-2],
        "lower case": code.lower(),
        "one in lower case": code[:6] + code[6].lower() + code[7:],
        "the last cut off": code[:-1],
        "the last two cut off": code[:-2],
        "cut to the prefix": code[:3],
        "cut to the kind": code[:4],
        "one too many": code + "0",
        "twice": code + code,
        "a space inside": code[:6] + " " + code[6:],
        "GS behind": code + GS,
        "a dot for a wrong letter": code[:7] + "\N{MIDDLE DOT}" + code[8:],
    }


@pytest.mark.parametrize("kind", OWN_KINDS)
@pytest.mark.parametrize("how", list(_spoiled(own_code(ScanKind.BADGE, "K4N2P9X7"))))
def test_a_spoiled_own_code_is_broken(kind: ScanKind, how: str) -> None:
    assert read(_spoiled(own_code(kind, "K4N2P9X7"))[how]).kind in BROKEN


@pytest.mark.parametrize("payload", ["", "a", "A B", "A_B", "Ä", "٣", "A" * 33])
def test_a_payload_that_cannot_stand_in_a_code_is_refused(payload: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a code"):
        own_code(ScanKind.BADGE, payload)


_ALNUM = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CODES = st.builds(own_code, st.sampled_from(OWN_KINDS), st.text(_ALNUM, min_size=1, max_size=32))


@few
@given(_CODES, st.data())
def test_one_wrong_character_in_an_own_code_is_always_broken(code: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(code) - 1))
    # A bracket in front would begin an AIM identifier; white space at either end is cut off before reading.
    char = data.draw(st.sampled_from(_ALNUM + _ALNUM[10:].lower() + "-./+$%#*_:;!?&"))
    assume(char != code[at])
    assert read(code[:at] + char + code[at + 1 :]).kind is ScanKind.BROKEN


@few
@given(_CODES, st.data())
@example(own_code(ScanKind.BADGE, "1B"), None)
@example(own_code(ScanKind.BADGE, "2M"), None)
@example(own_code(ScanKind.BADGE, "3X"), None)
def test_two_neighbours_swapped_in_an_own_code_are_always_broken(
    code: str, data: st.DataObject | None
) -> None:
    at = 4 if data is None else data.draw(st.integers(0, len(code) - 2))
    assume(code[at] != code[at + 1])
    assert read(code[:at] + code[at + 1] + code[at] + code[at + 2 :]).kind is ScanKind.BROKEN


def test_every_pair_of_signs_is_told_from_any_other_in_the_same_place() -> None:
    codes = [own_code(ScanKind.PICKUP, a + b) for a, b in itertools.product(_ALNUM, repeat=2)]
    checks = [code[-2:] for code in codes]
    assert len(set(checks)) > 1_200  # of 1271: the check characters spread
    for code in codes:
        swapped = code[:4] + code[5] + code[4] + code[6:]
        assert code == swapped or read(swapped).kind is ScanKind.BROKEN
