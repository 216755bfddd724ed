"""Codes that a till meets, and what each is by the GS1 General Specifications, the Digital Link syntax and the till's
own rules. Numbers are put together here and not by the code under test.
"""

import datetime as dt
from decimal import Decimal
from typing import Any, Final, NamedTuple

from pos.domain.scans import LabelRule, ScanKind, ScanTable, SlipRule

GS: Final = "\x1d"
TODAY: Final = dt.date(2026, 3, 15)
NONE: Final = ScanTable()
# Where the specifications say only that nothing is sold.
NOTHING: Final = frozenset({ScanKind.BROKEN, ScanKind.FOREIGN})
BROKEN: Final = frozenset({ScanKind.BROKEN})
FOREIGN: Final = frozenset({ScanKind.FOREIGN})
ARTICLE: Final = frozenset({ScanKind.ARTICLE})
COUPON: Final = frozenset({ScanKind.COUPON})
RECEIPT: Final = frozenset({ScanKind.RECEIPT})
OTHER: Final = frozenset({ScanKind.OTHER})
PLU: Final = frozenset({ScanKind.PLU})
SLIP: Final = frozenset({ScanKind.SLIP})
FISCAL: Final = frozenset({ScanKind.FISCAL})


class Sample(NamedTuple):
    """A scan and what it is; fields that are not named must be empty."""

    name: str
    raw: str
    kinds: frozenset[ScanKind]
    table: ScanTable
    fields: dict[str, Any]


def is_(name: str, raw: str, kinds: frozenset[ScanKind], table: ScanTable = NONE, /, **fields: Any) -> Sample:
    return Sample(name, raw, kinds, table, fields)


def full(body: str) -> str:
    """The digits with their check digit: from the right, weights 3, 1, 3, ..."""
    total = sum(int(digit) * (3 if at % 2 == 0 else 1) for at, digit in enumerate(reversed(body)))
    return body + str((10 - total % 10) % 10)


def wrong(body: str) -> str:
    """The digits with a check digit that is one too high."""
    good = full(body)
    return good[:-1] + str((int(good[-1]) + 1) % 10)


PEN: Final = "4006381333931"
PEN14: Final = "04006381333931"
CASE: Final = "15400141288763"  # a case of goods, packing level 1
MEAT: Final = full("9400638133391")  # indicator 9: variable measure
E1: Final = "01" + PEN14
EM: Final = "01" + MEAT
BOOK: Final = "9783161484100"
PAPER: Final = full("977204936300")

# Store 1 has the layout of GS1 Germany, store 2 labels without an inner check digit, store 3 that of the UPC labels.
STORE_1: Final = ScanTable(
    label=(
        LabelRule(prefix="28", item_digits=4, value_digits=5, value="weight", inner_check=True, decimals=3),
        LabelRule(prefix="22", item_digits=4, value_digits=5, value="price", inner_check=True),
        LabelRule(prefix="25", item_digits=4, value_digits=5, value="count", inner_check=True, decimals=0),
    )
)
STORE_2: Final = ScanTable(
    label=(
        LabelRule(prefix="21", item_digits=5, value_digits=5, value="price"),
        LabelRule(prefix="29", item_digits=5, value_digits=5, value="weight", decimals=3),
        LabelRule(prefix="27", item_digits=5, value_digits=5, value="price", lookup="label"),
        LabelRule(prefix="2", item_digits=6, value_digits=5, value="price"),
        LabelRule(prefix="291", item_digits=5, value_digits=4, value="count", decimals=0),
        LabelRule(prefix="24", item_digits=6, value_digits=4, value="price", decimals=1),
    ),
    slip=(
        SlipRule(prefix="2999", number_digits=5, amount_digits=3),
        SlipRule(prefix="2998", number_digits=8, amount_digits=0),
        SlipRule(prefix="980", number_digits=5, amount_digits=4),
    ),
)
STORE_3: Final = ScanTable(
    label=(
        LabelRule(prefix="02", item_digits=5, value_digits=4, value="price", inner_check=True),
        LabelRule(
            prefix="23",
            item_digits=5,
            value_digits=4,
            value="weight",
            inner_check=True,
            decimals=2,
            unit="lb",
            lookup="label",
        ),
    ),
)

NUMBERS: Final = (
    # EAN-13, EAN-8, UPC-A, UPC-E, GTIN-14: with and without AIM identifier
    is_("EAN-13", PEN, ARTICLE, key=PEN),
    is_("EAN-13 and the scanner's Enter", PEN + "\r\n", ARTICLE, key=PEN),
    is_("EAN-13 and spaces around it", f"  {PEN} ", ARTICLE, key=PEN),
    is_("]E0 EAN-13", "]E0" + PEN, ARTICLE, key=PEN, symbology="E0"),
    is_("EAN-13, check digit wrong", "4006381333932", BROKEN),
    is_("]E0 EAN-13, check digit wrong", "]E04006381333932", BROKEN, symbology="E0"),
    is_("EAN-13, two digits swapped", "4006318333931", BROKEN),
    is_("EAN-13 of prefix 96 is no AI 96", full("961234567890"), ARTICLE, key=full("961234567890")),
    is_("EAN-13 of prefix 01 is no AI 01", full("012345678901"), ARTICLE, key=full("12345678901")),
    is_("EAN-13 of prefix 10 is no AI 10", full("101234567890"), ARTICLE, key=full("101234567890")),
    is_("EAN-13 of prefix 20, no table", full("201234567890"), ARTICLE, key=full("201234567890")),
    is_("EAN-13 of zeros", "0" * 13, BROKEN),
    is_("EAN-8", "96385074", ARTICLE, key="96385074"),
    is_("]E4 EAN-8", "]E496385074", ARTICLE, key="96385074", symbology="E4"),
    is_("EAN-8, check digit wrong", "96385075", BROKEN),
    is_("]E4 EAN-8, check digit wrong", "]E496385075", BROKEN),
    is_("]E4 with 13 digits", "]E4" + PEN, BROKEN),
    is_("]E4 with letters", "]E49638507A", BROKEN),
    is_("]E0 with 8 digits", "]E096385074", BROKEN),
    is_("]E0 with 14 digits", "]E0" + PEN14, BROKEN),
    is_("]E0 cut off", "]E0400638133393", BROKEN),
    is_("]E0 one digit too many", "]E0" + PEN + "1", BROKEN),
    is_("]E0 with letters", "]E0ABC4006381333", BROKEN),
    is_("]E0 and nothing", "]E0", NOTHING),
    is_("]E0 twice", "]E0]E0" + PEN, BROKEN),
    is_("two identifiers", "]C0]E0" + PEN, BROKEN),
    is_("an identifier that is none", "]1234011", BROKEN),
    is_("a bracket alone", "]", NOTHING),
    is_("UPC-A", "036000291452", ARTICLE, key="36000291452"),
    is_("]E0 UPC-A as 13 digits", "]E00036000291452", ARTICLE, key="36000291452"),
    is_("]E0 UPC-A as 12 digits", "]E0036000291452", ARTICLE, key="36000291452"),
    is_("UPC-A, check digit wrong", "036000291453", BROKEN),
    is_("]E0 UPC-A, check digit wrong", "]E00036000291453", BROKEN),
    is_("UPC-E 04252614 is 042100005264", "04252614", ARTICLE, key="42100005264"),
    is_("UPC-E 06543217 is 065100004327", "06543217", ARTICLE, key="65100004327"),
    is_("UPC-E, check digit wrong", "04252615", BROKEN),
    is_(
        "UPC-E of number system 1", "1" + "425261" + full("14210000526")[-1], ARTICLE, key=full("14210000526")
    ),
    is_("UPC-E of number system 1 and EAN-8 at once", full("1723455"), ARTICLE, key=full("1723455")),
    is_("]E4 EAN-8 that would be a UPC-E", "]E407234552", ARTICLE, key="7234552"),
    is_("EAN-8 of prefix 0 that is no UPC-E", full("0000050"), ARTICLE, key=full("50")),
    is_("EAN-8 of prefix 2", full("2000050"), ARTICLE, key=full("2000050")),
    is_("UPC-E of number system 2 is none", "2" + "425261" + "0", BROKEN),
    is_("GTIN-14 of an EAN-13", PEN14, ARTICLE, key=PEN),
    is_("GTIN-14 of a case", CASE, ARTICLE, key=CASE),
    is_("GTIN-14, check digit wrong", "15400141288764", BROKEN),
    is_("GTIN-14 with the check digit of its EAN-13", "1" + PEN, BROKEN),
    is_("]I1 ITF-14", "]I1" + CASE, ARTICLE, key=CASE, symbology="I1"),
    is_("]I0 ITF-14", "]I0" + CASE, ARTICLE, key=CASE, symbology="I0"),
    is_("]I1 ITF-14, check digit wrong", "]I115400141288764", BROKEN),
    is_("]I1 only part of it", "]I1154001412887", BROKEN),
    is_("]I1 so short a part that it looks like a PLU", "]I11540", BROKEN),
    is_("]X0 Bookland", "]X0" + BOOK, ARTICLE, key=BOOK, symbology="X0"),
    is_("]X0 Bookland, check digit wrong", "]X09783161484101", BROKEN),
    is_("]X0 with text", "]X0HELLO", BROKEN),
    is_("digits of another script", "٤٠٠٦٣٨١٣٣٣٩٣١", NOTHING),
    is_("full-width digits", "４００６３８１３３３９３１", NOTHING),
    # PLU, own numbers, Code 128 that is not GS1
    is_("PLU", "4011", PLU, key="4011"),
    is_("PLU of one digit", "7", PLU, key="7"),
    is_("PLU of five digits", "94011", PLU, key="94011"),
    is_("]C0 PLU", "]C04011", PLU, key="4011", symbology="C0"),
    is_("]C0 EAN-13", "]C0" + PEN, ARTICLE, key=PEN, symbology="C0"),
    is_("]C0 EAN-13, check digit wrong", "]C04006381333932", BROKEN),
    is_("]C0 letters", "]C0ABC-123", OTHER, key="ABC-123"),
    is_("]C0 a parcel's number", "]C0JJD000390007651234567", OTHER, key="JJD000390007651234567"),
    is_("]L0 PDF417 with letters", "]L0ABC-123", OTHER, key="ABC-123", symbology="L0"),
    is_("]L2 PDF417 with other text", "]L2M1MUSTERMANN/ERIKA €", NOTHING),
    is_("]d1 EAN-13 in a Data Matrix", "]d1" + PEN, ARTICLE, key=PEN, symbology="d1"),
    is_("]d1 with a wrong check digit", "]d14006381333932", BROKEN),
    is_("]Q1 EAN-13 in a QR code", "]Q1" + PEN, ARTICLE, key=PEN, symbology="Q1"),
    is_("]Q1 with a wrong check digit", "]Q14006381333932", BROKEN),
    is_("letters", "ABC-123", OTHER, key="ABC-123"),
    is_("a number of 9 digits", "123456789", OTHER, key="123456789"),
    is_("a number of 16 digits", "4111111111111111", OTHER, key="4111111111111111"),
    # coupons 981 to 984 and 99
    *(
        is_(f"coupon {prefix}", full(prefix.ljust(12, "5")), COUPON)
        for prefix in ("981", "982", "983", "984", "99", "990", "999")
    ),
    is_("]E0 coupon 981", "]E0" + full("981400123050"), COUPON),
    is_("coupon 981 as 14 digits", "0" + full("981400123050"), COUPON),
    is_("coupon 981, check digit wrong", wrong("981400123050"), BROKEN),
    is_("]E3 coupon 981 with an add-on", "]E3" + full("981400123050") + "12", COUPON),
    is_("985 is no coupon", full("985400123050"), ARTICLE, key=full("985400123050")),
    is_("098 of UPC-A is no coupon", full("98140012305"), ARTICLE, key=full("98140012305")),
    # ISBN, ISSN, add-ons
    is_("ISBN", BOOK, ARTICLE, key=BOOK),
    is_("]E0 ISBN", "]E0" + BOOK, ARTICLE, key=BOOK),
    is_("ISBN of 979", full("979101234567"), ARTICLE, key=full("979101234567")),
    is_("ISBN, check digit wrong", "9783161484101", BROKEN),
    is_("ISBN with add-on 5", BOOK + "51299", ARTICLE, key=BOOK, addon="51299"),
    is_("]E3 ISBN with add-on 5", "]E3" + BOOK + "51299", ARTICLE, key=BOOK, addon="51299", symbology="E3"),
    is_("ISBN with add-on 2", BOOK + "07", ARTICLE, key=BOOK, addon="07"),
    is_("ISBN wrong, with add-on 5", "978316148410151299", BROKEN),
    is_("]E3 ISBN wrong, with add-on 5", "]E3978316148410151299", BROKEN),
    is_("]E3 ISBN with add-on 3", "]E3" + BOOK + "512", BROKEN),
    is_("]E3 ISBN with add-on of letters", "]E3" + BOOK + "5A", BROKEN),
    is_("]E3 ISBN without add-on", "]E3" + BOOK, BROKEN),
    is_("ISSN", PAPER, ARTICLE, key=PAPER),
    is_("ISSN with add-on 2", PAPER + "03", ARTICLE, key=PAPER, addon="03"),
    is_("ISSN with add-on 5", PAPER + "00031", ARTICLE, key=PAPER, addon="00031"),
    is_("]E3 ISSN with add-on 2", "]E3" + PAPER + "03", ARTICLE, key=PAPER, addon="03"),
    is_("]E3 ISSN with add-on 5", "]E3" + PAPER + "00031", ARTICLE, key=PAPER, addon="00031"),
    is_("ISSN wrong, with add-on 2", wrong("977204936300") + "03", BROKEN),
    is_("ISSN with add-on of letters", PAPER + "AB", BROKEN),
    is_("]E3 EAN-13 with add-on 2", "]E3" + PEN + "12", ARTICLE, key=PEN, addon="12"),
    is_("]E1 add-on 2 alone", "]E112", BROKEN),
    is_("]E2 add-on 5 alone", "]E251299", BROKEN),
    is_("]E1 with an EAN-13", "]E1" + PEN, BROKEN),
    is_("]E2 with an EAN-13", "]E2" + PEN, BROKEN),
    # control characters, very long, empty
    is_("empty", "", BROKEN),
    is_("spaces", "   ", BROKEN),
    is_("Enter alone", "\r\n", BROKEN),
    is_("GS alone", GS, NOTHING),
    is_("NUL inside", "400638\x001333931", BROKEN),
    is_("STX and ETX around it", f"\x02{PEN}\x03", BROKEN),
    is_("RS in front", "\x1e" + PEN, BROKEN),
    is_("a no-break space behind", PEN + "\xa0", BROKEN),
    is_("a right-to-left mark in front", "\u200f" + PEN, NOTHING),
    is_("a right-to-left override inside", "40063\u202e81333931", NOTHING),
    is_("an escape sequence", "\x1b[2J" + PEN, BROKEN),
    is_("very long digits", "4" * 3_000, BROKEN),
    is_("very long text", "A" * 100_000, BROKEN),
    is_("EAN-13 twice in a row", PEN + PEN, OTHER),
    is_("GS behind an EAN-13", PEN + GS, NOTHING),
)

_UPC_E: Final = (  # GS1 General Specifications 5.2.2.4: the six digits, and the first eleven of the UPC-A
    ("723450", "07200000345"),
    ("723451", "07210000345"),
    ("723452", "07220000345"),
    ("725453", "07250000045"),
    ("725454", "07254000005"),
    ("723455", "07234500005"),
    ("723456", "07234500006"),
    ("723467", "07234600007"),
    ("723458", "07234500008"),
    ("723459", "07234500009"),
)
UPC_E: Final = tuple(
    is_(f"UPC-E {six}", "0" + six + full(upc)[-1], ARTICLE, key=full(upc).lstrip("0")) for six, upc in _UPC_E
)

_1, _2, _3 = STORE_1, STORE_2, STORE_3
_W: Final = full("281234614685")  # the value and inner check digit of the General Specifications' own example
_ZERO_LABEL: Final = full("281234000000")
LABELS: Final = (
    is_("weight, 4+1+5", _W, ARTICLE, _1, key="1234", quantity=Decimal("14.685"), unit="kg"),
    is_("]E0 weight, 4+1+5", "]E0" + _W, ARTICLE, _1, key="1234", quantity=Decimal("14.685"), unit="kg"),
    is_("]E3 weight and an add-on", "]E3" + _W + "12", ARTICLE, _1,
        key="1234", quantity=Decimal("14.685"), unit="kg", addon="12"),
    is_("weight as 14 digits", "0" + _W, ARTICLE, _1, key="1234", quantity=Decimal("14.685"), unit="kg"),
    is_("weight, inner check wrong", full("281234714685"), BROKEN, _1),
    is_("weight, inner check right, digit of the value wrong", full("281234614785"), BROKEN, _1),
    is_("weight, check digit wrong", wrong("281234614685"), BROKEN, _1),
    is_("weight of 500 g", full("280042600500"), ARTICLE, _1, key="42", quantity=Decimal("0.5"), unit="kg"),
    is_("weight zero", _ZERO_LABEL, BROKEN, _1),
    is_("price, 4+1+5", full("220042401000"), ARTICLE, _1, key="42", price_minor=1000),
    is_("price of 123.45", full("229999812345"), ARTICLE, _1, key="9999", price_minor=12345),
    is_("price, inner check wrong", full("229999712345"), BROKEN, _1),
    is_("price zero", full("220042000000"), BROKEN, _1),
    is_("count, 4+1+5", full("250042600500"), ARTICLE, _1, key="42", quantity=Decimal(500), unit="pc"),
    is_("count, inner check wrong", full("250042500500"), BROKEN, _1),
    is_("a prefix that this store has not", full("230042600500"), ARTICLE, _1, key=full("230042600500")),
    is_("item number zero", full("280000614685"), ARTICLE, _1,
        key="0", quantity=Decimal("14.685"), unit="kg"),
    is_("price, 5+5", full("210012300199"), ARTICLE, _2, key="123", price_minor=199),
    is_("price zero, 5+5", full("210012300000"), BROKEN, _2),
    is_("price, 5+5, check digit wrong", wrong("210012300199"), BROKEN, _2),
    is_("weight, 5+5", full("290012301250"), ARTICLE, _2, key="123", quantity=Decimal("1.25"), unit="kg"),
    is_("weight, 5+5, ]E0", "]E0" + full("290012301250"), ARTICLE, _2,
        key="123", quantity=Decimal("1.25"), unit="kg", symbology="E0"),
    is_("the same label in another store's table", full("290012301250"), ARTICLE, _1, key=full("290012301250")),
    is_("price, looked up by the label", full("270012300199"), ARTICLE, _2,
        key=full("270012300000"), price_minor=199),
    is_("the label that is looked up has no price", full("270012300000"), BROKEN, _2),
    is_("longest prefix: 291 before 29 and 2", full("291001230007"), ARTICLE, _2,
        key="123", quantity=Decimal(7), unit="pc"),
    is_("longest prefix: 29 before 2", full("292012301250"), ARTICLE, _2,
        key="20123", quantity=Decimal("1.25"), unit="kg"),
    is_("longest prefix: 2 where no other fits", full("230012300199"), ARTICLE, _2, key="300123", price_minor=199),
    is_("price with one decimal", full("240001230019"), ARTICLE, _2, key="123", price_minor=190),
    is_("UPC label as 13 digits", full("021234500199"), ARTICLE, _3, key="12345", price_minor=199),
    is_("UPC label as 12 digits", full("21234500199"), ARTICLE, _3, key="12345", price_minor=199),
    is_("]E0 UPC label as 12 digits", "]E0" + full("21234500199"), ARTICLE, _3, key="12345", price_minor=199),
    is_("UPC label of 28.75", full("21234592875"), ARTICLE, _3, key="12345", price_minor=2875),
    is_("UPC label, inner check wrong", full("21234582875"), BROKEN, _3),
    is_("UPC label, check digit wrong", wrong("21234592875"), BROKEN, _3),
    is_("UPC label, price zero", full("21234500000"), BROKEN, _3),
    is_("UPC label as 8 digits is none", full("2123450"), ARTICLE, _3, key=full("2123450")),
    is_("pounds, looked up by the label", full("231234591234"), ARTICLE, _3,
        key=full("231234500000"), quantity=Decimal("12.34"), unit="lb"),
    # deposit slips
    is_("slip with an amount", full("299900042125"), SLIP, _2, payload="00042", amount_minor=125),
    is_("]E0 slip with an amount", "]E0" + full("299900042125"), SLIP, _2, payload="00042", amount_minor=125),
    is_("slip, check digit wrong", wrong("299900042125"), BROKEN, _2),
    is_("slip without an amount", full("299800000042"), SLIP, _2, payload="00000042", amount_minor=None),
    is_("slip of prefix 980", full("980000420825"), SLIP, _2, payload="00042", amount_minor=825),
    is_("slip in a store without its rule", full("299900042125"), ARTICLE, key=full("299900042125")),
)  # fmt: skip


def _d(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


ELEMENTS: Final = (
    # symbologies, with right and wrong content
    is_("]C1 (01)", "]C1" + E1, ARTICLE, key=PEN, symbology="C1"),
    is_("]e0 (01)", "]e0" + E1, ARTICLE, key=PEN, symbology="e0"),
    is_("]d2 (01)", "]d2" + E1, ARTICLE, key=PEN, symbology="d2"),
    is_("]Q3 (01)", "]Q3" + E1, ARTICLE, key=PEN, symbology="Q3"),
    is_("(01) without AIM", E1, ARTICLE, key=PEN),
    is_("GS (01) without AIM", GS + E1, ARTICLE, key=PEN),
    is_("]d2 GS (01)", "]d2" + GS + E1, ARTICLE, key=PEN),
    is_("(01) of a case", "01" + CASE, ARTICLE, key=CASE),
    is_("]C1 (01), check digit wrong", "]C10104006381333932", BROKEN),
    is_("]d2 (01), check digit wrong", "]d20104006381333932", BROKEN),
    is_("(01) of zeros", "01" + "0" * 14, BROKEN),
    is_("(01), check digit wrong, without AIM", "0104006381333932", BROKEN),
    is_("(01), check digit wrong, and more", "010400638133393217261231", BROKEN),
    is_("]C1 (01), a digit short", "]C1010400638133393", BROKEN),
    is_("]C1 (01), a digit too many", "]C1" + E1 + "1", BROKEN),
    is_("]C1 (01), a letter inside", "]C10104006381A33931", BROKEN),
    is_("]C1 a bare EAN-13 is AI 400", "]C1" + PEN, NOTHING),
    is_("]d2 a bare EAN-13 is AI 400", "]d2" + PEN, NOTHING),
    is_("]e0 the GTIN alone", "]e0" + PEN14, ARTICLE, key=PEN),
    is_("]e0 the GTIN alone, wrong", "]e004006381333932", BROKEN),
    is_("]C1 text", "]C1HELLO", BROKEN),
    is_("]C1 brackets of the plain text below", "]C1(01)04006381333931", BROKEN),
    is_("brackets, without AIM", "(01)04006381333931", NOTHING),
    is_("]Q3 unknown AI 09", "]Q3" + E1 + "09123", BROKEN),
    is_("]d2 unknown AI 3179", "]d2" + E1 + "3170000500", BROKEN),
    is_("]C1 no AI at all", "]C1" + GS, NOTHING),
    # batch, serial, order, separators
    is_("(01)(10)", E1 + "10AB12", ARTICLE, key=PEN, batch="AB12"),
    is_("(01)(10) of 20 characters", E1 + "10" + "A" * 20, ARTICLE, key=PEN, batch="A" * 20),
    is_("]d2 (01)(10) of 21 characters", "]d2" + E1 + "10" + "A" * 21, BROKEN),
    is_("]d2 (01)(10) empty", "]d2" + E1 + "10", BROKEN),
    is_("]d2 (01)(10) with signs", "]d2" + E1 + "10A-1/2_%&!", ARTICLE, key=PEN, batch="A-1/2_%&!"),
    is_("]d2 (01)(10) with a space", "]d2" + E1 + "10A 1", BROKEN),
    is_("]d2 (01)(10) with #", "]d2" + E1 + "10A#1", BROKEN),
    is_("]d2 (01)(10) with ] for GS", "]d2" + E1 + "10A1]17261231", BROKEN),
    is_("]d2 (01)(10) with an umlaut", "]d2" + E1 + "10Ä1", BROKEN),
    is_("(01)(10) GS (21)", E1 + "10AB" + GS + "21XY", ARTICLE, key=PEN, batch="AB", serial="XY"),
    is_("(01)(21) GS (10)", E1 + "21XY" + GS + "10AB", ARTICLE, key=PEN, batch="AB", serial="XY"),
    is_("(01)(10)(21) without GS is one batch", E1 + "10AB21XY", ARTICLE, key=PEN, batch="AB21XY"),
    is_("(01)(10) GS at the end", E1 + "10AB" + GS, ARTICLE, key=PEN, batch="AB"),
    is_("(01) GS (17) GS: GS where none is needed", E1 + GS + "17261231" + GS, ARTICLE,
        key=PEN, use_by=_d("2026-12-31")),
    is_("(10) GS (01)", "10AB" + GS + E1, ARTICLE, key=PEN, batch="AB"),
    is_("]d2 (17)(10) GS (01)", "]d217261231" + "10AB" + GS + E1, ARTICLE,
        key=PEN, batch="AB", use_by=_d("2026-12-31")),
    is_("(17)(01) without AIM", "17261231" + E1, ARTICLE, key=PEN, use_by=_d("2026-12-31")),
    is_("(15)(01)(21) without AIM", "15261231" + E1 + "2112", ARTICLE,
        key=PEN, best_before=_d("2026-12-31"), serial="12"),
    is_("(10) twice, the same", E1 + "10AB" + GS + "10AB", ARTICLE, key=PEN, batch="AB"),
    is_("(10) twice, different", E1 + "10AB" + GS + "10CD", BROKEN),
    is_("(01) twice, the same", "]d2" + E1 + E1, ARTICLE, key=PEN),
    is_("(01) twice, different", "]d2" + E1 + "01" + CASE, BROKEN),
    is_("(17) twice, different", "]d2" + E1 + "1726123117261130", BROKEN),
    is_("(01)(22) variant", "]d2" + E1 + "222A", ARTICLE, key=PEN),
    is_("(01)(20) variant", "]d2" + E1 + "2001", ARTICLE, key=PEN),
    is_("(01)(240)(91)", "]d2" + E1 + "240X1" + GS + "91Y", ARTICLE, key=PEN),
    is_("(01)(7020)", "]d2" + E1 + "7020R1", ARTICLE, key=PEN),
    is_("(01)(716)", "]d2" + E1 + "716Z9", ARTICLE, key=PEN),
    is_("(01)(8200) with an address", "]d2" + E1 + "8200https://example.com/x", ARTICLE, key=PEN),
    # dates
    is_("(17)", E1 + "17261231", ARTICLE, key=PEN, use_by=_d("2026-12-31")),
    is_("(15)", E1 + "15261231", ARTICLE, key=PEN, best_before=_d("2026-12-31")),
    is_("(15)(17)(10)(21)", E1 + "1526113017261231" + "10AB" + GS + "21X", ARTICLE, key=PEN,
        best_before=_d("2026-11-30"), use_by=_d("2026-12-31"), batch="AB", serial="X"),
    is_("(17) day 00 is the last of the month", E1 + "17260200", ARTICLE, key=PEN, use_by=_d("2026-02-28")),
    is_("(15) day 00 in a leap year", E1 + "15280200", ARTICLE, key=PEN, best_before=_d("2028-02-29")),
    is_("(17) 29 February of a leap year", E1 + "17280229", ARTICLE, key=PEN, use_by=_d("2028-02-29")),
    is_("(17) 29 February of no leap year", E1 + "17270229", BROKEN),
    is_("(17) 31 April", E1 + "17260431", BROKEN),
    is_("(17) month 13", E1 + "17261301", BROKEN),
    is_("(17) month 00", E1 + "17260015", BROKEN),
    is_("(17) day 32", E1 + "17261232", BROKEN),
    is_("(17) a digit short", E1 + "1726123", BROKEN),
    is_("(17) a digit too many", E1 + "172612311", BROKEN),
    is_("(17) with a letter", E1 + "1726A231", BROKEN),
    is_("(15) past", E1 + "15200101", ARTICLE, key=PEN, best_before=_d("2020-01-01")),
    is_("(17) 50 years on is this century", E1 + "17760101", ARTICLE, key=PEN, use_by=_d("2076-01-01")),
    is_("(17) 51 years on is the last century", E1 + "17770101", ARTICLE, key=PEN, use_by=_d("1977-01-01")),
    is_("(17) 99", E1 + "17991231", ARTICLE, key=PEN, use_by=_d("1999-12-31")),
    is_("(11) production date", E1 + "11260101", ARTICLE, key=PEN),
    is_("(11) an impossible production date", E1 + "11261301", BROKEN),
    is_("(13) an impossible packaging date", E1 + "13260230", BROKEN),
    is_("(7003)", "]d2" + E1 + "70032603151830", ARTICLE, key=PEN, use_by=_d("2026-03-15")),
    is_("(7003) hour 24", "]d2" + E1 + "70032603152400", BROKEN),
    is_("(7003) minute 60", "]d2" + E1 + "70032603151260", BROKEN),
    is_("(7003) day 00", "]d2" + E1 + "70032603001200", BROKEN),
    is_("(7003) impossible date", "]d2" + E1 + "70032602301200", BROKEN),
    is_("(7003) without time", "]d2" + E1 + "7003260315", BROKEN),
    is_("(17) and an earlier (7003)", "]d2" + E1 + "17260401" + "70032603151830", ARTICLE,
        key=PEN, use_by=_d("2026-03-15")),
    # measures and prices
    is_("(3103)", EM + "3103000500", ARTICLE, key=MEAT, quantity=Decimal("0.5"), unit="kg"),
    is_("]e0 (3102)(15)", "]e0" + EM + "310200125015260401", ARTICLE,
        key=MEAT, quantity=Decimal("12.5"), unit="kg", best_before=_d("2026-04-01")),
    is_("(3100) ten kilograms", EM + "3100000010", ARTICLE, key=MEAT, quantity=Decimal(10), unit="kg"),
    is_("(3105)", EM + "3105012345", ARTICLE, key=MEAT, quantity=Decimal("0.12345"), unit="kg"),
    is_("(3106) is no AI", "]e0" + EM + "3106000500", BROKEN),
    is_("(3103) zero", EM + "3103000000", BROKEN),
    is_("(3103) a digit short", EM + "310300050", BROKEN),
    is_("(3103) twice, different", "]e0" + EM + "31030005003103000600", BROKEN),
    is_("(3103) and (3102)", "]e0" + EM + "31030005003102000050", BROKEN),
    is_("(3111) metres", EM + "3111000025", ARTICLE, key=MEAT, quantity=Decimal("2.5"), unit="m"),
    is_("(3142) square metres", EM + "3142000250", ARTICLE, key=MEAT, quantity=Decimal("2.5"), unit="m2"),
    is_("(3152) litres", EM + "3152000075", ARTICLE, key=MEAT, quantity=Decimal("0.75"), unit="l"),
    is_("(3153) zero", EM + "3153000000", BROKEN),
    is_("(30)", EM + "3012", ARTICLE, key=MEAT, quantity=Decimal(12), unit="pc"),
    is_("]e0 (30) zero", "]e0" + EM + "300", BROKEN),
    is_("]e0 (30) of nine digits", "]e0" + EM + "30123456789", BROKEN),
    is_("(3103) GS (3922)", EM + "3103000500" + "3922499", ARTICLE,
        key=MEAT, quantity=Decimal("0.5"), unit="kg", price_minor=499),
    is_("(3922)(3103) behind GS", EM + "3922499" + GS + "3103000500", ARTICLE,
        key=MEAT, quantity=Decimal("0.5"), unit="kg", price_minor=499),
    is_("(3920) whole", "]e0" + EM + "39205", ARTICLE, key=MEAT, price_minor=500),
    is_("(3923) that is whole cents", "]e0" + EM + "39231990", ARTICLE, key=MEAT, price_minor=199),
    is_("(3923) with a fraction of a cent", "]e0" + EM + "39231995", BROKEN),
    is_("(3922) zero", "]e0" + EM + "3922000", BROKEN),
    is_("(3922) empty", "]e0" + EM + "3922", BROKEN),
    is_("(3922) of 16 digits", "]e0" + EM + "39221234567890123456", BROKEN),
    is_("(3922) and (3920)", "]e0" + EM + "3922499" + GS + "39205", BROKEN),
    is_("(3932) euros", "]e0" + EM + "3932978499", ARTICLE, key=MEAT, price_minor=499),
    is_("(3932) francs are no cents of the till", "]e0" + EM + "3932756499", BROKEN),
    is_("(3932) currency alone", "]e0" + EM + "3932978", BROKEN),
    is_("(3922) and (3932)", "]e0" + EM + "3922499" + GS + "3932978500", BROKEN),
    # no trade item
    is_("(10) alone", "]d210AB", NOTHING),
    is_("(17) alone", "]d217261231", NOTHING),
    is_("(21) alone", "]C121XY", NOTHING),
    is_("(00) a pallet", "]C100" + full("34001234500000001"), NOTHING),
    is_("(00) a pallet, check digit wrong", "]C100" + wrong("34001234500000001"), BROKEN),
    is_("(02)(37) contents of a pallet", "]C102" + PEN14 + "3712", NOTHING),
    is_("(01)(02) contradict each other", "]C1" + E1 + "02" + CASE, BROKEN),
    is_("(01)(37) contradict each other", "]C1" + E1 + "3712", BROKEN),
    is_("(414) a place", "]Q3414" + full("400638100001"), NOTHING),
    is_("(414) a place, check digit wrong", "]Q3414" + wrong("400638100001"), BROKEN),
    is_("(8003) a crate of its own", "]C180030" + full("400638100002"), NOTHING),
    is_("(255) a coupon", "]C1255" + full("981400123050"), COUPON, payload=full("981400123050")),
    is_("(255) with a serial", "]e0255" + full("981400123050") + "42", COUPON,
        payload=full("981400123050") + "42"),
    is_("(255), check digit wrong", "]C1255" + wrong("981400123050"), BROKEN),
    is_("(255), too short", "]C125598140012305", BROKEN),
    is_("(255) with letters", "]C1255" + full("981400123050") + "AB", BROKEN),
    is_("(255) GS (17)", "]d2255" + full("981400123050") + GS + "17261231", COUPON),
    is_("(01)(255) contradict each other", "]d2" + E1 + "255" + full("981400123050"), BROKEN),
    is_("(8112) a paperless coupon", "]e0811200040063810012345", COUPON, payload="00040063810012345"),
    is_("(8112) empty", "]e08112", BROKEN),
    is_("(8110) a coupon of North America", "]e08110106141416543213150110000310123196000", COUPON),
)  # fmt: skip

_L: Final = "https://example.com/01/" + PEN14
LINKS: Final = (
    is_("link", _L, ARTICLE, key=PEN),
    is_("]Q1 link", "]Q1" + _L, ARTICLE, key=PEN, symbology="Q1"),
    is_("]d1 link", "]d1" + _L, ARTICLE, key=PEN, symbology="d1"),
    is_("]Q3 link", "]Q3" + _L, ARTICLE, key=PEN),
    is_("link of the GS1 resolver", "https://id.gs1.org/01/" + PEN14, ARTICLE, key=PEN),
    is_("http", "http://example.com/01/" + PEN14, ARTICLE, key=PEN),
    is_("HTTPS in capitals", "HTTPS://EXAMPLE.COM/01/" + PEN14, ARTICLE, key=PEN),
    is_("a port", "https://example.com:8443/01/" + PEN14, ARTICLE, key=PEN),
    is_("user info", "https://user:pw@example.com/01/" + PEN14, ARTICLE, key=PEN),
    is_("an address of numbers", "http://192.0.2.1/01/" + PEN14, ARTICLE, key=PEN),
    is_("an address of IPv6", "http://[2001:db8::1]/01/" + PEN14, ARTICLE, key=PEN),
    is_("a path in front", "https://example.com/de/p/01/" + PEN14, ARTICLE, key=PEN),
    is_("a path with 01 in front", "https://example.com/2026/01/shop/01/" + PEN14, ARTICLE, key=PEN),
    is_("a domain of another script", "https://xn--bcker-gra.example/01/" + PEN14, ARTICLE, key=PEN),
    is_("a GTIN of 13 digits", "https://example.com/01/" + PEN, ARTICLE, key=PEN),
    is_("a GTIN of 8 digits", "https://example.com/01/96385074", ARTICLE, key="96385074"),
    is_("a case", "https://example.com/01/" + CASE, ARTICLE, key=CASE),
    is_("a slash at the end", _L + "/", ARTICLE, key=PEN),
    is_("a fragment", _L + "#top", ARTICLE, key=PEN),
    is_("a fragment that looks like an attribute", _L + "#?17=200101", ARTICLE, key=PEN),
    is_("(10) in the path", _L + "/10/AB12", ARTICLE, key=PEN, batch="AB12"),
    is_("(21) in the path", _L + "/21/X9", ARTICLE, key=PEN, serial="X9"),
    is_("(22)(10)(21) in the path", _L + "/22/2A/10/AB/21/X9", ARTICLE, key=PEN, batch="AB", serial="X9"),
    is_("(10)(21) in the path and a slash", _L + "/10/AB/21/X9/", ARTICLE, key=PEN, batch="AB", serial="X9"),
    is_("(21)(10): the order is wrong", _L + "/21/X9/10/AB", NOTHING),
    is_("(10)(22): the order is wrong", _L + "/10/AB/22/2A", NOTHING),
    is_("(10) twice in the path", _L + "/10/AB/10/AB", NOTHING),
    is_("(235) in the path", _L + "/235/TPX1", ARTICLE, key=PEN),
    is_("(235) beside (21)", _L + "/21/X9/235/TPX1", NOTHING),
    is_("(17) in the path is no qualifier", _L + "/17/261231", NOTHING),
    is_("(10) without a value", _L + "/10", NOTHING),
    is_("(10) with an empty value", _L + "/10//21/X9", NOTHING),
    is_("(10) too long", _L + "/10/" + "A" * 21, NOTHING),
    is_("more path behind", _L + "/reviews", NOTHING),
    is_("%2F in a batch", _L + "/10/A%2FB", ARTICLE, key=PEN, batch="A/B"),
    is_("%2f in a batch", _L + "/10/A%2fB", ARTICLE, key=PEN, batch="A/B"),
    is_("%25 in a batch", _L + "/10/A%25B", ARTICLE, key=PEN, batch="A%B"),
    is_("a GTIN with an escape", "https://example.com/01/0400638133393%31", ARTICLE, key=PEN),
    is_("a broken escape: %2", _L + "/10/AB%2", NOTHING),
    is_("a broken escape: %ZZ", _L + "/10/AB%ZZ", NOTHING),
    is_("a lone %", _L + "/10/AB%", NOTHING),
    is_("an escape that is no text", _L + "/10/AB%FF", NOTHING),
    is_("an escaped GS", _L + "/10/AB%1D17261231", NOTHING),
    is_("an escaped NUL", _L + "/10/AB%00", NOTHING),
    is_("an escaped umlaut", _L + "/10/%C3%84", NOTHING),
    is_("?17", _L + "?17=261231", ARTICLE, key=PEN, use_by=_d("2026-12-31")),
    is_("?15 and ?10", _L + "?15=261231&10=AB", ARTICLE, key=PEN, best_before=_d("2026-12-31"), batch="AB"),
    is_("?17 behind a semicolon", _L + "?15=261130;17=261231", ARTICLE, key=PEN,
        best_before=_d("2026-11-30"), use_by=_d("2026-12-31")),
    is_("?17 with its name escaped", _L + "?%31%37=261231", ARTICLE, key=PEN, use_by=_d("2026-12-31")),
    is_("?17 and marketing", _L + "?utm_source=pack&17=261231&linkType=gs1:pip", ARTICLE,
        key=PEN, use_by=_d("2026-12-31")),
    is_("marketing alone", _L + "?utm_source=pack&lang=de", ARTICLE, key=PEN),
    is_("marketing with a lone %", _L + "?discount=10%", ARTICLE, key=PEN),
    is_("a ? and nothing", _L + "?", ARTICLE, key=PEN),
    is_("?17 impossible", _L + "?17=261301", NOTHING),
    is_("?17 empty", _L + "?17=", NOTHING),
    is_("?17 too short", _L + "?17=26123", NOTHING),
    is_("?17 twice, different", _L + "?17=261231&17=261130", NOTHING),
    is_("?10 against the path", _L + "/10/AB?10=CD", NOTHING),
    is_("?01 against the path", _L + "?01=" + CASE, NOTHING),
    is_("?3103", "https://example.com/01/" + MEAT + "?3103=000500", ARTICLE,
        key=MEAT, quantity=Decimal("0.5"), unit="kg"),
    is_("?3103 and ?3922", "https://example.com/01/" + MEAT + "?3103=000500&3922=499", ARTICLE,
        key=MEAT, quantity=Decimal("0.5"), unit="kg", price_minor=499),
    is_("?7003", _L + "?7003=2603151830", ARTICLE, key=PEN, use_by=_d("2026-03-15")),
    is_("a wrong check digit", "https://example.com/01/04006381333932", NOTHING),
    is_("a GTIN of 15 digits", "https://example.com/01/004006381333931", NOTHING),
    is_("a GTIN with a letter", "https://example.com/01/0400638133393A", NOTHING),
    is_("01 and no GTIN", "https://example.com/01/", NOTHING),
    is_("the GTIN only in the query", "https://example.com/?01=" + PEN14, NOTHING),
    is_("a GTIN without 01", "https://example.com/" + PEN14, NOTHING),
    is_("a shop's page", "https://example.com/gtin/" + PEN14, NOTHING),
    is_("(00) a pallet's link", "https://example.com/00/" + full("34001234500000001"), NOTHING),
    is_("(414) a place's link", "https://example.com/414/" + full("400638100001"), NOTHING),
    is_("a compressed link", "https://example.com/AQnYUc1gmiERhEA", NOTHING),
    is_("a short link", "https://qr.example/a1B2c3", NOTHING),
    is_("ftp", "ftp://example.com/01/" + PEN14, NOTHING),
    is_("httpx", "httpx://example.com/01/" + PEN14, NOTHING),
    is_("file", "file:///01/" + PEN14, NOTHING),
    is_("no host", "https:///01/" + PEN14, NOTHING),
    is_("no scheme", "://example.com/01/" + PEN14, NOTHING),
    is_("one slash", "https:/example.com/01/" + PEN14, NOTHING),
    is_("backslashes", "https:\\\\example.com\\01\\" + PEN14, NOTHING),
    is_("a space inside", "https://example.com/a b/01/" + PEN14, NOTHING),
    is_("a right-to-left override in the host", "https://exam\u202eple.com/01/" + PEN14, NOTHING),
    is_("a GS inside", _L + GS + "10AB", NOTHING),
    is_("text around it", "see " + _L, NOTHING),
    is_("longer than any code", _L + "?x=" + "a" * 3_000, NOTHING),
    is_("javascript", "javascript:alert(1)", NOTHING),
    is_("a data address", "data:text/html,01", NOTHING),
    is_("mail", "mailto:info@example.com", NOTHING),
    is_("the key of a wireless network", "WIFI:T:WPA;S:shop;P:secret;;", NOTHING),
    is_("a contact", "BEGIN:VCARD\nVERSION:3.0\nEND:VCARD", NOTHING),
    is_("a payment", "BCD\n002\n1\nSCT\n\nShop\nDE02120300000000202051\nEUR12.30", NOTHING),
    is_("any web page", "https://example.com/", NOTHING),
    is_("any web page, no path", "https://example.com", NOTHING),
    is_("any web page with a number", "https://example.com/p?id=" + PEN, NOTHING),
    is_("]Q1 any web page", "]Q1https://example.com/menu", NOTHING),
    is_("a web page without a scheme", "www.example.com/01/" + PEN14, NOTHING),
)  # fmt: skip

_TOKEN: Final = "berlin-1.AbCdEfGhIjKlMnOpQrStUv.a1B2-_d4"
_V0: Final = (
    "V0;KASSE-01;Kassenbeleg-V1;Beleg^10.00_5.00_0.00_0.00_0.00^15.00:Bar;300;600;2026-10-05T12:00:00.000Z;"
    "2026-10-05T12:00:01.000Z;ecdsa-plain-SHA256;unixTime;" + "ab+/" * 22 + ";" + "cd+/" * 22
)
RECEIPTS: Final = (
    is_("receipt's link", f"https://shop.example/r/{_TOKEN}", RECEIPT, payload=_TOKEN),
    is_("]Q1 receipt's link", f"]Q1https://shop.example/r/{_TOKEN}", RECEIPT, payload=_TOKEN, symbology="Q1"),
    is_("receipt's link, http and a port", f"http://hub.example:8080/r/{_TOKEN}", RECEIPT, payload=_TOKEN),
    is_("receipt's link, HTTPS", f"HTTPS://shop.example/r/{_TOKEN}", RECEIPT, payload=_TOKEN),
    is_("receipt's link behind a path", f"https://shop.example/a/hub/r/{_TOKEN}", RECEIPT, payload=_TOKEN),
    is_("receipt's link, token cut off", f"https://shop.example/r/{_TOKEN[:-1]}", NOTHING),
    is_("receipt's link, token too long", f"https://shop.example/r/{_TOKEN}x", NOTHING),
    is_("receipt's link, without MAC", "https://shop.example/r/" + _TOKEN.rpartition(".")[0], NOTHING),
    is_(
        "receipt's link, 21 in the middle", "https://shop.example/r/b.AbCdEfGhIjKlMnOpQrStU.a1B2-_d4", NOTHING
    ),
    is_("receipt's link, no store", "https://shop.example/r/.AbCdEfGhIjKlMnOpQrStUv.a1B2-_d4", NOTHING),
    is_("receipt's link, other path", f"https://shop.example/q/{_TOKEN}", NOTHING),
    is_("receipt's link, a sign inside", f"https://shop.example/r/{_TOKEN.replace('A', '+')}", NOTHING),
    is_("receipt's link in a query", f"https://shop.example/?to=/r/{_TOKEN}", NOTHING),
    is_("receipt's link, no host", f"https:///r/{_TOKEN}", NOTHING),
    is_("receipt's link by ftp", f"ftp://shop.example/r/{_TOKEN}", NOTHING),
    is_("tax office's code", _V0, FISCAL, payload=_V0),
    is_("]Q1 tax office's code", "]Q1" + _V0, FISCAL, payload=_V0, symbology="Q1"),
    is_("tax office's code, cut off in a field", _V0[: _V0.rindex(";")], NOTHING),
    is_("tax office's code, a field too many", _V0 + ";x", NOTHING),
    is_("tax office's code, nothing behind V0;", "V0;", NOTHING),
    is_("tax office's code, version 1", "V1" + _V0[2:], NOTHING),
)

SAMPLES: Final = (*NUMBERS, *UPC_E, *LABELS, *ELEMENTS, *LINKS, *RECEIPTS)
