"""`tresen journal rescue`: brings the sales of a removed card or a second copy to the hub, without changing them.

What counts is the till's seal (protocol, sections 3 and 4), so any machine of the same store may carry the facts: with
the card's own key where it is there, else with the seals that a second copy keeps.
"""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from pos.facts import StoredFact
from pos.journal.salvage import Run, Salvage
from pos.ports import Clock, Ids
from sync.identity import Identity, IdentityError, Node, load_identity
from sync.line import Line, UntrustedAnswerError, is_silence
from sync.wire import (
    BATCH_MAX_BYTES,
    BATCH_MAX_FACTS,
    Ack,
    Batch,
    Fork,
    Gap,
    Problem,
    Seal,
    decode_answer,
    encode_batch,
    sealed,
)

__all__ = ["Outcome", "RescueError", "identity_near", "opened_medium", "send"]


class RescueError(Exception):
    """The facts cannot be handed over; the text is a sentence that says what to do."""


class Outcome(msgspec.Struct):
    """What became of the facts: sent now, there already, set aside for people to look at, or left behind."""

    node: str = ""
    rescued: int = 0
    rescued_sales: int = 0
    there: int = 0
    there_sales: int = 0
    aside: int = 0
    left: list[str] = []


@contextlib.contextmanager
def opened_medium(device: Path) -> Iterator[Path]:
    """The folder to look into: the given one, or where a block device or image is mounted, read-only, meanwhile."""
    if device.is_dir():
        yield device
        return
    if os.geteuid() != 0:
        raise RescueError(
            f"Only root mounts a medium: sudo mount -o ro{'' if device.is_block_device() else ',loop'} {device} /mnt, "
            "then: tresen journal rescue /mnt"
        )
    with tempfile.TemporaryDirectory(prefix="tresen-medium-") as folder:
        _mount(device, folder)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=False, capture_output=True)  # noqa: S603, S607


def _mount(device: Path, folder: str) -> None:
    """Without its file system's own journal only where that cannot be replayed without writing."""
    said = ""
    loop = [] if device.is_block_device() else ["loop"]
    for options in (["ro", *loop], ["ro", "noload", *loop], ["ro", "norecovery", *loop]):
        done = subprocess.run(  # noqa: S603
            ["mount", "-o", ",".join(options), str(device), folder],  # noqa: S607
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode == 0:
            return
        said = said or done.stderr.strip()
    raise RescueError(f"{device} cannot be mounted: {said}")


def identity_near(journal: Path) -> Identity | None:
    """The till's own identity, where the journal's folder is part of its state folder."""
    try:
        return load_identity(journal.parent / "keys" / "identity.json")
    except IdentityError:
        return None


async def send(
    found: Salvage,
    own: Identity | None,
    carrier: Identity,
    clock: Clock,
    ids: Ids,
    transport: Callable[[Node], Any] | None = None,
) -> Outcome:
    """Hand over what the hub lacks; to the relay where the hub does not answer. Raises RescueError.

    `own` seals with the till's key, None: the kept seals are used. `carrier` signs the requests.
    """
    if carrier.store != found.store:
        raise RescueError(f"These are sales of store {found.store}; this machine belongs to {carrier.store}.")
    nodes = [node for role in ("hub", "relay") for node in [carrier.node(role)] if node is not None]
    silent = []
    for node in nodes:
        line = Line(
            node, carrier, clock=clock, ids=ids, transport=transport(node) if transport is not None else None
        )
        outcome = Outcome(node=node.name, left=[])
        try:
            async with line:
                for run in found.runs:
                    await _Sender(line, found, own, outcome).send(run)
                return outcome
        except UntrustedAnswerError as error:
            raise RescueError(f"Whoever answers at {node.url} is not our {node.role}: {error}") from error
        except Exception as error:
            if not is_silence(error):
                raise
            silent.append(f"{node.role} at {node.url}")
    raise RescueError(f"Not reached: {', '.join(silent) or 'any node'}. Nothing is lost: try again later.")


class _LeftError(Exception):
    """Facts from `first_seq` on stay where they are; the text says why."""

    def __init__(self, first_seq: int, why: str) -> None:
        super().__init__(why)
        self.first_seq = first_seq


def _unsealed(fact: StoredFact) -> _LeftError:
    return _LeftError(
        fact.seq,
        "no seal: only the till's own key could vouch for them (keys/identity.json beside the journal)",
    )


class _Sender:
    """Hands over one run after the other; what is there already costs one question."""

    def __init__(self, line: Line, found: Salvage, own: Identity | None, outcome: Outcome) -> None:
        self._line = line
        self._found = found
        self._own = own
        self._outcome = outcome

    async def send(self, run: Run) -> None:
        outcome, facts = self._outcome, run.facts
        try:
            before, same = await self._there_before(run)
            at = max(0, before - facts[0].seq + 1) if same else 0
            self._book(facts[:at], before)
            while at < len(facts):
                batch = self._batch(run, at)
                answer = await self._ask(batch)
                count = len(batch.facts)
                match answer:
                    case Ack():
                        self._book(batch.facts, before)
                    case Fork() | Problem(type="urn:tresen:problem:revoked"):
                        outcome.aside += count
                    case Gap():
                        what = f"those from {answer.expected_seq} on are missing before them"
                        raise _LeftError(facts[at].seq, what)
                    case Problem():
                        raise _LeftError(facts[at].seq, f"{answer.title} {answer.detail}")
                at += count
        except _LeftError as error:
            outcome.left.append(f"facts {error.first_seq} to {facts[-1].seq}: {error}")

    async def _there_before(self, run: Run) -> tuple[int, bool]:
        """How far the node was, and whether it is known to hold the very same facts; one fact alone asks."""
        probe = self._probe(run)
        answer = await self._ask(probe)
        first = probe.facts[0]
        if isinstance(answer, Gap):
            return answer.expected_seq - 1, False
        if not isinstance(answer, Ack) or (first.kind == "epoch.opened" and answer.acked_seq == first.seq):
            return 0, False
        # Without the same hash at its end the node may hold another branch: then all of ours is sent and compared.
        ours = {fact.seq: fact.hash for fact in run.facts}.get(answer.acked_seq)
        return answer.acked_seq, ours == answer.acked_hash

    def _probe(self, run: Run) -> Batch:
        """The first fact that has a seal."""
        if self._own is not None:
            return self._batch(run, 0, longest=1)
        sealed_seqs = [seal.last_seq for seal in run.seals]
        at = next((at for at, fact in enumerate(run.facts) if fact.seq in sealed_seqs[:1]), None)
        if at is None:
            raise _unsealed(run.facts[0])
        return self._batch(run, at, longest=1)

    def _book(self, facts: Sequence[StoredFact], before: int) -> None:
        outcome = self._outcome
        for fact in facts:
            sale = fact.kind == "sale"
            if fact.seq <= before:
                outcome.there += 1
                outcome.there_sales += sale
            else:
                outcome.rescued += 1
                outcome.rescued_sales += sale

    def _batch(self, run: Run, at: int, longest: int = BATCH_MAX_FACTS) -> Batch:
        """The next facts under a seal, not too large; raises _LeftError where nothing vouches for them."""
        previous = run.facts[at - 1].hash if at else run.prev_hash
        count = min(longest, len(run.facts) - at)
        while count:
            facts = tuple(run.facts[at : at + count])
            batch = self._sealed(
                run, Batch(self._found.store, self._found.till, run.epoch, facts[0].seq, previous, facts)
            )
            if batch.seal is None:
                break
            count = len(batch.facts)
            if count == 1 or encode_batch(batch)[1] <= BATCH_MAX_BYTES:
                return batch
            count //= 2
        raise _unsealed(run.facts[at])

    def _sealed(self, run: Run, batch: Batch) -> Batch:
        """Under the till's own key, or cut to end where a kept seal ends."""
        if self._own is not None:
            return sealed(batch, self._own.key.key_id, self._own.key.sign)
        last = batch.facts[-1].seq
        kept = [seal for seal in run.seals if batch.first_seq <= seal.last_seq <= last]
        if not kept:
            return batch
        seal = kept[-1]
        return msgspec.structs.replace(
            batch,
            facts=batch.facts[: seal.last_seq - batch.first_seq + 1],
            seal=Seal(seal.first_seq, seal.last_seq, seal.last_hash, seal.key_id, seal.signature),
        )

    async def _ask(self, batch: Batch) -> Ack | Gap | Fork | Problem:
        content, _ = encode_batch(batch)
        path = f"/v1/tills/{batch.store}/{batch.till}/facts"
        answer = await self._line.ask("POST", path, body=content, gzipped=True)
        return decode_answer(answer.status, answer.content)
