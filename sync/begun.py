"""An enrolment that was begun: its key is on the disk before the code is sent, so that it can be gone on with.

One file for each code beside the identity, readable by its owner alone, until the identity is there: the same code
again is sent with the same key, and gets the same answer.
"""

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from pos.ports import Ids
from sync.codes import Code
from sync.identity import write_private
from sync.keys import SEED_BYTES

__all__ = ["Begun", "begin", "finish", "note_done", "unfinished"]

_PATTERN: Final = "enrolling-*.json"


class Begun(msgspec.Struct, frozen=True):
    """`code` as it was typed at `hub`, and the private key that goes with it. `done`: the hub took it."""

    code: str
    hub: str
    seed: bytes
    done: bool = False


def begin(identity_path: Path, code: Code, hub: str, ids: Ids) -> Begun:
    """What was begun with a code of this name, or a new key for it, on the disk. Raises OSError.

    The secret may have been mistyped before: it is the name that holds the key.
    """
    path = _path(identity_path, code)
    found = _read(path)
    if found is None:
        found = Begun(code.text, hub, ids.token(SEED_BYTES))
        write_private(path, msgspec.json.encode(found))
    return found


def note_done(identity_path: Path, code: Code, hub: str, begun: Begun) -> None:
    """The hub has enrolled this key. Raises OSError."""
    done = Begun(code.text, hub, begun.seed, done=True)
    write_private(_path(identity_path, code), msgspec.json.encode(done))


def unfinished(identity_path: Path) -> Begun | None:
    """An enrolment that the hub took and this machine did not finish."""
    files = sorted(identity_path.parent.glob(_PATTERN), key=lambda path: path.stat().st_mtime_ns)
    begun = [found for path in reversed(files) if (found := _read(path)) is not None and found.done]
    return begun[0] if begun else None


def finish(identity_path: Path) -> None:
    """The identity is there: nothing is under way any more."""
    for path in identity_path.parent.glob(_PATTERN):
        with contextlib.suppress(OSError):
            path.unlink()


def _path(identity_path: Path, code: Code) -> Path:
    return identity_path.with_name(f"enrolling-{code.code_id}.json")


def _read(path: Path) -> Begun | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Begun)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
