"""Mishaps of identity: backups that come back, copied disks, machines in another's place, keys that are taken away."""

from pathlib import Path
from typing import TYPE_CHECKING

from pos.journal.backup import write_backup
from pos.journal.restore import restore_backup
from pos.journal.writer import create_journal
from pos.storage_ports import JournalUnavailableError
from pos.till_facts import EpochOpened
from sync.hub.articles import ArticleRecord, put_articles
from sync.hub.machine_feed import revoke
from sync.wire import Grant
from tests.simulation.nodes import STORE, empty_database
from tests.simulation.tills import TillMachine

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["Mishaps"]

SOFTWARE = "simulated"
CHANCES = {
    "till restored": 0.4,
    "clone": 0.3,
    "replaced": 0.4,
    "hub restored": 0.5,
    "revoked": 0.2,
    "relay lost": 0.4,
}


class Mishaps:
    """Each returns whether it happened. `world.rng` decides what it falls on."""

    def __init__(self, world: "World", certain: tuple[str, ...] = ()) -> None:
        self._world = world
        self._rng = world.rng
        self._till_backups: dict[str, Path] = {}
        self._hub_backups: list[tuple[float, bytes]] = []
        self._n = 0
        self._left = {
            what: self._rng.randint(1, 2) if self._rng.random() < chance or what in certain else 0
            for what, chance in CHANCES.items()
        }

    # -- a till's life

    def open_shop(self, till: TillMachine) -> None:
        """A new till is enrolled with a code, and begins its journal."""
        grant = self.enrol(till, replace=False)
        assert grant is not None
        self._begin(till, grant)

    def enrol(self, till: TillMachine, *, replace: bool) -> Grant | None:
        """A code is made at the hub and redeemed; None if the hub could not just now."""
        enrolled = self._world.hub.enrol(till.till_id, till.key.public, replace=replace)
        self._hub_backups.clear()  # an older copy would not know this key: that takes a person, not a protocol
        return None if enrolled is None else enrolled.grant

    def _begin(self, till: TillMachine, grant: Grant) -> None:
        fact = EpochOpened(
            STORE, till.till_id, grant.reason, SOFTWARE, grant.previous_epoch,
            granted_by=grant.key_id, grant=grant.signature.hex(),
        )  # fmt: skip
        create_journal(
            till.folder,
            till.clock,
            fact,
            first_seq=grant.first_seq,
            prev_hash=grant.prev_hash,
            epoch=grant.epoch,
        )

    def till_backup(self) -> bool:
        """`tresen backup`, while it sells."""
        till = self._a_till()
        if till is None:
            return False
        self._n += 1
        target = self._world.folder / f"backup-{self._n}.tar"
        try:
            write_backup(till.disk.folder, target, till.clock.wall_ms())
        except JournalUnavailableError:
            return False
        self._till_backups[till.name] = target
        return True

    def till_restored(self) -> bool:
        """The disk broke; `tresen restore` of an older backup onto another one. Sales since then may be gone."""
        till = self._a_till(among=list(self._till_backups))
        if till is None or not self._alone(till) or not self._may("till restored"):
            return False
        backup = self._till_backups[till.name]
        till.die(for_good=True)
        till.new_life_on(till.new_disk())
        self._n += 1
        unpacked = (
            self._world.folder / f"restored-{self._n}"
        )  # a folder is renamed here, which no Disk models
        restore_backup(backup, unpacked)
        _copy(unpacked, till.disk.folder)
        till.restored()
        self._world.history.restored.add(till.till_id)
        self._world.note(f"{till.name} is restored")
        till.start()
        return True

    def clone(self) -> bool:
        """The disk is copied, and both run."""
        till = self._a_till()
        if till is None or not self._alone(till) or not self._may("clone"):
            return False
        self._n += 1
        twin = TillMachine(self._world, f"{till.name}c{self._n}", till.till_id, sales=25)
        twin.seed = till.seed
        twin.kept = list(till.kept)
        twin.under_way = list(till.under_way)
        _copy(till.disk.folder, twin.disk.folder)
        self._world.tills.append(twin)
        self._world.history.cloned.add(till.till_id)
        self._world.note(f"{till.name} is cloned as {twin.name}")
        twin.start()
        self._world.twins.append(twin)
        return True

    def replace(self) -> bool:
        """Another machine in a till's place, with a key and numbers of its own. The old one may turn up again."""
        till = self._a_till()
        if till is None or not self._alone(till) or not self._world.hub.up or not self._may("replaced"):
            return False
        self._n += 1
        other = TillMachine(self._world, f"{till.till_id}r{self._n}", till.till_id, sales=0)
        grant = self.enrol(other, replace=True)
        if grant is None:
            other.disk.close()
            return False
        other.sales_left, till.sales_left = till.sales_left, min(till.sales_left, 5)
        till.replaced = True
        till.die(for_good=True)
        self._till_backups.pop(till.name, None)
        self._begin(other, grant)
        self._world.tills.append(other)
        self._world.note(f"{till.name} is replaced by {other.name}")
        if self._rng.random() < 0.5:
            self._world.loop.call_later(self._rng.uniform(5, 60), till.come_back, till.life)
        else:
            till.destroyed = True
            till.sales_left = 0
        other.start()
        return True

    # -- the hub's

    def hub_backup(self) -> bool:
        hub = self._world.hub
        if not hub.up or hub.disk.dead:
            return False
        self._hub_backups = [*self._hub_backups[-2:], (self._world.loop.now, hub.database.read_bytes())]
        return True

    def hub_restored(self) -> bool:
        """The hub goes back to an older copy of itself: it forgets what came since, and must get it again."""
        hub = self._world.hub
        if not self._hub_backups or not self._may("hub restored"):
            return False
        made, image = self._rng.choice(self._hub_backups)
        self._hub_backups = [backup for backup in self._hub_backups if backup[0] <= made]
        hub.go_back_to(image)
        self._world.note(f"hub goes back to {made:.1f}")
        return True

    def relay_lost(self) -> bool:
        """The relay's disk is gone; another one is put in, with its key and nothing else."""
        relays = self._world.nodes[1:]
        if not relays or not self._may("relay lost"):
            return False
        relays[0].go_back_to(empty_database())
        self._world.note("the relay begins with an empty disk")
        return True

    def revoke(self) -> bool:
        """A till's key is taken away; it sells on, and what it writes is kept aside."""
        till = self._a_till()
        hub = self._world.hub
        if till is None or not self._alone(till) or not hub.up or till.lost or not self._may("revoked"):
            return False
        stamp = self._rng.randbytes(4).hex()
        count = hub.transact(revoke, STORE, till.till_id, "", stamp, hub.clock.wall_ms())
        if not count:
            return False
        self._hub_backups.clear()
        if hub.hub is not None:
            hub.hub.key_ring.forget()
            hub.hub.feeds.ring({f"store:{STORE}"})
        self._world.history.revoked.add(till.till_id)
        self._world.note(f"{till.till_id} is revoked")
        return True

    def articles(self) -> bool:
        """The office changes a few articles."""
        hub = self._world.hub
        if not hub.up or hub.hub is None:
            return False
        records = [
            ArticleRecord(
                f"S{self._rng.randrange(40)}", f'{{"sku":"S","price_minor":{self._rng.randrange(10**6)}}}'
            )
            for _ in range(self._rng.randint(1, 5))
        ]
        hub.quietly(
            hub.hub.database.run("", put_articles, records, self._rng.randbytes(4).hex(), hub.clock.wall_ms())
        )
        return True

    def _may(self, what: str) -> bool:
        """Each seed has its own few mishaps; one of all kinds in each would hide the others."""
        if self._left[what] <= 0:
            return False
        self._left[what] -= 1
        return True

    def _alone(self, till: TillMachine) -> bool:
        """Whether one disk alone writes under this name."""
        return [other.till_id for other in self._world.tills].count(till.till_id) == 1

    def _a_till(self, among: list[str] | None = None) -> TillMachine | None:
        """One that runs."""
        running = [
            till
            for till in self._world.tills
            if till.up
            and till.journal is not None
            and not till.disk.dead
            and till.kept
            and till.till_id not in self._world.history.revoked
            and not till.replaced
        ]
        if among is not None:
            running = [till for till in running if till.name in among]
        return self._rng.choice(running) if running else None


def _copy(source: Path, target: Path) -> None:
    """All files of a machine, as they are now."""
    for path in sorted(source.rglob("*")):
        if path.is_file() and not path.name.endswith("-shm"):
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
