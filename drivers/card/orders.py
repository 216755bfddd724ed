"""What the till asks of a terminal, as messages. Amounts in minor units; passwords have six digits and go nowhere else."""

from typing import Final

import msgspec

from drivers.card.heard import CURRENCIES
from drivers.card.zvt import (
    Apdu,
    Authorisation,
    BookTip,
    BookTotal,
    Diagnosis,
    EndOfDay,
    Initialisation,
    Message,
    PartialReversal,
    PreAuthorisation,
    PreAuthorisationReversal,
    Refund,
    Registration,
    RepeatReceipt,
    Reversal,
    StatusEnquiry,
    Tlv,
    offer,
    write,
)
from pos.domain.card import CardRequest

__all__ = ["Orders", "OrdersError", "Wishes"]

_CONFIGS: Final = {"BE": 0xBE, "3E": 0x3E}
_TILL_CONTROLS: Final = 0x30
_TERMINAL_DECIDES: Final = 0x40  # which way of paying
_HIDE_SERVICE_MENU: Final = 0x01
_AS_STATUS, _NO_PAPER = 0x01, 0x02
_NO_VERSION: Final = 0x02
_ID_MAX: Final = 999_999


class OrdersError(ValueError):
    """What is asked for cannot be said to a terminal."""


class Wishes(msgspec.Struct, frozen=True):
    """How a terminal is registered. `config` "BE": it sends its receipts; "3E": the till makes them from the status.

    `charset` "auto" leaves the terminal's own and looks at the bytes. `sync` sends tag 1F1F where the terminal knows it.
    """

    currency: str = "EUR"
    config: str = "BE"
    charset: str = "auto"
    columns: int = 40
    max_apdu: int = 0x3FFF
    sync: bool = False


class Orders:
    """`numbered`: messages carry an id each, once the terminal has said that it knows them."""

    def __init__(self, wishes: Wishes, password: str) -> None:
        if wishes.currency not in CURRENCIES:
            raise OrdersError(f"no number is known for the currency {wishes.currency}")
        config = _CONFIGS[wishes.config]
        assert config & _TILL_CONTROLS == _TILL_CONTROLS, "recovery depends on both"
        self._wishes = wishes
        self._currency = CURRENCIES[wishes.currency]
        self._config = config
        self._password = password
        self._id = 0
        self.numbered = False

    def registration(self) -> Apdu:
        """From here on messages are numbered from 1."""
        self._id, self.numbered = 0, False
        wishes = self._wishes
        values = offer(
            commands=(0x06D3,) if self._config & 0x80 else (),
            columns=min(wishes.columns, 99),
            max_apdu=wishes.max_apdu,
            charset=None if wishes.charset in ("auto", "din66003") else wishes.charset,
            message_ids=True,
        )
        return write(
            Registration(
                password=self._password,
                config_byte=self._config,
                currency=self._currency,
                service_byte=_HIDE_SERVICE_MENU,
                tlv=values,
            )
        )

    def payment(self, request: CardRequest, sync: int | None = None) -> Apdu:
        """`sync`: the newest receipt number that this till knows of, for tag 1F1F; -1: it knows none; None: no such tag.

        Raises OrdersError.
        """
        try:
            return self._written(self._payment(request), self._tags(request, sync))
        except ValueError as error:
            raise OrdersError(str(error)) from error

    def check(self, request: CardRequest, sync: int | None = None) -> None:
        """Raises OrdersError where `payment` would. Gives no message its number."""
        before = self._id
        self.payment(request, sync)
        self._id = before

    def _payment(self, request: CardRequest) -> Message:
        if request.currency != self._wishes.currency:
            raise OrdersError(f"the terminal is registered for {self._wishes.currency}")
        if request.amount_minor <= 0:
            raise OrdersError("an amount is above nothing")
        amount, currency, number = request.amount_minor, self._currency, request.receipt_no
        if request.kind in ("reversal", "book", "reduce", "release", "tip") and number is None:
            raise OrdersError(f"a {request.kind} needs the terminal's receipt number")
        match request.kind:
            case "sale":
                return Authorisation(amount_minor=amount, currency=currency, payment_type=_TERMINAL_DECIDES)
            case "preauth":
                return PreAuthorisation(
                    amount_minor=amount, currency=currency, payment_type=_TERMINAL_DECIDES
                )
            case "refund":
                return Refund(password=self._password, amount_minor=amount, currency=currency)
            case "reversal":
                return Reversal(
                    password=self._password, receipt_no=number, amount_minor=amount, currency=currency
                )
            case "book":
                return BookTotal(receipt_no=number, amount_minor=amount, currency=currency)
            case "reduce":
                return PartialReversal(receipt_no=number, amount_minor=amount, currency=currency)
            case "release":
                return PreAuthorisationReversal(password=self._password, receipt_no=number)
            case "tip":
                return BookTip(receipt_no=number, amount_minor=amount, currency=currency)

    def _tags(self, request: CardRequest, sync: int | None) -> list[Tlv]:
        tags: list[Tlv] = []
        if sync is not None:
            tags.append(Tlv(0x1F1F, bytes.fromhex(f"{sync:04d}") if sync > 0 else b""))
        if request.kind == "sale" and request.tip_minor:
            tags.append(Tlv(0x1F36, bytes.fromhex(f"{request.tip_minor:012d}")))
        return tags

    def repeat(self, *, receipts: bool = False) -> Apdu:
        """The last transaction: as a status without paper, or its receipts."""
        service = 0 if receipts else _AS_STATUS | _NO_PAPER
        return self._written(RepeatReceipt(password=self._password, service_byte=service))

    def status(self) -> Apdu:
        return self._written(StatusEnquiry(password=self._password, service_byte=_NO_VERSION))

    def end_of_day(self) -> Apdu:
        return self._written(EndOfDay(password=self._password))

    def diagnosis(self) -> Apdu:
        return self._written(Diagnosis())

    def initialisation(self) -> Apdu:
        return self._written(Initialisation(password=self._password))

    def _written(self, message: Message, tags: list[Tlv] | None = None) -> Apdu:
        tags = list(tags or ())
        if self.numbered and not isinstance(message, Initialisation):
            self._id = self._id % _ID_MAX + 1
            tags.append(Tlv(0x1F73, bytes.fromhex(f"{self._id:06d}")))
        return write(msgspec.structs.replace(message, tlv=tuple(tags)) if tags else message)
