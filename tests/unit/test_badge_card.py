"""A badge on paper: both of its codes are read from the picture, and say what the till takes."""

from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from pos.domain.scans import ScanKind, own_code
from receipts.badge import draw_badge, write_badge

CODE = own_code(ScanKind.BADGE, "7F3K9Q2M8X1ZB4TD")


@pytest.mark.parametrize("name", ["Jo", "Wilhelmine-Charlotte Großmann-Überländer zu Höchstädt"])
def test_both_codes_of_a_card_can_be_scanned(name: str) -> None:
    image = draw_badge(name, "Käseladen am Markt", CODE)
    found = {(barcode.format.name, barcode.text) for barcode in zxingcpp.read_barcodes(image)}
    assert found == {("QRCode", CODE), ("Code128", CODE)}


def test_it_is_written_as_a_pdf_or_a_picture_in_the_size_of_a_card_and_as_nothing_else(
    tmp_path: Path,
) -> None:
    write_badge(tmp_path / "a.png", "Kim", "Laden", CODE)
    with Image.open(tmp_path / "a.png") as image:
        assert (image.size, round(image.info["dpi"][0])) == ((1011, 638), 300)
    write_badge(tmp_path / "a.pdf", "Kim", "Laden", CODE)
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(ValueError, match="docx"):
        write_badge(tmp_path / "a.docx", "Kim", "Laden", CODE)
