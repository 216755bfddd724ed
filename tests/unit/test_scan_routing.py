"""Codes of our own find the part whose business they are, scanned or typed; the others are told in a sentence."""

from collections.abc import Callable
from typing import Any

import pytest

from pos.domain import commands as c
from pos.domain.question import Question
from pos.domain.scans import Meaning, ScanKind, own_code
from pos.entry import Entry
from pos.resources import LANGUAGES, texts
from pos.till.desk import Refusal
from pos.till.flows import Flow
from tests.tui.fakes import MILK, Shop, run

OWN = {
    ScanKind.RECEIPT: own_code(ScanKind.RECEIPT, "1A2B3C"),
    ScanKind.GIFT_CARD: own_code(ScanKind.GIFT_CARD, "777"),
    ScanKind.BADGE: own_code(ScanKind.BADGE, "12"),
    ScanKind.PICKUP: own_code(ScanKind.PICKUP, "9"),
    ScanKind.COUPON: own_code(ScanKind.COUPON, "SUMMER"),
}


def received(shop: Shop, kind: ScanKind, answer: Callable[[Meaning], Any] = lambda _: None) -> list[Meaning]:
    """What a part that takes this kind was given."""
    taken: list[Meaning] = []

    def take(meaning: Meaning) -> Any:
        taken.append(meaning)
        return answer(meaning)

    shop.till.parts.scanning.receivers[kind] = take
    return taken


def message(shop: Shop) -> str:
    said = shop.till.view.message
    return said.code if said is not None else ""


@pytest.mark.parametrize("kind", list(OWN))
def test_a_code_of_our_own_goes_to_the_part_that_lists_its_kind_and_sells_nothing(kind: ScanKind) -> None:
    async def test() -> None:
        shop = Shop()
        await shop.open()
        taken = received(shop, kind)
        shop.scan("]Q1" + OWN[kind])
        assert [meaning.kind for meaning in taken] == [kind]
        assert taken[0].payload in OWN[kind]
        assert not shop.till.view.lines

    run(test)


@pytest.mark.parametrize("kind", list(OWN))
@pytest.mark.parametrize("way", [str, str.lower, lambda code: f"{code[:4]} {code[4:]}"])
def test_the_same_code_can_be_typed(kind: ScanKind, way: Callable[[str], str]) -> None:
    async def test() -> None:
        shop = Shop()
        await shop.open()
        taken = received(shop, kind)
        entry = Entry()
        for char in way(OWN[kind]):
            assert entry.type(char) is None
        command = entry.press("enter", shop.till.view)
        if any(char.isdigit() for char in OWN[kind]):
            assert isinstance(command, c.EnterCode)
            await shop.till.handle(command)
            assert [meaning.text for meaning in taken] == [OWN[kind]]

    run(test)


def test_a_word_that_begins_like_a_code_is_searched_for() -> None:
    async def test() -> None:
        shop = Shop()
        await shop.open()
        entry = Entry()
        for char in "trsneakers":
            entry.type(char)
        assert entry.press("enter", shop.till.view) == c.Search("trsneakers")

    run(test)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_kind_that_nobody_takes_is_told_in_a_sentence_of_its_own(language: str) -> None:
    async def test() -> None:
        shop = Shop()
        await shop.open()
        for kind, code in OWN.items():
            shop.till.parts.scanning.receivers.pop(kind, None)
            shop.scan(code)
            assert message(shop) == f"code-{kind.value}"
            assert texts(language)(f"message.code-{kind.value}") != f"message.code-{kind.value}"
            shop.scan(MILK)
        assert len(shop.till.view.lines) == len(OWN)

    run(test)


def test_a_receiver_may_ask_wait_or_refuse() -> None:
    async def test() -> None:
        shop = Shop()
        await shop.open()

        def ask(meaning: Meaning) -> Flow:
            answer = yield Question("department", kind="text")
            raise Refusal("scan-foreign", code=f"{meaning.payload}{answer}")

        received(shop, ScanKind.RECEIPT, ask)
        shop.scan(OWN[ScanKind.RECEIPT])
        assert shop.till.view.state == "question"
        await shop.till.handle(c.Answer("x"))
        assert message(shop) == "scan-foreign"

        waited = []

        async def wait(meaning: Meaning) -> None:
            waited.append(meaning.payload)

        received(shop, ScanKind.GIFT_CARD, wait)
        await shop.till.handle(c.Scan(OWN[ScanKind.GIFT_CARD]))
        assert waited == ["777"]

    run(test)


def test_signed_out_only_a_badge_is_read() -> None:
    async def test() -> None:
        shop = Shop()
        await shop.open(signed_in=False)
        badges = received(shop, ScanKind.BADGE)
        receipts = received(shop, ScanKind.RECEIPT)
        shop.scan(OWN[ScanKind.RECEIPT], MILK)
        assert message(shop) == "scan-signed-out"
        shop.scan(OWN[ScanKind.BADGE])
        assert len(badges) == 1
        assert not receipts

    run(test)


def test_one_wrong_character_in_a_code_of_ours_is_no_other_code_and_no_article() -> None:
    async def test() -> None:
        shop = Shop()
        await shop.open()
        taken = received(shop, ScanKind.GIFT_CARD)
        code = OWN[ScanKind.GIFT_CARD]
        shop.scan(code[:-1] + ("0" if code[-1] != "0" else "1"), code[:4] + code[5] + "X" + code[6:])
        assert not taken
        assert not shop.till.view.lines

    run(test)
