"""Messages to customers: every one of them in both languages, text and HTML alike, and safe whatever a field holds."""

import datetime as dt
import json
import re
import zoneinfo
from html.parser import HTMLParser
from typing import Any

import pytest

from pos.resources import config_path
from sync.hub.brand import Brand, read_brand
from sync.hub.shop.letters.kinds import LANGUAGES, common_words, kinds, sheet
from sync.hub.shop.letters.quiet import allowed_from
from sync.hub.shop.letters.rendering import hours_lines, moment, money, write
from sync.hub.shop.letters.settings import Quiet
from sync.hub.shop.letters.shops import OpenHours, Shop

DEADLINE_MS = int(dt.datetime(2026, 11, 25, 17, 30, tzinfo=dt.UTC).timestamp() * 1000)
SHOP = Shop(
    "Laden Mitte",
    ("Marktplatz 1", "00000 Probestadt"),
    "030 000",
    hours=(
        OpenHours((1, 2, 3, 4, 5), dt.time(9), dt.time(18, 30)),
        OpenHours((6, 7), dt.time(10), dt.time(14)),
    ),
)
ALL: dict[str, Any] = {
    "order": "W-17",
    "lines": [{"quantity": "2", "name": "Tee <grün> & Kanne", "amount_minor": 1998}],
    "missing": [{"quantity": "1", "name": "Tasse"}],
    "substitutes": [
        {"quantity": "0.250", "unit": "kg", "name": "Käse", "note": "gewogen", "amount_minor": 500}
    ],
    "total_minor": 123456,
    "pickup": True,
    "paid": False,
    "link": "https://laden.example/o/x?a=1&b=2",
    "extend_link": "https://laden.example/o/x/extend",
    "ordered_ms": DEADLINE_MS,
    "ready_by_ms": DEADLINE_MS,
    "carrier": "Paketdienst",
    "tracking": "1Z-17",
    "parcel": "https://laden.example/paket/1Z-17",
    "code": "7K4-92M",
    "deadline_ms": DEADLINE_MS,
    "due_minor": 500,
    "proof": "Ausweis",
    "refund_minor": 700,
    "refund_way": "auf Ihre Karte",
    "by_customer": False,
    "reason": "nicht lieferbar",
    "later": True,
    "receipt": "1-17",
    "amount_minor": 1998,
    "way": "auf Ihre Karte",
    "days": 3,
    "number": "1-17",
    "sold_ms": DEADLINE_MS,
    "from_name": "Oma",
    "greeting": "Alles Gute!\nDeine Oma",
    "valid_until_ms": DEADLINE_MS,
    "case": "F-9",
    "answer": "Ja.\nMorgen.",
    "what": "Hose kürzen",
    "kept": True,
}
EACH = [(language, kind) for language in LANGUAGES for kind in kinds()]


def fields(kind: str, *, optional: bool = True) -> dict[str, Any]:
    names = kinds()[kind].needs + (kinds()[kind].may if optional else ())
    return {name: ALL[name] for name in names}


class Reader(HTMLParser):
    """The words of a page, and whether every tag is closed."""

    VOID = frozenset({"meta", "br"})

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.script = ""
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in {"href", "src"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.script += data
        else:
            self.words.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


@pytest.mark.parametrize(("language", "kind"), EACH)
@pytest.mark.parametrize("optional", [True, False])
def test_each_message_says_the_same_as_text_and_as_html(language: str, kind: str, *, optional: bool) -> None:
    written = write(kind, language, fields(kind, optional=optional), SHOP, read_brand())
    page = read(written.html)
    shown = re.sub(r"\s+", "", "".join(page.words))
    for line in written.text.splitlines():
        for piece in re.split(r"[:,>()-]|https\S+", line):
            assert re.sub(r"\s+", "", piece) in shown, (piece, line)
    for text in (written.subject, written.text, written.short, written.html):
        assert "None" not in text
        assert "{" not in text.replace(page.script, "")
    assert 0 < len(written.short) <= 320
    assert len(written.subject) <= 78
    assert len(written.html) < 10_000
    assert all(link.startswith("https://laden.example/") for link in page.links)


@pytest.mark.parametrize(("language", "kind"), EACH)
def test_what_a_field_holds_is_never_markup_nor_a_template(language: str, kind: str) -> None:
    evil = "<script>alert(1)</script>\"'&{{ 7 * 7 }}{% for %}</script>"
    given = {
        name: evil if isinstance(value, str) and not name.endswith("link") else value
        for name, value in fields(kind).items()
    }
    if "lines" in given:
        given["lines"] = [{"quantity": "1", "name": evil, "note": evil, "amount_minor": 1}]
    written = write(kind, language, given, Shop(name=evil), read_brand({"name": evil}))
    page = read(written.html)
    assert "<script>alert" not in written.html
    assert "49" not in written.text
    if page.script:
        assert json.loads(page.script)["@context"] == "https://schema.org"


def test_a_link_that_is_none_is_no_button() -> None:
    written = write("receipt", "de", {**fields("receipt"), "link": "javascript:alert(1)"}, SHOP, read_brand())
    assert read(written.html).links == []


def test_machines_read_what_the_customer_is_told() -> None:
    ready = json.loads(
        read(write("order-ready", "de", fields("order-ready"), SHOP, read_brand()).html).script
    )
    assert ready["@type"] == "ParcelDelivery"
    assert ready["hasDeliveryMethod"] == "https://schema.org/OnSitePickup"
    assert ready["partOfOrder"]["orderNumber"] == "W-17"
    assert ready["expectedArrivalUntil"] == "2026-11-25T18:30:00+01:00"
    order = json.loads(
        read(write("order-received", "en", fields("order-received"), SHOP, read_brand()).html).script
    )
    assert (order["@type"], order["price"], order["acceptedOffer"][0]["price"]) == (
        "Order",
        "1234.56",
        "19.98",
    )
    assert "json" not in write("case-answered", "de", fields("case-answered"), SHOP, read_brand()).html


def test_both_languages_have_the_same_messages_and_words() -> None:
    names = {
        language: {path.name for path in (config_path() / "messages" / language).glob("*.toml")}
        for language in LANGUAGES
    }
    assert names["de"] == names["en"] == {f"{kind}.toml" for kind in kinds()} | {"common.toml"}
    assert common_words("de").keys() == common_words("en").keys()
    for kind in kinds():
        shapes = [
            [
                (
                    bool(b.text),
                    bool(b.code),
                    bool(b.button),
                    b.lines,
                    b.shop,
                    bool(b.quote),
                    len(b.rows),
                    b.only,
                )
                for b in sheet(language, kind).block
            ]
            for language in LANGUAGES
        ]
        assert shapes[0] == shapes[1], kind


def test_amounts_days_and_hours_are_written_as_the_language_writes_them() -> None:
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    assert [money(123456, "EUR", language) for language in LANGUAGES] == ["1.234,56\u00a0€", "€1,234.56"]
    assert [money(-5, "CHF", language) for language in LANGUAGES] == ["-0,05\u00a0CHF", "-CHF\u00a00.05"]
    assert moment(DEADLINE_MS, zone, "de") == "Mittwoch, 25. November 2026, 18:30 Uhr"
    assert moment(DEADLINE_MS, zone, "en") == "Wednesday, 25 November 2026, 18:30"
    assert hours_lines(SHOP.hours, "de") == ["Mo–Fr 9:00–18:30 Uhr", "Sa, So 10:00–14:00 Uhr"]
    assert hours_lines(SHOP.hours, "en") == ["Mon–Fri 9:00–18:30", "Sat, Sun 10:00–14:00"]


def test_the_brand_is_data_and_its_colours_can_be_read() -> None:
    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        high, low = sorted((light(one), light(other)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    brand = read_brand()
    for ink, ground in (
        (brand.ink, brand.paper), (brand.ink, brand.ground), (brand.muted, brand.paper),
        (brand.on_accent, brand.accent), (brand.accent, brand.paper),
    ):  # fmt: skip
        assert contrast(ink, ground) >= 4.5, (ink, ground)
    own = read_brand({"name": "Kiosk", "accent": "#112233", "imprint": ["Kiosk", "Weg 1"]})
    assert isinstance(own, Brand)
    written = write("order-ready", "de", fields("order-ready"), SHOP, own)
    assert "#112233" in written.html
    assert "Kiosk\nWeg 1" in written.text
    with pytest.raises(ValueError, match="colour"):
        read_brand({"accent": "red;}"})


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
NIGHT = Quiet(dt.time(20, 30), dt.time(8))


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "allowed"),
    [
        ("2026-11-22T12:00:00+01:00", "2026-11-22T12:00:00+01:00"),
        ("2026-11-22T20:29:59+01:00", "2026-11-22T20:29:59+01:00"),
        ("2026-11-22T20:30:00+01:00", "2026-11-23T08:00:00+01:00"),
        ("2026-11-23T07:59:59+01:00", "2026-11-23T08:00:00+01:00"),
        ("2026-11-23T08:00:00+01:00", "2026-11-23T08:00:00+01:00"),
        ("2026-03-28T23:00:00+01:00", "2026-03-29T08:00:00+02:00"),  # the clocks go forward in this night
        ("2026-10-24T23:00:00+02:00", "2026-10-25T08:00:00+01:00"),  # and back
    ],
)
def test_quiet_hours_follow_the_stores_clock(now: str, allowed: str) -> None:
    assert allowed_from(NIGHT, BERLIN, at(now)) == at(allowed)


def test_quiet_hours_differ_between_stores_of_other_time_zones() -> None:
    now = at("2026-11-22T20:00:00+00:00")
    assert allowed_from(NIGHT, BERLIN, now) == at("2026-11-23T07:00:00+00:00")
    assert allowed_from(NIGHT, zoneinfo.ZoneInfo("Atlantic/Azores"), now) == now


def test_quiet_hours_that_end_where_the_clock_jumps_end_after_the_jump() -> None:
    until_jump = Quiet(dt.time(22), dt.time(2, 30))
    assert allowed_from(until_jump, BERLIN, at("2026-03-29T00:00:00+01:00")) == at(
        "2026-03-29T03:30:00+02:00"
    )


def test_quiet_days_and_no_quiet_hours() -> None:
    sunday = Quiet(dt.time(20, 30), dt.time(8), (7,))
    assert allowed_from(sunday, BERLIN, at("2026-11-22T12:00:00+01:00")) == at("2026-11-23T08:00:00+01:00")
    assert allowed_from(sunday, BERLIN, at("2026-11-21T21:00:00+01:00")) == at("2026-11-23T08:00:00+01:00")
    never = Quiet(dt.time(0), dt.time(0))
    assert allowed_from(never, BERLIN, at("2026-11-22T03:00:00+01:00")) == at("2026-11-22T03:00:00+01:00")
