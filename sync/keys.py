"""Ed25519 keys of tills, relays and hubs. A key is named by the hash of its public half."""

import hashlib
from typing import Final

__all__ = ["SEED_BYTES", "SigningKey", "key_id_of", "verify"]

SEED_BYTES: Final = 32


class SigningKey:
    """A private key, made from 32 bytes of chance (`Ids.token(SEED_BYTES)`)."""

    def __init__(self, seed: bytes) -> None:
        # 6 ms that the first frame does not pay
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

        self.seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self.key_id = key_id_of(self.public)

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)


def key_id_of(public: bytes) -> str:
    """The first 16 bytes of the SHA-256 of a raw public key, as 32 hexadecimal digits."""
    return hashlib.sha256(public).hexdigest()[:32]


def verify(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether whoever signed had the private half."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
