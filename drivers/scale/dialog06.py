"""Dialog 06, the German language of checkout scales: the till sends the unit price, the scale reckons the amount.

Every message of the till begins with EOT, which sets the scale back to listening.

    EOT STX 01 ESC price ESC ETX                     unit price, 6 digits
            03 ESC price ESC tare ETX                with tare, 4 digits, grams
            04 ESC price ESC text ETX                with text, 13 characters
            05 ESC price ESC tare ESC text ETX
            08 ETX                                   why NAK?
            10 ESC CCCCKKKK ETX                      the checksums that were asked for
    EOT ENQ                                          the result, please
    STX 02 ESC 3 ESC weight ESC price ESC amount ETX   5, 6 and 6 digits; 3: kilograms with three decimals
        09 ESC ss ETX                                a status
        11 ESC d zz ETX                              d = 2: send checksums made with zz; 1: right, 0: wrong
"""

import re
from collections.abc import Generator
from typing import Final

from drivers.scale.frames import ACK, ETX, NAK
from drivers.scale.values import Conversation, ScaleTrouble, Step, Trouble, Weighing

__all__ = ["END", "PRICE_MAX_MINOR", "Prover", "conversation", "prover_of", "record"]

END: Final = ETX
PRICE_MAX_MINOR: Final = 999_999
TARE_MAX_G: Final = 9_999
_EOT: Final = b"\x04"
_ENQ: Final = b"\x05"
_ESC: Final = b"\x1b"
_TEXT: Final = 13
_TRIES: Final = 3  # from the beginning, after an answer that made no sense or none at all
_ASKS: Final = 20  # while the scale has not come to rest
_REST_S: Final = 0.2
_RESULT: Final = re.compile(rb"\x0202\x1b3\x1b([0-9]{5})\x1b([0-9]{6})\x1b([0-9]{6})\x03", re.DOTALL)
_STATUS: Final = re.compile(rb"\x0209\x1b([0-9]{2})\x03", re.DOTALL)
_WANTS: Final = re.compile(rb"\x0211\x1b2([0-9A-Fa-f]{2})\x03", re.DOTALL)
_PROVEN: Final = re.compile(rb"\x0211\x1b1[^\x03]*\x03", re.DOTALL)
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"})
_TROUBLES: Final = {
    b"11": Trouble.PRICE,
    b"21": Trouble.NOT_MOVED,
    b"30": Trouble.ZERO,
    b"31": Trouble.NEGATIVE,
    b"32": Trouble.OVERLOAD,
}
_NOT_YET: Final = frozenset({b"20", b"22"})


class Prover:
    """Makes the checksums that a scale asks for, from a generator that its maker gives to approved programs.

    `generator` is a polynomial of degree 16, its leading bit included; `checksum` the program's own, 16 bits.
    """

    def __init__(self, generator: int, checksum: int) -> None:
        if generator >> 16 != 1:
            raise ValueError("the generator has 17 bits, the first of them set")
        self._generator = generator
        self._checksum = checksum & 0xFFFF

    def answer(self, z: int) -> bytes:
        """Checksum and its correction, turned by the two halves of `z`: 8 hexadecimal digits."""
        rest = self._checksum << 16
        for bit in range(31, 15, -1):
            if rest >> bit & 1:
                rest ^= self._generator << (bit - 16)
        first = _turned_left(self._checksum, z >> 4)
        second = _turned_left(rest & 0xFFFF, 16 - (z & 0x0F))
        return b"%04X%04X" % (first, second)


def prover_of(generator: str, fingerprint: str) -> Prover | None:
    """None where no generator is set. Raises ValueError for one that is none."""
    return Prover(int(generator, 16), int(fingerprint[:4], 16)) if generator else None


def record(price_minor: int, text: str = "", tare_g: int = 0) -> bytes:
    """The message that begins a weighing. Raises ScaleTrouble for a price or a tare it cannot carry."""
    if not 0 < price_minor <= PRICE_MAX_MINOR or not 0 <= tare_g <= TARE_MAX_G:
        raise ScaleTrouble(Trouble.PRICE)
    number = {(False, False): b"01", (True, False): b"03", (False, True): b"04", (True, True): b"05"}[
        (bool(tare_g), bool(text))
    ]
    fields = [number, b"%06d" % price_minor]
    if tare_g:
        fields.append(b"%04d" % tare_g)
    fields.append(_plain(text) if text else b"")
    if tare_g and not text:
        fields.pop()
    return _EOT + b"\x02" + _ESC.join(fields) + b"\x03"


def conversation(price_minor: int, text: str, tare_g: int, prover: Prover | None) -> Conversation:
    """One weighing from the price to the amount; a scale that asks for checksums gets them in between, once."""
    opening = record(price_minor, text, tare_g)
    proofs, asks, trouble = 1, _ASKS, Trouble.SILENT
    for _ in range(_TRIES + 1):
        answer = yield Step(opening)
        wants = _WANTS.fullmatch(answer) if answer is not None else None
        if wants is not None:
            if prover is None or not proofs:
                raise ScaleTrouble(Trouble.CHECKSUM)
            proofs -= 1
            if not (yield from _prove(prover.answer(int(wants.group(1), 16)))):
                raise ScaleTrouble(Trouble.CHECKSUM)
            continue
        while answer in (ACK, NAK):
            if answer == ACK:
                answer = yield Step(_EOT + _ENQ)
                weighed = _RESULT.fullmatch(answer) if answer is not None else None
                if weighed is not None:
                    yield Step(_EOT, listen=False)
                    return _weighing(weighed, price_minor)
                if answer != NAK:
                    break
            status = yield Step(_EOT + b"\x0208\x03")
            said = _STATUS.fullmatch(status) if status is not None else None
            if said is not None and said.group(1) in _NOT_YET:
                asks -= 1
                if not asks:
                    raise ScaleTrouble(Trouble.MOVING)
                yield Step(b"", wait_s=_REST_S, listen=False)
                answer = ACK
                continue
            if said is not None and said.group(1) in _TROUBLES:
                raise ScaleTrouble(_TROUBLES[said.group(1)])
            answer = status
            break
        trouble = Trouble.SILENT if answer is None else Trouble.UNCLEAR
    raise ScaleTrouble(trouble)


def _prove(checksums: bytes) -> Generator[Step, bytes | None, bool]:
    """True where the scale found them right."""
    answer = yield Step(_EOT + b"\x0210" + _ESC + checksums + b"\x03")
    if answer != ACK:
        return False
    verdict = yield Step(_EOT + _ENQ)
    return verdict is not None and _PROVEN.fullmatch(verdict) is not None


def _weighing(found: re.Match[bytes], price_minor: int) -> Weighing:
    weight, price, amount = (digits.decode() for digits in found.groups())
    if int(price) != price_minor:  # the answer to another question
        raise ScaleTrouble(Trouble.PRICE)
    if not int(weight):
        raise ScaleTrouble(Trouble.ZERO)
    return Weighing(f"{weight[:2]}.{weight[2:]}", price, amount)


def _plain(text: str) -> bytes:
    """Thirteen characters that seven bits can carry."""
    said = text.translate(_UMLAUTS)
    kept = "".join(char if " " <= char <= "~" else " " for char in said)[:_TEXT]
    return kept.ljust(_TEXT).encode("ascii")


def _turned_left(value: int, bits: int) -> int:
    bits %= 16
    return (value << bits | value >> (16 - bits)) & 0xFFFF
