"""TillView: the one immutable picture of the till. Screens and scripts draw it and know nothing else."""

import datetime as dt
from decimal import Decimal
from typing import Final

import msgspec

from pos.device_ports import DeviceState
from pos.domain.article import Article
from pos.domain.cart import Line, TaxTotal
from pos.domain.events import Message
from pos.domain.phone_cart import Expected
from pos.domain.question import Question
from pos.domain.tender import Tender
from pos.ports import Operator

__all__ = ["STATES", "CopyView", "DeviceView", "HubView", "LastSale", "ParkedCart", "TillView"]

STATES: Final = (
    "stopped",
    "signed-out",
    "approval",
    "question",
    "ready",
    "selling",
    "search",
    "department",
    "paying",
    "paid",
)
"""All states there are:

stopped: no payment can be taken, the message says why; signed-out: nobody is signed in (an open cart waits);
approval: something waits until another person agrees; question: the till asks (`question`); ready: no cart; selling: a cart is open; search: results wait
for a number; department: an open price waits for its department; paying: a payment is being written; paid: the last sale and its change are shown.
"""


class DeviceView(msgspec.Struct, frozen=True):
    """A device in a word, and in a detail's code where there is more to say."""

    state: DeviceState = DeviceState.NONE
    detail: str = ""


class HubView(msgspec.Struct, frozen=True):
    """The line to a node: the hub, or the relay in the shop. `problem` is a word of the hub's client."""

    configured: bool = False
    online: bool = False
    problem: str = ""


class CopyView(msgspec.Struct, frozen=True):
    """The second copy on a second medium; `state` is a word of commands.COPY_STATES, empty where none is wanted."""

    state: str = ""
    waiting: int = 0


class LastSale(msgspec.Struct, frozen=True):
    """The sale just paid (or found paid at start). `printing` is a JobState's word, or empty.

    `paper` is what the customer has yet to say of paper: "ask" (wanted at all?) or "digital-first" (the code is the
    receipt, paper beside it by one key); empty where nothing is open.
    `paid_out_minor` is cash to hand to the customer, `given_back_minor` what went back in another way, `to_take_minor`
    cash to take, where a receipt is paid otherwise. `saved_minor` is
    what discounts took off.
    """

    number: str
    total_minor: int
    given_minor: int
    change_minor: int
    link: str = ""
    printing: str = ""
    paper: str = ""
    found_at_start: bool = False
    paid_out_minor: int = 0
    given_back_minor: int = 0
    to_take_minor: int = 0
    tenders: tuple[Tender, ...] = ()
    rounding_minor: int = 0
    tip_minor: int = 0
    saved_minor: int = 0


class ParkedCart(msgspec.Struct, frozen=True):
    """A cart that waits: when (local time), by whom, and what it is known by: its note, its first article.

    `before`: parked in an earlier epoch, so another disk may have sold it. `till` parked it, where that is another one;
    `away`: it belongs to the store, and nobody can be asked for it now.
    """

    cart_id: str
    parked_at: dt.datetime
    by: str
    pieces: int
    total_minor: int
    note: str = ""
    text: str = ""
    before: bool = False
    till: str = ""
    away: bool = False


class TillView(msgspec.Struct, frozen=True):
    """Everything a screen shows. Amounts are minor units; `lines` are the cart's, removed ones too.

    `trusted` are the ids of those who may sign in without their PIN, for they did with it not long ago.

    `claiming`: the store is asked for a parked cart, and has not answered yet.

    `expected` is what a phone's cart wants and nobody has rung up yet; it counts in no sum.

    `due_minor` is what is still to be paid of the total and the tip, `cash_due_minor` the same in coins; `tenders` paid a part.
    """

    state: str
    till: str
    store: str
    revision: int = 0
    operator: Operator | None = None
    operators: tuple[Operator, ...] = ()
    asked_right: str = ""
    approvers: tuple[Operator, ...] = ()
    lines: tuple[Line, ...] = ()
    total_minor: int = 0
    saved_minor: int = 0
    pieces: int = 0
    taxes: tuple[TaxTotal, ...] = ()
    due_minor: int = 0
    change_minor: int = 0
    tenders: tuple[Tender, ...] = ()
    tip_minor: int = 0
    cash_due_minor: int = 0
    quantity: Decimal | None = None
    chosen: int | None = None
    expected: tuple[Expected, ...] = ()
    results: tuple[Article, ...] = ()
    search_text: str = ""
    departments: tuple[tuple[int, str, str], ...] = ()
    question: Question | None = None
    weighing: str = ""
    claiming: bool = False
    message: Message | None = None
    last_sale: LastSale | None = None
    parked: tuple[ParkedCart, ...] = ()
    print_problem: str = ""
    print_waits: bool = False
    unsent: int = 0
    printer: DeviceView = DeviceView()
    scanner: DeviceView = DeviceView()
    drawer: DeviceView = DeviceView()
    display: DeviceView = DeviceView()
    scale: DeviceView = DeviceView()
    card: DeviceView = DeviceView()
    customer_screen: DeviceView = DeviceView()
    hub: HubView = HubView()
    relay: HubView = HubView()
    second_copy: CopyView = CopyView()
    demo: bool = False
    language: str = "de"
    currency: str = "EUR"
    second_step: str = ""
    training: bool = False
    trusted: tuple[str, ...] = ()
