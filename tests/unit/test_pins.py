"""What makes a PIN a bad one."""

import pytest

from pos.domain.pins import pin_fault


@pytest.mark.parametrize("pin", ["4711", "1357", "1235", "8051", "100000000001"])
def test_a_pin_that_nobody_tries_first_is_good(pin: str) -> None:
    assert pin_fault(pin, number="7") == ""


@pytest.mark.parametrize("pin", ["", "123", "12a4", "1 23", "٤٧١١", "1" * 13])
def test_a_pin_is_four_to_twelve_digits(pin: str) -> None:
    assert pin_fault(pin) == "pin-length"


def test_a_shop_may_want_longer_ones_but_never_shorter() -> None:
    assert pin_fault("47110", digits=6) == "pin-length"
    assert pin_fault("471108", digits=6) == ""
    assert pin_fault("471", digits=2) == "pin-length"


@pytest.mark.parametrize(
    "pin", ["0000", "777777", "1234", "0123", "7890", "890123", "4321", "3210", "9876", "0987"]
)
def test_what_everybody_tries_first_is_refused(pin: str) -> None:
    assert pin_fault(pin) == "pin-trivial"


@pytest.mark.parametrize(
    ("number", "pin"), [("27", "0027"), ("27", "2727"), ("27", "2700"), ("1047", "1047")]
)
def test_the_own_number_is_refused(number: str, pin: str) -> None:
    assert pin_fault(pin, number=number) == "pin-trivial"
    assert pin_fault(pin, number="36") == ""
