"""Where what stands in a message's data: what comes before the fields, the fields, the containers in them, texts.

One reading serves masking and decoding, so that the two cannot differ about what a byte is.
"""

from typing import Final

import msgspec

from drivers.card.zvt import fields, tlv
from drivers.card.zvt.fields import Field, Stop

__all__ = ["NAMES", "Container", "Layout", "split"]

NAMES: Final[dict[int, str]] = {
    0x0401: "set_time_in_ecr",
    0x040D: "input_request",
    0x040E: "menu_request",
    0x040F: "status_information",
    0x04FF: "intermediate_status",
    0x0501: "status_enquiry",
    0x0600: "registration",
    0x0601: "authorisation",
    0x0602: "log_off",
    0x0603: "balance_enquiry",
    0x0604: "activate_card",
    0x0605: "procurement",
    0x0609: "top_up",
    0x060A: "tax_free",
    0x060C: "book_tip",
    0x060F: "completion",
    0x0610: "turnover_totals",
    0x0612: "reprint",
    0x0618: "reset_terminal",
    0x061A: "print_configuration",
    0x061B: "set_terminal_id",
    0x061E: "abort",
    0x0620: "repeat_receipt",
    0x0621: "telephonic_authorisation",
    0x0622: "pre_authorisation",
    0x0623: "partial_reversal_or_enquiry",
    0x0624: "book_total",
    0x0625: "pre_authorisation_reversal",
    0x0630: "reversal",
    0x0631: "refund",
    0x0650: "end_of_day",
    0x0651: "send_offline_transactions",
    0x0670: "diagnosis",
    0x0679: "self_test",
    0x0685: "display_text_old",
    0x0686: "display_text_with_numbers_old",
    0x0687: "pin_verification_old",
    0x0688: "display_text_with_keys_old",
    0x0691: "set_time",
    0x0693: "initialisation",
    0x0695: "change_password",
    0x06B0: "abort_command",
    0x06C0: "read_card",
    0x06C1: "activate_card_reader",
    0x06C5: "close_card_session",
    0x06C6: "send_apdus",
    0x06CE: "display_image",
    0x06D1: "print_line",
    0x06D3: "print_text_block",
    0x06D8: "dial_up",
    0x06D9: "transmit_data",
    0x06DA: "receive_data",
    0x06DB: "hang_up",
    0x06DD: "transparent_mode",
    0x06E0: "display_text",
    0x06E1: "display_text_with_keys",
    0x06E2: "display_text_with_numbers",
    0x06E3: "pin_verification",
    0x06E4: "blocked_list",
    0x06E5: "calculate_mac",
    0x06E6: "card_polling",
    0x0810: "change_configuration",
    0x0811: "language",
    0x0820: "change_charset",
    0x0830: "select_language",
    0x0840: "select_mode",
    0x0850: "activate_service_mode",
    0x8000: "positive_acknowledgement",
}
"""What commands are called; every 84 xx is a `negative_acknowledgement`."""

_PLAIN: Final = frozenset({0x0401, 0x040F, 0x0601, 0x0622, 0x0670, 0x0691, 0x06B0, 0x06D3, 0x06E0, 0x8000})
_PASSWORD: Final = frozenset({0x0501, 0x0610, 0x0612, 0x0620, 0x0630, 0x0631, 0x0650, 0x0693})
_MAYBE_PASSWORD: Final = frozenset({0x060C, 0x0623, 0x0624, 0x0625})
_PRINT_TAIL: Final = frozenset({0x09, 0x14, 0x1F07, 0x1F37, 0x1F73})


class Container(msgspec.Struct, frozen=True):
    """The TLV values of a field 06; `stop` is where nothing more could be read, else -1."""

    nodes: tuple[tlv.Node, ...]
    end: int
    stop: int


class Layout(msgspec.Struct, frozen=True):
    """`heads`: what stands before the fields, by name. `texts`: what is text without being a field."""

    end: int
    heads: tuple[tuple[str, int, int], ...] = ()
    texts: tuple[tuple[str, int, int], ...] = ()
    fields: tuple[Field, ...] = ()
    containers: tuple[Container, ...] = ()
    stop: Stop | None = None

    def head(self, name: str, data: bytes) -> bytes | None:
        return next((data[start:end] for called, start, end in self.heads if called == name), None)


def split(command: int, data: bytes) -> Layout:
    """Never raises."""
    if command in _PLAIN:
        return _fields(data, 0)
    if command in _PASSWORD:
        return _with_password(data)
    if command in _MAYBE_PASSWORD:
        plain = _fields(data, 0)
        return _with_password(data) if plain.stop is not None and len(data) >= 3 else plain
    special = _SPECIAL.get(command)
    if special is not None:
        return special(data)
    if command >> 8 == 0x84:
        return _negative(command, data)
    return Layout(len(data), stop=Stop(0, 0, "unknown") if data else None)


def _fields(data: bytes, at: int, *heads: tuple[str, int, int]) -> Layout:
    found, stop = fields.walk(data, at, len(data))
    containers = []
    for field in found:
        if field.tag == 0x06:
            nodes, lost = tlv.walk(data, field.start, field.end)
            containers.append(Container(nodes, field.end, lost))
    return Layout(len(data), heads, (), found, tuple(containers), stop)


def _with_password(data: bytes) -> Layout:
    if not data:
        return Layout(0)
    if len(data) < 3:
        return Layout(len(data), stop=Stop(0, 0, "truncated"))
    return _fields(data, 3, ("password", 0, 3))


def closes(data: bytes, at: int) -> bool:
    """Whether a container begins at `at` that ends where the data ends."""
    if at >= len(data) or data[at] != 0x06:
        return False
    length = tlv.length_at(data, at + 1, len(data))
    return length is not None and sum(length) == len(data)


def _registration(data: bytes) -> Layout:
    if len(data) < 4:
        return _with_password(data)
    heads = [("password", 0, 3), ("config_byte", 3, 4)]
    if len(data) >= 6 and not closes(data, 4):
        heads.append(("currency", 4, 6))
    return _fields(data, heads[-1][2], *heads)


def _status_enquiry_answer(data: bytes) -> Layout | None:
    """The version, as text behind three counter bytes, and the terminal's status; or the status alone."""
    if len(data) == 1:
        return Layout(1, (("terminal_status", 0, 1),))
    counter = data[:3]
    if len(counter) == 3 and all(0xF0 <= byte <= 0xF9 for byte in counter):
        end = 3 + (counter[0] & 0x0F) * 100 + (counter[1] & 0x0F) * 10 + (counter[2] & 0x0F)
        if end <= len(data):
            heads = [("sw_version", 3, end)]
            if end < len(data):
                heads.append(("terminal_status", end, end + 1))
            found = _fields(data, heads[-1][2], *heads)
            return msgspec.structs.replace(found, texts=(("sw_version", 3, end),))
    return None


def _completion(data: bytes) -> Layout:
    answer = _status_enquiry_answer(data)
    if answer is not None:
        return answer
    plain = _fields(data, 0)
    if plain.stop is not None and closes(data, 1):
        return _fields(data, 1, ("terminal_status", 0, 1))
    return plain


def _abort(data: bytes) -> Layout:
    if not data or (data[0] == 0x27 and len(data) > 1):
        return _fields(data, 0)
    return _fields(data, 1, ("result_code", 0, 1))


def _intermediate(data: bytes) -> Layout:
    if not data:
        return Layout(0)
    heads = [("status", 0, 1)]
    if len(data) > 1 and not closes(data, 1):
        heads.append(("timeout_minutes", 1, 2))
    return _fields(data, heads[-1][2], *heads)


def _negative(command: int, data: bytes) -> Layout:
    plain = _fields(data, 0)
    if plain.stop is None or command != 0x841E:
        return plain
    if len(data) == 3:
        return Layout(3, (("result_code", 0, 1), ("currency", 1, 3)))
    return _fields(data, 1, ("result_code", 0, 1))


def _print_line(data: bytes) -> Layout:
    """An attribute, the text up to the end; some terminals put a container behind it."""
    if not data:
        return Layout(0)
    end = len(data)
    at = data.find(0x06, 1)
    while at >= 0:
        if closes(data, at):
            tail = _fields(data, at, ("attribute", 0, 1))
            tags = {node.tag for container in tail.containers for node in container.nodes}
            if tail.stop is None and all(c.stop < 0 for c in tail.containers) and tags <= _PRINT_TAIL:
                return msgspec.structs.replace(tail, texts=(("text", 1, at),))
        at = data.find(0x06, at + 1)
    return Layout(end, (("attribute", 0, 1),), (("text", 1, end),))


def _read_card(data: bytes) -> Layout:
    return _fields(data, 1, ("timeout", 0, 1)) if data else Layout(0)


_SPECIAL: Final = {
    0x0600: _registration,
    0x060F: _completion,
    0x061E: _abort,
    0x04FF: _intermediate,
    0x06D1: _print_line,
    0x06C0: _read_card,
}
