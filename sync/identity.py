"""Who this machine is to its nodes: its key, its store and name, and the public keys of those it trusts.

One small JSON file, readable by its owner alone, replaced as a whole. It is the machine's identity: two machines
with one such file are a cloned till.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec

from sync.keys import SigningKey

__all__ = [
    "Identity",
    "IdentityError",
    "Node",
    "identity_file",
    "load_identity",
    "save_identity",
    "write_private",
]

FORMAT: Final = 1


class IdentityError(Exception):
    """The file cannot be read; the text is a sentence that says what to do."""


class Node(msgspec.Struct, frozen=True):
    """A node that this machine trusts: where it is, what it is ("hub" or "relay"), and its public key.

    `ca`: file with the authorities for its TLS certificate (PEM); empty: those of the machine.
    """

    url: str
    role: str
    name: str
    public_key: bytes
    ca: str = ""


class Identity(msgspec.Struct, frozen=True, dict=True):
    """A machine of a store. `seed` is its private key. `nodes`: the relay first, where there is one."""

    store: str
    machine: str
    role: str
    seed: bytes
    nodes: tuple[Node, ...]
    format: int = FORMAT

    @cached_property
    def key(self) -> SigningKey:
        return SigningKey(self.seed)

    @property
    def key_ref(self) -> str:
        """How requests name the key: store/machine/key_id."""
        return f"{self.store}/{self.machine}/{self.key.key_id}"

    def node(self, role: str) -> Node | None:
        return next((node for node in self.nodes if node.role == role), None)


def identity_file(state: Path) -> Path:
    """Where a till's state folder keeps it."""
    return state / "keys" / "identity.json"


def load_identity(path: Path) -> Identity | None:
    """None where the machine was never enrolled. Raises IdentityError."""
    try:
        identity = msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise IdentityError(
            f"{path} cannot be read ({error}). Enrol this machine again: tresen enrol --help"
        ) from error
    if identity.format != FORMAT:
        raise IdentityError(f"{path} is of format {identity.format}; this software knows {FORMAT}.")
    return identity


def save_identity(path: Path, identity: Identity) -> None:
    """Durable under its name, or the old one stays. Raises OSError."""
    write_private(path, msgspec.json.encode(identity))


def write_private(path: Path, content: bytes) -> None:
    """A file for its owner's eyes, durable under its name, or the old one stays. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    building = path.with_suffix(".part")
    handle = os.open(building, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    building.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
