"""What stands behind F9, by number. A number never changes its meaning: hands learn it, and sentences name it."""

import re
from typing import Final

__all__ = ["FUNCTIONS", "GROUPS", "MORE", "TROUBLE", "with_ways"]

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
    "group-day": (
        "close-day",
        "x-report",
        "cash-check",
        "session-close",
        "z-again",
        "change-pin",
        "staff-page",
    ),
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
        "receipt-mail",
    ),
}
"""Further functions, by group: at most nine each, new ones at the end."""

_WAYS: Final = {
    **{name: (n,) for n, name in enumerate(FUNCTIONS, 1)},
    **{
        name: (FUNCTIONS.index(MORE) + 1, at, n)
        for at, group in enumerate(GROUPS.values(), 1)
        for n, name in enumerate(group, 1)
    },
}


def with_ways(sentence: str) -> str:
    """`F9:cash-drop` in a sentence becomes the keys to press, `F9 8 3 2`. Raises KeyError for a name that no list has."""
    return re.sub(
        r"F9:([a-z]+(?:-[a-z]+)*)", lambda found: "F9 " + " ".join(map(str, _WAYS[found[1]])), sentence
    )
