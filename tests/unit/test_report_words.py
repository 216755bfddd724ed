"""A report names every means of payment and every down payment in words."""

import re
from decimal import Decimal

import pytest

from pos.domain.day_totals import Book, CaseSum
from pos.domain.tender import Tender
from pos.resources import LANGUAGES, texts
from pos.till.day.reports import _book

_KINDS = re.compile(r'"([a-z-]+)"')
_SAYS = (Tender.__doc__ or "").split("What is paid out", maxsplit=1)[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_means_of_payment_has_its_words_on_the_report(language: str) -> None:
    words = texts(language)
    kinds = {*_KINDS.findall(_SAYS), "card"}
    assert {"cash", "card-manual", "prepaid", "pay-link"} <= kinds
    assert [kind for kind in sorted(kinds) if words(f"report.tender-{kind}").startswith("report.")] == []


def test_down_payments_are_named_so_that_the_turnover_explains_itself() -> None:
    cases = (
        CaseSum("Anzahlungseinstellung", "A", Decimal(19), 500),
        CaseSum("Anzahlungseinstellung", "B", Decimal(7), 300),
        CaseSum("Anzahlungsaufloesung", "B", Decimal(7), -300),
    )
    rows = {row.left: row.right for row in _book(Book("", total_minor=500, cases=cases), texts("de"), {})}
    assert rows["darin Anzahlungen angenommen"] == "8,00"
    assert rows["darin Anzahlungen verrechnet"] == "-3,00"
