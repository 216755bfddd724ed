"""What its own backlog costs a till that sells: scans while weeks of sales go up, beside a till that has no hub.

Both are real tills on one machine and take turns, so that the hub and its database, which run there too, disturb
both alike. Somebody always works at the one that drains: how fast its backlog shrinks then is reported too.
"""

import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from pos.facts import StoredFact, body_of, hash_of, kind_of
from pos.journal.segment import insert_fact, open_writer, segment_files
from sync.hub import machines
from sync.hub import tables as t
from sync.hub.database import open_engine, transact
from sync.identity import Identity, Node, identity_file, save_identity
from sync.keys import SigningKey
from tests.benchmarks.drain import node_key
from tests.benchmarks.harness import QUIET_S, Running, Sample, summarize
from tests.benchmarks.hub_sales import BEGAN_MS, sale
from tests.benchmarks.postgres import postgres
from tests.benchmarks.real_till import RealTill
from tests.benchmarks.report import Report
from tests.benchmarks.scans import BLOCK, SMALL, WAKING, till_player
from tests.benchmarks.shop import Catalogue, Shop
from tests.contract.hub_rig import hub_process

__all__ = ["measure"]

_BAR = 1.2
SLOWEST = 50  # facts a second that a till drains at which somebody always works
_SEED = bytes(range(32))


def measure(report: Report, shop: Shop, sells: Catalogue, backlog: int, scans: int) -> None:
    calm, busy = (RealTill(name, shop.till(name, sells), sells) for name in ("till-calm", "till-busy"))
    store, till, last = write_backlog(busy.state, backlog)
    folder = Path(tempfile.mkdtemp(prefix="bench-busy-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        url = stack.enter_context(postgres())()
        engine = open_engine(url)
        stack.callback(engine.dispose)
        hub = stack.enter_context(hub_process("--port", "0", "--db", url))
        node = Node(hub.ready(), "hub", "hub", node_key(engine))
        key = SigningKey(_SEED)
        transact(engine, machines.lock, store, till, "till", BEGAN_MS)
        transact(engine, machines.add_key, store, till, key.public, BEGAN_MS)
        save_identity(identity_file(busy.state), Identity(store, till, "till", _SEED, (node,)))
        hub.popen.send_signal(signal.SIGSTOP)  # it answers once both tills have started
        stack.callback(hub.popen.send_signal, signal.SIGCONT)
        calm_samples, busy_samples, rate = scan_both(
            engine, calm, busy, last, scans, lambda: hub.popen.send_signal(signal.SIGCONT)
        )
    quiet, draining = summarize(calm_samples), summarize(busy_samples)
    name = f"scan while {backlog:,} own sales drain, {draining.count} scans"
    report.add(f"{name}, wall p99", draining.wall_ms_p99, "ms", reference=quiet.wall_ms_p99, bar=_BAR)
    report.add(f"{name}, wall p50", draining.wall_ms_p50, "ms", reference=quiet.wall_ms_p50)
    report.add(
        f"{name}, painted and quiet p50", draining.settled_ms_p50, "ms", reference=quiet.settled_ms_p50
    )
    report.add(f"{backlog:,} sales at the rate seen meanwhile", backlog / rate, "s", bar=backlog / SLOWEST)


def write_backlog(state: Path, sales: int) -> tuple[str, str, int]:
    """Sales behind what the till wrote at its beginning. Gives store, till and the last seq."""
    segment = open_writer(segment_files(state / "journal")[-1])
    store, till = segment.head.store, segment.head.till
    epoch = segment.connection.execute("select max(epoch) from fact").get
    chance = random.Random(1)
    seq, previous = segment.last_seq, segment.last_hash
    segment.connection.execute("begin immediate")
    for number in range(1, sales + 1):
        seq += 1
        fact = sale(chance, number, store)
        wall_ms = BEGAN_MS + seq
        stored = StoredFact(epoch, seq, *kind_of(fact), wall_ms, seq, "b" * 32, body_of(fact), bytes(32))
        previous = hash_of(previous, store, till, stored)
        insert_fact(
            segment.connection,
            StoredFact(epoch, seq, *kind_of(fact), wall_ms, seq, "b" * 32, stored.body, previous),
        )
    segment.connection.execute("commit")
    segment.connection.close()
    return store, till, seq


def scan_both(
    engine: Engine, calm: RealTill, busy: RealTill, last: int, scans: int, begin: Callable[[], None]
) -> tuple[list[Sample], list[Sample], float]:
    """So many scans of both in turns, fewer if the hub holds the backlog before; and the facts drained a second."""
    pauses = random.Random(1)
    samples: tuple[list[Sample], list[Sample]] = ([], [])
    with ExitStack() as stack:
        players = [till_player(till, SMALL) for till in (calm, busy)]
        apps = [stack.enter_context(Running(player.candidate)) for player in players]
        for player, app in zip(players, apps, strict=True):
            app.settle()
            player.refill(app)
        begin()
        began = time.monotonic()
        assert held(engine) < last, "the backlog was gone before the first scan: take a larger one"
        while held(engine) < last and len(samples[1]) < scans:
            blocks = []
            for player, app in zip(players, apps, strict=True):
                player.refill(app)
                blocks.append([app.scan(pauses.uniform(*QUIET_S)) for _ in range(WAKING + BLOCK)][WAKING:])
            if held(engine) < last:
                for mine, block in zip(samples, blocks, strict=True):
                    mine.extend(block)
        rate = held(engine) / (time.monotonic() - began)
    return *samples, rate


def held(engine: Engine) -> int:
    with engine.connect() as connection:
        newest: int | None = connection.execute(sa.select(sa.func.max(t.till_head.c.seq))).scalar_one()
    return newest or 0
