"""`tresen zvt decode`: what a capture of the line between till and card terminal says, with card data taken out."""

import sys
from typing import Any

import click
import msgspec

from drivers.card.zvt import (
    BadFrame,
    LinkAck,
    NotZvt,
    Received,
    SerialReader,
    TcpReader,
    charsets,
    received,
)
from drivers.card.zvt.facts import facts
from drivers.card.zvt.serial import SerialEvent
from drivers.card.zvt.tcp import TcpEvent

__all__ = ["decoded", "zvt"]

_CODES = frozenset(
    {
        "result_code",
        "error_code",
        "status",
        "status_byte",
        "terminal_status",
        "config_byte",
        "service_byte",
        "attribute",
    }
)
_LINK = frozenset({0x06, 0x15})


@click.group()
def zvt() -> None:
    """The language of card terminals."""


@zvt.command()
@click.argument("hex_digits", metavar="HEX...", nargs=-1, required=True)
@click.option(
    "--transport",
    type=click.Choice(["serial", "tcp", "apdu"]),
    help="What was captured: serial frames, TCP, or one message alone. Found out if not given.",
)
@click.option(
    "--charset", default=charsets.AUTO, show_default=True, help="The terminal's: cp437, iso8859_15 ..."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def decode(hex_digits: tuple[str, ...], transport: str | None, charset: str, as_json: bool) -> None:
    """Say what is in a capture: commands, fields, amounts in minor units, codes with their words, receipts.

    HEX may hold blanks, several messages, and the ACK and NAK between serial frames; - reads it from standard input.
    Card numbers come as their last four digits, tracks and expiry not at all. Exit code 1: no message in it.
    """
    typed = sys.stdin.read() if hex_digits == ("-",) else " ".join(hex_digits)
    raw = _bytes(typed)
    if raw is None:
        click.echo(
            "These are no bytes: two hexadecimal digits each, please (0-9, A-F); blanks may stand between.",
            err=True,
        )
        sys.exit(2)
    if not charsets.known(charset):
        click.echo(
            f"There is no character set {charset!r} in ZVT: cp437, iso8859_1 ... 16, utf_8, ascii, din66003, auto.",
            err=True,
        )
        sys.exit(2)
    chosen = transport or guess(raw)
    found = decoded(raw, chosen, charset)
    if as_json:
        answer = {"transport": chosen, "messages": found}
        click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
    else:
        click.echo("\n".join(line for item in found for line in _rows(item)) or "Nothing in it.")
    sys.exit(0 if any(item["kind"] == "message" for item in found) else 1)


def _bytes(typed: str) -> bytes | None:
    """Blanks, line ends, commas, colons and 0x may stand between the bytes."""
    for sign in ("0x", "0X", ",", ":"):
        typed = typed.replace(sign, " ")
    try:
        return bytes.fromhex("".join(typed.split())) or None
    except ValueError:
        return None


def guess(raw: bytes) -> str:
    """Serial where a frame with the right checksum is in it, or nothing but acknowledgements of the line."""
    reader = SerialReader()
    if any(isinstance(event, Received) for event in reader.feed(raw)) or _LINK.issuperset(raw):
        return "serial"
    return "serial" if raw.lstrip(b"\x06\x15").startswith(b"\x10\x02") and raw[:1] != b"\x06" else "tcp"


def decoded(raw: bytes, transport: str, charset: str = charsets.AUTO) -> list[dict[str, Any]]:
    """What is in it, in its order; `kind`: message, ack, nak, bad-frame, not-zvt, incomplete."""
    if transport == "apdu":
        alone = received(raw)
        return (
            [{"kind": "incomplete", "bytes_present": len(raw)}]
            if alone is None
            else [_message(alone, charset)]
        )
    if transport == "serial":
        line = SerialReader()
        return [_event(event, charset) for event in [*line.feed(raw), *line.lost()]]
    reader = TcpReader()
    found = [_event(event, charset) for event in reader.feed(raw)]
    if reader.inside:
        rest = reader.rest
        begun = {} if rest is None else facts(rest, charset)
        begun.pop("undecoded", None)
        present = {} if rest is None else {"bytes_present": len(rest.data)}
        found.append({"kind": "incomplete", **begun, **present})
    return found


def _event(event: SerialEvent | TcpEvent, charset: str) -> dict[str, Any]:
    if isinstance(event, Received):
        return _message(event.apdu, charset)
    if isinstance(event, BadFrame):
        return {"kind": "bad-frame", "why": event.why}
    if isinstance(event, NotZvt):
        return {"kind": "not-zvt", "protocol": event.protocol, "sample": event.sample}
    return {"kind": "ack" if isinstance(event, LinkAck) else "nak"}


def _message(apdu: Any, charset: str) -> dict[str, Any]:
    return {"kind": "message", **facts(apdu, charset)}


def _rows(item: dict[str, Any]) -> list[str]:
    """For people: a head, and a row for each fact."""
    known = {"kind", "class", "instr", "command", "data_length", "extended_length", "tlv"}
    head = item["kind"]
    if "command" in item:
        code = f"{item['class']} {item['instr']}"
        head = f"{code}  {item['command']}, {item['data_length']} bytes"
        if item["kind"] != "message":
            head += f", {item['kind']}"
    return [head, *(row for name, value in item.items() if name not in known for row in _fact(name, value))]


def _fact(name: str, value: Any) -> list[str]:
    if isinstance(value, list):
        return [f"    {name}", *(f"        {_short(entry)}" for entry in value)]
    if name in _CODES and isinstance(value, int):
        return [f"    {name:<28}{value:02X} hex"]
    return [f"    {name:<28}{_short(value)}"]


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_short(inside)}" for name, inside in value.items())
    return "yes" if value is True else "no" if value is False else str(value)
