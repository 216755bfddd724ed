"""Facts as they are kept: every version ever released stays readable, and its bytes keep their hash."""

import json
from pathlib import Path

import pytest

from pos import cash_facts, facts, till_facts
from pos.facts import (
    GENESIS,
    FactError,
    StoredFact,
    UnknownFact,
    body_of,
    decode_fact,
    hash_of,
    json_of,
    kind_of,
)
from pos.sale_facts import Sale

# Written once when version 1 was released; never to be made anew.
_FOLDER = Path(__file__).parent / "golden"
GOLDEN = json.loads((_FOLDER / "facts_v1.json").read_text(encoding="utf-8"))
# Every kind with every field it has; a field that comes later is added in a file of its own.
FULL = json.loads((_FOLDER / "facts_full_v1.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("entry", [*GOLDEN, *FULL], ids=[entry["kind"] for entry in [*GOLDEN, *FULL]])
def test_a_fact_of_version_1_is_read_with_every_field_it_was_written_with(entry: dict) -> None:  # type: ignore[type-arg]
    body = bytes.fromhex(entry["body"])
    assert json.loads(json_of(body)) == entry["json"]
    fact = decode_fact(entry["kind"], entry["version"], body)
    assert not isinstance(fact, UnknownFact)
    assert kind_of(fact)[0] == entry["kind"]
    again = json.loads(json_of(body_of(fact)))
    assert {key: again.get(key) for key in entry["json"]} == entry["json"]


def test_each_kind_and_version_that_is_written_today_has_a_stored_example() -> None:
    stored = {(entry["kind"], entry["version"]) for entry in [*GOLDEN, *FULL]}
    missing = {(kind, version) for kind, (version, _) in facts._KINDS.items()} - stored
    assert missing == set(), "write one example of each into golden/, once"


@pytest.mark.parametrize("entries", [GOLDEN, FULL], ids=["first", "full"])
def test_the_golden_facts_keep_their_chain(entries: list[dict]) -> None:  # type: ignore[type-arg]
    previous = GENESIS
    for seq, entry in enumerate(entries, start=1):
        body = bytes.fromhex(entry["body"])
        stored = StoredFact(
            1, seq, entry["kind"], entry["version"], 1795300000000 + seq, 1000 + seq, "b", body, b""
        )
        previous = hash_of(previous, "demo", "3", stored)
        assert previous.hex() == entry["hash"]


def test_the_golden_sale_balances() -> None:
    (entry,) = [entry for entry in GOLDEN if entry["kind"] == "sale"]
    sale = decode_fact("sale", 1, bytes.fromhex(entry["body"]))
    assert isinstance(sale, Sale)
    assert sum(tax.gross_minor for tax in sale.taxes) == sale.total_minor == 474
    assert sum(line.total_minor for line in sale.lines if line.voided_ms is None) == sale.total_minor


def test_a_kind_or_version_from_the_future_is_kept_and_passed_on() -> None:
    body = body_of(cash_facts.DayOpened("2026-11-22", "1-2"))
    assert isinstance(decode_fact("loyalty.earned", 1, body), UnknownFact)
    assert isinstance(decode_fact("day.opened", 99, body), UnknownFact)


def test_an_older_version_is_lifted_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(facts._KINDS, "day.opened", (2, cash_facts.DayOpened))
    monkeypatch.setitem(facts.UPCASTERS, ("day.opened", 1), lambda raw: {**raw, "by": "lifted"})
    body = body_of(cash_facts.DayOpened("2026-11-22", "1-2"))
    fact = decode_fact("day.opened", 1, body)
    assert isinstance(fact, cash_facts.DayOpened)
    assert fact.by == "lifted"


@pytest.mark.parametrize(
    "body", [b"", b"not JSON", b"\x03\x00", body_of(till_facts.ReceiptCopied(1, "1"))[:-3], b"[" * 100_000]
)
def test_bytes_that_are_no_fact_are_named_as_such(body: bytes) -> None:
    with pytest.raises(FactError):
        decode_fact("sale", 1, body)
