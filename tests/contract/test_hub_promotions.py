"""Promotions at the hub: taken as every till reads them, brought down as changes, kept by the till in one step."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pos.devices import Surround
from pos.promotions.feed import take_changes
from pos.promotions.rows_file import HUB_FILE, OWN_FILE, read_rows
from pos.promotions.source import PromotionFiles
from sync.downlink import News
from tests.contract.hub_rig import hub_rig

NDJSON = {"Content-Type": "application/x-ndjson"}
SUMMER: dict[str, Any] = {"id": "summer", "text": "Sommer-Aktion", "kind": "percent", "percent": 12.5}


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def test_promotions_come_in_as_lines_and_go_down_as_changes(hub_url: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with hub_rig(hub_url) as rig, rig.asking_from() as line:
            rows = [{**SUMMER, "id": f"p{n}"} for n in range(700)]
            answer = await line.put("/v1/catalogue/promotions", content=lines(*rows), headers=NDJSON)
            assert answer.json() == {"records": 700, "changes": 700}
            ended = {**rows[3], "active": False}
            again = await line.put(
                "/v1/catalogue/promotions", content=lines(*rows[:3], ended), headers=NDJSON
            )
            assert again.json() == {"records": 4, "changes": 1}
            seen: list[dict[str, Any]] = []
            cursor = "0"
            while True:
                page = (await line.get("/v1/changes", params={"cursor": f"chain@{cursor}"})).json()["scopes"][
                    0
                ]
                if not page.get("changes"):
                    break
                seen += page["changes"]
                cursor = page["next"]
        assert {change["kind"] for change in seen} == {"promotion"}
        take_changes(tmp_path, seen)
        files = PromotionFiles(tmp_path)
        files.refresh()
        assert files.book is not None
        assert len(files.book.promotions) == 699
        assert str(files.book.promotions[0].percent) == "12.5"

    asyncio.run(scenario())


def test_a_row_that_no_till_could_read_is_refused_with_all_its_faults(new_url: Callable[[str], str]) -> None:
    async def scenario() -> None:
        async with hub_rig(new_url("sqlite")) as rig, rig.asking_from() as line:
            for wrong, fields in (
                ({**SUMMER, "percent": 101, "weekdays": [0], "gift": 1}, ("percent", "weekdays", "gift")),
                ({"text": "x"}, ("id", "kind")),
                ({**SUMMER, "id": "a\u0000b"}, ("id",)),
                ([1], ("table",)),
            ):
                body = lines(SUMMER) + json.dumps(wrong).encode()
                bad = await line.put("/v1/catalogue/promotions", content=body, headers=NDJSON)
                assert (bad.status_code, bad.json()["title"]) == (400, "Record 2 cannot be taken")
                assert all(field in bad.json()["detail"] for field in fields), bad.json()
            bad = await line.put("/v1/catalogue/promotions", content=b"{", headers=NDJSON)
            assert bad.status_code == 400
            feed = (await line.get("/v1/changes", params={"cursor": "chain@0"})).json()
            assert not feed["scopes"][0].get("changes")

    asyncio.run(scenario())


def test_a_till_takes_changes_twice_leaves_out_what_it_cannot_read_and_keeps_its_own_rows(
    tmp_path: Path,
) -> None:
    (tmp_path / OWN_FILE).write_bytes(json.dumps([{**SUMMER, "text": "von hier"}]).encode())
    changes: list[dict[str, Any]] = [
        {"kind": "promotion", "key": "summer", "body": SUMMER},
        {"kind": "promotion", "key": "new", "body": {"id": "new", "text": "x", "kind": "from-tomorrow"}},
        {"kind": "promotion", "key": "gone", "body": None},
    ]
    take_changes(tmp_path, changes)
    take_changes(tmp_path, changes)
    assert [row.id for row in read_rows((tmp_path / HUB_FILE).read_bytes())] == ["summer"]
    files = PromotionFiles(tmp_path)
    files.refresh()
    assert files.book is not None
    assert [row.text for row in files.book.promotions] == ["Sommer-Aktion"]
    take_changes(tmp_path, [{"kind": "promotion", "key": "summer", "body": {**SUMMER, "active": False}}])
    files.refresh()
    assert [row.text for row in files.book.promotions] == []


def test_a_damaged_file_of_the_hubs_rows_begins_anew(tmp_path: Path) -> None:
    (tmp_path / HUB_FILE).write_bytes(b"\x00torn")
    take_changes(tmp_path, [{"kind": "promotion", "key": "summer", "body": SUMMER}])
    assert [row.id for row in read_rows((tmp_path / HUB_FILE).read_bytes())] == ["summer"]


class Here:
    """A worker that works at once."""

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)


def test_what_comes_down_beside_articles_goes_into_a_file_of_its_own(tmp_path: Path) -> None:
    surround = Surround.__new__(Surround)
    surround._state, surround._worker = tmp_path, Here()  # type: ignore[assignment]
    change = {"n": 1, "kind": "promotion", "key": "summer", "body": SUMMER, "stamp": "00000000"}
    asyncio.run(surround._apply_changes(News([change], "1.00000000")))
    assert [path.name for path in tmp_path.iterdir()] == [HUB_FILE]


def test_promotions_of_a_feed_that_begins_anew_end_where_it_does_not_give_them_again(tmp_path: Path) -> None:
    def row(name: str) -> dict[str, Any]:
        return {"kind": "promotion", "key": name, "body": {**SUMMER, "id": name}}

    def held() -> list[str]:
        return sorted(row.id for row in read_rows((tmp_path / HUB_FILE).read_bytes()))

    take_changes(tmp_path, [row("a"), row("b"), row("c")], begins=True, whole=True)
    take_changes(tmp_path, [row("a")], begins=True)
    take_changes(tmp_path, [row("a")], begins=True)  # a cut came before the cursor was kept
    assert held() == ["a", "b", "c"]
    take_changes(tmp_path, [row("d")])
    take_changes(tmp_path, [row("c")], whole=True)
    assert held() == ["a", "c", "d"]
    take_changes(tmp_path, [], begins=True, whole=True)
    assert held() == []
    assert [path.name for path in tmp_path.iterdir()] == [HUB_FILE]
