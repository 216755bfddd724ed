"""Personal data of customers at rest: each person's data is encrypted under a key of its own, and that key under the hub's.

The hub's key lies in a file beside the database, never in it (`tresen hub --keys FILE`). A copy of the database alone can
be read by nobody; a person is erased by destroying one key. What people are found by (e-mail, telephone, card) is kept as
HMAC-SHA256 under a second key, so that the table of names lists none.
"""

import contextlib
import hmac
import os
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import Connection, Engine

__all__ = ["KEY_BYTES", "Vault", "VaultError", "has_vault", "install", "load_vault", "vault_of"]

KEY_BYTES: Final = 32
_NONCE: Final = 12
_OPTION: Final = "tresen_vault"


class VaultError(Exception):
    """What was sealed cannot be opened, or there is no vault; the text is a sentence for who runs the hub."""


class Vault:
    """Seals with AES-256-GCM (NIST SP 800-38D). `master`: 32 bytes."""

    def __init__(self, master: bytes) -> None:
        assert len(master) == KEY_BYTES, "256 bits"
        self._wrap = hmac.digest(master, b"tresen customer keys", "sha256")
        self._index = hmac.digest(master, b"tresen customer index", "sha256")
        self._answers = hmac.digest(master, b"tresen kept answers", "sha256")

    def wrap(self, key: bytes, nonce: bytes, subject: str) -> bytes:
        """A person's key, for the table; bound to whose it is."""
        return seal(self._wrap, nonce, key, subject.encode())

    def unwrap(self, wrapped: bytes, subject: str) -> bytes:
        """Raises VaultError where the key file is another one."""
        return open_sealed(self._wrap, wrapped, subject.encode())

    def seal_answer(self, body: bytes, nonce: bytes, whose: str) -> bytes:
        """An answer that is kept to be given again: it may hold a secret that stands nowhere else."""
        return seal(self._answers, nonce, body, whose.encode())

    def open_answer(self, sealed: bytes, whose: str) -> bytes:
        """Raises VaultError where the key file is another one."""
        return open_sealed(self._answers, sealed, whose.encode())

    def lookup(self, kind: str, value: str) -> bytes:
        """By which a person is found. The same value always gives the same 32 bytes."""
        return hmac.digest(self._index, f"{kind}\0{value}".encode(), "sha256")


def seal(key: bytes, nonce: bytes, plain: bytes, bound: bytes) -> bytes:
    """`nonce`: 12 bytes by chance, never used twice under a key."""
    assert len(nonce) == _NONCE
    sealed: bytes = nonce + _cipher(key).encrypt(nonce, plain, bound)
    return sealed


def open_sealed(key: bytes, sealed: bytes, bound: bytes) -> bytes:
    """Raises VaultError."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415

    try:
        plain: bytes = _cipher(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
    except (InvalidTag, ValueError) as error:
        raise VaultError(
            "customers' data cannot be read: the key file is not the one it was written with"
        ) from error
    return plain


def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    return AESGCM(key)


def install(engine: Engine, vault: Vault) -> None:
    """From now on every connection of the engine knows it."""
    engine.update_execution_options(**{_OPTION: vault})


def vault_of(connection: Connection) -> Vault:
    """Raises VaultError where none was installed."""
    found = connection.get_execution_options().get(_OPTION)
    if not isinstance(found, Vault):
        raise VaultError("this hub has no key file for customers' data; name it with --keys")
    return found


def has_vault(connection: Connection) -> bool:
    return isinstance(connection.get_execution_options().get(_OPTION), Vault)


def _make_file(path: Path, master: bytes) -> None:
    """Whole or not at all; where another process was faster, its file stays. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(master.hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(new)
    finally:
        new.unlink(missing_ok=True)


def load_vault(path: Path, make: bytes = b"") -> Vault:
    """The key in a file; made there (mode 0600) out of `make`, 32 bytes by chance, where there is none. Raises VaultError."""
    try:
        if make and not path.exists():
            _make_file(path, make)
        master = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise VaultError(f"the key file for customers' data, {path}, cannot be used: {error}") from error
    if len(master) != KEY_BYTES:
        raise VaultError(f"the key file for customers' data, {path}, does not hold 64 hexadecimal digits")
    return Vault(master)
