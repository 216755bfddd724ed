"""Personal data of messages at rest: who encrypts it, and who says whether a customer may be written to."""

from typing import Final, Protocol

from sqlalchemy.engine import Connection

from pos.ports import Ids

__all__ = ["Consents", "HubSeals", "Seals"]

_NONCE: Final = 12
_INFO: Final = b"tresen hub seals 1 "


class Seals(Protocol):
    """Encrypts what belongs to a customer, or to nobody that is known ("")."""

    def seal(self, connection: Connection, customer: str, plain: bytes) -> bytes: ...

    def open(self, connection: Connection, customer: str, sealed: bytes) -> bytes | None:
        """None where it cannot be read any more: the customer's key was destroyed."""
        ...

    def mark(self, text: str) -> bytes:
        """The same for the same text, and nothing that leads back to it: to find an address again."""
        ...


class Consents(Protocol):
    """What customers agreed to."""

    def may_send(self, connection: Connection, customer: str, purpose: str, channel: str) -> bool:
        """Whether a customer wants messages of a purpose ("marketing") by a channel ("email"), as of now."""
        ...


class HubSeals:
    """AES-256-GCM under one key, made from the hub's own. Destroys nothing for a single customer: rows are emptied."""

    def __init__(self, seed: bytes, ids: Ids, *, use: str = "messages") -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

        both = HKDF(SHA256(), 64, None, _INFO + use.encode()).derive(seed)
        self._aead = AESGCM(both[:32])
        self._mark = both[32:]
        self._ids = ids

    def seal(self, connection: Connection, customer: str, plain: bytes) -> bytes:  # noqa: ARG002
        nonce = self._ids.token(_NONCE)
        return nonce + self._aead.encrypt(nonce, plain, customer.encode())

    def open(self, connection: Connection, customer: str, sealed: bytes) -> bytes | None:  # noqa: ARG002
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], customer.encode())
        except (InvalidTag, ValueError):
            return None

    def mark(self, text: str) -> bytes:
        import hashlib  # noqa: PLC0415
        import hmac  # noqa: PLC0415

        return hmac.digest(self._mark, text.strip().lower().encode(), hashlib.sha256)
