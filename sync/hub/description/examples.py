"""Examples of requests, by the type of their message. A test reads each as that type."""

from typing import Any, Final

from sync.hub.shop.baskets.messages import Claim, MakeBasket, PutBasket
from sync.hub.shop.cards.messages import HoldCard, IssueCard, TopUp
from sync.hub.shop.catalogue.messages import AskedPrices
from sync.hub.shop.customers.messages import AddConsent, Adjust, Identifier, NewCustomer
from sync.hub.shop.orders.messages import ClaimCode, PayOrder, PlaceOrder
from sync.hub.shop.stock.messages import PostMovement, PostReservation
from sync.hub.shop.stores.messages import PutStore
from sync.hub.shop.webhooks.messages import NewWebhook, Replay

__all__ = ["EXAMPLES"]

_LINES: Final = [{"sku": "1001", "qty": "2"}, {"code": "4006381333931", "qty": "1"}]

EXAMPLES: Final[dict[Any, dict[str, Any]]] = {
    PutStore: {
        "store": {
            "name": "Kaufladen am Markt",
            "lines": ["Markt 1", "12345 Musterstadt"],
            "hours": [{"weekday": 1, "opens": 540, "closes": 1080}],
            "latitude": 52.52,
            "longitude": 13.405,
        }
    },
    AskedPrices: {"cart": {"store": "demo", "lines": _LINES, "coupons": []}},
    MakeBasket: {"phone": {"store": "demo", "lines": _LINES, "minutes": 120}},
    PutBasket: {"one more": {"lines": [{"sku": "1001", "qty": "3"}]}},
    Claim: {"at the till": {"store": "demo", "code": "7KQ2-M4TX", "by": "Kasse 1"}},
    PlaceOrder: {
        "click and collect, paid": {
            "kind": "click_and_collect",
            "store": "demo",
            "lines": [{"sku": "1001", "qty": "2", "pay_minor": 398, "text": "Apfelsaft 1 l"}],
            "payments": [{"amount_minor": 398, "provider": "psp", "reference": "pay-1"}],
            "channel": "web",
            "external": "W-1000",
        },
        "reserve and collect": {
            "kind": "reserve_and_collect",
            "store": "demo",
            "lines": [{"sku": "1001", "qty": "1", "pay_minor": 199}],
            "person": {"name": "A. Muster", "email": "a.muster@example.org"},
        },
    },
    PayOrder: {"psp": {"payment": {"amount_minor": 398, "provider": "psp", "reference": "pay-1"}}},
    ClaimCode: {"code": {"code": "ABCD-EFGH"}},
    PostMovement: {
        "broken": {
            "store": "demo", "sku": "1001", "type": "damage", "qty": "1", "reason": "gefallen",
            "occurred_ms": 1_750_000_000_000,
        }
    },
    PostReservation: {
        "for an order": {
            "store": "demo", "sku": "1001", "qty": "1", "purpose": "order", "subject": "W-1000", "ttl_s": 3600,
        }
    },
    NewCustomer: {
        "by card": {
            "about": {"name": "A. Muster", "email": "a.muster@example.org", "language": "de"},
            "identifiers": [{"kind": "card", "value": "C-1000"}],
        }
    },
    Identifier: {"e-mail": {"kind": "email", "value": "a.muster@example.org"}},
    AddConsent: {
        "yes to a newsletter": {
            "purpose": "newsletter", "channel": "email", "given": True, "source": "web", "text_version": "2026-01",
        }
    },
    Adjust: {"goodwill": {"points": 100, "reason": "Kulanz"}},
    IssueCard: {"25 EUR": {"minor": 2500, "store": "demo"}},
    HoldCard: {"part": {"minor": 1000}},
    TopUp: {"more": {"minor": 500, "reason": "Kulanz"}},
    NewWebhook: {"orders": {"url": "https://shop.example/hooks", "types": ["order.*"]}},
    Replay: {"a range": {"store": "demo", "first": 1, "last": 20}},
}  # fmt: skip
