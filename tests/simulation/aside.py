"""Many cuts of one history: what a cut would leave at a write is put aside, and a till is started on it.

The disk itself goes on, so one run of acts is cut at many of its writes, each time with another survival.
"""

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from pos.domain.cart import Cart
from tests.simulation.disk import Disk
from tests.simulation.machine import Seen

__all__ = ["Aside", "AsideDisk", "digest"]


class Aside(msgspec.Struct):
    """The folder that a cut before the disk's step number `step` would leave, and what had been shown by then."""

    image: Path
    seen: Seen
    step: int


class AsideDisk(Disk):
    """Puts aside what a cut would leave before one step in `every`, as often as chance has it."""

    def __init__(
        self, parent: Path, name: str, rng: random.Random, every: float, seen: Callable[[], Seen]
    ) -> None:
        super().__init__(parent, name, rng)
        self._every = every
        self._seen = seen
        self._aside: list[Aside] = []

    def _step(self) -> bool:
        if not self.dead and self._rng.random() * self._every < 1:
            self._aside.append(Aside(self.survivors(), _copy(self._seen()), self.steps + 1))
        return super()._step()

    def taken(self, carts: Sequence[Cart | None]) -> Iterator[Aside]:
        """What was put aside since, each removed after the caller's look. `carts`: what the cart may have become."""
        aside, self._aside = self._aside, []
        for look in aside:
            look.seen.carts += carts
            yield look
            shutil.rmtree(look.image)


def _copy(seen: Seen) -> Seen:
    return msgspec.structs.replace(
        seen,
        paid=dict(seen.paid),
        **{
            name: list(getattr(seen, name))
            for name in ("voided", "parked", "resumed", "carts", "cursor_asked", "jobs")
        },
    )


def digest(image: Path, seen: Seen) -> bytes:
    """The same image under the same promises need not be looked at twice."""
    hasher = hashlib.blake2b(msgspec.json.encode(seen))
    for path in sorted(image.rglob("*")):
        if path.is_file():
            hasher.update(str(path.relative_to(image)).encode())
            hasher.update(path.read_bytes())
    return hasher.digest()
