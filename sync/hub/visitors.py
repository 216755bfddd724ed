"""How often a customer's phone may ask for pages: by its network address, without keeping anything else of it."""

import ipaddress
from collections import OrderedDict
from typing import Final

from pos.ports import Clock
from sync.hub.allowance import Allowance

__all__ = ["ADDRESSES_MAX", "Visitors", "network_of"]

ADDRESSES_MAX: Final = 10_000
"""Whoever was not seen for the longest time is forgotten: a new one has the whole allowance anyway."""
PAGES_AT_ONCE, PAGE_EVERY_MS = 300, 200  # a shop's guests share one address
MISS_COST: Final = 5
FORMS_AT_ONCE, FORM_EVERY_MS = 20, 30_000
PAGE_RETRY_S, FORM_RETRY_S = 2, 60


class Visitors:
    """Allowances for looking and for sending forms. Bounded, in memory only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looking: OrderedDict[str, Allowance] = OrderedDict()
        self._sending: OrderedDict[str, Allowance] = OrderedDict()

    def may_look(self, address: str) -> bool:
        return self._find(self._looking, address, PAGES_AT_ONCE, PAGE_EVERY_MS).take()

    def missed(self, address: str) -> None:
        """What it asked for does not exist; whoever tries addresses comes to an end sooner."""
        held = self._find(self._looking, address, PAGES_AT_ONCE, PAGE_EVERY_MS)
        for _ in range(MISS_COST - 1):
            held.take()

    def may_send(self, address: str) -> bool:
        return self._find(self._sending, address, FORMS_AT_ONCE, FORM_EVERY_MS).take()

    def _find(
        self, held: OrderedDict[str, Allowance], address: str, at_once: int, every_ms: int
    ) -> Allowance:
        name = network_of(address)
        found = held.get(name)
        if found is None:
            found = held[name] = Allowance(self._clock, at_once, every_ms)
        held.move_to_end(name)
        while len(held) > ADDRESSES_MAX:
            held.popitem(last=False)
        return found


def network_of(address: str) -> str:
    """An IPv4 address is one visitor; of IPv6 the first 64 bits are, because a phone picks the rest as it likes."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)
