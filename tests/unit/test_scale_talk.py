"""What is said to a scale and heard from it, without any line: each answer, and every answer that is none."""

import random
from decimal import Decimal

import pytest

from drivers.scale import ScaleTrouble, Trouble, Weighing, dialog06, fingerprint, toledo8217
from drivers.scale.frames import FRAME_MAX, FrameReader
from drivers.scale.values import Conversation
from tests.simulators.scale import Dialog06Scale, Toledo8217Scale

GENERATOR = 0x1_1021
STEPS_MAX = 80


def talk(conversation: Conversation, scale: Dialog06Scale | Toledo8217Scale, end: int) -> Weighing:
    """Carry a conversation to its end; the scale hears every byte and its first frame is the answer."""
    reader = FrameReader(end)
    step = next(conversation)
    for _ in range(STEPS_MAX):
        frames = reader.feed(scale.feed(step.send))
        try:
            step = conversation.send((frames[0] if frames else None) if step.listen else None)
        except StopIteration as done:
            found: Weighing = done.value
            return found
    raise AssertionError("it asks for ever")


def dialog(
    scale: Dialog06Scale, price: int = 249, text: str = "", tare: int = 0, generator: str = ""
) -> Weighing:
    prover = dialog06.prover_of(generator, fingerprint())
    return talk(dialog06.conversation(price, text, tare, prover), scale, dialog06.END)


def trouble_of(scale: Dialog06Scale, generator: str = "") -> Trouble:
    with pytest.raises(ScaleTrouble) as caught:
        dialog(scale, generator=generator)
    return caught.value.trouble


def dialog_scale(grams: int = 842, **options: int) -> Dialog06Scale:
    scale = Dialog06Scale(**options)
    scale.grams = grams
    return scale


# -- Dialog 06


def test_weight_price_and_amount_are_taken_digit_by_digit() -> None:
    scale = dialog_scale()
    assert dialog(scale) == Weighing("00.842", "000249", "000210")
    assert dialog(scale).kilograms == Decimal("0.842")
    assert not scale.refused


def test_text_and_tare_go_in_their_records() -> None:
    scale = dialog_scale()
    dialog(scale, text="Äpfel Größe 7 und mehr")
    dialog(scale, text="Öl\x1b\x03€", tare=12)
    dialog(scale, tare=9999)
    assert scale.texts == ["Aepfel Groess", "Oel          "]
    assert scale.tares == [12, 9999]
    assert not scale.refused


@pytest.mark.parametrize(
    ("condition", "trouble"),
    [
        ("moving", Trouble.MOVING),
        ("unfinished", Trouble.MOVING),
        ("not-moved", Trouble.NOT_MOVED),
        ("little", Trouble.ZERO),
        ("negative", Trouble.NEGATIVE),
        ("overload", Trouble.OVERLOAD),
        ("general", Trouble.UNCLEAR),
        ("parity", Trouble.UNCLEAR),
    ],
)
def test_each_status_says_why_there_is_no_weight(condition: str, trouble: Trouble) -> None:
    scale = dialog_scale()
    scale.condition = condition
    assert trouble_of(scale) is trouble
    assert not scale.refused
    scale.condition = ""
    assert dialog(scale).weight == "00.842", "the next one is weighed"


def test_a_scale_that_comes_to_rest_is_asked_until_it_does() -> None:
    scale = dialog_scale()
    scale.conditions = ["moving", "moving", "unfinished"]
    assert dialog(scale).weight == "00.842"
    assert scale.asked == 4


def test_an_error_that_passes_is_tried_again() -> None:
    scale = dialog_scale()
    scale.conditions = ["parity", "general"]
    assert dialog(scale).weight == "00.842"


def test_nothing_or_less_on_it_is_no_weight() -> None:
    assert trouble_of(dialog_scale(0)) is Trouble.ZERO
    assert trouble_of(dialog_scale(-5)) is Trouble.NEGATIVE


def test_another_price_than_was_sent_is_no_answer() -> None:
    scale = dialog_scale()
    scale.says_price = 250
    assert trouble_of(scale) is Trouble.PRICE


@pytest.mark.parametrize("price", [0, -1, 1_000_000])
def test_a_price_the_scale_cannot_take_is_not_sent(price: int) -> None:
    scale = dialog_scale()
    with pytest.raises(ScaleTrouble):
        dialog(scale, price=price)
    assert not scale.asked


def test_silence_ends() -> None:
    scale = dialog_scale()
    scale.silent = True
    assert trouble_of(scale) is Trouble.SILENT


@pytest.mark.parametrize("z", [0x00, 0x5C, 0xF1, 0x0F, 0xF0])
def test_checksums_are_proven_after_power_on_after_an_error_and_every_fifty_weighings(z: int) -> None:
    scale = dialog_scale(generator=GENERATOR, z=z)
    for number in range(1, 121):
        assert dialog(scale, generator="11021").weight == "00.842"
        assert scale.proofs == 1 + (number - 1) // 50
    scale.conditions = ["general"]
    assert dialog(scale, generator="11021").weight == "00.842"
    scale.power_on()
    assert dialog(scale, generator="11021").weight == "00.842"
    assert not scale.refused


@pytest.mark.parametrize("generator", ["", "18005"])
def test_without_the_right_generator_a_scale_that_asks_for_it_weighs_nothing(generator: str) -> None:
    assert trouble_of(dialog_scale(generator=GENERATOR), generator=generator) is Trouble.CHECKSUM


# -- 8217


def toledo(scale: Toledo8217Scale) -> Weighing:
    return talk(toledo8217.conversation(), scale, toledo8217.END)


def test_8217_takes_a_weight_that_was_said_twice() -> None:
    scale = Toledo8217Scale()
    scale.grams = 1234
    assert toledo(scale) == Weighing("01.234")
    assert scale.asked == 2
    assert not scale.refused


def test_8217_waits_for_rest() -> None:
    scale = Toledo8217Scale()
    scale.grams = 500
    scale.conditions = ["moving", "moving", ""]
    assert toledo(scale).kilograms == Decimal("0.500")


@pytest.mark.parametrize(
    ("condition", "trouble"),
    [
        ("moving", Trouble.MOVING),
        ("overload", Trouble.OVERLOAD),
        ("negative", Trouble.NEGATIVE),
        ("zero", Trouble.ZERO),
        ("outside", Trouble.FAULT),
    ],
)
def test_8217_says_why_there_is_no_weight(condition: str, trouble: Trouble) -> None:
    scale = Toledo8217Scale()
    scale.grams = 500
    scale.condition = condition
    with pytest.raises(ScaleTrouble) as caught:
        toledo(scale)
    assert caught.value.trouble is trouble


def test_8217_an_answer_left_over_is_no_weight() -> None:
    conversation = toledo8217.conversation()
    next(conversation)
    conversation.send(b"\x0209.999\r")
    conversation.send(b"\x0200.500\r")
    with pytest.raises(StopIteration) as done:
        conversation.send(b"\x0200.500\r")
    assert done.value.value == Weighing("00.500")


# -- noise


def test_a_reader_never_raises_and_finds_the_frame_behind_any_noise() -> None:
    chance = random.Random(6)
    for _ in range(2000):
        reader = FrameReader(dialog06.END)
        noise = chance.randbytes(chance.randrange(90))
        for piece in (noise[:40], noise[40:]):
            for frame in reader.feed(piece):
                assert len(frame) <= FRAME_MAX
        assert reader.feed(b"\x0209\x1b20\x03")[-1] == b"\x0209\x1b20\x03"


@pytest.mark.parametrize("protocol", ["dialog06", "8217"])
def test_whatever_a_line_says_a_conversation_ends_and_no_noise_becomes_a_weight(protocol: str) -> None:
    """Frames of noise, true frames with a byte changed, and silence, in any order."""
    chance = random.Random(protocol)
    true = (
        [
            b"\x06",
            b"\x15",
            b"\x0209\x1b20\x03",
            b"\x0211\x1b25C\x03",
            b"\x0202\x1b3\x1b00842\x1b000249\x1b000210\x03",
        ]
        if protocol == "dialog06"
        else [b"\x0200.842\r", b"\x02?A\r"]
    )
    for _ in range(3000):
        conversation = (
            dialog06.conversation(249, "Obst", 0, dialog06.Prover(GENERATOR, 7))
            if protocol == "dialog06"
            else toledo8217.conversation()
        )
        next(conversation)
        weighed: Weighing | None = None
        for _ in range(STEPS_MAX):
            frame = bytearray(chance.choice(true))
            kind = chance.randrange(4)
            if kind == 0:
                frame = bytearray(chance.randbytes(chance.randrange(1, 40)))
            elif kind == 1:
                frame[chance.randrange(len(frame))] = chance.randrange(256)
            try:
                conversation.send(None if chance.randrange(6) == 0 else bytes(frame))
            except StopIteration as done:
                weighed = done.value
                break
            except ScaleTrouble:
                break
        else:
            raise AssertionError("it asks for ever")
        assert weighed is None or weighed.kilograms > 0
        assert weighed is None or protocol == "8217" or int(weighed.unit_price) == 249


def test_the_part_that_measures_says_what_it_is() -> None:
    assert len(fingerprint()) == 64
    assert fingerprint() == fingerprint()
