"""A terminal that does not answer holds up no cash sale: the real till, its own loop, a line on which nothing comes back."""

import asyncio
import socket
from pathlib import Path

from pos.card_facts import PaymentIntent
from pos.domain import commands as c
from pos.facts import decode_fact
from pos.journal.segment import iterate
from pos.sale_facts import Sale
from tests.simulation.cards.real import article, opened_with, prepare, until


def _sells_for_cash(state: Path, address: str) -> None:
    async def main() -> None:
        async with opened_with(state, prepare(state, address)) as opened:
            till = opened.till
            driver = till._desk.world.cards[0]
            device = driver._supervisor  # type: ignore[attr-defined]
            for _ in range(3):
                till.parts.selling.sell(article(250), "", "scanner")
                await till.handle(c.PayCash())
                assert till.view.state == "paid", till.view.message
                assert device.generation == 0, "the driver never got through"
                assert not driver.ready

    asyncio.run(main())
    facts = [decode_fact(one.kind, one.version, one.body) for one in iterate(state / "journal")]
    assert [fact.tenders[0].kind for fact in facts if isinstance(fact, Sale)] == ["cash"] * 3
    assert not any(isinstance(fact, PaymentIntent) for fact in facts)


def test_a_terminal_whose_connection_never_comes_about_holds_up_no_cash_sale(tmp_path: Path) -> None:
    """A port whose queue is full: whoever connects is told nothing, as behind a cable that is dead."""
    with socket.socket() as hole:
        hole.bind(("127.0.0.1", 0))
        hole.listen(0)
        callers = [socket.socket() for _ in range(4)]
        try:
            for caller in callers:
                caller.setblocking(False)
                caller.connect_ex(hole.getsockname())
            _sells_for_cash(tmp_path / "state", f"tcp:127.0.0.1:{hole.getsockname()[1]}")
        finally:
            for caller in callers:
                caller.close()


def test_a_terminal_that_takes_the_line_and_says_nothing_holds_up_no_cash_sale(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hole:
        _sells_for_cash(tmp_path / "state", f"tcp:127.0.0.1:{hole.getsockname()[1]}")
        hole.settimeout(5)
        heard, _ = hole.accept()
        with heard:
            assert heard.recv(2) == bytes.fromhex("0600"), "it was asked to register"


def test_cash_after_the_card_key_at_a_dead_terminal(tmp_path: Path) -> None:
    """The key is pressed first, the terminal is found to be away, and the same sale is paid in cash while the driver waits."""
    state = tmp_path / "state"
    with socket.create_server(("127.0.0.1", 0)) as hole:

        async def main() -> None:
            address = f"tcp:127.0.0.1:{hole.getsockname()[1]}"
            async with opened_with(state, prepare(state, address)) as opened:
                till = opened.till
                till.parts.selling.sell(article(250), "", "scanner")
                await till.handle(c.Do("card"))
                await until(lambda: till.view.question is not None, lambda: till.view)
                while till.view.question is not None:
                    await till.handle(c.Cancel())
                    await asyncio.sleep(0)
                await till.handle(c.PayCash())
                assert till.view.state == "paid", till.view.message

        asyncio.run(main())
    facts = [decode_fact(one.kind, one.version, one.body) for one in iterate(state / "journal")]
    assert [fact.tenders[0].kind for fact in facts if isinstance(fact, Sale)] == ["cash"]
