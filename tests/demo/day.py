"""A day at the till, from the float to the closing, as situations: what the cashier does, and what must come of it.

The handbook follows these, its pictures are made of them, and a test plays them in line mode and on the screen.
"""

from collections.abc import Callable

import msgspec

from pos.card_facts import TerminalClosed
from pos.cash_facts import DayClosed
from pos.domain.promotions import Promotion, Selection
from pos.settings import load_settings
from pos.view import TillView
from tests.tui.fake_terminal import FakeTerminal
from tests.tui.fakes import (
    APPLES,
    BEER,
    BREAD,
    BROKEN,
    BUTTER,
    CHOCOLATE,
    MILK,
    PIN,
    UNKNOWN,
    WATER,
    YOGHURT,
    FakeJournal,
    Shop,
)

__all__ = ["CARD_SITUATIONS", "SITUATIONS", "Situation", "day_shop"]


def day_shop(language: str = "de", *, terminal: bool = False) -> Shop:
    """A shop by the settings as they are shipped; `terminal`: with a card terminal on a line."""
    settings = load_settings(None, {})
    journal = FakeJournal()
    journal.head = msgspec.structs.replace(journal.head, business_day="", next_number=1)
    three = Promotion("chocolate", "Schokolade 3 für 2", "n-for-m", n=3, m=2, selection=Selection(("S5",)))
    return Shop(
        promotions=[three],
        journal=journal,
        language=language,
        tenders=settings.tenders.rules(),
        goods=settings.goods.rules,
        cards=(FakeTerminal(),) if terminal else (),
    )


class Situation(msgspec.Struct, frozen=True):
    """`steps` as in tests.demo.fronts; `then` holds at their end. `picture` is the step after which one is taken (1 is the first)."""

    name: str
    steps: tuple[str, ...]
    then: Callable[[TillView, Shop], bool]
    picture: int = 0


def _paid(total: int, change: int = 0) -> Callable[[TillView, Shop], bool]:
    return lambda view, shop: (
        view.state == "paid" and view.change_minor == change and shop.journal.sales[-1].total_minor == total
    )


def _lines(count: int, total: int) -> Callable[[TillView, Shop], bool]:
    return lambda view, _: (
        len([line for line in view.lines if line.live]) == count and view.total_minor == total
    )


def _said(code: str, state: str = "") -> Callable[[TillView, Shop], bool]:
    return lambda view, _: (
        view.message is not None and view.message.code == code and (not state or view.state == state)
    )


_COUNT = ("pick 1", "answer {cash}", *["enter"] * 14, "pick 1")
"""All of it in cents, nothing of any other coin."""

SITUATIONS: tuple[Situation, ...] = (
    Situation("sign-in", (f"in Kim {PIN}",), lambda view, _: view.state == "ready"),
    Situation(
        "float",
        ("key float", "answer 10000"),
        _said("float-told", "ready"),
        picture=1,
    ),
    Situation("scan", (f"scan {MILK}", f"scan {BUTTER}"), _lines(2, 388), picture=2),
    Situation("cash-exact", ("key cash",), _paid(388), picture=1),
    Situation("cash-given", (f"scan {MILK}", "500", "key cash"), _paid(139, 361), picture=3),
    Situation("three-of-it", ("3*", f"scan {YOGHURT}", "key cash"), _paid(177)),
    Situation("number", ("300", "enter", "key cash"), _paid(139)),
    Situation("search", ("butter", "enter", "pick 1", "key cash"), _paid(249), picture=2),
    Situation("weighed", ("0,842*", f"scan {APPLES}", "key cash"), _paid(210)),
    Situation(
        "unknown-code",
        (f"scan {UNKNOWN}", f"scan {MILK}", "350", "key price", "1", "enter", "key cash"),
        _paid(489),
        picture=2,
    ),
    Situation("damaged-code", (f"scan {MILK}", f"scan {BROKEN}"), _said("scan-broken", "selling"), picture=2),
    Situation("void-last", (f"scan {BREAD}", "key void-last", "key cash"), _paid(139)),
    Situation(
        "void-line",
        (f"scan {MILK}", f"scan {BREAD}", f"scan {BUTTER}", "2", "key void-line", "key cash"),
        _paid(388),
    ),
    Situation(
        "void-cart",
        (f"scan {MILK}", "key void-cart", "key void-cart"),
        lambda view, _: view.state == "ready" and not view.lines,
    ),
    Situation("deposit", (f"scan {WATER}", "key cash"), _paid(114)),
    Situation(
        "empties",
        ("key deposit-return", "pick 3", "answer 3", "key cash"),
        lambda view, shop: view.state == "paid" and shop.journal.sales[-1].total_minor == -75,
        picture=2,
    ),
    Situation("department", ("350", "key price", "2", "enter", "key cash"), _paid(350)),
    Situation("promotion", ("3*", f"scan {CHOCOLATE}", "key cash"), _paid(418), picture=2),
    Situation(
        "discount",
        (f"scan {BUTTER}", "10", "key discount", "pick 1", "pick 1", "key cash"),
        _paid(224),
        picture=3,
    ),
    Situation("age", (f"scan {BEER}", "pick 1", "key cash"), _paid(119), picture=1),
    Situation(
        "age-refused",
        (f"scan {MILK}", f"scan {BEER}", "pick 2", "key cash"),
        lambda view, shop: _paid(139)(view, shop) and len(shop.journal.sales[-1].lines) == 2,
    ),
    Situation("card", (f"scan {BREAD}", "key card", "pick 1", "answer 17"), _paid(329), picture=2),
    Situation(
        "split",
        (f"scan {BREAD}", "129", "key card", "pick 1", "answer 18", "key cash"),
        lambda view, shop: (
            _paid(329)(view, shop)
            and [tender.kind for tender in shop.journal.sales[-1].tenders] == ["card-manual", "cash"]
        ),
        picture=5,
    ),
    Situation(
        "retender",
        (f"scan {MILK}", "key cash", "key retender", "pick 1", "answer 19"),
        lambda view, shop: (
            view.state == "paid"
            and shop.journal.sales[-1].total_minor == 0
            and shop.journal.sales[-1].references[0].kind == "retender"
        ),
        picture=3,
    ),
    Situation(
        "park",
        (f"scan {BREAD}", "blaue Jacke", "key park"),
        lambda view, _: len(view.parked) == 1 and view.state == "ready",
        picture=2,
    ),
    Situation("resume", ("key park", "key cash"), _paid(329)),
    Situation("no-sale", ("key drawer",), lambda _, shop: shop.drawer.opened > 0),
    Situation("print-again", ("key print",), lambda _, shop: shop.printer.jobs[-1].copy),
    Situation(
        "return",
        ("key return", "pick 1", "pick 1", "pick 1", "key cash"),
        lambda view, shop: view.state == "paid" and shop.journal.sales[-1].total_minor < 0,
        picture=2,
    ),
    Situation("find-purchase", ("key find-purchase",), _said("returns-no-hub")),
    Situation(
        "gift-receipt",
        (f"scan {BREAD}", "key cash", "key gift-receipt"),
        lambda view, shop: view.state == "paid" and shop.printer.jobs[-1].document is not None,
    ),
    Situation(
        "return-without-receipt",
        (
            "key return-without-receipt",
            f"in Alex {PIN}",
            "enter",
            f"scan {BUTTER}",
            "answer 1",
            "pick 1",
            "key cash",
            "pick 2",
        ),
        lambda view, shop: view.state == "paid" and shop.journal.sales[-1].total_minor == -249,
        picture=6,
    ),
    Situation(
        "void-sale",
        (f"scan {MILK}", "key cash", "key void-sale", "pick 1"),
        lambda view, shop: (
            view.state == "paid"
            and shop.journal.sales[-1].total_minor == -139
            and shop.journal.sales[-1].references[0].kind == "void"
        ),
        picture=3,
    ),
    Situation(
        "voucher",
        ("key gift-card", "answer 2000", "enter", "key cash"),
        lambda view, shop: view.state == "paid" and shop.journal.sales[-1].lines[0].kind == "voucher",
    ),
    Situation(
        "voucher-used",
        (f"scan {BREAD}", "key voucher", "scan {card}"),
        lambda view, shop: _paid(329)(view, shop) and shop.journal.sales[-1].tenders[0].kind == "gift-card",
        picture=2,
    ),
    Situation(
        "switch-operator",
        (f"scan {CHOCOLATE}", "key lock", f"in Alex {PIN}", "key cash"),
        lambda view, shop: _paid(209)(view, shop) and shop.journal.sales[-1].operator == "2",
    ),
    Situation(
        "training",
        ("key training", "pick 1", f"scan {MILK}", "key cash"),
        lambda view, shop: view.state == "paid" and view.training,
        picture=3,
    ),
    Situation("training-over", ("key training",), lambda view, _: not view.training),
    Situation(
        "drop",
        ("key cash-drop", "answer 5000", "answer T 17"),
        _said("cash-dropped"),
        picture=1,
    ),
    Situation("pay-in", ("key pay-in", "pick 1", "answer 1000"), _said("paid-in")),
    Situation("pay-out", ("key pay-out", "pick 2", "answer 500"), _said("paid-out")),
    Situation("x-report", ("key x-report", "key escape"), lambda view, _: view.question is None),
    Situation(
        "paper-out",
        ("device printer fault paper-out", f"scan {MILK}", "key cash"),
        lambda view, shop: _paid(139)(view, shop) and view.printer.detail == "paper-out",
        picture=3,
    ),
    Situation("paper-in", ("device printer ready",), lambda view, _: not view.printer.detail),
    Situation(
        "offline",
        ("hub away", f"scan {MILK}", "key cash"),
        lambda view, shop: _paid(139)(view, shop) and not view.hub.online and view.unsent > 0,
        picture=3,
    ),
    Situation(
        "close-day",
        ("key close-day", *_COUNT, "answer 10000", "answer T 18", "key escape"),
        lambda view, shop: isinstance(shop.journal.facts[-1], DayClosed),
        picture=2,
    ),
    Situation(
        "yesterday",
        (
            f"scan {MILK}",
            "key cash",
            "tomorrow",
            f"scan {MILK}",
            "key cash",
            "key close-day",
            *_COUNT,
            "key escape",
        ),
        lambda view, shop: (
            isinstance(shop.journal.facts[-1], DayClosed) and shop.journal.facts[-1].number == 2
        ),
    ),
)
"""In the order of the day; each goes on where the one before ended."""


def _reserved(shop: Shop) -> list[int]:
    return [one.intent.amount_minor for one in shop.journal.head.payments.reserved]


CARD_SITUATIONS: tuple[Situation, ...] = (
    Situation(
        "card-line",
        (
            f"in Kim {PIN}",
            "terminal is-there",
            f"scan {MILK}",
            "key card",
            "terminal asks-for-the-card",
            "terminal approves",
        ),
        _paid(139),
        picture=5,
    ),
    Situation(
        "card-declined",
        (f"scan {BREAD}", "key card", "terminal declines", "key cash"),
        _paid(329),
        picture=3,
    ),
    Situation(
        "card-cancelled",
        (f"scan {MILK}", "key card", "key escape", "terminal gives-up", "key cash"),
        _paid(139),
    ),
    Situation(
        "card-unknown",
        (f"scan {BREAD}", "key card", "terminal is-cut-off", "key escape", f"scan {MILK}", "key cash"),
        lambda view, shop: _paid(139)(view, shop) and len(view.parked) == 1,
        picture=3,
    ),
    Situation(
        "card-settled",
        ("terminal had-charged", "key park", "key card"),
        lambda view, shop: _paid(329)(view, shop) and shop.journal.sales[-1].tenders[0].kind == "card",
    ),
    Situation(
        "card-differs",
        (
            f"scan {MILK}",
            "key card",
            "terminal is-cut-off",
            "terminal says-something-else",
            "pick 3",
            f"in Alex {PIN}",
            "pick 2",
            "answer Beleg 44",
            "key cash",
        ),
        _paid(139),
        picture=4,
    ),
    Situation(
        "card-held",
        ("key card-reserve", "answer 5000", "answer Zimmer 7", "terminal approves"),
        lambda _, shop: _reserved(shop) == [5_000],
    ),
    Situation(
        "card-booked",
        (f"scan {BREAD}", "key card-book", "pick 1", "pick 1", "terminal approves"),
        lambda view, shop: _paid(329)(view, shop) and _reserved(shop) == [],
    ),
    Situation(
        "card-let-go",
        (
            *("key card-reserve", "answer 3000", "enter", "terminal approves"),
            *("key card-release", "pick 1", "pick 1", "terminal approves"),
        ),
        lambda _, shop: _reserved(shop) == [],
    ),
    Situation(
        "card-tipped",
        (
            f"scan {MILK}",
            "key card",
            "terminal approves-tippable",
            "key card-tip",
            "answer 50",
            "terminal approves",
        ),
        lambda _, shop: shop.journal.sales[-1].tip_minor == 50,
    ),
    Situation(
        "card-day",
        ("key card-day", "pick 1", "terminal closes-its-day"),
        lambda _, shop: isinstance(shop.journal.facts[-1], TerminalClosed),
    ),
    Situation(
        "card-away",
        ("terminal goes-off", f"scan {MILK}", "key card", "pick 2", "pick 1", "answer 77"),
        lambda view, shop: _paid(139)(view, shop) and shop.journal.sales[-1].tenders[0].kind == "card-manual",
    ),
)
"""The same day at a till with a card terminal on a line."""
