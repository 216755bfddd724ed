"""The till's line knows whether somebody works at the till."""

from pathlib import Path

from pos.domain.events import CodeRefused, DeviceChanged, Event, HubChanged
from pos.hub_line import AT_WORK_MS, HubLine
from pos.ports import Head
from tests.contract.hub_kit import Clock


def a_line(clock: Clock, folder: Path) -> HubLine:
    def nobody(_identity: object) -> None:
        raise AssertionError("there is no identity")

    return HubLine(
        folder, "", lambda: Head("demo", "1", 1, 1, b""), nobody, lambda _command: None, clock  # type: ignore[arg-type]
    )  # fmt: skip


def test_only_what_a_person_does_is_work_and_its_effect_ends(tmp_path: Path) -> None:
    clock = Clock()
    line = a_line(clock, tmp_path)
    news: list[Event] = [HubChanged(True, 3, ""), DeviceChanged("printer", "ready", "")]
    line.heard(news)
    line.heard([])
    assert not line.at_work()
    line.heard([*news, CodeRefused("4711", "broken")])
    clock.ms += AT_WORK_MS - 1
    assert line.at_work()
    line.heard(news)
    clock.ms += 1
    assert not line.at_work()


def test_an_ending_till_is_at_work_no_more(tmp_path: Path) -> None:
    line = a_line(Clock(), tmp_path)
    line.heard([CodeRefused("4711", "broken")])
    line.hurry()
    assert not line.at_work()
