"""A scanner nobody may grab types into the terminal: its keys told from a person's by their rhythm."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.scanner.wedge import Scanned, Typed, WedgeDetector

EAN = "4006381333931"
Trace = list[tuple[str, int]]


def keys(text: str, gap_ms: int, start_ms: int = 0) -> Trace:
    return [(char, start_ms + i * gap_ms) for i, char in enumerate(text)]


class Screen:
    """Feeds a trace as a till would: in time, with the timer, and counting the keys it holds."""

    def __init__(self, detector: WedgeDetector | None = None) -> None:
        self.detector = detector or WedgeDetector()
        self.typed = ""
        self.scans: list[str] = []
        self.order: list[str] = []
        self.longest_wait_ms = 0
        self._held: list[int] = []
        self._fed = ""
        self._out = ""

    def play(self, trace: Trace, *, end: bool = True) -> "Screen":
        for char, time_ms in trace:
            self.wait(time_ms)
            self._held.append(time_ms)
            self._fed += char
            self.take(self.detector.feed(char, time_ms), time_ms)
        if end:
            self.wait(10**9)
            assert not self._held
        return self

    def wait(self, until_ms: int) -> None:
        due_ms = self.detector.due_ms
        if due_ms is not None and due_ms < until_ms:
            self.take(self.detector.expire(due_ms), due_ms)

    def take(self, decisions: Sequence[Typed | Scanned], now_ms: int) -> None:
        for decision in decisions:
            count = len(decision.text) if isinstance(decision, Typed) else decision.keys
            gone, self._held = self._held[:count], self._held[count:]
            assert len(gone) == count
            if isinstance(decision, Typed):
                self.typed += decision.text
                self.longest_wait_ms = max([self.longest_wait_ms, *(now_ms - at_ms for at_ms in gone)])
                self.order.append(decision.text)
            else:
                self.scans.append(decision.code)
                self.order.append(f"scan {decision.code}")


@pytest.mark.parametrize("gap_ms", [0, 1, 2, 5, 20, 25])
@pytest.mark.parametrize("end", ["\r", "\t", "\n"])
def test_a_scanner_at_any_of_its_speeds_is_a_scan(gap_ms: int, end: str) -> None:
    screen = Screen().play(keys(EAN + end, gap_ms))
    assert (screen.scans, screen.typed) == ([EAN], "")


def test_a_bluetooth_scanner_with_uneven_gaps_is_a_scan() -> None:
    times = [0, 11, 52, 60, 101, 120, 131, 190, 205, 236, 270, 281, 300, 322]
    assert Screen().play(list(zip(EAN + "\r", times, strict=True))).scans == [EAN]


@pytest.mark.parametrize("gap_ms", [80, 100, 150, 400])
def test_digits_typed_by_hand_are_never_a_scan(gap_ms: int) -> None:
    screen = Screen().play(keys(EAN + "\r", gap_ms))
    assert (screen.scans, screen.typed) == ([], EAN + "\r")
    assert screen.longest_wait_ms <= 61


def test_a_hurried_hand_is_no_scan_and_does_not_wait_long() -> None:
    for gap_ms in (40, 50, 60):
        screen = Screen().play(keys(EAN + "\r", gap_ms))
        assert (screen.scans, screen.typed) == ([], EAN + "\r")
        assert screen.longest_wait_ms <= 165


def test_two_keys_rolled_together_come_out_in_order_and_soon() -> None:
    screen = Screen().play([("1", 0), ("2", 25), ("\r", 140), ("5", 400), ("\r", 420)])
    assert (screen.scans, screen.typed) == ([], "12\r5\r")
    assert screen.longest_wait_ms <= 86


def test_a_key_held_down_is_typing_and_flows_while_it_is_held() -> None:
    held = [("0", 0), *keys("0" * 40, 30, 500), ("\r", 1700)]
    screen = Screen().play(held)
    assert (screen.scans, screen.typed) == ([], "0" * 41 + "\r")
    assert screen.longest_wait_ms <= 160
    short = Screen().play([*keys("000000", 33), ("\r", 180)])
    assert (short.scans, short.typed) == ([], "000000\r")
    over_a_slow_line = Screen().play(keys("000000000\r", 2))  # many repeats in one read
    assert (over_a_slow_line.scans, over_a_slow_line.typed) == ([], "000000000\r")


def test_equal_digits_in_front_of_a_fast_code_are_no_held_key() -> None:
    assert Screen().play(keys("00000040123455\r", 3)).scans == ["00000040123455"]


def test_two_scans_back_to_back_are_two() -> None:
    screen = Screen().play(keys(f"{EAN}\r96385074\r", 2))
    assert (screen.scans, screen.typed) == ([EAN, "96385074"], "")


def test_a_broken_code_at_scanner_speed_is_a_scan_and_the_next_one_too() -> None:
    screen = Screen().play(keys(f"4006381333932\r{EAN}\r", 5))
    assert (screen.scans, screen.typed) == (["4006381333932", EAN], "")


def test_a_key_typed_just_before_a_scan_stays_typed() -> None:
    for pause_ms in (40, 55, 70, 300):
        screen = Screen().play([("2", 0), *keys(EAN + "\r", 5, pause_ms)])
        assert screen.order == ["2", f"scan {EAN}"]


def test_keys_typed_before_and_after_a_scan_keep_their_order() -> None:
    trace = [*keys("3*", 120), *keys(EAN + "\r", 2, 300), *keys("12", 110, 500), ("\r", 720)]
    assert Screen().play(trace).order == ["3", "*", f"scan {EAN}", "1", "2", "\r"]


def test_letters_aim_prefix_and_gs_belong_to_a_code() -> None:
    for code in (
        f"]E0{EAN}",
        "]C1010400638133393110AB\x1d21X",
        "LOT-4711/ü",
        "https://id.gs1.org/01/04006381333931",
    ):
        assert Screen().play(keys(code + "\r", 3)).scans == [code]


def test_short_codes_fall_back_to_typing_unless_a_prefix_marks_them() -> None:
    assert Screen().play(keys("1234\r", 2)).typed == "1234\r"
    marked = Screen(WedgeDetector("~")).play(keys("~1234\r", 2))
    assert (marked.scans, marked.typed) == (["1234"], "")
    control = Screen(WedgeDetector("\x02")).play([("9", 0), *keys("\x0212\r", 20, 50)])
    assert control.order == ["9", "scan 12"]
    alone = Screen(WedgeDetector("~")).play([("~", 0), ("\r", 500)])
    assert (alone.scans, alone.typed) == ([], "~\r")


def test_a_code_without_terminator_is_shown_and_not_sold() -> None:
    screen = Screen().play(keys(EAN, 2))
    assert (screen.scans, screen.typed) == ([], EAN)
    assert screen.longest_wait_ms <= 12 * 2 + 101


def test_a_terminator_may_come_a_little_late() -> None:
    assert Screen().play([*keys(EAN, 5), ("\r", 60 + 95)]).scans == [EAN]
    assert Screen().play([*keys(EAN, 5), ("\r", 60 + 130)]).typed == EAN + "\r"


def test_a_scan_that_stutters_is_never_a_shorter_code() -> None:
    for cut in range(4, 13):
        trace = [*keys(EAN[:cut], 2), *keys(EAN[cut:] + "\r", 2, 2 * cut + 120)]
        screen = Screen().play(trace)
        assert (screen.scans, screen.typed) == ([], EAN + "\r")


def test_a_paste_and_keys_without_a_character_push_held_keys_out_first() -> None:
    detector = WedgeDetector()
    assert detector.feed("1", 0) == []
    assert detector.feed("", 10) == [Typed("1")]  # an arrow, a function key, or a Paste event
    assert detector.due_ms is None
    assert detector.feed("\x11", 20) == [Typed("\x11")]
    assert detector.feed("\r", 30) == [Typed("\r")]


def test_keys_handled_300_ms_late_are_judged_by_when_they_came() -> None:
    scan, hand = keys(EAN + "\r", 10, 1000), keys("12345678\r", 90, 3000)
    detector = WedgeDetector()
    decisions = [decision for char, time_ms in scan for decision in detector.feed(char, time_ms)]
    assert decisions == [Scanned(EAN, 14)]
    decisions = [decision for char, time_ms in hand for decision in detector.feed(char, time_ms)]
    assert "".join(d.text for d in decisions if isinstance(d, Typed)) == "12345678\r"
    assert not any(isinstance(decision, Scanned) for decision in decisions)


def test_a_timer_that_was_too_early_turns_the_scan_into_typing_whole() -> None:
    detector = WedgeDetector()
    trace = keys(EAN + "\r", 10)
    decisions = detector.feed(*trace[0])
    decisions += detector.expire(300)  # the loop stood still; the keys after it are in the queue
    for char, time_ms in trace[1:]:
        decisions += detector.feed(char, time_ms)
    assert all(isinstance(decision, Typed) for decision in decisions)
    assert "".join(d.text for d in decisions if isinstance(d, Typed)) == EAN + "\r"


@given(
    st.lists(st.tuples(st.sampled_from("0123456789ab\r\t\x1d\x11~"), st.integers(0, 150)), max_size=60),
    st.sampled_from(["", "~"]),
)
@settings(database=None, deadline=None)
def test_no_key_is_ever_lost_doubled_or_out_of_order(steps: list[tuple[str, int]], prefix: str) -> None:
    trace: Trace = []
    now_ms = 0
    for char, gap_ms in steps:
        now_ms += gap_ms
        trace.append((char, now_ms))
    screen = Screen(WedgeDetector(prefix)).play(trace)
    kept = "".join(part.removeprefix("scan ") for part in screen.order).replace("\r", "").replace("\t", "")
    fed = "".join(char for char, _ in trace).replace("\r", "").replace("\t", "")
    assert kept.replace("~", "") == fed.replace("~", "")
