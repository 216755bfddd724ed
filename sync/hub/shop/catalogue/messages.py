"""Messages about articles and prices."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from sync.hub.shop.stores.messages import StoreName

__all__ = [
    "LINES_MAX",
    "AskedLine",
    "AskedPrices",
    "ChannelName",
    "Code",
    "Coupon",
    "CouponSaid",
    "Lowest30d",
    "Media",
    "Price",
    "PricedLine",
    "PromotionSaid",
    "Quantity",
    "Reduced",
    "ShopArticle",
    "ShopArticles",
    "ShopDeposit",
    "Sku",
    "Taken",
    "Tax",
]

LINES_MAX = 200
Sku = Annotated[str, Meta(max_length=64)]
Code = Annotated[str, Meta(max_length=80)]
ChannelName = Annotated[str, Meta(max_length=32)]
Coupon = Annotated[str, Meta(min_length=1, max_length=80)]
Quantity = Annotated[str, Meta(pattern=r"^[0-9]{1,3}(\.[0-9]{1,3})?\Z")]


class Media(Struct, frozen=True, forbid_unknown_fields=True):
    """A picture or film of an article, wherever it lies. `text` says what is on it."""

    url: Annotated[str, Meta(max_length=1000, pattern=r"^https?://[!-~]+\Z")]
    type: Annotated[str, Meta(max_length=100)] = "image"
    text: Annotated[str, Meta(max_length=200)] = ""


class ShopDeposit(Struct, frozen=True):
    """What is paid beside one piece, minor units, gross."""

    sku: str
    text: str
    price_minor: int


class Lowest30d(Struct, frozen=True):
    """The lowest price of the 30 days before today's price was a reduced one (PAngV 11; directive 98/6/EC, article 6a).

    Where several reductions followed each other without a pause, before the first; where the price did not fall, until now. Whoever
    announces today's price as a reduction names this one, and counts percentages from it. `known_from` is empty where all 30 days
    are known, else the first day that is.
    """

    price_minor: int
    known_from: str


class Reduced(Struct, frozen=True):
    """What one piece costs everybody now, by a promotion or an offer with days: less than `lowest_30d`, by so many whole percent of it."""

    price_minor: int
    percent: int


class ShopArticle(Struct, frozen=True):
    """An article today. `price_minor` is gross per `unit` ("pc", "kg", "g", "l", "m", "m2"), null where the till asks for it; what everybody
    pays in the store and channel that were named. `price_list` is the list it is from, empty where it is the article's own.

    `reduced` is null where nothing may be announced as a reduction; `lowest_30d` where no price is known.
    """

    sku: str
    text: str
    price_minor: int | None
    price_list: str
    currency: str
    unit: str
    tax_code: str
    gtin: str
    codes: tuple[str, ...]
    department: int
    min_age: int
    serial_required: bool
    deposit: ShopDeposit | None
    product: str
    option_names: tuple[str, ...]
    options: tuple[str, ...]
    content: str
    content_unit: str
    media: tuple[Media, ...]
    reduced: Reduced | None
    lowest_30d: Lowest30d | None


class ShopArticles(Struct, frozen=True):
    """A page of articles by sku; `next` is the cursor of the next one, empty at the end."""

    articles: tuple[ShopArticle, ...]
    next: str


class AskedLine(Struct, frozen=True, forbid_unknown_fields=True):
    """So much of an article, named by its `sku` or by any of its codes. `qty` is decimal text, above 0 to 999."""

    qty: Quantity
    sku: Sku = ""
    code: Code = ""


class AskedPrices(Struct, frozen=True, forbid_unknown_fields=True):
    """A cart to be priced for a store and a channel, by their price lists. `at_ms` 0: now."""

    store: StoreName
    lines: Annotated[tuple[AskedLine, ...], Meta(min_length=1, max_length=LINES_MAX)]
    coupons: Annotated[tuple[Coupon, ...], Meta(max_length=20)] = ()
    customer_group: Annotated[str, Meta(max_length=64)] = ""
    at_ms: Annotated[int, Meta(ge=0, le=4_102_444_800_000)] = 0
    channel: ChannelName = ""


class Taken(Struct, frozen=True):
    """What one promotion takes off a line."""

    promotion: str
    text: str
    amount_minor: int


class PricedLine(Struct, frozen=True):
    """A line as the till would have it. A deposit is a line of its own with its article's number as `parent`.

    `asks` holds what the till asks before it sells: "price", "age", "serial", "weight". A line that asks for its price costs 0
    here. `pay_minor` is `total_minor` less what is taken off. `price_list` is the list that the price is from, empty for the article's own.
    """

    n: int
    kind: str
    sku: str
    code: str
    text: str
    unit: str
    quantity: Decimal
    unit_minor: int
    total_minor: int
    pay_minor: int
    price_list: str
    taken: tuple[Taken, ...]
    tax_code: str
    tax_percent: Decimal
    min_age: int
    department: int
    parent: int
    asks: tuple[str, ...]


class Tax(Struct, frozen=True):
    """The sums of one tax code: gross = net + vat."""

    code: str
    percent: Decimal
    gross_minor: int
    net_minor: int
    vat_minor: int


class PromotionSaid(Struct, frozen=True):
    """How often a promotion was used, and what it took off in all."""

    promotion: str
    uses: int
    amount_minor: int


class CouponSaid(Struct, frozen=True):
    """Whether a coupon that was presented takes something off this cart."""

    code: str
    effective: bool


class Price(Struct, frozen=True):
    """What a cart costs, explained. Amounts are gross minor units of `currency`.

    `min_age` is the highest age that any line asks for, 0 for none.
    """

    store: str
    currency: str
    at_ms: int
    lines: tuple[PricedLine, ...]
    taxes: tuple[Tax, ...]
    promotions: tuple[PromotionSaid, ...]
    coupons: tuple[CouponSaid, ...]
    saved_minor: int
    total_minor: int
    min_age: int
