"""The roll of paper: what is on it so far, where the head is, where the knife falls."""

from collections.abc import Callable
from dataclasses import replace

from tests.simulators.paper.model import Cut, Feed, Item, Receipt, Violation
from tests.simulators.paper.profile import Profile


class Roll:
    """Items in the order they were printed, split into receipts at each cut.

    `blank` is the count of white dots between the last ink and the head.
    """

    def __init__(self, profile: Profile, on_item: Callable[[Item], None] | None = None) -> None:
        self.profile = profile
        self.done: list[Receipt] = []
        self.current = Receipt(profile)
        self.violations: list[Violation] = []
        self.dots_total = 0
        self.blank = profile.cutter_dots
        self._quiet_below = 0
        self._on_item = on_item or (lambda _item: None)

    @property
    def receipts(self) -> list[Receipt]:
        """All cut receipts and, when anything is on it, the one still hanging out of the printer."""
        return [*self.done, self.current] if self.current.items else list(self.done)

    def record(self, violation: Violation) -> None:
        self.violations.append(violation)
        self.current.violations.append(violation)

    def add(self, item: Item, ink_dots: int = 0, quiet: int = 0) -> str | None:
        """Print `item`, whose first `ink_dots` are not white; `quiet` dots around it must stay white.

        Returns what is wrong with the white space above it, if anything.
        """
        complaint = None
        if ink_dots:
            needed = max(quiet, self._quiet_below)
            if self.blank < needed:
                complaint = f"{self.blank} white dots above, {needed} needed"
            self._quiet_below = quiet
            self.blank = item.dots - ink_dots
        else:
            self.blank += item.dots
        placed = replace(item, top=self.current.dots)
        self.current.items.append(placed)
        self.current.dots += item.dots
        self.dots_total += item.dots
        self._on_item(placed)
        return complaint

    def feed(self, dots: int) -> None:
        if dots:
            self.add(Feed(dots=dots))

    def cut(self, *, partial: bool, feed_dots: int) -> str | None:
        """Cut after feeding; returns a complaint when the knife falls into print."""
        complaint = None
        if self.blank + feed_dots < self.profile.cutter_dots and self.current.dots:
            complaint = (
                f"only {self.blank + feed_dots} white dots below the print, the knife is "
                f"{self.profile.cutter_dots} dots above the head"
            )
        finished = self.current
        finished.cut = True
        self.done.append(finished)
        self.current = Receipt(self.profile, number=finished.number + 1)
        placed = Cut(dots=feed_dots, top=finished.dots, partial=partial)
        finished.items.append(placed)
        finished.dots += feed_dots
        self.dots_total += feed_dots
        self.blank = self.profile.cutter_dots
        self._quiet_below = 0
        self._on_item(placed)
        return complaint
