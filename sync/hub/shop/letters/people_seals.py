"""Messages at rest, under the keys of the customers they belong to."""

from sqlalchemy.engine import Connection

from pos.ports import Ids
from sync.hub.shop.customers.keys import seal_for, unseal_for
from sync.hub.shop.kit.actor import Actor
from sync.hub.shop.kit.work import Work
from sync.hub.shop.letters.seals import HubSeals

__all__ = ["CustomerSeals"]

_ACTOR = Actor("hub", "messages", "admin")


class CustomerSeals(HubSeals):
    """What belongs to a customer is sealed under the customer's own key, and gone with it; the rest under the hub's."""

    def __init__(self, seed: bytes, ids: Ids, now_ms: int = 0) -> None:
        super().__init__(seed, ids)
        self._now_ms = now_ms

    def seal(self, connection: Connection, customer: str, plain: bytes) -> bytes:
        """Raises VaultError where the hub has no key file, RefusedError for somebody who is being erased."""
        if not customer:
            return super().seal(connection, customer, plain)
        return seal_for(self._work(connection), customer, plain)

    def open(self, connection: Connection, customer: str, sealed: bytes) -> bytes | None:
        """Raises VaultError where the hub has no key file, or another one."""
        if not customer:
            return super().open(connection, customer, sealed)
        return unseal_for(self._work(connection), customer, sealed)

    def _work(self, connection: Connection) -> Work:
        return Work(connection, self._now_ms, self._ids, _ACTOR)
