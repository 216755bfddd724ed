"""What a terminal prints beside any payment: the shop's paper, kept for ever and printed."""

from pos.card_facts import TerminalPrinted
from pos.card_ports import NotKeptError
from pos.domain import commands as c
from pos.domain.card import CardPaper
from pos.storage_ports import JournalUnavailableError
from tests.tui.fakes import run
from tests.tui.test_cards import asked, facts, key, opened, settled

SUMS = CardPaper("administration", ("ZWISCHENSUMMEN", "123,00"))


def test_it_is_a_fact_and_printed_once_however_often_it_is_said() -> None:
    async def case() -> None:
        shop, terminal = await opened()
        await terminal.desk.printed("1", SUMS)
        await terminal.desk.printed("1", SUMS)
        await settled(shop)
        (fact,) = facts(shop, TerminalPrinted)
        assert isinstance(fact, TerminalPrinted)
        assert (fact.terminal, fact.paper) == ("1", SUMS)
        documents = [job.document for job in shop.printer.jobs if job.document is not None]
        assert [[row.left for row in one.rows] for one in documents] == [["ZWISCHENSUMMEN", "123,00"]]

    run(case)


def test_what_cannot_be_kept_is_not_taken() -> None:
    async def case() -> None:
        shop, terminal = await opened()
        shop.journal.broken = JournalUnavailableError("disk-full", "no room")
        refused = False
        try:
            await terminal.desk.printed("1", SUMS)
        except NotKeptError:
            refused = True
        assert refused
        assert shop.printer.jobs == []

    run(case)


def test_the_last_one_is_printed_again_from_the_service_of_the_terminal() -> None:
    async def case() -> None:
        shop, terminal = await opened()
        await terminal.desk.printed("1", SUMS)
        await key(shop, "card-service")
        assert asked(shop) == "card-service"
        await shop.till.handle(c.Choose(3))
        await settled(shop)
        assert len(shop.printer.jobs) == 2
        assert terminal.services == []

    run(case)
