"""A slice of the recovery matrix of card payments, some random cuts, and faults put in on purpose that must be found."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pos.domain.card import CardEnd
from pos.journal import file_journal
from pos.till.cards import news as card_news
from tests.simulation.cards.matrix import PERSONALITIES, matrix, one, random_cuts
from tests.simulation.cards.world import Cut, Outcome
from tests.simulation.disk import Survival, ram_folder

pytestmark = [
    pytest.mark.simulation,
    # a life that ends in the middle of something leaves it so
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
]


@pytest.fixture
def folder() -> Iterator[Path]:
    with ram_folder() as made:
        yield made


@pytest.mark.parametrize("personality", PERSONALITIES)
def test_wherever_a_payment_is_cut_the_journal_says_what_the_card_was_charged(personality: str) -> None:
    """The whole matrix is a phase of `make simulate`."""
    found = matrix(
        [(personality, "tcp", "kill"), (personality, "serial", "link")],  # type: ignore[list-item]
        steps=(1, 9, 12),
    )
    assert found.failures == []
    assert found.runs == 6


def test_on_a_serial_line_every_message_is_acknowledged_before_it_is_answered(folder: Path) -> None:
    """An answer that comes before the ACK may be taken for the one before; then the last step is never reached."""
    outcome = one(folder, personality="keep", serial=True, cuts=[Cut("link", 15)])
    assert outcome.step == "< 8000 to 060F"
    assert outcome.failures == []


def test_a_power_cut_between_any_two_writes_of_a_payment_loses_and_doubles_nothing(folder: Path) -> None:
    for at in range(4, 40, 9):
        cut = Cut("power", at, "disk", survival=Survival.NONE)
        outcome = one(folder, personality="keep", serial=False, cuts=[cut])
        assert outcome.struck
        assert outcome.failures == []


def test_random_cuts_leave_nothing_charged_twice_lost_or_guessed() -> None:
    assert random_cuts(7, 10).failures == []


def test_a_terminal_that_was_changed_during_a_payment_is_for_a_person(folder: Path) -> None:
    """Its memory knows of nothing; the card may be charged. The till must not say that it was not."""
    outcome = one(folder, personality="keep", serial=False, cuts=[Cut("changed", 9)])
    assert outcome.end == "manual"
    assert outcome.failures == []
    assert (outcome.charged, outcome.kept, outcome.open) == (106, 0, 1)


def _failures(folder: Path, *cuts: Cut, **setup: Any) -> list[str]:
    outcome: Outcome = one(folder, **{"personality": "keep", "serial": False, "cuts": list(cuts)} | setup)
    return outcome.failures


class TestFaultsPutInOnPurpose:
    """What the judge must find, lest its silence mean nothing."""

    def test_an_end_that_nobody_heard_taken_for_no(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = vars(card_news)["outcome"]
        monkeypatch.setattr(
            card_news, "outcome", lambda *about: "declined" if real(*about) == "unknown" else real(*about)
        )
        assert any("charged twice" in what for what in _failures(folder, Cut("link", 9)))

    def test_an_end_that_nobody_heard_taken_for_yes(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = vars(card_news)["outcome"]
        monkeypatch.setattr(
            card_news, "outcome", lambda *about: "approved" if real(*about) == "unknown" else real(*about)
        )
        found = _failures(folder, Cut("link", 9), personality="mark-declined")
        assert any("no card was charged" in what for what in found)

    def test_an_intent_that_is_not_synced_before_the_first_byte(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = vars(file_journal)["open_writer"]

        def hasty(path: Path) -> Any:
            opened = real(path)
            opened.connection.execute("pragma synchronous=off")
            return opened

        monkeypatch.setattr(file_journal, "open_writer", hasty)
        found = _failures(folder, Cut("power", 9))
        assert any("is lost" in what or "twice" in what for what in found)

    def test_a_payment_that_is_sent_again_after_silence(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = card_news.CardNews._ended

        async def again(self: Any, payment_id: str, end: CardEnd) -> None:
            request = self.running.get(payment_id)
            if end.by == "unknown" and request is not None and payment_id not in self.cancelled:
                self.cancelled.add(payment_id)
                self.terminals.all()[0].start(request)
                return
            await real(self, payment_id, end)

        monkeypatch.setattr(card_news.CardNews, "_ended", again)
        found = _failures(folder, Cut("link", 9))
        assert any("was not asked" in what or "twice" in what for what in found)
