"""BER-TLV as ZVT has it: tags of one to three bytes, lengths 00-7F, 81 nn, 82 hi lo."""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

__all__ = ["Node", "Tlv", "encode", "every", "find", "length_at", "length_bytes", "tag_name", "tree", "walk"]

_DEPTH: Final = 8  # of containers in containers; ZVT needs 3
_TAG_BYTES: Final = 3


class Tlv(msgspec.Struct, frozen=True):
    """One value, or a container (`children`; its `value` is empty then). `tag` as its bytes say it: 0x1F07."""

    tag: int
    value: bytes = b""
    children: tuple["Tlv", ...] | None = None

    def __repr__(self) -> str:
        inside = f"{len(self.value)} bytes" if self.children is None else repr(self.children)
        return f"Tlv({tag_name(self.tag)}, {inside})"


class Node(msgspec.Struct, frozen=True):
    """Where a value stands in the bytes: its tag at `at`, its value from `start` up to `end`.

    `stop` is where nothing more could be read in a container, else -1.
    """

    tag: int
    at: int
    start: int
    end: int
    children: tuple["Node", ...] | None = None
    stop: int = -1


def tag_name(tag: int) -> str:
    """`1f07`."""
    return f"{tag:02x}" if tag <= 0xFF else f"{tag:04x}" if tag <= 0xFFFF else f"{tag:06x}"


def length_at(data: bytes | bytearray, at: int, end: int) -> tuple[int, int] | None:
    """The length that is written at `at`, and where the value begins; None where there is none."""
    if at >= end:
        return None
    first = data[at]
    if first <= 0x7F:
        return first, at + 1
    if first == 0x81 and at + 1 < end:
        return data[at + 1], at + 2
    if first == 0x82 and at + 2 < end:
        return data[at + 1] << 8 | data[at + 2], at + 3
    return None


def length_bytes(length: int) -> bytes:
    """The shortest form. Raises ValueError above 65,535."""
    if length <= 0x7F:
        return bytes((length,))
    if length <= 0xFF:
        return bytes((0x81, length))
    if length <= 0xFFFF:
        return bytes((0x82, length >> 8, length & 0xFF))
    raise ValueError("a TLV value has at most 65,535 bytes")


def _tag_at(data: bytes | bytearray, at: int, end: int) -> tuple[int, int] | None:
    tag = data[at]
    if tag & 0x1F != 0x1F:
        return tag, at + 1
    for place in range(at + 1, min(at + _TAG_BYTES, end)):
        tag = tag << 8 | data[place]
        if not data[place] & 0x80:
            return tag, place + 1
    return None


def _constructed(tag: int) -> bool:
    while tag > 0xFF:
        tag >>= 8
    return bool(tag & 0x20)


def walk(data: bytes | bytearray, start: int, end: int, depth: int = 0) -> tuple[tuple[Node, ...], int]:
    """The values between `start` and `end`, and where nothing more could be read (-1: all was read)."""
    found: list[Node] = []
    at = start
    while at < end:
        tag = _tag_at(data, at, end)
        length = length_at(data, tag[1], end) if tag is not None else None
        if tag is None or length is None or length[1] + length[0] > end:
            return tuple(found), at
        begin, after = length[1], length[1] + length[0]
        if _constructed(tag[0]) and depth < _DEPTH:
            children, stop = walk(data, begin, after, depth + 1)
            found.append(Node(tag[0], at, begin, after, children, stop))
        else:
            found.append(Node(tag[0], at, begin, after))
        at = after
    return tuple(found), -1


def tree(data: bytes | bytearray, nodes: Iterable[Node]) -> tuple[Tlv, ...]:
    """The values themselves. Of a container what could be read."""
    return tuple(
        Tlv(node.tag, bytes(data[node.start : node.end]))
        if node.children is None
        else Tlv(node.tag, b"", tree(data, node.children))
        for node in nodes
    )


def encode(values: Iterable[Tlv]) -> bytes:
    """The bytes of some values, each length in its shortest form."""
    found = bytearray()
    for value in values:
        inside = value.value if value.children is None else encode(value.children)
        found += bytes.fromhex(tag_name(value.tag)) + length_bytes(len(inside)) + inside
    return bytes(found)


def find(values: Iterable[Tlv] | None, tag: int) -> Tlv | None:
    """The first value with this tag, at any depth."""
    return next(every(values, tag), None)


def every(values: Iterable[Tlv] | None, tag: int) -> Iterator[Tlv]:
    """All values with this tag, at any depth, in their order."""
    for value in values or ():
        if value.tag == tag:
            yield value
        if value.children is not None:
            yield from every(value.children, tag)
