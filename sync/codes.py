"""One-time codes that bring a machine and its node together, and the proofs made from them.

A code is 20 characters of Crockford's base 32: the first 4 are its name, the other 16 stand for 10 secret bytes.
Both sides prove that they know the secret without saying it, so neither believes a third one in between.
"""

import hashlib
import hmac
from typing import Final

import msgspec

__all__ = [
    "CHANCE_BYTES",
    "Code",
    "CodeError",
    "enrol_proof",
    "enrolled_proof",
    "grouped",
    "make_code",
    "read_code",
]

CHANCE_BYTES: Final = 13
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_NAME: Final = 4
_SECRET: Final = 16
# What a hand writes for what was meant.
_MEANT: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})


class CodeError(ValueError):
    """A text is no code; the error says why."""


class Code(msgspec.Struct, frozen=True):
    """`text` are the 20 characters; `key` is what a node keeps of the secret."""

    text: str
    key: bytes

    @property
    def code_id(self) -> str:
        return self.text[:_NAME]


def make_code(chance: bytes) -> Code:
    """A code from CHANCE_BYTES bytes that nobody can guess."""
    assert len(chance) == CHANCE_BYTES
    number = int.from_bytes(chance, "big") >> 4
    return _code("".join(_LETTERS[number >> shift & 31] for shift in range(95, -5, -5)))


def read_code(text: str) -> Code:
    """A code as somebody typed it: small or large letters, hyphens and blanks anywhere. Raises CodeError."""
    plain = "".join(text.upper().split()).replace("-", "").translate(_MEANT)
    if len(plain) != _NAME + _SECRET:
        raise CodeError(f"a code has {_NAME + _SECRET} letters and digits, this one has {len(plain)}")
    for letter in plain:
        if letter not in _LETTERS:
            raise CodeError(f"no code holds {letter!r}")
    return _code(plain)


def grouped(text: str) -> str:
    """As it is shown: four characters, a hyphen, and so on."""
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def enrol_proof(key: bytes, public_key: bytes, nonce: bytes) -> bytes:
    """The machine's proof."""
    return hmac.digest(key, b"enrol\0" + public_key + nonce, "sha256")


def enrolled_proof(
    key: bytes, public_key: bytes, nonce: bytes, node_key: bytes, *, store: str, machine: str, role: str
) -> bytes:
    """The node's proof."""
    words = f"{store}\x1f{machine}\x1f{role}".encode()
    return hmac.digest(key, b"enrolled\0" + public_key + nonce + node_key + words, "sha256")


def _code(text: str) -> Code:
    number = 0
    for letter in text[_NAME:]:
        number = number << 5 | _LETTERS.index(letter)
    return Code(text, hashlib.sha256(b"tresen.code.1" + number.to_bytes(10, "big")).digest())
