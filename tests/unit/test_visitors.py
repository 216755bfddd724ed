"""How often a phone may ask for pages."""

from sync.hub import visitors
from sync.hub.visitors import FORMS_AT_ONCE, PAGES_AT_ONCE, Visitors, network_of
from tests.contract.hub_kit import Clock


def test_one_address_comes_to_an_end_and_goes_on_later_while_others_are_served() -> None:
    clock = Clock()
    found = Visitors(clock)
    asked = [found.may_look("203.0.113.1") for _ in range(PAGES_AT_ONCE + 1)]
    assert asked == [True] * PAGES_AT_ONCE + [False]
    assert found.may_look("203.0.113.2")
    clock.ms += visitors.PAGE_EVERY_MS
    assert found.may_look("203.0.113.1")
    assert not found.may_look("203.0.113.1")


def test_whoever_tries_addresses_comes_to_an_end_sooner() -> None:
    found = Visitors(Clock())
    tried = 0
    while found.may_look("203.0.113.1"):
        found.missed("203.0.113.1")
        tried += 1
    assert tried == PAGES_AT_ONCE // visitors.MISS_COST


def test_forms_have_an_allowance_of_their_own() -> None:
    found = Visitors(Clock())
    assert [found.may_send("::1") for _ in range(FORMS_AT_ONCE + 1)][-2:] == [True, False]
    assert found.may_look("::1")


def test_a_phone_that_changes_the_rest_of_its_address_stays_one_visitor() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1%eth0") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:10.0.0.1") == network_of("10.0.0.1") == "10.0.0.1"
    assert network_of("unix") == "unix"


def test_what_is_kept_of_addresses_is_bounded() -> None:
    found = Visitors(Clock())
    for n in range(visitors.ADDRESSES_MAX + 5):
        found.may_look(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}")
    assert len(found._looking) == visitors.ADDRESSES_MAX
