"""What a terminal remembers: its counters, the last transactions it stored, the open batch, and one that is not stored yet."""

from typing import Literal

import msgspec

__all__ = ["Kind", "Memory", "Transaction"]

LAST_RECEIPT, LAST_TRACE = 9999, 999_999
Kind = Literal["sale", "refund", "reversal", "preauth", "book", "release", "tip"]


class Transaction(msgspec.Struct):
    """One that a status speaks of. `charge` is its number at the bank, 0: none. `minor` includes `tip`."""

    kind: Kind
    code: int
    minor: int
    receipt: int
    trace: int
    turnover: int
    date: str
    time: str
    card: int = 0
    charge: int = 0
    original_trace: int | None = None
    auth: str = ""
    cryptogram: str = ""
    entry: int = 1
    cvm: int = 2
    tip: int = 0
    text: str = ""
    taken_back: bool = False
    fault: str = ""


class Memory(msgspec.Struct):
    """`next_*` are the numbers of the next transaction. `pending` was approved and may not be known to the till yet."""

    next_receipt: int = 1
    next_trace: int = 1
    stored: list[Transaction] = []
    batch: list[Transaction] = []
    reserved: list[Transaction] = []
    pending: Transaction | None = None

    def numbers(self) -> tuple[int, int]:
        """(receipt, trace) of the next one; both begin anew after their last number."""
        receipt, trace = self.next_receipt, self.next_trace
        self.next_receipt = 1 if receipt == LAST_RECEIPT else receipt + 1
        self.next_trace = 1 if trace == LAST_TRACE else trace + 1
        return receipt, trace

    @property
    def last(self) -> Transaction | None:
        return self.stored[-1] if self.stored else None

    def store(self, transaction: Transaction) -> None:
        self.pending = None
        self.stored.append(transaction)
        if transaction.code == 0:
            self.batch.append(transaction)

    def find(self, receipt: int) -> Transaction | None:
        """An approved one of this batch by its receipt number."""
        found = [tx for tx in self.batch if tx.receipt == receipt and tx.kind != "reversal"]
        return found[-1] if found else None
