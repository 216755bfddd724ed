"""Terminals that say whole card numbers: nothing of them but the last four digits is anywhere in or behind the till."""

import asyncio
import contextlib
import gzip
import io
import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.card import link as links
from drivers.card.streams import TcpStream
from pos.bootstrap import OpenTill
from pos.card_facts import PaymentEnded, PaymentResult
from pos.domain import commands as c
from pos.facts import decode_fact
from pos.journal.segment import iterate
from pos.resources import config_path
from pos.sale_facts import Sale
from pos.storage_ports import JournalUnavailableError
from receipts.escpos import compose
from receipts.html import receipt_page
from receipts.json import receipt_json
from receipts.model import Shop, build
from receipts.profiles import load_profiles
from receipts.text import render_text
from sync.wire import Batch, encode_batch
from tests.simulation.cards.picture import held_by, picture, told_with_variables
from tests.simulation.cards.real import LocalTerminal, article, on_line, opened_with, prepare, until
from tests.simulators.paper import PaperPrinter, TcpServer
from tests.simulators.terminal import Setup
from tests.simulators.terminal.cards import CARDS, TEST_TRACK

VECTORS = Path(__file__).parents[4] / "shared" / "data" / "zvt_vectors.json"
PAN = CARDS[0].number
UNMASKED = 1019
"""An amount whose fault is that card number and track come in clear."""


def trap() -> dict[str, Any]:
    """The vector of a real terminal that told a card number with its track."""
    if not VECTORS.exists():
        pytest.skip("the folder ../shared with zvt_vectors.json is not on this machine")
    return next(one for one in json.loads(VECTORS.read_text("utf-8")) if one.get("pci_trap"))


def forms(*secrets: str) -> set[bytes]:
    """How runs of these digits may look: as text, in groups, packed, with halves changed over, backwards, in hexadecimal."""
    found: set[bytes] = set()
    for secret in secrets:
        for run in {secret[at : at + 10] for at in range(len(secret) - 9)}:
            texts = {run, run[::-1], " ".join(run[at : at + 4] for at in range(0, 10, 4))}
            texts |= {run.encode().hex(), run.lower()}
            texts |= {run.encode("utf-16-le").decode("latin-1")}
            found |= {text.encode("latin-1") for text in texts}
            packed = bytes.fromhex(run)
            found |= {packed, bytes((byte & 0x0F) << 4 | byte >> 4 for byte in packed)}
            found.add(repr(packed).encode()[2:-1])
    return found


SECRETS = ("5966666666D20021220100", PAN[:-4], TEST_TRACK.rstrip("0"))
FORBIDDEN = forms(*SECRETS)


def found_in(what: str, data: bytes | str) -> None:
    """Fail if a forbidden run of digits is in it. It must not be empty: nothing was looked at then."""
    assert data, f"{what} is empty"
    raw = data if isinstance(data, bytes) else data.encode()
    for form in FORBIDDEN:
        at = raw.find(form)
        assert at < 0, f"{what}: {raw[max(0, at - 60) : at + 60]!r}"


class Talkative(LocalTerminal):
    """Says numbers in its receipts, before its status and in it: `instead` takes the place of the next status."""

    instead = b""
    clear = False

    async def say(self, message: bytes, name: str = "") -> None:
        if message[:2] == b"\x04\x0f" and self.instead:
            message, self.instead = self.instead, b""
        if message[:2] in (b"\x06\xd1", b"\x06\xd3"):
            clear = PAN if b"KUNDEN" not in message else f"{PAN[:4]} {PAN[4:8]} {PAN[8:12]} {PAN[12:]}"
            hidden = f"{'**** ' + PAN[-4:]:>{len(clear)}}"
            self.clear = self.clear or hidden.encode() in message
            message = message.replace(hidden.encode(), clear.encode())
        if message[:2] == b"\x04\xff":
            content = bytes((0x0A, 0x00, 0x06, len(PAN) + 4, 0x24, len(PAN) + 2, 0x07, len(PAN)))
            content += PAN.encode()
            message = bytes((0x04, 0xFF, len(content))) + content
        await super().say(message, name)


class Seen:
    """Everything that the till showed and logged."""

    def __init__(self) -> None:
        self.log = io.StringIO()
        self.views: list[bytes] = []

    @contextlib.contextmanager
    def logging(self) -> Iterator[None]:
        handler = logging.StreamHandler(self.log)
        handler.setFormatter(WithVariables("%(asctime)s %(name)s %(message)s"))
        root = logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            root.setLevel(level)
            root.removeHandler(handler)

    def watch(self, opened: OpenTill) -> None:
        opened.till.subscribe(lambda events: self.views.append(f"{events!r} {opened.till.view!r}".encode()))

    def check(self) -> None:
        found_in("the views", b"\n".join(self.views))
        found_in("the log", self.log.getvalue())


class WithVariables(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # what another handler made of it has no variables
        text = super().format(record)
        record.exc_text = None
        return text

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        return told_with_variables(ei[1])


async def pay(opened: OpenTill, minor: int) -> None:
    till = opened.till
    await until(lambda: till._desk.world.cards[0].ready)
    till.parts.selling.sell(article(minor), "", "scanner")
    await till.handle(c.Do("card"))


def check_folder(state: Path) -> int:
    files = [path for path in state.rglob("*") if path.is_file() and path.stat().st_size]
    for path in files:
        found_in(path.name, path.read_bytes())
    return len(files)


def check_facts(state: Path) -> list[object]:
    """The journal's facts as they are kept and as they go to the hub, and the receipts that anybody makes of them."""
    stored = list(iterate(state / "journal"))
    facts: list[object] = [decode_fact(one.kind, one.version, one.body) for one in stored]
    found_in("the facts", repr(facts))
    zipped, _ = encode_batch(Batch("shop", "k1", stored[0].epoch, stored[0].seq, bytes(32), tuple(stored)))
    found_in("traffic to the hub", zipped)
    found_in("what the hub unpacks", gzip.decompress(zipped))
    profile = next(iter(load_profiles(config_path() / "printers.toml").values()))
    for fact in facts:
        if isinstance(fact, Sale):
            receipt = build(
                fact,
                Shop("Laden"),
                till="k1",
                epoch=1,
                public_url="https://example.org",
                copy=False,
                language="de",
            )
            found_in("the receipt on paper", compose(receipt, profile))
            found_in("the receipt as text", "\n".join(render_text(receipt, 42)))
            found_in("the receipt as a page", receipt_page(receipt))
            found_in("the receipt as data", receipt_json(receipt))
    return facts


@pytest.mark.parametrize(("transport", "trace"), [("tcp", True), ("serial", False)])
def test_a_card_number_in_clear_is_nowhere_but_for_its_last_four_digits(
    transport: str, trace: bool, tmp_path: Path
) -> None:
    """The vector's status, then the simulator's own card number and track, with receipts and states that tell it too."""
    vector = trap()
    state, seen = tmp_path / "state", Seen()

    async def main(printer: str) -> None:
        terminal = Talkative(Setup(blocks=transport == "serial"))
        async with on_line(terminal, transport, tmp_path) as address:
            settings = prepare(state, address, card_trace=trace, printer=printer, printer_profile="epson-80")
            async with opened_with(state, settings, seen.watch) as opened:
                till = opened.till
                for minor in (vector["meaning"]["amount_minor"], UNMASKED):
                    if minor != UNMASKED:
                        terminal.instead = bytes.fromhex(vector["apdu_hex"])
                    await pay(opened, minor)
                    await until(lambda: till.view.state == "paid", lambda: till.view)
                    await till.handle(c.Do("reprint"))
                    await till.settle()
                driver: Any = till._desk.world.cards[0]
                found_in("variables", picture())
                found_in("what the driver holds", b"\n".join(held_by(driver)))
                await until(lambda: len(paper.cut_receipts) >= 2, lambda: paper.violations)
        assert terminal.instead == b""
        assert terminal.clear
        assert terminal.violations == []

    with seen.logging(), PaperPrinter() as paper, TcpServer(paper) as server:
        asyncio.run(main(f"tcp://127.0.0.1:{server.port}"))
        found_in("paper", bytes(paper.received))
    seen.check()
    assert check_folder(state) >= 3
    assert (state / "log" / "card-terminal.log").exists() is trace
    facts = check_facts(state)
    tenders = [fact.tenders[0] for fact in facts if isinstance(fact, Sale)]
    assert [tender.amount_minor for tender in tenders] == [4000, UNMASKED]
    assert [tender.card.pan_last4 for tender in tenders if tender.card] == ["", PAN[-4:]]
    assert f"**** {PAN[-4:]}".replace(" ", "") in repr(facts).replace(" ", "")


def _journal_fails(monkeypatch: pytest.MonkeyPatch, opened: OpenTill, on: type) -> list[str]:
    """The journal cannot keep facts of a kind; a picture is taken of everything when it should."""
    pictures: list[str] = []
    journal: Any = opened.till._desk.world.journal
    real = journal.append

    async def append(facts: Any, *more: Any, **named: Any) -> Any:
        if any(isinstance(fact, on) for fact in facts):
            pictures.append(picture())
            raise JournalUnavailableError("disk-full", "no room")
        return await real(facts, *more, **named)

    monkeypatch.setattr(journal, "append", append)
    return pictures


@pytest.mark.parametrize("transport", ["tcp", "serial"])
def test_a_crash_within_a_result_shows_no_card_number(
    transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All variables of all frames, as tools write them that take a picture of a crash."""
    state, seen = tmp_path / "state", Seen()
    pictures: list[str] = []

    async def main() -> None:
        terminal = Talkative(Setup())
        async with on_line(terminal, transport, tmp_path) as address:
            settings = prepare(state, address, card_trace=True)
            async with opened_with(state, settings, seen.watch) as opened:
                taken = _journal_fails(monkeypatch, opened, PaymentResult)
                await pay(opened, UNMASKED)
                await until(lambda: bool(taken))
                await until(lambda: "was not kept" in seen.log.getvalue(), seen.log.getvalue)
                pictures.extend([*taken, picture()])
                found_in("what the driver holds", b"\n".join(held_by(opened.till._desk.world.cards[0])))

    with seen.logging():
        asyncio.run(main())
    found_in("variables", "".join(pictures))
    assert "drivers/card/listeners.py" in pictures[0], "the driver's frames are in the picture"
    seen.check()
    assert "apdu = Apdu(04 0F" in seen.log.getvalue(), "variables are in the log"
    check_folder(state)
    assert not any(isinstance(fact, PaymentEnded | Sale) for fact in check_facts(state))


@pytest.mark.parametrize("transport", ["tcp", "serial"])
def test_a_crash_while_bytes_are_read_shows_no_card_number(
    transport: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, seen = tmp_path / "state", Seen()
    kind = links.TcpLink if transport == "tcp" else links.SerialLink
    failed: list[int] = []
    real = kind._come

    def come(self: Any, apdu: Any) -> None:
        if apdu.command == 0x040F and not failed:
            failed.append(1)
            raise RuntimeError("put in on purpose")
        real(self, apdu)

    monkeypatch.setattr(kind, "_come", come)

    async def main() -> None:
        terminal = Talkative(Setup())
        async with (
            on_line(terminal, transport, tmp_path) as address,
            opened_with(state, prepare(state, address), seen.watch) as opened,
        ):
            await pay(opened, UNMASKED)
            await until(lambda: "put in on purpose" in seen.log.getvalue(), seen.log.getvalue)
            found_in("variables", picture())

    with seen.logging():
        asyncio.run(main())
    assert failed
    assert "    error = RuntimeError" in seen.log.getvalue(), "variables are in the log"
    seen.check()
    check_folder(state)
    check_facts(state)


def test_the_search_finds_digits_in_each_of_their_forms() -> None:
    digits = PAN[:-4]
    packed = bytes.fromhex(SECRETS[0])
    swapped = bytes((byte & 15) << 4 | byte >> 4 for byte in packed)
    for hidden in (
        digits.encode(), packed, packed[1:8], swapped, repr(packed).encode(), packed.hex().encode(), SECRETS[0][::-1].encode(),
        b"5966 6666 66", "5966666666".encode("utf-16-le"),
    ):  # fmt: skip
        with pytest.raises(AssertionError):
            found_in("planted", b"before " + hidden + b" after")


def test_the_picture_shows_the_variables_of_a_task_that_waits() -> None:
    async def main() -> str:
        server = socket.create_server(("127.0.0.1", 0))
        stream = TcpStream(*server.getsockname())
        await stream.open()
        task = asyncio.create_task(stream.receive(lambda _: None))
        await asyncio.sleep(0)
        told = picture()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        stream.close()
        server.close()
        return told

    assert "receive\n    self = <drivers.card.streams.TcpStream" in asyncio.run(main())
