"""Two scanners and a typing hand at once, character by character in virtual time: no code is lost, merged or misread."""

import heapq
import random
from collections.abc import Iterator

import pytest

from drivers.scanner.framing import FrameReader
from drivers.scanner.layouts import LAYOUTS, KeyDecoder
from pos.domain import commands as c
from pos.entry import Entry
from tests.simulators.scanner import Keyboard
from tests.tui.fakes import BEER, BREAD, BROKEN, BUTTER, CHOCOLATE, MILK, SHIRT, YOGHURT, Shop, run

SCANS, SECONDS = 600, 60
GOODS = (MILK, YOGHURT, BUTTER, BREAD, CHOCOLATE, SHIRT)
_Step = tuple[int, int, str, object]  # when (ms), order, whose, what


def _scanner(who: str, codes: list[str], chance: random.Random) -> Iterator[_Step]:
    """One code each 200 ms, begun at any moment of them, its characters 1 to 6 ms apart."""
    keyboard = Keyboard("de")
    for at, code in enumerate(codes):
        ms = at * 200 + chance.randint(0, 40)
        pieces: list[object] = list(keyboard.keys(code)) if who == "keys" else list(f"]E0{code}\r".encode())
        for piece in pieces:
            yield ms, 0, who, piece
            ms += chance.randint(1, 6) if who == "serial" else chance.randint(0, 2)


def _hand(chance: random.Random) -> Iterator[_Step]:
    """Quantities, numbers that are typed and taken back, and notes, all at a person's speed."""
    ms = 100
    while ms < SECONDS * 1_000:
        for char in chance.choice(("2*", "3*", "12\x1b", "4711\x1b", "1,5\x1b", "x\x1b")):
            yield ms, 1, "hand", char
            ms += chance.randint(60, 250)
        ms += chance.randint(100, 900)


def _codes(chance: random.Random, count: int) -> list[str]:
    return [BROKEN if chance.random() < 0.1 else chance.choice(GOODS) for _ in range(count)]


@pytest.mark.parametrize("seed", range(2))
def test_600_scans_in_a_minute_from_two_scanners_beside_a_typing_hand(seed: int) -> None:
    chance = random.Random(seed)
    codes = {"keys": _codes(chance, SCANS // 2), "serial": _codes(chance, SCANS // 2)}

    async def test() -> None:
        shop = Shop()
        await shop.open()
        till, entry = shop.till, Entry()
        start = shop.clock.ms
        decoder, frames = KeyDecoder(LAYOUTS["de"]), FrameReader()
        read: dict[str, list[str]] = {"keys": [], "serial": []}
        wanted: list[tuple[str, int]] = []
        quantity = [1]

        def scanned(who: str, code: str) -> None:
            read[who].append(code)
            assert shop.clock.ms - start <= SECONDS * 1_000
            before = len(till.view.lines)
            till.submit(c.Scan(code, f"scanner:{who}"))  # decided before this returns
            bare = code.removeprefix("]E0")
            if bare == BROKEN:
                assert till.view.message is not None
                assert till.view.message.code == "scan-broken"
                assert len(till.view.lines) == before
            else:
                wanted.append((bare, quantity[0]))
                quantity[0] = 1
                assert len(till.view.lines) == before + 1

        def typed(char: str) -> None:
            command = entry.press("escape", till.view) if char == "\x1b" else entry.type(char)
            if isinstance(command, c.SetQuantity):
                quantity[0] = int(command.quantity)
            if command is not None:
                till.submit(command)

        steps = [_scanner(who, codes[who], chance) for who in codes]
        for ms, _, who, what in heapq.merge(*steps, _hand(chance), key=lambda step: step[:2]):
            shop.clock.ms = start + ms
            if who == "hand":
                typed(str(what))
            elif who == "keys":
                assert isinstance(what, tuple)
                code = decoder.feed(*what)
                if code is not None:
                    scanned(who, code)
            else:
                assert isinstance(what, int)
                for code in frames.feed(bytes([what])):
                    scanned(who, code)

        assert read["keys"] == codes["keys"]
        assert read["serial"] == [f"]E0{code}" for code in codes["serial"]]
        assert sum(len(found) for found in read.values()) == SCANS
        assert [(line.gtin, int(line.quantity)) for line in till.view.lines] == wanted
        assert any(count > 1 for _, count in wanted)

    run(test)


def test_after_a_bad_code_the_next_scan_counts_and_a_quantity_waits_for_it() -> None:
    async def test() -> None:
        shop = Shop()
        await shop.open()
        entry = Entry()
        for char in "3*":
            command = entry.type(char)
            if command is not None:
                shop.till.submit(command)
        shop.scan(BROKEN, "https://example.com/", "TRSX", MILK)
        assert [(line.gtin, int(line.quantity)) for line in shop.till.view.lines] == [(MILK, 3)]
        shop.scan(BROKEN, BEER)
        assert [line.gtin for line in shop.till.view.lines] == [MILK, BEER]

    run(test)


@pytest.mark.parametrize("code", [MILK, "96385074", "036000291452", "04006381333931"])
def test_a_code_typed_as_a_quantity_is_refused(code: str) -> None:
    async def test() -> None:
        shop = Shop()
        await shop.open()
        entry = Entry()
        for char in code:
            entry.type(char)
        command = entry.type("*")
        assert isinstance(command, c.Mistyped)
        await shop.till.handle(command)
        shop.scan(MILK)
        assert [line.quantity for line in shop.till.view.lines] == [1]

    run(test)
