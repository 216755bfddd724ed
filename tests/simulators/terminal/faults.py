"""What goes wrong, by the cents of a payment. Other amounts go well. Only payments (06 01) look here."""

from typing import Final, Literal

__all__ = ["FAULTS", "Fault", "fault_of"]

Fault = Literal[
    "",
    "declined-completion",
    "declined-abort",
    "no-status",
    "wrong-charset",
    "tlv-after-text",
    "missing-fields",
    "slow",
    "silent",
    "undecodable",
    "partial",
    "tip",
    "signature",
    "reversed-after",
    "second-status",
    "unmasked",
    "repeat-without-status",
    "other-amount",
    "customer-aborts",
    "junk",
    "twice",
    "busy",
    "not-registered",
    "no-status-uncharged",
    "wait",
    "cut",
]

FAULTS: Final[dict[int, tuple[Fault, str]]] = {
    5: ("declined-completion", "declined (05), and the end is a completion 06 0F"),
    6: ("declined-abort", "declined (05), and the end is 06 1E"),
    7: ("no-status", "charged and kept, but only 06 0F comes, without a status 04 0F"),
    8: ("wrong-charset", "receipts in Latin-1 although CP437 holds"),
    9: ("tlv-after-text", "print lines 06 D1 with tags behind the text"),
    10: ("missing-fields", "the status says nothing but its result code 00"),
    11: ("slow", "the customer takes four minutes; 04 FF asks for five"),
    12: ("silent", "80 00 00, then nothing: the terminal hangs for a while and charges nothing"),
    13: ("undecodable", "approved; the status ends in a field that does not exist"),
    14: ("partial", "half of it is approved"),
    15: ("tip", "the customer adds a tip of a tenth at the terminal, and it says so (1F36)"),
    16: ("signature", "the customer must sign"),
    17: ("reversed-after", "approved (00), then taken back: 06 1E B4"),
    18: ("second-status", "a wrong PIN first (37), then approved, both in one sequence"),
    19: ("unmasked", "card number and track in clear (a card number of the test range)"),
    20: ("repeat-without-status", "approved; asked later (06 20), the terminal sends no status"),
    21: ("other-amount", "another amount is charged, and nothing says why"),
    22: ("customer-aborts", "the customer presses stop: 6C, 06 1E 6C"),
    23: ("junk", "charged, and bytes that are no ZVT come instead of the status"),
    24: ("twice", "the same status comes twice"),
    25: ("busy", "84 9C 00: busy, nothing begins"),
    26: ("not-registered", "84 6B 00 once: the terminal has forgotten the registration"),
    27: ("no-status-uncharged", "nothing is charged, and only 06 0F comes"),
    28: ("wait", "04 FF 17 (please wait) for half a minute after the card"),
    99: ("cut", "approved, then the line ends before the status arrives"),
}  # fmt: skip


def fault_of(minor: int) -> Fault:
    return FAULTS.get(minor % 100, ("", ""))[0]
