"""A shop's logo on paper: any picture made black and white and small enough, and its bytes for a printer.

The hub makes it ready once and refuses what is none; a till only sends what it has. A logo that cannot be printed is left out:
the receipt is what matters.
"""

import io
import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["PAPER_BYTES", "PAPER_DOTS", "LogoError", "paper_logo", "raster"]

PAPER_DOTS: Final = 384
"""The longest side: as wide as paper of 58 mm."""
PAPER_BYTES: Final = 4096
"""A third of a second at 115200 baud, and what the receive buffer of a small printer holds."""
_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_INK: Final = 250  # greys below are no paper
_DOTS_MAX: Final = 4_000_000
_REAL_TIME: Final = (b"\x10\x04", b"\x10\x05", b"\x10\x14")
_log = logging.getLogger("tresen.logo")


class LogoError(ValueError):
    """A picture cannot be printed as a logo; the text says why, without a subject."""


def paper_logo(picture: bytes) -> bytes:
    """The picture (PNG, JPEG, WebP) as a PNG of black dots, as wide as it may be and no larger than it is. Raises LogoError."""
    grey = _grey(_opened(picture))
    box = grey.point(lambda value: 255 if value < _INK else 0).getbbox()
    if box is None:
        raise LogoError("would be blank on white paper")
    cropped = grey.crop(box)
    cropped = cropped.point(_darker(cropped.histogram()))
    longest = max(cropped.size)
    scale = min(1.0, PAPER_DOTS / longest, (PAPER_BYTES * 8 / (cropped.width * cropped.height)) ** 0.5)
    while True:
        width, height = (max(1, int(side * scale)) for side in cropped.size)
        if (width + 7) // 8 * height <= PAPER_BYTES:
            break
        scale *= 0.99
    made = cropped.resize((width, height)) if scale < 1 else cropped
    black = made.convert("1")
    out = io.BytesIO()
    black.save(out, "PNG", optimize=True)
    return out.getvalue()


def _darker(histogram: list[int]) -> list[int]:
    """What each grey becomes: a logo in one colour is black on paper. Its darkest tenth is; edges may be darker by chance."""
    ink, seen, darkest = sum(histogram[:_INK]), 0, 0
    for value, dots in enumerate(histogram[:_INK]):
        seen += dots
        darkest = value
        if seen * 10 >= ink:
            break
    return [max(0, value - darkest) * 255 // (255 - darkest) for value in range(256)]


@lru_cache(maxsize=4)
def raster(logo: bytes, dots: int) -> bytes:
    """GS v 0 of a logo, for paper of so many dots; empty where it cannot be printed. What `paper_logo` made stays as it is.

    No real-time command (DLE EOT, DLE ENQ, DLE DC4) hides in it: where one would, a dot more is black.
    """
    try:
        image = _opened(paper_logo(logo))
    except LogoError as error:
        _log.error("the logo is left out of receipts: it %s", error)
        return b""
    if image.width > dots:
        image = image.resize((dots, max(1, image.height * dots // image.width)))
    width = (image.width + 7) // 8
    # Pillow's white is 1, the printer's black is 1; beyond the edge there is nothing.
    picture = bytearray(255 - byte for byte in image.tobytes())
    beyond = 8 * width - image.width
    for row in range(image.height):
        picture[(row + 1) * width - 1] &= 0xFF << beyond & 0xFF
    head = b"\x1d\x76\x30\x00" + width.to_bytes(2, "little") + image.height.to_bytes(2, "little")
    return head + _harmless(picture)


def _harmless(picture: bytearray) -> bytes:
    for at in range(len(picture) - 1):
        if bytes(picture[at : at + 2]) in _REAL_TIME:
            picture[at] |= 0x20
    return bytes(picture)


def _opened(picture: bytes) -> "Image":
    """Raises LogoError for what is none of the pictures that are taken, or too large to be looked at."""
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - slow to load, never on the start path

    try:
        image = Image.open(io.BytesIO(picture), formats=_FORMATS)
        if image.width * image.height <= _DOTS_MAX:
            image.load()
            return image
    except UnidentifiedImageError as error:
        raise LogoError("is no PNG, JPEG or WebP picture") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise LogoError("is a damaged picture") from error
    raise LogoError(f"has {image.width} x {image.height} dots; {_DOTS_MAX:,} are the most")


def _grey(image: "Image") -> "Image":
    """On white ground, whatever was transparent."""
    from PIL import Image  # noqa: PLC0415

    whole = image.convert("RGBA")
    white = Image.new("RGBA", whole.size, "white")
    return Image.alpha_composite(white, whole).convert("L")
