"""Which column of a file is which of ours: by the names that other tills use, or as someone said."""

import json
import re
import tomllib
import unicodedata
from pathlib import Path
from typing import Literal

import msgspec

from pos.catalogue.report import FileRefusedError

__all__ = [
    "COLUMNS",
    "Columns",
    "FileMapping",
    "known_columns",
    "load_mapping",
    "mapping_path",
    "resolve_columns",
    "save_mapping",
]

# Our columns, each with the names it has elsewhere (as `_plain` writes them), the best first.
COLUMNS: dict[str, tuple[str, ...]] = {
    "gtin": (
        *(
            "ean",
            "eancode",
            "eannummer",
            "eannr",
            "ean13",
            "ean8",
            "gtinean",
            "eangtin",
            "barcode",
            "barcodes",
        ),
        *("strichcode", "upc", "isbn", "scancode", "code", "codes"),
    ),
    "sku": (
        *(
            "artikelnummer",
            "artikelnr",
            "artnr",
            "artno",
            "artikelno",
            "artikelid",
            "bestellnummer",
            "itemno",
        ),
        *("variantsku", "produktnummer", "produktnr", "nummer"),
    ),
    "plu": ("plunummer", "plunr", "plucode", "kurzwahl", "waagennummer"),
    "name": (
        *(
            "bezeichnung",
            "artikelname",
            "artikelbezeichnung",
            "artikel",
            "produktname",
            "produkt",
            "bezeichnung1",
        ),
        *("bontext", "kassentext", "kurztext", "titel", "title", "description", "text"),
    ),
    "price": (
        *("vk", "vkpreis", "vkbrutto", "bruttovk", "verkaufspreis", "verkaufspreisbrutto", "bruttopreis"),
        *("preisbrutto", "preis", "einzelpreis", "brutto", "uvp", "grossprice", "variantprice"),
    ),
    "price_net": (
        *("netto", "nettopreis", "preisnetto", "vknetto", "nettovk", "verkaufspreisnetto", "netprice"),
        *("pricenet",),
    ),
    "price_cents": ("preiscent", "preisincent", "pricecent"),
    "vat_rate": (
        *("mwst", "mwstsatz", "mehrwertsteuer", "mehrwertsteuersatz", "ust", "ustsatz", "umsatzsteuer"),
        *("umsatzsteuersatz", "steuersatz", "steuer", "vat", "vatpercent", "taxrate", "tax"),
    ),
    "tax_code": ("steuercode", "steuerkennzeichen", "mwstcode", "mwstkennzeichen", "vatcode"),
    "unit": ("einheit", "mengeneinheit", "verkaufseinheit", "me", "uom"),
    "department": ("warengruppe", "warengruppennummer", "wgr", "wg", "abteilung", "kategorie", "category"),
    "deposit": ("pfand", "pfandbetrag", "pfandpreis", "einwegpfand", "mehrwegpfand"),
    "deposit_cents": ("pfandcent", "pfandincent"),
    "deposit_gtin": ("pfandartikel", "pfandean", "pfandgtin", "pfandartikelnummer"),
    "min_age": ("mindestalter", "altersfreigabe", "altersbeschraenkung", "jugendschutz", "alter", "fsk"),
    "product": ("hauptartikel", "elternartikel", "modell", "parent"),
    "option_names": ("optionen", "merkmale", "variantenmerkmale"),
    "option_values": ("optionswerte", "merkmalwerte", "auspraegung", "auspraegungen", "variante"),
    "serial_required": ("seriennummer", "seriennummernpflicht", "seriennummerpflichtig", "serial"),
    "content_quantity": ("inhalt", "inhaltsmenge", "fuellmenge", "nettofuellmenge", "content"),
    "content_unit": ("inhaltseinheit", "inhalteinheit", "fuellmengeneinheit"),
    "valid_from": ("gueltigab", "gueltigvon", "preisgueltigab"),
    "valid_to": ("gueltigbis", "preisgueltigbis"),
}

_OF_NAME = {alias: ours for ours, names in COLUMNS.items() for alias in (ours.replace("_", ""), *names)}
# A file that has both is read by the first.
_ONE_OF = (
    *(("price", "price_net"), ("price", "price_cents"), ("price_cents", "price_net")),
    ("deposit", "deposit_cents"),
)
_MAPPING_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


class FileMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the files of one source are to be read; what is empty is found out. `columns` is ours -> theirs."""

    columns: dict[str, str] = {}
    delimiter: str = ""
    encoding: str = ""
    decimal: Literal["", ",", "."] = ""
    net: bool = False


class Columns(msgspec.Struct, frozen=True):
    """Where our columns are in the rows of one file. Only gtin and plu may have several places."""

    header: tuple[str, ...]
    places: dict[str, tuple[int, ...]]
    unused: tuple[str, ...]

    def __contains__(self, ours: str) -> bool:
        return ours in self.places

    def theirs(self, ours: str) -> str:
        """The file's name of one of our columns, for messages."""
        places = self.places.get(ours)
        return self.header[places[0]] if places else ours


def _plain(name: str) -> str:
    """`VK-Preis (€)` -> `vkpreis`; a number behind a code's name does not matter (`EAN 2` -> `ean`)."""
    folded = unicodedata.normalize("NFC", name).strip().lower().translate(_GERMAN)
    plain = "".join(char for char in folded if char.isalnum())
    if plain in _OF_NAME:
        return plain
    stem = plain.rstrip("0123456789")
    return stem if _OF_NAME.get(stem) in {"gtin", "plu"} else plain


def known_columns(header: list[str]) -> int:
    """How many names of a header are known."""
    return sum(_plain(name) in _OF_NAME for name in header)


def resolve_columns(header: list[str], stated: dict[str, str]) -> Columns:
    """Find our columns in a header; what was stated comes first. Raises FileRefusedError."""
    places: dict[str, list[int]] = {}
    for ours, theirs in stated.items():
        places[ours] = [_place_of(theirs, header, ours)]
    taken = {place for found in places.values() for place in found}
    ranked: dict[str, list[tuple[int, int]]] = {}
    for i, name in enumerate(header):
        found_ours = _OF_NAME.get(_plain(name))
        if found_ours and found_ours not in stated and i not in taken:
            ranked.setdefault(found_ours, []).append((_rank(found_ours, name), i))
    for ours, candidates in ranked.items():
        best_first = [i for _rank_, i in sorted(candidates)]
        places[ours] = best_first if ours in {"gtin", "plu"} else best_first[:1]
    for better, worse in _ONE_OF:
        if better in places and worse not in stated:
            places.pop(worse, None)
    used = {place for found in places.values() for place in found}
    unused = tuple(name for i, name in enumerate(header) if i not in used and name)
    columns = Columns(tuple(header), {ours: tuple(found) for ours, found in places.items()}, unused)
    _check_enough(columns)
    return columns


def _rank(ours: str, name: str) -> int:
    plain = _plain(name)
    return COLUMNS[ours].index(plain) + 1 if plain in COLUMNS[ours] else 0


def _place_of(theirs: str, header: list[str], ours: str) -> int:
    for wanted in (theirs.strip(), theirs.strip().casefold()):
        for i, name in enumerate(header):
            if name == wanted or name.casefold() == wanted:
                return i
    raise FileRefusedError(
        f"The column {theirs!r}, which was to be our {ours}, is not in the file. Its columns are: {_list(header)}."
    )


def _check_enough(columns: Columns) -> None:
    missing = [
        words
        for words, choices in (
            ("a code (gtin, plu) or an article number (sku)", ("gtin", "plu", "sku")),
            ("the name", ("name",)),
            ("the price", ("price", "price_net", "price_cents")),
            ("the VAT rate (vat_rate, tax_code or a department)", ("vat_rate", "tax_code", "department")),
        )
        if not any(choice in columns for choice in choices)
    ]
    if missing:
        found = [name for name in columns.header if name]
        raise FileRefusedError(
            f"The file has no column known to hold {'; '.join(missing)}. Its columns are: {_list(found)}. "
            "Name them with --column, for example --column price=Betrag."
        )


def _list(names: list[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:40])
    return shown + (", …" if len(names) > 40 else "")


def mapping_path(state: Path, name: str) -> Path:
    """Where a mapping is kept under its name; raises FileRefusedError for a name that is no file name."""
    if not _MAPPING_NAME.fullmatch(name):
        raise FileRefusedError(f"{name!r} cannot name a mapping: use letters, digits, - and _, at most 40.")
    return state / "mappings" / f"{name}.toml"


def load_mapping(path: Path) -> FileMapping:
    """Read a mapping; raises FileRefusedError."""
    try:
        with path.open("rb") as file:
            mapping = msgspec.convert(tomllib.load(file), FileMapping)
    except FileNotFoundError:
        others = ", ".join(sorted(other.stem for other in path.parent.glob("*.toml"))) or "none"
        raise FileRefusedError(f"There is no mapping {path}; there are: {others}.") from None
    except (OSError, ValueError, msgspec.ValidationError) as error:
        raise FileRefusedError(f"The mapping {path} cannot be read: {error}.") from error
    check_column_names(mapping.columns)
    return mapping


def check_column_names(columns: dict[str, str]) -> None:
    """Raises FileRefusedError where a mapping names a column that is none of ours."""
    for ours in columns:
        if ours not in COLUMNS:
            raise FileRefusedError(f"{ours!r} is none of our columns. They are: {', '.join(COLUMNS)}.")


def save_mapping(path: Path, mapping: FileMapping) -> None:
    """Write a mapping as TOML, so that people can change it."""
    lines = ["# How to read the files of one source: tresen catalogue import FILE --mapping " + path.stem]
    lines += [
        f"{key} = {_toml(value)}"
        for key, value in (
            ("delimiter", mapping.delimiter),
            ("encoding", mapping.encoding),
            ("decimal", mapping.decimal),
        )
        if value
    ]
    if mapping.net:
        lines.append("net = true")
    lines += ["", "[columns]", *(f"{ours} = {_toml(theirs)}" for ours, theirs in mapping.columns.items())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(text: str) -> str:
    """A JSON string is a basic string of TOML but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
