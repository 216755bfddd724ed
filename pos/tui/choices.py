"""The numbered lists behind F9. A number never changes its meaning: hands learn it."""

from typing import Final

from pos.tui.scene import Local, Panel
from pos.view import TillView

__all__ = ["FUNCTIONS", "GROUPS", "MORE", "PRINTING", "TROUBLE", "choices"]

TROUBLE: Final = "print-trouble"
"""Not a key: opens the list of what can be done about a receipt in doubt."""

MORE: Final = "more"
"""Not a key: opens the list of groups of further functions."""

FUNCTIONS: Final = (
    "drawer",
    "drawer-by-key",
    "print",
    "drop",
    "void-cart",
    "lock",
    "retry",
    MORE,
    TROUBLE,
)
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "group-goods": (
        "coupon",
        "coupon-back",
        "discount",
        "override",
        "deposit-return",
        "seller",
        "staff-purchase",
        "variant",
    ),
    "group-receipts": (
        "retender",
        "void-sale",
        "receipts",
        "return",
        "exchange-size",
        "return-without-receipt",
        "gift-receipt",
        "cart-take-over",
        "find-purchase",
    ),
    "group-money": ("float", "cash-drop", "pay-in", "pay-out", "no-sale", "cash-session"),
    "group-day": ("close-day", "x-report", "cash-check", "session-close", "z-again", "change-pin"),
    "group-people": (
        *("training", "switch", "price-labels"),
        *("stock", "stock-receive", "stock-send", "stock-take", "stock-count", "stock-write-off"),
    ),
    "group-tenders": (
        "tenders",
        "tender-back",
        "cash-quick",
        "foreign-cash",
        "tip",
        "gift-card",
        "voucher-balance",
        "voucher-slip",
    ),
    "group-later": ("account", "account-pay", "invoice", "transfer", "transfers", "pay-link"),
    "group-cards": (
        "card-open",
        "card-day",
        "card-service",
        "card-reserve",
        "card-book",
        "card-release",
        "card-tip",
    ),
    "group-customers": (
        "customer-history",
        "customer-points",
        "customer-none",
        "phone-cart",
        "phone-cart-accept",
        "phone-cart-back",
        "order-here",
        "tasks",
    ),
}
"""Further functions, by group: at most nine each, new ones at the end."""

PRINTING: Final = ("print-came-out", "print-once-more", "print-code-only", "print-other-printer")


def choices(local: Local, view: TillView) -> tuple[str, ...]:
    """The names behind the numbers 1, 2, 3 ... of the open list; empty when none is open."""
    if local.panel is Panel.PRINTING:
        return PRINTING
    if local.panel is not Panel.FUNCTIONS:
        return ()
    if local.menu == MORE:
        return tuple(GROUPS)
    if local.menu:
        return GROUPS[local.menu]
    return FUNCTIONS if view.print_problem else FUNCTIONS[:-1]
