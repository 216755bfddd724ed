"""Line mode says what a device waits for: paper that somebody may want, goods on the scale."""

import asyncio
import io
import json

import pytest

from pos.entry import load_keymap
from pos.plain import LineMode
from tests.tui.fakes import APPLES, MILK, Shop
from tests.tui.test_weighing import FakeScale


def told(shop: Shop, *lines: str, as_json: bool = False) -> list[str]:
    """What is said to each line of input."""

    async def body() -> str:
        await shop.open()
        given = iter([f"{line}\n".encode() for line in lines])

        async def read() -> bytes:
            return next(given, b"")

        out = io.StringIO()
        await LineMode(shop.till, load_keymap(), read, out, as_json=as_json).run()
        return out.getvalue()

    return asyncio.run(body()).splitlines()


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("ask", "Bon auf Papier? key print: ja."),
        ("digital-first", "Der Code ist der Bon. key print: auch auf Papier."),
    ],
)
def test_whether_paper_is_wanted_is_asked_and_answered_by_a_key(policy: str, said: str) -> None:
    shop = Shop(receipt_paper=policy)
    answers = told(shop, f"scan {MILK}", "key cash", "key print", f"scan {MILK}")
    assert said in answers[-3]
    assert said not in answers[-2]
    assert [job.copy for job in shop.printer.jobs] == [False]


def test_scripts_see_the_open_word_on_paper_and_lose_it_with_the_next_scan() -> None:
    answers = told(Shop(receipt_paper="ask"), f"scan {MILK}", "key cash", f"scan {MILK}", as_json=True)
    views = [json.loads(line)["view"] for line in answers if line.startswith('{"view"')]
    assert [view["paper"] for view in views[-3:]] == ["", "ask", ""]


def test_what_is_weighed_is_said_in_words_and_to_scripts() -> None:
    assert "Die Waage wiegt: Äpfel Elstar." in told(Shop(scale=FakeScale()), f"scan {APPLES}")[-1]
    answers = told(Shop(scale=FakeScale()), f"scan {APPLES}", "key escape", as_json=True)
    views = [json.loads(line)["view"] for line in answers if line.startswith('{"view"')]
    assert [view["weighing"] for view in views[-2:]] == ["Äpfel Elstar", ""]
