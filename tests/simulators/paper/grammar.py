"""Where a command ends: lengths of all known ESC/POS commands, so that any split of the stream is one stream."""

from collections.abc import Callable

ESC, FS, GS, DLE = 0x1B, 0x1C, 0x1D, 0x10
PREFIXES = frozenset({ESC, FS, GS, DLE})

NEED_MORE = 0

# Commands with a fixed count of parameter bytes.
_FIXED = {
    ESC: {"@": 0, "t": 1, "R": 1, "!": 1, "E": 1, "-": 1, "G": 1, "a": 1, "d": 1, "J": 1, "2": 0, "3": 1}
    | {"M": 1, " ": 1, "{": 1, "V": 1, "p": 3},
    GS: {"!": 1, "B": 1, "b": 1, "L": 2, "W": 2, "h": 1, "w": 1, "H": 1, "f": 1, "a": 1, "r": 1, "I": 1},
    FS: {".": 0, "&": 0},
    DLE: {"\x04": 1, "\x05": 1},
}
_TAB_STOPS_MAX = 32
_FORM_A_MAX = 255
CLEAR_BUFFERS = bytes([DLE, 0x14, 8, 1, 3, 20, 1, 6, 2, 8])

Length = Callable[[bytes | bytearray, int], int]


def _until_nul(data: bytes | bytearray, at: int, head: int, most: int) -> int:
    """Length of a command whose data ends with NUL; without a NUL in reach the head alone is unknown."""
    end = data.find(0, at + head, at + head + most + 1)
    if end >= 0:
        return end + 1 - at
    return NEED_MORE if len(data) - at - head <= most else -head


def _gs_k(data: bytes | bytearray, at: int) -> int:
    if len(data) - at < 4:
        return NEED_MORE
    form = data[at + 2]
    if form <= 6:
        return _until_nul(data, at, 3, _FORM_A_MAX)
    return 4 + data[at + 3] if 65 <= form <= 79 else -3


def _gs_paren(data: bytes | bytearray, at: int) -> int:
    return NEED_MORE if len(data) - at < 5 else 5 + data[at + 3] + 256 * data[at + 4]


def _gs_v(data: bytes | bytearray, at: int) -> int:
    if len(data) - at < 3:
        return NEED_MORE
    if data[at + 2] != ord("0"):
        return -3
    if len(data) - at < 8:
        return NEED_MORE
    width, height = data[at + 4] + 256 * data[at + 5], data[at + 6] + 256 * data[at + 7]
    return 8 + width * height


def _gs_cut(data: bytes | bytearray, at: int) -> int:
    if len(data) - at < 3:
        return NEED_MORE
    if data[at + 2] in (0, 1, 48, 49):
        return 3
    return 4 if data[at + 2] in (65, 66, 97, 98, 103, 104) else -3


def _dle_dc4(data: bytes | bytearray, at: int) -> int:
    if len(data) - at < 3:
        return NEED_MORE
    return {1: 5, 8: len(CLEAR_BUFFERS)}.get(data[at + 2], -3)


_VARIABLE: dict[tuple[int, str], Length] = {
    (ESC, "D"): lambda data, at: _until_nul(data, at, 2, _TAB_STOPS_MAX),
    (GS, "k"): _gs_k,
    (GS, "("): _gs_paren,
    (GS, "v"): _gs_v,
    (GS, "V"): _gs_cut,
    (DLE, "\x14"): _dle_dc4,
}


def command_length(data: bytes | bytearray, at: int) -> int:
    """Bytes of the command that begins with the prefix at `at`.

    NEED_MORE while the command is incomplete; a negative number is the count of bytes nobody knows.
    """
    have = len(data) - at
    if have < 2:
        return NEED_MORE
    prefix, opcode = data[at], chr(data[at + 1])
    fixed = _FIXED[prefix].get(opcode)
    if fixed is not None:
        length = 2 + fixed
    elif (prefix, opcode) in _VARIABLE:
        length = _VARIABLE[prefix, opcode](data, at)
    else:
        return -2
    return NEED_MORE if length > have else length
