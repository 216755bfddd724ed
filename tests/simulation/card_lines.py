"""What comes over a card terminal's line, spoilt in every way: nothing raises or hangs, and the next good frame is read.

    python -m tests.simulation.card_lines --inputs 1000000 --seed 1

One input follows from one seed: `--inputs 1 --seed N` repeats it. `make simulate` runs the volume as its phase `zvt`.
"""

import argparse
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import msgspec

from drivers.card import zvt
from drivers.card.zvt import Apdu, Received, SerialReader, TcpReader, apdu
from drivers.card.zvt.facts import facts
from drivers.card.zvt.fields import FIELDS, TLVS, join
from drivers.card.zvt.layouts import NAMES
from drivers.card.zvt.masking import luhn
from drivers.card.zvt.reading import parse
from drivers.card.zvt.tlv import Tlv, encode
from tests.unit.card.samples import SAMPLES

__all__ = ["fuzz", "one"]

_GOOD = [bytes.fromhex(text) for text, _ in SAMPLES.values()]
_COMMANDS = [*NAMES, 0x8400, 0x841E, 0x849D, 0x06FE, 0x0F00]
_CHUNK = 500
_CHUNK_S = 120  # for inputs that take a second
_CARD_FIELDS = (0x22, 0x23, 0x24, 0x2D, 0x2E, 0x9A, 0xA7, 0x92, 0xAF)
_CARD_TAGS = (0x1F08, 0x1F09, 0x1F0A, 0x57, 0x5A, 0x9F6B)
_TEXT_FIELDS = (0x3C, 0x8B, 0xF1, 0xE1)
_TEXT_TAGS = (0x07, 0x42, 0x44, 0x46, 0x47, 0x1F17)
_CHARSETS = ("auto", "cp437", "iso8859_15", "utf_8", "din66003", "ascii")


def fuzz(first_seed: int, count: int, progress: Callable[[int], None] = lambda _done: None) -> dict[str, Any]:
    """Inputs from `first_seed` on. Raises AssertionError with the seed of the first that fails."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"an input among the {_CHUNK} up to the one under way hangs")

    figures: Counter[str] = Counter()
    before = signal.signal(signal.SIGALRM, late)
    try:
        for done in range(count):
            if done % _CHUNK == 0:
                signal.alarm(_CHUNK_S)
                progress(done)
            seed = first_seed + done
            try:
                figures[one(seed)] += 1
            except Exception as error:
                again = f"python -m tests.simulation.card_lines --inputs 1 --seed {seed}"
                raise AssertionError(
                    f"seed {seed}: {type(error).__name__}: {error}; again: {again}"
                ) from error
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    progress(count)
    return {"inputs": count, **figures}


def one(seed: int) -> str:
    """One input; its kind."""
    chance = random.Random(seed)
    kind, act = chance.choice(_KINDS)
    act(chance)
    return kind


def _noise(chance: random.Random) -> None:
    """Garbage, cut where it likes, then a good frame: it is read."""
    good = chance.choice(_GOOD)
    garbage = _garbage(chance)
    line = SerialReader()
    for piece in _pieces(chance, garbage):
        _look_at_all(line.feed(piece), chance)
    wanted = _known(good)
    events: list[Any] = [*line.feed(zvt.frame(good)), *line.lost()]
    if Received(wanted) not in events:
        # One in 65,536 spoilt frames has the right checksum by chance: then the next one must be read.
        assert any(isinstance(event, Received) for event in events), (
            "a good frame behind garbage was not read"
        )
        assert Received(wanted) in line.feed(zvt.frame(good)), "a good frame was not read, though sent twice"
    assert not line.inside
    stream = TcpReader()
    for piece in _pieces(chance, garbage):
        _look_at_all(stream.feed(piece), chance)
    if stream.rest is not None:
        _look(stream.rest, chance)
    stream.reset()
    assert stream.feed(good) == [Received(wanted)]


def _known(raw: bytes) -> Apdu:
    message = apdu.received(raw)
    assert message is not None
    return message


def _split(chance: random.Random) -> None:
    """Good messages in pieces and in one: each is read once, in its order, with what stands between frames."""
    chosen = [chance.choice(_GOOD) for _ in range(chance.randint(1, 5))]
    wanted = [_known(raw) for raw in chosen]
    stream = TcpReader()
    found = [event for piece in _pieces(chance, b"".join(chosen)) for event in stream.feed(piece)]
    assert [event.apdu for event in found if isinstance(event, Received)] == wanted
    assert len(found) == len(wanted)
    line = SerialReader()
    raw = b"".join(chance.choice((b"", b"\x06", b"\x15", b"\x00\xff")) + zvt.frame(one) for one in chosen)
    events = [event for piece in _pieces(chance, raw) for event in line.feed(piece)]
    assert [event.apdu for event in events if isinstance(event, Received)] == wanted


def _spoilt(chance: random.Random) -> None:
    """A good message with bytes changed, lost, doubled."""
    raw = bytearray(chance.choice(_GOOD))
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(raw))
        how = chance.randrange(4)
        if how == 0:
            raw[at] = chance.randrange(256)
        elif how == 1 and len(raw) > 3:
            del raw[at]
        elif how == 2:
            raw.insert(at, raw[at])
        else:
            raw[at:at] = chance.randbytes(chance.randint(1, 4))
    message = apdu.received(raw)
    if message is not None:
        _look(message, chance)
    framed = bytearray(zvt.frame(bytes(raw)))
    framed[chance.randrange(len(framed))] ^= 1 << chance.randrange(8)
    line = SerialReader()
    _look_at_all(line.feed(bytes(framed)), chance)
    _look_at_all(line.lost(), chance)


def _made(chance: random.Random) -> None:
    """Any command with any fields, right and wrong in themselves."""
    data = chance.choice((b"", chance.randbytes(chance.randint(0, 6)))) + _fields(chance)
    if chance.random() < 0.3:
        data = data[: chance.randint(0, len(data))]
    message = apdu.received(apdu.encode(Apdu(chance.choice(_COMMANDS), data)))
    assert message is not None
    assert len(message.data) == len(data)
    _look(message, chance)


def _card(chance: random.Random) -> None:
    """A card number where card numbers and texts are, or where nothing can be read: nothing of it comes out."""
    number = _number(chance)
    packed = bytes.fromhex(number + "f" * (len(number) % 2))
    typed = number.encode()
    if chance.random() < 0.3:
        typed = b" ".join(typed[at : at + 4] for at in range(0, len(typed), 4))
    where = chance.randrange(6)
    if where == 0:
        field = chance.choice(_CARD_FIELDS)
        raw = chance.choice((packed, typed, packed + b"\xd2\x51\x22\x01\x00"))
        data = join([(0x27, b"\x00"), (field, raw[:99]), (0x04, bytes(6))])
    elif where == 1:
        data = join([(chance.choice(_TEXT_FIELDS), b"Nr " + typed + b" ok")])
    elif where == 2:
        tag = chance.choice(_CARD_TAGS)
        data = join([(0x06, encode((Tlv(0x60, b"", (Tlv(tag, chance.choice((packed, typed))),)),)))])
    elif where == 3:
        data = join([(0x06, encode((Tlv(0x25, b"", (Tlv(chance.choice(_TEXT_TAGS), typed),)),)))])
    elif where == 4:
        data = join([(0x27, b"\x00")]) + b"\x5e" + chance.choice((packed, typed)) + chance.randbytes(3)
    else:
        data = join(
            [(0x06, encode((Tlv(chance.choice((0x1F60, 0x4E, 0x1F14)), chance.choice((packed, typed))),)))]
        )
    command = chance.choice((0x040F, 0x06D3, 0x060F, 0x04FF, 0x0601))
    raw = apdu.encode(Apdu(command, (b"\x0a" if command == 0x04FF else b"") + data))
    message = apdu.received(raw)
    assert message is not None
    _hidden(number, message, chance)
    line = apdu.received(apdu.encode(Apdu(0x06D1, b"\x00" + typed)))
    assert line is not None
    _hidden(number, line, chance)


def _hidden(number: str, message: Apdu, chance: random.Random) -> None:
    shown = " ".join(
        (message.data.hex(), repr(message), message.data.decode("latin-1"), _look(message, chance))
    )
    shown = "".join(sign for sign in shown if sign not in " .-")
    for at in range(len(number) - 7):
        assert number[at : at + 8] not in shown, f"digits {at} to {at + 8} of a card number came out"
        assert number[at : at + 8].encode().hex() not in shown, "digits came out as hexadecimal characters"


def _look_at_all(events: list[Any], chance: random.Random) -> None:
    for event in events:
        if isinstance(event, Received):
            _look(event.apdu, chance)


def _look(message: Apdu, chance: random.Random) -> str:
    """Everything that can be made of a message; what of it people and logs see."""
    raw = apdu.encode(Apdu(message.command, message.data))
    again = apdu.received(raw)
    assert again is not None
    assert again.data == message.data, "masking twice differs from masking once"
    charset = chance.choice(_CHARSETS)
    read = parse(message, charset)
    told = msgspec.json.encode(facts(message, charset)).decode()
    for name in dir(type(read)):
        if isinstance(getattr(type(read), name), property):
            getattr(read, name)
    try:
        written = zvt.write(read)
    except ValueError:
        return told + repr(read)
    assert written.command == message.command
    return told + repr(read)


def _garbage(chance: random.Random) -> bytes:
    how = chance.randrange(4)
    if how == 0:
        return chance.randbytes(chance.randint(0, 60))
    if how == 1:
        return bytes(
            chance.choice(b"\x10\x10\x10\x02\x03\x06\x15\x04\x0f\xff\x00")
            for _ in range(chance.randint(1, 60))
        )
    whole = zvt.frame(chance.choice(_GOOD)) if chance.random() < 0.7 else chance.choice(_GOOD)
    start = chance.randrange(len(whole))
    return whole[: start + 1] + chance.choice((b"", b"\x10", b"\x10\x03", b"\x10\x10", b"\x10\x03\x00"))


def _pieces(chance: random.Random, raw: bytes) -> list[bytes]:
    found, at = [], 0
    most = chance.choice((1, 3, 20, 1_000))
    while at < len(raw):
        end = at + chance.randint(1, most)
        found.append(raw[at:end])
        at = end
    return found


def _fields(chance: random.Random) -> bytes:
    found = bytearray()
    for _ in range(chance.randint(0, 8)):
        tag = chance.choice(list(FIELDS)) if chance.random() < 0.95 else chance.randrange(256)
        kind = FIELDS.get(tag)
        if tag == 0x06:
            found += join([(tag, _container(chance))])
        elif kind is None or chance.random() < 0.05:
            found += bytes((tag,)) + chance.randbytes(chance.randint(0, 12))
        else:
            found += join([(tag, _value(chance, kind.size or chance.randint(0, 60)))])
    return bytes(found)


def _value(chance: random.Random, size: int) -> bytes:
    if chance.random() < 0.5:
        return bytes(chance.randrange(10) << 4 | chance.randrange(10) for _ in range(size))
    return chance.randbytes(size)


def _container(chance: random.Random, depth: int = 0) -> bytes:
    values = []
    for _ in range(chance.randint(0, 5)):
        if depth < 10 and chance.random() < 0.3:
            inside = _container(chance, depth + 1)
            values.append(
                Tlv(chance.choice((0x23, 0x24, 0x25, 0x26, 0x27, 0x2F, 0x60, 0x7F21)), inside[:200])
            )
        else:
            tag = (
                chance.choice(list(TLVS))
                if chance.random() < 0.8
                else chance.choice((0x00, 0x1F80, 0x4E, 0x1F7F))
            )
            values.append(Tlv(tag, _value(chance, chance.randint(0, 20))))
    raw = encode(values)
    if chance.random() < 0.2 and raw:
        at = chance.randrange(len(raw))
        raw = raw[:at] + chance.randbytes(1) + raw[at + 1 :]
    return raw[:4000]


def _number(chance: random.Random) -> str:
    digits = chance.choice("23456") + "".join(
        chance.choice("0123456789") for _ in range(chance.randint(11, 17))
    )
    return next(digits + last for last in "0123456789" if luhn(digits + last))


_KINDS: list[tuple[str, Callable[[random.Random], None]]] = [
    ("noise", _noise),
    ("split", _split),
    ("spoilt", _spoilt),
    ("made", _made),
    ("made", _made),
    ("card", _card),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()

    def progress(done: int) -> None:
        if done % 50_000 == 0:
            print(f"{done:,} of {wanted.inputs:,}", flush=True)

    print(fuzz(wanted.seed, wanted.inputs, progress))
    return 0


if __name__ == "__main__":
    sys.exit(main())
