"""The shop's brand at the till: its colours can be read, its logo prints, and nothing of it stands in a sale's way."""

import io
import random
from pathlib import Path

import msgspec
import pytest
from PIL import Image, ImageDraw

from pos.brand import BrandError, ShopBrand, load_brand, take_changes
from pos.colours import TEXT, contrast
from pos.settings import load_settings
from receipts.escpos import compose
from receipts.logo import PAPER_BYTES, PAPER_DOTS, LogoError, paper_logo, raster
from receipts.model import Receipt, branded
from receipts.text import render_text
from tests.simulators.paper.interpreter import Interpreter
from tests.simulators.paper.model import RasterImage
from tests.simulators.paper.profile import PROFILES as PAPERS
from tests.unit.receipt_samples import PROFILES, SHOP, receipt

OURS = ShopBrand(
    "Zum Kuckuck",
    "#7a1f5c",
    "#ffffff",
    closing_de=("Bis bald!",),
    contact=("030 123456", "kuckuck.example"),
)


def picture(size: tuple[int, int] = (900, 300), form: str = "PNG") -> bytes:
    """A ring and a bar on transparent ground."""
    made = Image.new("RGBA", size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(made)
    width, height = size
    draw.ellipse(
        (width // 9, 10, width // 9 + height - 30, height - 20), outline=(20, 90, 80), width=height // 8
    )
    draw.rectangle((width // 2, height // 3, width - 20, 2 * height // 3), fill=(10, 10, 10, 255))
    out = io.BytesIO()
    (made if form != "JPEG" else made.convert("RGB")).save(out, form)
    return out.getvalue()


def hostile(seed: int) -> bytes:
    """A framed picture whose bytes are those of real-time commands, in any order."""
    chance = random.Random(seed)
    rows = [bytes(chance.choice(b"\x10\x04\x05\x14") for _ in range(30)) for _ in range(126)]
    black = b"\xff" * 32 + b"".join(b"\xff" + row + b"\xff" for row in rows) + b"\xff" * 32
    made = Image.frombytes("1", (256, 128), bytes(255 - byte for byte in black))
    out = io.BytesIO()
    made.save(out, "PNG")
    return out.getvalue()


def paper(made: Receipt, profile: str, logo: bytes) -> tuple[bytes, RasterImage | None]:
    """The job, and the picture that a strict printer found in it above the shop's name."""
    job = compose(made, PROFILES[profile], logo)
    judge = Interpreter(PAPERS[str(PROFILES[profile].columns)], strict=True)
    judge.feed(job)
    judge.finish()
    items = judge.receipts[0].items
    found = [
        at for at, item in enumerate(items) if isinstance(item, RasterImage) and item.width <= PAPER_DOTS + 7
    ]
    name = next(at for at, item in enumerate(items) if SHOP.name in getattr(item, "text", ""))
    above = [items[at] for at in found if at < name]
    return job, above[0] if above and isinstance(above[0], RasterImage) else None


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize("size", [(900, 300), (300, 900), (64, 64), (2000, 40)])
def test_a_logo_prints_on_every_printer_and_costs_little(profile: str, size: tuple[int, int]) -> None:
    ready = paper_logo(picture(size))
    command = raster(ready, PROFILES[profile].dots)
    without, nothing = paper(receipt(), profile, b"")
    job, found = paper(receipt(), profile, command)
    assert nothing is None
    assert found is not None
    assert found.width <= min(PROFILES[profile].dots, PAPER_DOTS + 7)
    assert 0 < len(job) - len(without) <= PAPER_BYTES + 24
    assert job.replace(command, b"").count(b"\x1dv0") == without.count(b"\x1dv0")


def test_a_shop_without_a_brand_prints_what_it_printed() -> None:
    assert branded(SHOP, ShopBrand()) == SHOP
    plain = receipt()
    assert compose(plain, PROFILES["epson-80"], b"") == compose(plain, PROFILES["epson-80"])


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"", "no PNG"),
        (b"<svg/>", "no PNG"),
        (picture()[:400], "damaged"),
        (picture(form="WEBP")[:90], "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "no PNG"),
        (b"GIF89a" + bytes(20), "no PNG"),
    ],
)
def test_a_picture_that_is_none_is_refused_and_left_out_of_receipts(bad: bytes, why: str) -> None:
    with pytest.raises(LogoError, match=why):
        paper_logo(bad)
    assert raster(bad, 512) == b""


def test_a_blank_and_an_enormous_picture_are_refused() -> None:
    for made, why in ((Image.new("L", (50, 50), 255), "blank"), (Image.new("1", (3000, 3000)), "dots")):
        out = io.BytesIO()
        made.save(out, "PNG")
        with pytest.raises(LogoError, match=why):
            paper_logo(out.getvalue())


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_what_is_ready_for_paper_stays_as_it_is(form: str) -> None:
    ready = paper_logo(picture(form=form))
    assert paper_logo(ready) == ready
    assert Image.open(io.BytesIO(ready)).mode == "1"


@pytest.mark.parametrize("seed", range(5))
def test_no_real_time_command_hides_in_a_logo(seed: int) -> None:
    made = hostile(seed)
    black = bytes(255 - byte for byte in Image.open(io.BytesIO(paper_logo(made))).tobytes())
    assert any(each in black for each in (b"\x10\x04", b"\x10\x05", b"\x10\x14")), "the sample holds some"
    command = raster(made, 576)
    assert command
    assert not any(each in command for each in (b"\x10\x04", b"\x10\x05", b"\x10\x14"))


def test_name_closing_lines_and_contact_stand_on_the_receipt() -> None:
    german = render_text(receipt(shop=branded(SHOP, OURS)), 42)
    names = [line.strip() for line in german]
    assert names.index("Zum Kuckuck") + 1 == names.index(SHOP.name), (
        "the law's name stays, under the known one"
    )
    assert "Zum Kuckuck" not in "".join(render_text(receipt(shop=branded(SHOP, OURS, with_name=False)), 42))
    shop = branded(SHOP, OURS)
    assert (shop.footer_de, shop.footer_en) == ("Bis bald!", SHOP.footer_en)
    assert shop.contact == ("030 123456", "kuckuck.example")


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"accent": "#ffee00", "on_accent": "#ffffff"}, "brand.on_accent on brand.accent"),
        ({"accent": "red", "on_accent": "#ffffff"}, "brand.accent"),
        ({"on_accent": "#ffffff"}, "brand.accent"),
        ({"name": "x" * 61}, "brand.name"),
        ({"closing_de": ("a",) * 5}, "brand.closing_de"),
        ({"contact": ("x" * 65,)}, "brand.contact"),
    ],
)
def test_what_could_not_be_read_is_refused_and_named(fields: dict[str, str], named: str) -> None:
    with pytest.raises(BrandError, match=named):
        ShopBrand(**fields)  # type: ignore[arg-type]


# -- what the hub said


def said(brand: ShopBrand | None) -> dict[str, object]:
    return {"kind": "brand", "key": "brand", "body": None if brand is None else msgspec.to_builtins(brand)}


def test_an_offline_till_keeps_the_last_brand_and_a_word_that_ends_it_ends_it(tmp_path: Path) -> None:
    assert load_brand(tmp_path) is None
    whole = msgspec.structs.replace(OURS, logo=paper_logo(picture()))
    assert take_changes(tmp_path, [said(OURS), said(whole)]) == whole
    assert load_brand(tmp_path) == whole, "also after a restart"
    assert take_changes(tmp_path, [said(whole)]) == whole
    assert take_changes(tmp_path, [said(None)]) is None
    assert list(tmp_path.iterdir()) == []


def test_a_feed_that_begins_anew_without_a_brand_takes_it_away_at_its_end_only(tmp_path: Path) -> None:
    take_changes(tmp_path, [said(OURS)])
    assert take_changes(tmp_path, [], begins=True) == OURS
    assert take_changes(tmp_path, []) == OURS
    assert take_changes(tmp_path, [], whole=True) is None
    take_changes(tmp_path, [said(OURS)], begins=True)
    assert take_changes(tmp_path, [], whole=True) == OURS
    assert take_changes(tmp_path, [], begins=True) == OURS
    take_changes(tmp_path, [said(OURS)])
    assert take_changes(tmp_path, [], whole=True) == OURS


def test_a_word_that_cannot_be_read_and_a_damaged_file_change_and_stop_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    take_changes(tmp_path, [said(OURS)])
    bad = {"kind": "brand", "key": "brand", "body": {"accent": "#ffee00", "on_accent": "#ffffff"}}
    assert take_changes(tmp_path, [bad]) == OURS
    assert "left out" in caplog.text
    (tmp_path / "brand.json").write_bytes(b"{half")
    assert load_brand(tmp_path) is None
    assert take_changes(tmp_path, [said(OURS)]) == OURS


# -- a till without a hub


def own(tmp_path: Path, text: str) -> ShopBrand:
    (tmp_path / "settings.toml").write_text(f"[brand]\n{text}\n")
    return load_settings(tmp_path, {}).brand.read(tmp_path)


def test_a_till_without_a_hub_has_its_own(tmp_path: Path) -> None:
    assert load_settings(None, {}).brand.read(None) == ShopBrand()
    (tmp_path / "logo.png").write_bytes(picture())
    found = own(tmp_path, 'name = "Kuckuck"\naccent = "#7a1f5c"\non_accent = "#ffffff"\nlogo = "logo.png"')
    assert (found.name, found.accent) == ("Kuckuck", "#7a1f5c")
    assert len(raster(found.logo, 512)) > 100
    assert contrast(found.accent, found.on_accent) >= TEXT


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('logo = "none.png"', "brand.logo: .*none.png cannot be read"),
        ('logo = "text.png"', "brand.logo: .*text.png is no PNG"),
        ('logo = "big.png"', "brand.logo: .*big.png has more than"),
        (
            'accent = "#777777"\non_accent = "#ffffff"',
            "brand.on_accent on brand.accent has a contrast of 4.48",
        ),
    ],
)
def test_what_is_wrong_with_it_names_the_field(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "big.png").write_bytes(b"\x89PNG" + bytes(1_000_001))
    with pytest.raises(BrandError, match=why):
        own(tmp_path, text)
