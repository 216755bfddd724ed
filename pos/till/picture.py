"""The picture of the till that screens and scripts draw, made of what its parts know."""

from pos.domain import cart as carts
from pos.domain import events as e
from pos.domain.cart import Cart
from pos.domain.discounts import saved_minor
from pos.domain.payment import rest_minor
from pos.domain.phone_cart import Expected, waiting
from pos.till.approvals import Approvals
from pos.till.carts.parking import Parking
from pos.till.checkout import Checkout
from pos.till.day.closing import Closing
from pos.till.desk import Desk
from pos.till.flows import Flows
from pos.till.sale.open_prices import OpenPrices, departments
from pos.till.sale.selling import Selling
from pos.till.signing import Signing
from pos.till.surroundings import Surroundings
from pos.till.tenders.refunds import Refunds
from pos.view import TillView

__all__ = ["Picture"]


class Picture:
    """Looks at the parts and changes none of them."""

    def __init__(
        self,
        desk: Desk,
        selling: Selling,
        prices: OpenPrices,
        checkout: Checkout,
        flows: Flows,
        approvals: Approvals,
        parking: Parking,
        surroundings: Surroundings,
        signing: Signing,
        closing: Closing,
        refunds: Refunds,
    ) -> None:
        self._desk = desk
        self._selling = selling
        self._prices = prices
        self._checkout = checkout
        self._flows = flows
        self._approvals = approvals
        self._parking = parking
        self._surroundings = surroundings
        self._signing = signing
        self._closing = closing
        self._refunds = refunds

    def state_word(self) -> str:
        if self._desk.standstill is not None or self._desk.in_doubt:
            return "stopped"
        if self._desk.operator is None:
            return "signed-out"
        if self._desk.asking is not None:
            return "approval"
        if self._checkout.paying:
            return "paying"
        if self._flows.question is not None:
            return "question"
        if self._prices.waiting is not None:
            return "department"
        if self._selling.results is not None:
            return "search"
        if self._selling.cart is not None:
            return "selling"
        return "paid" if self._desk.showing_last else "ready"

    @property
    def at_rest(self) -> bool:
        """Whether nothing is under way, so that a cart may be opened."""
        return self.state_word() in {"ready", "paid"}

    def _waiting(self) -> e.Message | None:
        return e.Message("please-wait", level="info") if self._desk.slow else None

    def _hint(self) -> e.Message | None:
        """What should be done soon, while there is nothing else to say."""
        idle = self._selling.cart is None and self._flows.question is None and not self._desk.showing_last
        code = self._closing.hint if idle else ""
        return e.Message(code, level="info") if code else None

    def _saved_minor(self, cart: Cart | None) -> int:
        """What the open cart's discounts take off, after payment the paid one's."""
        if cart is not None:
            return saved_minor([line for line in cart.lines if line.discounts and line.voided is None])
        return self._desk.last.saved_minor if self._desk.showing_last and self._desk.last is not None else 0

    def view(self, revision: int) -> TillView:
        cart = self._selling.cart
        total = carts.total_minor(cart) if cart is not None else 0
        due = rest_minor(cart) if cart is not None else 0
        head = self._desk.world.journal.head
        shown = self._desk.last if self._desk.showing_last and cart is None else None
        return TillView(
            state=self.state_word(),
            till=head.till,
            store=head.store,
            revision=revision,
            operator=self._desk.operator,
            operators=tuple(self._desk.world.people.operators()),
            asked_right=self._desk.asking.right if self._desk.asking is not None else "",
            approvers=self._approvals.approvers(),
            lines=cart.lines if cart is not None else (),
            total_minor=shown.total_minor if shown is not None else total,
            saved_minor=self._saved_minor(cart),
            pieces=carts.pieces(cart) if cart is not None else 0,
            taxes=carts.tax_totals(cart) if cart is not None else (),
            due_minor=due,
            cash_due_minor=self._refunds.cash_due(cart) if cart is not None else 0,
            tenders=cart.tenders if cart is not None else (),
            tip_minor=cart.about.tip_minor if cart is not None else 0,
            change_minor=shown.change_minor if shown is not None else 0,
            quantity=self._selling.quantity,
            chosen=self._selling.chosen,
            expected=_expected(cart),
            results=self._selling.priced_results(),
            search_text=self._selling.search_text,
            departments=tuple(departments(self._desk)) if self._prices.waiting is not None else (),
            question=self._flows.question,
            weighing=self._selling.on_scale.text if self._selling.on_scale is not None else "",
            claiming=self._parking.store.claiming,
            message=self._desk.message or self._desk.standstill or self._hint() or self._waiting(),
            last_sale=self._desk.last if cart is None else None,
            parked=self._parking.view(),
            print_problem=self._surroundings.print_problem or self._surroundings.waiting_job,
            print_waits=not self._surroundings.print_problem and bool(self._surroundings.waiting_job),
            unsent=len(self._desk.unsent),
            printer=self._surroundings.printer,
            scanner=self._surroundings.scanner,
            drawer=self._surroundings.drawer,
            display=self._surroundings.others["display"],
            scale=self._surroundings.others["scale"],
            card=self._surroundings.others["card"],
            customer_screen=self._surroundings.others["customer-screen"],
            hub=self._surroundings.hub,
            relay=self._surroundings.relay,
            second_copy=self._surroundings.second_copy,
            demo=self._desk.setup.demo,
            language=self._desk.language,
            currency=self._desk.setup.currency,
            second_step=self._desk.second_step,
            training=self._desk.training,
            trusted=tuple(one.operator_id for one in self._signing.trusted()),
        )


def _expected(cart: Cart | None) -> tuple[Expected, ...]:
    if cart is None or cart.about.phone_cart is None:
        return ()
    return waiting(cart.about.phone_cart.expected, cart.lines)
