"""Who asked lately, and who asks too often."""

from collections import OrderedDict
from typing import Final

from pos.ports import Clock
from sync.hub.allowance import Allowance
from sync.hub.shop.kit.actor import Actor

__all__ = ["Guests"]

_TOKEN_MS: Final = 2_000
_CALLERS_MAX: Final = 10_000
_PUBLIC_AT_ONCE, _PUBLIC_EVERY_MS = 120, 100
_OWN_AT_ONCE, _OWN_EVERY_MS = 1_000, 2
_GUESSES_AT_ONCE, _GUESS_EVERY_MS = 20, 3_000


class Guests:
    """Who was seen lately: tokens that were found, and how often each caller may still ask. Bounded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tokens: OrderedDict[str, tuple[Actor, int]] = OrderedDict()
        self._allowances: OrderedDict[str, Allowance] = OrderedDict()

    def known(self, presented: str) -> Actor | None:
        held = self._tokens.get(presented)
        return held[0] if held is not None and self._clock.mono_ms() < held[1] else None

    def remember(self, presented: str, actor: Actor) -> None:
        self._tokens[presented] = (actor, self._clock.mono_ms() + _TOKEN_MS)
        self._tokens.move_to_end(presented)
        while len(self._tokens) > _CALLERS_MAX:
            self._tokens.popitem(last=False)

    def admit(self, name: str, *, public: bool) -> bool:
        """Whether this caller may ask just now."""
        at_once, every_ms = (_PUBLIC_AT_ONCE, _PUBLIC_EVERY_MS) if public else (_OWN_AT_ONCE, _OWN_EVERY_MS)
        return self._allowance(name, at_once, every_ms).take()

    def may_guess(self, name: str) -> bool:
        """Whether this caller may name one more code by which something is found; see `guessed`."""
        return self._guesses(name).is_left()

    def guessed(self, name: str) -> None:
        """A code was none."""
        self._guesses(name).take()

    def _guesses(self, name: str) -> Allowance:
        return self._allowance(f"guesses {name}", _GUESSES_AT_ONCE, _GUESS_EVERY_MS)

    def _allowance(self, name: str, at_once: int, every_ms: int) -> Allowance:
        held = self._allowances.get(name)
        if held is None:
            held = self._allowances[name] = Allowance(self._clock, at_once, every_ms)
        self._allowances.move_to_end(name)
        while len(self._allowances) > _CALLERS_MAX:
            self._allowances.popitem(last=False)
        return held
