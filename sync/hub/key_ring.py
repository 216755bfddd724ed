"""Keys of machines, as the node looks them up with every request."""

from typing import Final

from pos.ports import Clock
from sync.hub import machines
from sync.hub.database import Database
from sync.hub.machines import MachineKey

__all__ = ["KeyRing"]

_KEY_MS: Final = 2_000
_KEYS_MAX: Final = 20_000


class KeyRing:
    """Keys of machines by store/machine/key_id, remembered for two seconds; unknown ones are asked for each time."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._held: dict[str, tuple[MachineKey, int]] = {}

    async def find(self, keyid: str) -> MachineKey | None:
        now_ms = self._clock.mono_ms()
        held = self._held.get(keyid)
        if held is not None and now_ms < held[1]:
            return held[0]
        store, machine, key_id = (*keyid.split("/"), "", "", "")[:3]
        if f"{store}/{machine}/{key_id}" != keyid or not all((store, machine, key_id)):
            return None
        found = await self._database.read(f"{store}/{machine}", machines.key_of, store, machine, key_id)
        self._held.pop(keyid, None)
        if found is not None:
            while len(self._held) >= _KEYS_MAX:
                self._held.pop(next(iter(self._held)))
            self._held[keyid] = (found, now_ms + _KEY_MS)
        return found

    def forget(self) -> None:
        """Keys have changed."""
        self._held.clear()
