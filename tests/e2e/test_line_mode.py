"""What a cashier does, line by line, on the real till with its real storage."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pos.facts import decode_fact
from pos.sale_facts import Sale
from receipts.model import Shop, build
from receipts.text import render_text
from tests.simulation.line_till import LineTill, TillDiedError, make_till, run_tool

CUCUMBER = "2000000000299"  # 0,89, 7 %
LEMON = "2000000000268"  # 0,45, 7 %
BANANAS = "2000000000015"  # 1,79 a kilogram, PLU 101
SHIRT = "2000000002651"  # 12,95
GIN = "2000000002019"  # 19,90, from 18 years
UNKNOWN = "4006381333931"


def journal(state: Path, kind: str) -> list[dict]:  # type: ignore[type-arg]
    lines = run_tool("journal", "show", "--state", str(state), "--kind", kind).splitlines()
    return [json.loads(line)["body"] for line in lines]


def test_exact_cash_is_one_key_after_the_last_scan(till: LineTill, state: Path) -> None:
    till.send(f"scan {CUCUMBER}")
    view = till.send(f"scan {LEMON}")
    assert (view["state"], view["total_minor"], view["due_minor"]) == ("selling", 134, 134)
    view = till.send("key cash")
    assert (view["state"], view["total_minor"], view["change_minor"], view["lines"]) == ("paid", 134, 0, [])
    (sale,) = journal(state, "sale")
    assert sale["total_minor"] == 134
    assert sale["taxes"] == [
        {"code": "B", "key": 2, "percent": "7", "gross_minor": 134, "net_minor": 125, "vat_minor": 9}
    ]
    assert sale["tenders"] == [{"kind": "cash", "amount_minor": 134, "given_minor": 134, "currency": "EUR"}]


def test_given_cash_gives_change_and_the_next_scan_begins_the_next_sale(till: LineTill) -> None:
    till.send(f"scan {CUCUMBER}")
    assert till.send("2000")["entry"] == "2000"
    view = till.send("key cash")
    assert (view["state"], view["change_minor"]) == ("paid", 1911)
    view = till.send(f"scan {LEMON}")
    assert (view["state"], view["total_minor"], view["change_minor"]) == ("selling", 45, 0)
    assert [line["n"] for line in view["lines"]] == [1]


def test_too_little_cash_pays_a_part_and_writes_nothing_yet(till: LineTill, state: Path) -> None:
    till.send(f"scan {SHIRT}")
    till.send("10,00")
    view = till.send("key cash")
    assert (view["state"], view["message"]["code"], view["due_minor"]) == ("selling", "part-paid", 295)
    assert "2,95" in view["message"]["text"]
    assert journal(state, "sale") == []
    assert till.send("key park")["message"]["code"] == "part-paid-first"
    assert till.send("key cash")["state"] == "paid"
    (sale,) = journal(state, "sale")
    assert [tender["amount_minor"] for tender in sale["tenders"]] == [1000, 295]


def test_an_article_number_typed_as_money_pays_nothing(till: LineTill) -> None:
    till.send(f"scan {GIN}")
    till.send(CUCUMBER)
    view = till.send("key cash")
    assert (view["state"], view["message"]["code"]) == ("selling", "not-an-amount")


def test_three_of_an_article(till: LineTill) -> None:
    till.send("3*")
    view = till.send(f"scan {CUCUMBER}")
    (line,) = view["lines"]
    assert (line["quantity"], line["unit_minor"], line["total_minor"]) == (3, 89, 267)
    view = till.send(f"scan {CUCUMBER}")
    assert view["lines"][1]["quantity"] == 1


def test_quantity_after_the_article(till: LineTill) -> None:
    till.send(f"scan {CUCUMBER}")
    till.send("3*")
    view = till.send("key enter")
    assert view["total_minor"] == 267


def test_a_weighed_article_needs_its_weight(till: LineTill) -> None:
    view = till.send(f"scan {BANANAS}")
    assert (view["state"], view["message"]["code"]) == ("ready", "weight-needed")
    till.send("0,842*")
    till.send("101")
    view = till.send("key enter")
    (line,) = view["lines"]
    assert (line["quantity"], line["total_minor"]) == (0.842, 151)


def test_void_last_and_void_a_line(till: LineTill) -> None:
    for code in (CUCUMBER, LEMON, GIN):
        till.send(f"scan {code}")
    view = till.send("key void-last")
    assert [line["voided"] for line in view["lines"]] == [False, False, True]
    till.send("1")
    view = till.send("key void-line")
    assert [line["voided"] for line in view["lines"]] == [True, False, True]
    assert view["total_minor"] == 45
    view = till.send("key cash")
    assert view["total_minor"] == 45


def test_removed_lines_stay_in_the_sale_with_who_and_when(till: LineTill, state: Path) -> None:
    till.send(f"scan {CUCUMBER}")
    till.send("key void-last")
    till.send(f"scan {LEMON}")
    till.send("key cash")
    (sale,) = journal(state, "sale")
    first, second = sale["lines"]
    assert first["voided_ms"] >= first["at_ms"]
    assert "voided_ms" not in second


def test_a_broken_code_sells_nothing_and_swallows_no_later_scan(till: LineTill) -> None:
    view = till.send("scan 2000000000298")
    assert (view["lines"], view["message"]["code"]) == ([], "scan-broken")
    view = till.send(f"scan {CUCUMBER}")
    assert len(view["lines"]) == 1


def test_an_unknown_article_waits_in_the_cart_and_must_be_settled_before_payment(till: LineTill) -> None:
    view = till.send(f"scan {UNKNOWN}")
    assert view["message"]["code"] == "code-unknown"
    assert view["lines"][0] == {
        "n": 1,
        "gtin": UNKNOWN,
        "text": UNKNOWN,
        "quantity": 1,
        "unit_minor": 0,
        "total_minor": 0,
        "voided": False,
        "discounts": [],
    }
    till.send(f"scan {CUCUMBER}")
    assert till.send("key cash")["message"]["code"] == "open-lines"
    till.send("1,50")
    assert till.send("key price")["state"] == "department"
    till.send("5")
    view = till.send("key enter")
    assert view["total_minor"] == 150 + 89
    assert till.send("key cash")["state"] == "paid"


def test_an_open_line_is_settled_by_search(till: LineTill) -> None:
    till.send(f"scan {UNKNOWN}")
    till.send("kaese")
    view = till.send("key enter")
    assert view["state"] == "search"
    found = till.events[-1]
    assert found["event"] == "articles-found"
    till.send("1")
    view = till.send("")
    assert view["state"] == "selling"


def test_an_open_line_may_be_left_out(till: LineTill) -> None:
    till.send(f"scan {UNKNOWN}")
    till.send(f"scan {CUCUMBER}")
    till.send("key drop")
    assert till.send("key cash")["total_minor"] == 89


def test_a_voided_cart_asks_once_and_is_kept_as_a_fact(till: LineTill, state: Path) -> None:
    till.send(f"scan {CUCUMBER}")
    assert till.send("key void-cart")["message"]["code"] == "void-cart-again"
    assert till.send(f"scan {LEMON}")["total_minor"] == 134
    assert till.send("key void-cart")["state"] == "selling"
    assert till.send("key void-cart")["state"] == "ready"
    (abandoned,) = journal(state, "cart.abandoned")
    assert len(abandoned["lines"]) == 2
    assert journal(state, "sale") == []


def test_keys_pressed_twice_or_held_down_do_nothing_by_accident(till: LineTill, state: Path) -> None:
    till.send(f"scan {CUCUMBER}")
    for _ in range(5):
        assert till.send("")["state"] == "selling"
    for _ in range(5):
        assert till.send("key cash")["state"] == "paid"
    for _ in range(3):
        assert till.send("key void-last")["message"]["code"] == "nothing-to-void"
    assert len(journal(state, "sale")) == 1


def test_deposit_stands_under_its_bottle_and_goes_with_it(till: LineTill, state: Path) -> None:
    rows = (Path(__file__).parents[2] / "config/demo/articles.csv").read_text(encoding="utf-8").splitlines()
    bottle = next(row.split(",")[0] for row in rows if ",0.25,2" in row)
    view = till.send(f"scan {bottle}")
    article, deposit = view["lines"]
    assert deposit["total_minor"] == 25
    assert view["total_minor"] == article["total_minor"] + 25
    assert till.send("key void-last")["total_minor"] == 0


def test_nobody_sells_without_signing_in(start: Callable[..., LineTill], state: Path) -> None:
    till = start(state)
    assert till.send(f"scan {CUCUMBER}")["message"]["code"] == "scan-signed-out"
    assert till.send("key cash")["message"]["code"] == "sign-in-first"
    view = till.send("sign-in Kim 9999")
    assert (view["state"], view["message"]["code"]) == ("signed-out", "sign-in-wrong")
    for _ in range(4):
        view = till.send("sign-in Kim 9999")
    assert view["message"]["code"] == "sign-in-locked"
    assert till.sign_in()["message"]["code"] == "sign-in-locked"
    assert "9999" not in till.end()


def test_an_age_limit_is_asked_once_a_sale_and_before_the_payment(till: LineTill, state: Path) -> None:
    view = till.send(f"scan {GIN}")
    assert (view["state"], view["question"]["code"]) == ("question", "age")
    view = till.send(f"scan {CUCUMBER}")
    assert (view["state"], view["message"]["code"], len(view["lines"])) == ("selling", "age-waits", 2)
    till.send("5000")
    assert till.send("key cash")["question"]["code"] == "age"
    assert journal(state, "sale") == []
    till.send("1")
    view = till.send("")
    assert (view["state"], view["change_minor"]) == ("paid", 5000 - 1990 - 89)
    till.send(f"scan {GIN}")
    till.send("2")
    view = till.send("")
    assert (view["total_minor"], view["message"]["code"]) == (0, "age-refused")
    (refused,) = journal(state, "age.refused")
    assert refused["min_age"] == 18


def test_each_input_gives_exactly_one_view_whatever_it_is(till: LineTill) -> None:
    for line in (
        "",
        "key nonsense",
        "scan",
        "sign-in",
        "*",
        "abc*",
        "key price",
        "\x11\x10",
        "x" * 3000,
        "ü€",
    ):
        view = till.send(line)
        assert set(view) >= {
            "state",
            "lines",
            "total_minor",
            "due_minor",
            "change_minor",
            "message",
            "unsent",
        }
        till.send("key escape")


def test_a_second_till_on_the_same_folder_is_refused(till: LineTill, state: Path) -> None:
    with pytest.raises(TillDiedError, match=f"process {till.pid}"):
        LineTill(state)


def test_numbers_go_on_after_a_restart_and_the_last_sale_is_shown_again(
    start: Callable[..., LineTill], state: Path
) -> None:
    till = start(state)
    till.sign_in()
    till.send(f"scan {CUCUMBER}")
    till.send("1000")
    till.send("key cash")
    till.end()
    till = start(state)
    view = till.sign_in()
    assert (view["state"], view["change_minor"]) == ("paid", 911)
    till.send(f"scan {LEMON}")
    till.send("key cash")
    till.end()
    assert [sale["number"] for sale in journal(state, "sale")] == [1, 2]
    assert len(journal(state, "day.opened")) == 1


def test_the_journal_can_be_checked_and_the_views_compared_while_the_till_runs(
    till: LineTill, state: Path
) -> None:
    till.send(f"scan {CUCUMBER}")
    till.send("key cash")
    assert "clean" in run_tool("journal", "verify", "--state", str(state))
    live = run_tool("journal", "rebuild", "--state", str(state))
    assert "the till is running" in live
    backup = state.parent / "till.backup"
    run_tool("backup", "--state", str(state), str(backup))
    assert "as they were saved" in run_tool("backup", "--check", str(backup))


def test_the_pin_is_nowhere_on_disk(till: LineTill, state: Path) -> None:
    till.send(f"scan {CUCUMBER}")
    till.send("key cash")
    for path in state.rglob("*"):
        if path.is_file():
            found = re.search(
                rb"(?<![0-9A-Za-z])4711(?![0-9A-Za-z])", path.read_bytes()
            )  # not within a number
            assert found is None, path


def test_a_till_of_ones_own_sells_in_earnest_and_only_the_demo_shop_says_demo(
    till: LineTill, state: Path, start: Callable[..., LineTill], tmp_path: Path
) -> None:
    folder = tmp_path / "own"
    make_till(folder, "--till", "k1", "--store", "shop")
    articles = str(Path(__file__).parents[2] / "config" / "demo" / "articles.csv")
    run_tool("catalogue", "import", articles, "--state", str(folder))
    papers = {}
    for where, one in ((state, till), (folder, start(folder))):
        one.sign_in()
        one.send(f"scan {CUCUMBER}")
        view = one.send("key cash")
        assert view["state"] == "paid"
        (line,) = run_tool("journal", "show", "--state", str(where), "--kind", "sale").splitlines()
        sale = decode_fact("sale", 1, json.dumps(json.loads(line)["body"]).encode())
        assert isinstance(sale, Sale)
        receipt = build(sale, Shop("Laden"), till="k1", epoch=1, public_url="", copy=False, language="de")
        papers[where] = any("DEMO" in row for row in render_text(receipt, 42))
    assert papers == {state: True, folder: False}
