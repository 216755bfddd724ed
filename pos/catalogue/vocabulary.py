"""Words that files use for units, yes and no, and ages."""

import re

__all__ = ["age_of", "unit_of", "yes_or_no"]

# Other names of our units (pos.domain.article.UNITS, schema.CONTENT_UNITS), UN/ECE codes among them.
_UNIT_NAMES = {
    **dict.fromkeys(("", "st", "stk", "stck", "stück", "stueck"), "pc"),
    **dict.fromkeys(("pcs", "piece", "pieces", "ea", "each", "c62", "h87", "pce"), "pc"),
    **dict.fromkeys(("kilo", "kilogramm", "kilogram", "kgm"), "kg"),
    **dict.fromkeys(("gr", "gramm", "gram", "grm"), "g"),
    **dict.fromkeys(("ltr", "liter", "litre"), "l"),
    **dict.fromkeys(("milliliter", "millilitre", "mlt"), "ml"),
    **dict.fromkeys(("meter", "metre", "lfm", "mtr"), "m"),
    **dict.fromkeys(("m²", "qm", "mtk"), "m2"),
}
_YES = frozenset({"1", "ja", "j", "yes", "y", "true", "wahr", "x"})
_NO = frozenset({"", "0", "nein", "n", "no", "false", "falsch", "-"})
_AGE = re.compile(r"(?:ab )?([0-9]{1,2})(?: ?\+| jahren?| j\.?)?", re.IGNORECASE)


def unit_of(text: str) -> str:
    """Our name of a unit, or the text itself where there is none."""
    plain = text.lower().rstrip(".")
    return _UNIT_NAMES.get(plain, plain)


def yes_or_no(text: str) -> bool | None:
    plain = text.lower()
    return True if plain in _YES else False if plain in _NO else None


def age_of(text: str) -> int | None:
    """`16`, `ab 16`, `16+`; 0 for no age; None if it is no age."""
    if text.lower() in _NO:
        return 0
    match = _AGE.fullmatch(text)
    return int(match[1]) if match else None
