"""Receipts of the terminal, as lines and as the commands that bring them to a till."""

from collections.abc import Sequence
from typing import Literal

from tests.simulators.terminal.cards import CARDS
from tests.simulators.terminal.memory import Transaction
from tests.simulators.terminal.wire import apdu, tag

__all__ = ["Paper", "block", "lines_of", "print_line", "receipt"]

Paper = Literal["merchant", "customer", "administration"]
Line = tuple[int, str]
"""(attribute, text): 0 normal, 40 centred, 81 the last one."""

_TYPES = {"merchant": 1, "customer": 2, "administration": 3}
_TITLES = {
    "sale": "BEZAHLUNG", "refund": "GUTSCHRIFT", "reversal": "STORNO", "preauth": "RESERVIERUNG",
    "book": "BUCHUNG RESERVIERUNG", "release": "STORNO RESERVIERUNG", "tip": "TRINKGELD",
}  # fmt: skip
COLUMNS = ("girocard", "JCB", "Mastercard", "American Express", "VISA", "Diners", "Andere")


def _euros(minor: int) -> str:
    return f"{minor // 100},{minor % 100:02d}"


def receipt(
    tx: Transaction, paper: Paper, terminal_id: str, vu_number: str, width: int, *, copy: bool = False
) -> list[Line]:
    """One copy. The customer's has no field to sign."""
    card = CARDS[tx.card]

    def pair(left: str, right: str) -> Line:
        return 0, f"{left}{right:>{max(1, width - len(left))}}"

    lines: list[Line] = [
        (0x40, "** HÄNDLERBELEG **" if paper == "merchant" else "** KUNDENBELEG **"),
        (0x40, "Laden für Prüfungen"),
        (0, ""),
    ]
    if copy:
        lines.append((0x40, "KOPIE"))
    lines += [
        (0, f"{tx.date[2:]}.{tx.date[:2]}.  {tx.time[:2]}:{tx.time[2:4]}:{tx.time[4:]}"),
        pair("Terminal-ID:", terminal_id),
        pair("VU-Nr:", vu_number),
        pair("Beleg-Nr:", f"{tx.receipt:04d}"),
        pair("Trace-Nr:", f"{tx.trace:06d}"),
        (0, ""),
        (0x40, "KONTAKTLOS" if tx.entry == 2 else "CHIP"),
        (0x40, card.brand),
        pair("Nr:", f"**** {card.number[-4:]}"),
        pair("AID:", card.aid),
        (0x40, _TITLES[tx.kind]),
        pair("BETRAG:", f"EUR {_euros(tx.minor)}"),
    ]
    if tx.tip:
        lines.append(pair("davon Trinkgeld:", _euros(tx.tip)))
    if tx.code:
        lines += [(0x40, "NICHT DURCHGEFÜHRT"), pair("Antwort:", f"{tx.code:02X}")]
    else:
        lines.append(pair("GEN.NR.:", tx.auth))
    if tx.cvm == 1 and paper == "merchant" and not tx.code:
        lines += [(0, ""), (0, ""), (0, "_" * min(width, 24)), (0, "Unterschrift")]
    return lines


def lines_of(text: Sequence[str]) -> list[Line]:
    return [(0, line) for line in text]


def print_line(attribute: int, text: str, charset: str, *, tail: bytes = b"") -> bytes:
    """06 D1. `tail`: tags that have no place behind the text, and that some terminals send."""
    return apdu("06D1", bytes((attribute,)) + text.encode(charset, "replace") + tail)


def block(
    paper: Paper, lines: Sequence[Line], charset: str, *, info: int = 0, charset_tag: int | None = None
) -> bytes:
    """06 D3. `info`: 1 positive, 2 to be signed, 4 negative, 80 must be printed; 0 leaves its tag out."""
    held = b""
    last = 0
    for attribute, text in lines:
        if attribute != last or attribute == 0x81:
            held += tag("09", bytes((attribute,)))
            last = attribute
        if attribute != 0x81:
            held += tag("07", text.encode(charset, "replace"))
    parts = [tag("1F07", bytes((_TYPES[paper],)))]
    if info:
        parts.append(tag("1F37", bytes((info,))))
    if charset_tag is not None:
        parts.append(tag("14", bytes((charset_tag,))))
    parts.append(tag("25", held))
    return apdu("06D3", tag("06", *parts))


def totals_lines(totals: Sequence[tuple[int, int]], terminal_id: str, width: int, title: str) -> list[Line]:
    """The report of the end of day: (how many, sum) by column."""
    lines: list[Line] = [(0x40, f"** {title} **"), (0, f"Terminal-ID: {terminal_id}"), (0, "")]
    for name, (count, total) in zip(COLUMNS, totals, strict=True):
        if count:
            lines.append((0, f"{name:<{width - 14}}{count:>4}{_euros(total):>10}"))
    count, total = sum(row[0] for row in totals), sum(row[1] for row in totals)
    lines.append((0, f"{'Gesamt':<{width - 14}}{count:>4}{_euros(total):>10}"))
    return lines
