"""Facts of the till itself: its epochs, its drawer without a sale, copies of receipts, training; stored as pos.facts says."""

import msgspec

from pos.domain.rights import Approval

__all__ = [
    "DrawerOpenedFact",
    "EpochOpened",
    "ReceiptCopied",
    "ReceiptWanted",
    "TrainingBegan",
    "TrainingEnded",
]


class EpochOpened(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first fact of an epoch: which till of which store, and why its numbers begin anew.

    `previous_*` is the fact it follows (hash in hexadecimal digits), which may lie on another machine's disk.
    `grant` is the hub's signature (hexadecimal), `granted_by` its key; both empty where a person decided,
    the operator `by`.
    """

    store: str
    till: str
    reason: str
    software: str
    previous_epoch: int = 0
    previous_seq: int = 0
    previous_hash: str = ""
    granted_by: str = ""
    grant: str = ""
    by: str = ""


class DrawerOpenedFact(msgspec.Struct, frozen=True, omit_defaults=True):
    """The drawer was opened without a sale; `by_key`: with the key, as no printer could open it."""

    operator: str
    reason: str
    by_key: bool = False
    cart_id: str = ""
    approvals: tuple[Approval, ...] = ()


class ReceiptCopied(msgspec.Struct, frozen=True, omit_defaults=True):
    """A marked copy of a receipt was ordered. `epoch` is the one of its number; 0: the fact's own."""

    number: int
    operator: str
    epoch: int = 0


class ReceiptWanted(msgspec.Struct, frozen=True, omit_defaults=True):
    """A receipt is to go out by e-mail. `epoch` and `seq`: where its sale stands.

    `customer`: to whom, by reference; empty where an address was typed, which stands in no fact.
    """

    number: int
    epoch: int
    seq: int
    operator: str
    customer: str = ""


class TrainingBegan(msgspec.Struct, frozen=True, omit_defaults=True):
    """From here to the next TrainingEnded nothing at this till is real: all that is done is kept as `Training`."""

    operator: str
    offset_min: int
    approvals: tuple[Approval, ...] = ()


class TrainingEnded(msgspec.Struct, frozen=True, omit_defaults=True):
    """The till sells again. Carts that were parked in training ended with it."""

    operator: str
    offset_min: int
    approvals: tuple[Approval, ...] = ()
