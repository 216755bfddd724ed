"""What carries a message, as a port, and what it says about it."""

import hashlib
from typing import Literal, Protocol

import msgspec

__all__ = ["How", "Letter", "Messenger", "Outcome", "id_of"]

How = Literal["sent", "later", "refused", "unknown"]


class Letter(msgspec.Struct, frozen=True):
    """A message ready to go. `key` names it for ever: whoever gets it twice can tell by it. `short` is for small screens.

    `unsubscribe` is an https address that ends messages of this kind, or empty.
    """

    to: str
    subject: str
    text: str
    html: str
    key: str
    short: str = ""
    unsubscribe: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What became of a letter.

    "sent": taken over, for certain. "later": not taken over, for certain; try again. "refused": not, and never will be.
    "unknown": it may have been taken over or not, and nobody can be asked. `answer` is a code and never holds an
    address. `server` is true where the trouble is not this letter's: the next one would meet it as well.
    """

    how: How
    answer: str = ""
    server: bool = False


class Messenger(Protocol):
    """Carries letters over one channel."""

    async def send(self, letter: Letter) -> Outcome:
        """Ends within the messenger's own time limit, and never raises."""
        ...


def id_of(key: str) -> str:
    """32 hexadecimal digits that stand for a letter's key, and tell nothing of it."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]
