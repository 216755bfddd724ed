"""Rows of promotions from files: taken whole or refused with every fault, replaced in one step, read between sales."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pos.domain.promotions import Promotion
from pos.domain.promotions.record import RowRefusedError, read_row
from pos.ports import PromotionsUnavailableError
from pos.promotions.cli import promotions
from pos.promotions.rows_file import HUB_FILE, OWN_FILE, RowsRefusedError, read_rows, write_rows
from pos.promotions.source import PromotionFiles

AMOUNT = Promotion("off", "50 ct weniger", "amount", amount_minor=50)
TOML = """
[[promotion]]
id = "summer"
text = "Sommer-Aktion 10 %"
kind = "percent"
percent = 12.5
time_from = "18:00"
time_to = 20:30:00
valid_to = 2026-08-31
selection = { departments = [12] }

[[promotion]]
id = "three"
text = "3 für 2"
kind = "n-for-m"
n = 3
m = 2
"""


def test_toml_and_json_say_the_same() -> None:
    rows = read_rows(TOML.encode(), toml=True)
    assert rows[0].percent == Decimal("12.5")
    assert str(rows[0].time_from) == "18:00:00"
    as_json = json.dumps(
        [
            {
                "id": "summer",
                "text": "Sommer-Aktion 10 %",
                "kind": "percent",
                "percent": 12.5,
                "amount_minor": None,
                "time_from": "18:00",
                "time_to": "20:30:00",
                "valid_to": "2026-08-31",
                "selection": {"departments": [12]},
            },
            {"id": "three", "text": "3 für 2", "kind": "n-for-m", "n": 3, "m": 2},
        ]
    )
    assert read_rows(as_json.encode()) == rows


def test_every_fault_is_told_by_row_and_field() -> None:
    rows: list[Any] = [
        {"id": "a", "text": "", "kind": "percent", "percent": "many", "prio": 3},
        {"text": "x", "kind": "amount", "amount_minor": 0, "weekdays": [8]},
        {"id": "c", "text": "C", "kind": "mix", "per_sale": -1},
        {"id": "c", "text": "C", "kind": "amount", "amount_minor": 5},
        "no row",
    ]
    with pytest.raises(RowsRefusedError) as refused:
        read_rows(json.dumps({"promotion": rows}).encode())
    assert [(fault.row, fault.field) for fault in refused.value.faults] == [
        (1, "percent"),
        (1, "prio"),
        (1, "text"),
        (2, "id"),
        (2, "amount_minor"),
        (2, "weekdays"),
        (3, "parts"),
        (3, "amount_minor"),
        (3, "per_sale"),
        (4, "id"),
        (5, ""),
    ]
    assert str(refused.value.faults[-2]) == "row 4 (c): id is that of row 3 too"


@pytest.mark.parametrize(
    ("content", "toml"),
    [
        (b"{", False),
        (b"\xff", False),
        (b"[" * 100_000, False),
        (b"a = ", True),
        (b'{"rows": []}', False),
        (b"3", False),
    ],
)
def test_a_file_that_is_none_is_refused_as_a_whole(content: bytes, toml: bool) -> None:
    with pytest.raises(RowsRefusedError):
        read_rows(content, toml=toml)


def test_a_row_with_values_of_other_types_is_refused_field_by_field() -> None:
    with pytest.raises(RowRefusedError) as refused:
        read_row(
            {"id": 3, "text": None, "kind": "amount", "amount_minor": "5", "active": "no", "groups": [1]}
        )
    assert {fault.field for fault in refused.value.faults} == {
        "id",
        "text",
        "amount_minor",
        "active",
        "groups",
    }


def test_rows_are_replaced_in_one_step_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / OWN_FILE
    rows = read_rows(TOML.encode(), toml=True)
    write_rows(path, rows)
    assert read_rows(path.read_bytes()) == rows
    write_rows(path, [AMOUNT])
    assert read_rows(path.read_bytes()) == (AMOUNT,)
    assert [each.name for each in tmp_path.iterdir()] == [OWN_FILE]


def test_the_import_tells_all_faults_and_changes_nothing(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.json"
    good.write_text(TOML, encoding="utf-8")
    bad.write_text('[{"id": "a"}, {"id": "b", "text": "b", "kind": "gift"}]')
    state = tmp_path / "state"

    def run(*args: str) -> Any:
        return CliRunner().invoke(promotions, [*args, "--state", str(state)])

    assert run("import", str(good), "--dry-run").exit_code == 0
    assert not state.exists()
    assert run("import", str(good)).exit_code == 0
    before = (state / OWN_FILE).read_bytes()
    refused = run("import", str(bad))
    assert refused.exit_code == 1
    assert "row 1 (a): text: is missing" in refused.output
    assert "row 2 (b): kind" in refused.output
    assert (state / OWN_FILE).read_bytes() == before
    shown = run("show")
    assert "3 für 2" in shown.output
    assert json.loads(run("import", str(bad), "--json").output)["faults"][0]["row"] == 1


def test_files_are_read_again_only_when_they_changed_and_the_hubs_rows_come_first(tmp_path: Path) -> None:
    files = PromotionFiles(tmp_path)
    assert not files.refresh()
    assert files.book is None
    write_rows(tmp_path / OWN_FILE, read_rows(TOML.encode(), toml=True))
    assert files.refresh()
    assert not files.refresh()
    assert files.book is not None
    assert [row.id for row in files.book.promotions] == ["summer", "three"]
    text = TOML.replace("Sommer-Aktion 10 %", "von der Zentrale")
    write_rows(tmp_path / HUB_FILE, read_rows(text.encode(), toml=True)[:1])
    assert files.refresh()
    assert [row.text for row in files.book.promotions] == ["von der Zentrale", "3 für 2"]
    (tmp_path / OWN_FILE).unlink()
    (tmp_path / HUB_FILE).unlink()
    assert files.refresh()
    assert files.book is None


def test_a_bad_file_leaves_the_rows_in_use_and_is_told_once(tmp_path: Path) -> None:
    files = PromotionFiles(tmp_path)
    write_rows(tmp_path / OWN_FILE, [AMOUNT])
    files.refresh()
    (tmp_path / OWN_FILE).write_bytes(b'{"promotion": [{"id": 1}]}')
    with pytest.raises(PromotionsUnavailableError, match=r"promotions\.json: row 1"):
        files.refresh()
    assert not files.refresh()
    assert files.book is not None
    assert not files.unusable
    fresh = PromotionFiles(tmp_path)
    with pytest.raises(PromotionsUnavailableError):
        fresh.refresh()
    assert fresh.unusable
