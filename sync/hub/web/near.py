"""Which store is near: from coordinates or a postcode, as somebody types them."""

import math
import re
from typing import Final

from msgspec import Struct

from sync.hub.shop.stores.messages import PutStore

__all__ = ["Place", "distance_km", "postcode_of", "read_place", "remoteness"]

_NUMBER: Final = r"([+-]?[0-9]{1,3}(?:[.,][0-9]{1,8})?)"
_COORDINATES: Final = re.compile(rf"{_NUMBER}(?:\s*[;,/]\s*|\s+){_NUMBER}")
_POSTCODE: Final = re.compile(r"(?:[A-Z]{1,2}-)?([0-9]{4,5})", re.IGNORECASE)
_LINE: Final = re.compile(r"(?:^|\s)(?:[A-Z]{1,2}-)?([0-9]{4,5})\s+\D")
_EARTH_KM: Final = 6_371.0


class Place(Struct, frozen=True):
    """Either coordinates in degrees, or a postcode."""

    latitude: float = 0.0
    longitude: float = 0.0
    postcode: str = ""


def read_place(text: str) -> Place | None:
    """`52.52, 13.40`, `52,52 13,40` or `10115`; None for anything else."""
    text = text.strip()
    code = _POSTCODE.fullmatch(text)
    if code is not None:
        return Place(postcode=code[1])
    match = _COORDINATES.fullmatch(text)
    if match is None:
        return None
    latitude, longitude = (float(part.replace(",", ".")) for part in match.groups())
    return Place(latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def postcode_of(store: PutStore) -> str:
    """The postcode in a store's address; empty where none is seen."""
    found = [match[1] for line in store.lines for match in _LINE.finditer(line)]
    return found[-1] if found else ""


def distance_km(place: Place, store: PutStore) -> float | None:
    """As the crow flies; None where either place is not known by coordinates."""
    if place.postcode or store.latitude is None or store.longitude is None:
        return None
    a, b = math.radians(place.latitude), math.radians(store.latitude)
    east = math.radians(store.longitude - place.longitude)
    half = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(east / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1.0, half)))


def remoteness(place: Place, store: PutStore) -> tuple[float, float]:
    """By which stores are put in order, the nearest first. Postcodes: the more first digits are the same, the nearer."""
    if not place.postcode:
        km = distance_km(place, store)
        return (0.0, km) if km is not None else (1.0, 0.0)
    code = postcode_of(store)
    if len(code) != len(place.postcode):
        return (math.inf, 0.0)
    same = next((n for n, (a, b) in enumerate(zip(code, place.postcode, strict=True)) if a != b), len(code))
    return (float(-same), float(abs(int(code) - int(place.postcode))))
