"""What a till may send, and with which content. `read_order` takes a command apart and says everything that is wrong with it."""

from typing import Final

import msgspec

from tests.simulators.terminal.wire import WireError, digits, fields_of, tags_of

__all__ = ["Order", "Registration", "read_order", "read_registration"]

_SECRET: Final = {
    0x22: "a card number", 0x23: "track 2", 0x24: "track 3", 0x2D: "track 1", 0x0E: "an expiry date", 0x3A: "a CVV",
}  # fmt: skip
_SECRET_TAGS: Final = frozenset(("1F08", "1F09", "1F0A"))
_OUTCOMES: Final = frozenset((0x27, 0x29, 0x0B, 0x0C, 0x0D, 0x88, 0x60, 0x8B, 0xA0, 0x2A, 0x3B))


class Shape(msgspec.Struct, frozen=True):
    """`password` "must", "may" or "no"; then the fields that must stand there and those that may."""

    password: str
    must: frozenset[int] = frozenset()
    may: frozenset[int] = frozenset()


def _shape(password: str, must: str = "", may: str = "") -> Shape:
    return Shape(password, frozenset(bytes.fromhex(must)), frozenset(bytes.fromhex(may)))


SHAPES: Final = {
    "0601": _shape("no", "04", "4919020105063C8A"),
    "0602": _shape("no"),
    "060C": _shape("may", "0487", "4906"),
    "0610": _shape("must"),
    "0612": _shape("must"),
    "0620": _shape("must", "", "0306"),
    "0622": _shape("no", "04", "491906"),
    "0623": _shape("no", "87", "04491906"),
    "0624": _shape("no", "8704", "491906"),
    "0625": _shape("may", "87", "0449190B06"),
    "0630": _shape("must", "87", "04491906"),
    "0631": _shape("must", "04", "491906"),
    "0650": _shape("must", "", "06"),
    "0670": _shape("no", "", "06"),
    "0691": _shape("no", "AA0C"),
    "0693": _shape("must"),
    "06B0": _shape("no", "", "D2FA"),
    "06E0": _shape("no", "", "F0F1F2F3F4F5F6F7F8"),
    "0501": _shape("may", "", "0306"),
}


class Order(msgspec.Struct):
    """A command. `sync`: None, it has no tag 1F1F; -1, the tag is empty. `wrong` is what must not be."""

    control: str
    password: str | None = None
    minor: int | None = None
    currency: str | None = None
    receipt: str | None = None
    service: int = 0
    sync: int | None = None
    tip: int | None = None
    number: int | None = None
    tags: list[tuple[str, bytes]] = []
    wrong: list[str] = []


def read_order(control: str, data: bytes) -> Order:
    order = Order(control)
    shape = SHAPES[control]
    if shape.password == "must" or (shape.password == "may" and len(data) >= 3 and _is_password(data)):
        if len(data) < 3:
            order.wrong.append("the password is missing")
            return order
        order.password, data = data[:3].hex(), data[3:]
    try:
        found = fields_of(data)
        _fill(order, found)
    except WireError as error:
        order.wrong.append(str(error))
        return order
    numbers = [number for number, _ in found]
    order.wrong += [f"{_SECRET[number]} from the till" for number in numbers if number in _SECRET]
    order.wrong += [f"field {number:02X} is missing" for number in sorted(shape.must - set(numbers))]
    order.wrong += [
        f"field {number:02X} has no place here"
        for number in sorted(set(numbers) - shape.must - shape.may - set(_SECRET))
    ]
    order.wrong += [
        f"field {number:02X} stands there twice"
        for number in sorted(set(numbers))
        if numbers.count(number) > 1
    ]
    if 0x06 in numbers and numbers[-1] != 0x06:
        order.wrong.append("the tags do not stand at the end")
    return order


def _is_password(data: bytes) -> bool:
    """Where a password may stand or not: it does unless the fields are whole without it."""
    try:
        return not all(number in (0x04, 0x87, 0x03, 0x49, 0x06) for number, _ in fields_of(data))
    except WireError:
        return True


def _fill(order: Order, found: list[tuple[int, bytes]]) -> None:
    for number, content in found:
        if number == 0x04:
            order.minor = digits(content)
            if not order.minor and order.control != "060C":
                order.wrong.append("an amount of nothing")
        elif number == 0x49:
            order.currency = content.hex()
        elif number == 0x87:
            order.receipt = content.hex()
        elif number == 0x03:
            order.service = content[0]
        elif number == 0x06:
            order.tags = tags_of(content)
    for name, value in order.tags:
        if name in _SECRET_TAGS:
            order.wrong.append(f"card data in tag {name} from the till")
        elif name == "1F1F":
            order.sync = digits(value) if value else -1
            if order.sync == 0:
                order.wrong.append("tag 1F1F says 0")
        elif name == "1F73":
            order.number = digits(value)
        elif name == "1F36":
            order.tip = digits(value)


class Registration(msgspec.Struct):
    """What a till asked for. `blocks`: print blocks 06 D3 instead of lines."""

    password: str = ""
    config: int = 0x86
    currency: str | None = None
    service: int = 0
    with_tags: bool = False
    blocks: bool = False
    width: int = 24
    charset: int | None = None
    wrong: list[str] = []

    @property
    def statuses(self) -> bool:
        return bool(self.config & 0x08)

    @property
    def controls_all(self) -> bool:
        return self.config & 0x30 == 0x30

    @property
    def prints_payments(self) -> bool:
        """Receipts of payments come to the till, as commands."""
        return self.config & 0x82 == 0x82

    @property
    def prints_admin(self) -> bool:
        return self.config & 0x84 == 0x84


def read_registration(data: bytes) -> Registration:
    wanted = Registration()
    if len(data) < 4:
        wanted.wrong.append("a registration needs password and config byte")
        return wanted
    wanted.password, wanted.config, rest = data[:3].hex(), data[3], data[4:]
    if not wanted.password.isdecimal():
        wanted.wrong.append("the password is not of digits")
    if not wanted.config & 0x10:
        wanted.wrong.append("the till does not control payments (bit 10)")
    if not wanted.config & 0x20:
        wanted.wrong.append("the till does not control administration (bit 20)")
    if rest:
        wanted.currency, rest = rest[:2].hex(), rest[2:]
        if len(wanted.currency) != 4 or not wanted.currency.isdecimal():
            wanted.wrong.append("the currency must stand before service byte and tags")
            return wanted
    try:
        for number, content in fields_of(rest):
            if number == 0x03:
                wanted.service = content[0]
            elif number == 0x06:
                wanted.with_tags = True
                _capabilities(wanted, tags_of(content))
            else:
                wanted.wrong.append(f"field {number:02X} has no place in a registration")
    except WireError as error:
        wanted.wrong.append(str(error))
    return wanted


def _capabilities(wanted: Registration, tags: list[tuple[str, bytes]]) -> None:
    for name, value in tags:
        if name == "26":
            wanted.blocks = ("0A", bytes.fromhex("06D3")) in tags_of(value)
        elif name == "12":
            wanted.width = digits(value)
        elif name == "14":
            wanted.charset = value[0]
        elif name == "27":
            charsets = [content[0] for inner, content in tags_of(value) if inner == "14"]
            wanted.charset = charsets[0] if len(charsets) == 1 else None
