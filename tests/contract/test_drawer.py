"""The drawer's sensor through the whole driver, against a printer made of memory."""

import itertools

import pytest

from drivers.printer.transports import TcpLine
from receipts.escpos import prepare
from tests.contract.test_printer import Rig, run
from tests.simulators.paper.printer import PaperPrinter
from tests.simulators.paper.servers import TcpServer


@pytest.fixture(scope="module", autouse=True)
def _library() -> None:
    prepare()


def drawer_words(rig: Rig) -> list[str]:
    """Each word once as it changed."""
    words = [news.detail for news in rig.news if news.device == "drawer"]
    return [word for word, _ in itertools.groupby(words)]


@pytest.mark.parametrize("profile", ["epson-80", "generic-80"])
def test_a_drawer_that_opens_stays_open_and_shuts_is_told_by_the_printer(profile: str) -> None:
    async def body() -> None:
        with PaperPrinter("48", personality="full") as paper, TcpServer(paper) as server:
            line = TcpLine("127.0.0.1", server.port)
            async with Rig(line, profile, drawer_open="high", drawer_open_s=0.1) as rig:
                await rig.until(lambda: rig.shown[0] == "ready")
                paper.set(drawer_open=True)
                await rig.until(lambda: drawer_words(rig)[-1:] == ["left-open"])
                paper.set(drawer_open=False)
                await rig.until(lambda: drawer_words(rig)[-1:] == [""])
                assert drawer_words(rig) == ["", "open", "left-open", ""]

    run(body())


def test_without_a_setting_nothing_is_told_of_the_drawer() -> None:
    async def body() -> None:
        with PaperPrinter("48", personality="full") as paper, TcpServer(paper) as server:
            async with Rig(TcpLine("127.0.0.1", server.port), "epson-80") as rig:
                await rig.until(lambda: rig.shown[0] == "ready")
                paper.set(drawer_open=True)
                asked = paper.received.count(b"\x10\x04\x01")
                await rig.until(lambda: paper.received.count(b"\x10\x04\x01") > asked + 1)
                assert drawer_words(rig) == [""]

    run(body())
