"""The messages of the terminal: status information, completions, intermediate statuses."""

from collections.abc import Sequence

import msgspec

from tests.simulators.terminal.cards import CARDS, TEST_TRACK, Card, masked
from tests.simulators.terminal.memory import Transaction
from tests.simulators.terminal.wire import apdu, bcd, lllvar, llvar, tag

__all__ = ["Identity", "completion", "declined", "intermediate", "registered", "status", "totals"]


class Identity(msgspec.Struct, frozen=True):
    """Which terminal it is. `version` is its software's. `brief`: how the card was read stands after the rest, and not in a tag 2F.

    `expiry` YYMM: it tells a card's expiry date, as some do. `tippable`: it says of sales that a tip may be added later.
    """

    terminal_id: str = "29001006"
    vu_number: str = "100764992"
    currency: str = "0978"
    version: str = "2.14.15"
    long_trace: bool = False
    brief: bool = False
    expiry: str = ""
    tippable: bool = False


def status(tx: Transaction, who: Identity, *, with_tags: bool, card: Card | None = None) -> bytes:
    """04 0F of a transaction, made with one of CARDS or another."""
    if tx.fault == "missing-fields":
        return apdu("040F", b"\x27" + bytes((tx.code,)))
    card = card or CARDS[tx.card]
    clear = tx.fault == "unmasked"
    number = llvar(bytes.fromhex(card.number)) if clear else masked(card.number)
    trace = 0 if who.long_trace else tx.trace
    data = b"\x27" + bytes((tx.code,)) + b"\x04" + bcd(tx.minor, 6)
    data += b"\x0b" + bcd(trace, 3) + b"\x0c" + bytes.fromhex(tx.time) + b"\x0d" + bytes.fromhex(tx.date)
    if who.expiry:
        data += b"\x0e" + bytes.fromhex(who.expiry)
    data += b"\x17" + bcd(card.sequence, 2) + b"\x19" + bytes((card.payment_type,)) + b"\x22" + number
    if clear:
        data += b"\x23" + llvar(bytes.fromhex(TEST_TRACK))
    data += b"\x29" + bytes.fromhex(who.terminal_id) + b"\x2a" + who.vu_number.encode().ljust(15)
    if tx.original_trace is not None:
        data += b"\x37" + bcd(tx.original_trace, 3)
    if tx.auth:
        data += b"\x3b" + tx.auth.encode().ljust(8, b"\0")
    text = tx.text or (f"GEN.NR.:{tx.auth}" if tx.auth else "")
    if text:
        data += b"\x3c" + lllvar(text.encode("cp437", "replace"))
    data += b"\x49" + bytes.fromhex(who.currency) + b"\x87" + bcd(tx.receipt, 2)
    data += b"\x88" + bcd(tx.turnover, 3) + b"\x8a" + bytes((card.card_type,))
    data += b"\x8b" + llvar(card.brand.encode() + b"\0")
    if with_tags:
        data += _tags(tx, who, card, text)
    if tx.fault == "undecodable":
        data += bytes.fromhex("DF0102F765")
    return apdu("040F", data)


def _tags(tx: Transaction, who: Identity, card: Card, text: str) -> bytes:
    parts = [tag("24", tag("07", text.encode("cp437", "replace")))] if text else []
    if not who.brief:
        how = tag("1F12", bytes((tx.entry,))) + tag("1F11", b"\x01") + tag("1F10", bytes((tx.cvm,)))
        parts.append(tag("2F", how))
    parts.append(tag("43", bytes.fromhex(card.aid)))
    if not who.brief:
        parts.append(tag("44", card.label.encode()))
    if not tx.code:
        proof = f"{card.aid} {tx.cryptogram or f'{tx.trace:016X}'}".encode()
        parts += [tag("46", proof), tag("47", proof)]
    if who.brief:
        parts += [tag("1F10", bytes((tx.cvm,))), tag("1F12", bytes((tx.entry,)))]
    if who.long_trace:
        parts.append(tag("1F2B", bcd(tx.trace, 4)))
    if who.tippable and tx.kind == "sale" and not tx.code:
        parts.append(tag("1F3B", b"\x01"))
    if tx.tip and tx.kind == "sale":
        parts.append(tag("1F36", bcd(tx.tip, 6)))
    return tag("06", *parts)


def declined(code: int, terminal_id: str, text: str = "", card_type: int | None = None) -> bytes:
    """04 0F that says little more than no."""
    data = b"\x27" + bytes((code,)) + b"\x29" + bytes.fromhex(terminal_id)
    raw = text.encode("cp437", "replace")
    if text:
        data += b"\x3c" + lllvar(raw)
    if card_type is not None:
        data += b"\x8a" + bytes((card_type,))
    if text and card_type is not None:
        data += tag("06", tag("24", tag("07", raw)))
    return apdu("040F", data)


def totals(columns: Sequence[tuple[int, int]], first: int, last: int, date: str, time: str) -> bytes:
    """04 0F of the end of day: (how many, sum) by column, between the first and the last receipt number."""
    total = sum(minor for _, minor in columns)
    content = bcd(first, 2) + bcd(last, 2)
    for count, minor in columns:
        content += bytes((count,)) + bcd(minor, 6)
    data = b"\x27\x00\x04" + bcd(total, 6) + b"\x0c" + bytes.fromhex(time) + b"\x0d" + bytes.fromhex(date)
    return apdu("040F", data + b"\x60" + lllvar(content))


def registered(
    who: Identity,
    *,
    status_byte: int = 0,
    blocks: bool = False,
    charset: int | None = None,
    tags: Sequence[str] = (),
) -> bytes:
    """06 0F of a registration. `tags`: those that the terminal understands."""
    data = b"\x19" + bytes((status_byte,)) + b"\x29" + bytes.fromhex(who.terminal_id)
    data += b"\x49" + bytes.fromhex(who.currency)
    parts = []
    if blocks:
        parts.append(tag("26", tag("0A", bytes.fromhex("06D3"))))
    if charset is not None:
        parts.append(tag("27", tag("14", bytes((charset,)))))
    if tags:
        parts.append(tag("1F71", b"".join(bytes.fromhex(name) for name in tags)))
    if parts:
        data += tag("06", *parts)
    return apdu("060F", data)


def completion(terminal_status: int | None = None, version: str = "") -> bytes:
    """06 0F: empty, or with what a status enquiry asks for."""
    data = lllvar(version.encode()) if version else b""
    if terminal_status is not None:
        data += bytes((terminal_status,))
    return apdu("060F", data)


def intermediate(code: int, minutes: int | None = None, text: Sequence[str] = ()) -> bytes:
    """04 FF. `minutes`: the till's time-out from here on."""
    data = bytes((code,))
    if minutes is not None:
        data += bcd(minutes, 1)
    if text:
        lines = b"".join(tag("07", line.encode("cp437", "replace")) for line in text)
        data += tag("06", tag("24", lines))
    return apdu("04FF", data)
