"""What codes say, line by line, on the real till with a store's own table: labels, slips, stickers, dates, own codes."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.line_till import LineTill, TillDiedError
from tests.unit.scan_samples import full

CUCUMBER = "2000000000299"  # 0,89
TABLE = """\
[[label]]
prefix = "2200"
item_digits = 4
value_digits = 4
value = "price"

[[slip]]
prefix = "2999"
number_digits = 5
amount_digits = 3

[[sticker]]
prefix = "2997"
number_digits = 6
value_digits = 2
value = "percent"
"""
SLIP = full("299900042125")


def test_a_day_of_codes(state: Path, start: Callable[..., LineTill]) -> None:
    (state / "scans.toml").write_text(TABLE)
    (state / "recalls.toml").write_text(f'[[recall]]\ngtin = "{CUCUMBER}"\nbatch = "L7"\n')
    till = start(state)
    till.sign_in()
    element = f"]d201{CUCUMBER.zfill(14)}"
    over = dt.datetime.now().astimezone().date() - dt.timedelta(days=2)
    view = till.send(f"scan {full('220001010347')}")  # bananas, PLU 101, by their price
    assert [(line["unit_minor"] > 0, line["total_minor"]) for line in view["lines"]] == [(True, 347)]
    assert till.send(f"scan {element}17{over:%y%m%d}")["message"]["code"] == "past-use-by"
    assert till.send(f"scan {element}10L7")["message"]["code"] == "recalled"
    view = till.send(f"scan {element}15{over:%y%m%d}")
    assert (view["message"]["code"], len(view["lines"]), view["total_minor"]) == ("past-best-before", 2, 436)
    view = till.send(f"scan {full('299700000030')}")  # 30 % off: 0,27
    assert (view["message"]["code"], view["total_minor"]) == ("marked-down", 409)
    view = till.send(f"scan {SLIP}")
    assert (view["lines"][-1]["total_minor"], view["total_minor"]) == (-125, 284)
    assert till.send(f"scan {SLIP}")["message"]["code"] == "slip-in-cart"
    assert till.send("scan https://example.com/win")["message"]["code"] == "scan-foreign"
    assert till.send("key cash")["state"] == "paid"
    till.kill()
    again = start(state)
    again.sign_in()
    again.send(f"scan {CUCUMBER}")
    view = again.send(f"scan {SLIP}")
    assert (view["message"]["code"], view["total_minor"]) == ("slip-redeemed", 89)


def test_a_fault_in_the_table_is_told_at_the_start_with_its_row(
    state: Path, start: Callable[..., LineTill]
) -> None:
    (state / "scans.toml").write_text(TABLE.replace("amount_digits = 3", "amount_digits = 4"))
    with pytest.raises(TillDiedError, match=r"scans\.toml: slip row 1 \(line 7\)"):
        start(state)
