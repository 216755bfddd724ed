"""Whose name stands on the receipts of a till that was enrolled: what the hub knows, then what was typed."""

import datetime as dt
from pathlib import Path

import pytest

from pos.enrol import make_enrolled
from pos.first_run import arguments_of
from pos.settings import SettingsError, ShopSettings, load_settings
from pos.system import SystemClock
from pos.tui.screens.setup import SetupAnswers
from sync.identity import Identity
from sync.wire import Enrolled, ShopInfo

TYPED = SetupAnswers(
    language="en", shop_name="Tool Shop", address=("Anvil Lane 3", "12345 Smithy"), tax_number="12/345",
    operator="Anna", pin="2468", scanner="", printer="", drawer=False, catalogue="",
    hub="http://hub.example:8080", hub_code="CODE",
)  # fmt: skip


def shop_after(state: Path, known: ShopInfo | None) -> ShopSettings:
    """The shop's settings after the first run, at a hub that knows `known` of the shop."""
    identity = Identity("tools", "2", "till", bytes(32), ())
    enrolled = Enrolled("tools", "2", "till", bytes(32), "hub", 0, bytes(32), shop=known)
    make_enrolled(state, identity, enrolled, **arguments_of(TYPED))
    return load_settings(state, {}).shop


def test_the_till_keeps_the_time_of_its_store_wherever_its_machine_thinks_it_is(tmp_path: Path) -> None:
    identity = Identity("tools", "2", "till", bytes(32), ())
    enrolled = Enrolled("tools", "2", "till", bytes(32), "hub", 0, bytes(32), time_zone="Asia/Kathmandu")
    make_enrolled(tmp_path / "till", identity, enrolled, **arguments_of(TYPED))
    zone = load_settings(tmp_path / "till", {}).shop.time_zone
    assert SystemClock(zone).now().utcoffset() == dt.timedelta(hours=5, minutes=45)
    assert SystemClock().now().utcoffset() == dt.datetime.now().astimezone().utcoffset()


def test_a_time_zone_that_there_is_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"shop\.time_zone: there is no 'Berlin'; it is like \"Europe/Berlin\""
    ):
        load_settings(tmp_path, {"TRESEN_SHOP_TIME_ZONE": "Berlin"})


@pytest.mark.parametrize("known", [None, ShopInfo("")])
def test_what_was_typed_counts_where_the_hub_knows_no_shop(tmp_path: Path, known: ShopInfo | None) -> None:
    shop = shop_after(tmp_path / "till", known)
    assert (shop.name, shop.address, shop.tax_number) == (
        "Tool Shop",
        ("Anvil Lane 3", "12345 Smithy"),
        "12/345",
    )
    assert (shop.store, shop.language) == ("tools", "en")


def test_each_field_that_the_hub_knows_wins_and_the_others_are_as_typed(tmp_path: Path) -> None:
    known = ShopInfo("Tools Ltd", tax_number="99/999", footer_en="Thank you\nCome again")
    shop = shop_after(tmp_path / "till", known)
    assert (shop.name, shop.tax_number, shop.footer_en) == (
        "Tools Ltd",
        "99/999",
        ("Thank you", "Come again"),
    )
    assert shop.address == ("Anvil Lane 3", "12345 Smithy")
