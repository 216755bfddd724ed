"""The typefaces of pictures and PDF files: DejaVu Sans where the system has it, else the Vera that comes with reportlab.

DejaVu (Debian: fonts-dejavu-core) knows Greek, Polish and Turkish; Vera what Western Europe writes.
"""

import importlib.util
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Final

from receipts.escpos import SPELLINGS
from receipts.text import clean

__all__ = ["Faces", "faces", "spell"]

Faces = tuple[Path, Path]
"""Files of the plain face and of the bold one."""

_SYSTEM: Final = Path("/usr/share/fonts/truetype/dejavu")


@lru_cache(maxsize=1)
def faces() -> Faces:
    """Raises OSError where neither is installed."""
    found = (_SYSTEM / "DejaVuSans.ttf", _SYSTEM / "DejaVuSans-Bold.ttf")
    if all(path.is_file() for path in found):
        return found
    spec = importlib.util.find_spec("reportlab")
    if spec is None or spec.origin is None:
        raise OSError("there is no typeface: install reportlab, or Debian's fonts-dejavu-core")
    folder = Path(spec.origin).parent / "fonts"
    return folder / "Vera.ttf", folder / "VeraBd.ttf"


def spell(text: str) -> str:
    """`text` in one line of characters that the faces have; a star stands for what cannot be spelled."""
    return "".join(_spelled(char) for char in clean(text))


@lru_cache(maxsize=4096)
def _spelled(char: str) -> str:
    known = _known()
    if ord(char) in known:
        return char
    if char in SPELLINGS:
        return SPELLINGS[char]
    plain = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    return plain if plain and all(ord(part) in known for part in plain) else "*"


@lru_cache(maxsize=1)
def _known() -> frozenset[int]:
    """Code points that both faces can draw."""
    from reportlab.pdfbase.ttfonts import TTFontFile  # noqa: PLC0415 - half a second, for pictures and PDF only

    plain, bold = (TTFontFile(str(path)).charToGlyph for path in faces())
    return frozenset(plain) & frozenset(bold)
