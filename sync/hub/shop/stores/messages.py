"""Messages about stores."""

from typing import Annotated

from msgspec import Meta, Struct

__all__ = ["Hours", "OtherDay", "PutStore", "Store", "StoreList", "StoreName", "Tag"]

StoreName = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z")]
Tag = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00]*\Z")]
_Minute = Annotated[int, Meta(ge=0, le=1440)]
_Weekday = Annotated[int, Meta(ge=1, le=7)]


class Hours(Struct, frozen=True, forbid_unknown_fields=True):
    """Open on one weekday (1 Monday to 7 Sunday), in minutes after the local midnight."""

    weekday: _Weekday
    opens: _Minute
    closes: _Minute


class OtherDay(Struct, frozen=True, forbid_unknown_fields=True):
    """A day on which other hours hold than in the week; several rows of one day are several spans. Equal times: closed."""

    day: Annotated[str, Meta(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z")]
    opens: _Minute = 0
    closes: _Minute = 0
    why: Annotated[str, Meta(max_length=60)] = ""


class PutStore(Struct, frozen=True, forbid_unknown_fields=True):
    """A store as it shall be. `latitude`, `longitude` in degrees (WGS 84); `gln` its GS1 number.

    `safety`: units of each article that are promised to nobody. `pickup_hours` opening hours until an order should be ready,
    `keep_days` days it is kept.
    """

    name: Tag
    lines: Annotated[tuple[Tag, ...], Meta(max_length=6)] = ()
    time_zone: Annotated[str, Meta(max_length=64)] = "Europe/Berlin"
    hours: Annotated[tuple[Hours, ...], Meta(max_length=21)] = ()
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    gln: Annotated[str, Meta(pattern=r"^([0-9]{13})?\Z")] = ""
    phone: Annotated[str, Meta(max_length=40)] = ""
    email: Annotated[str, Meta(max_length=200)] = ""
    pickup: bool = True
    ships: bool = False
    pickup_hours: Annotated[int, Meta(ge=0, le=1000)] = 4
    keep_days: Annotated[int, Meta(ge=1, le=365)] = 3
    safety: Annotated[int, Meta(ge=0, le=100_000)] = 0
    active: bool = True
    other_days: Annotated[tuple[OtherDay, ...], Meta(max_length=60)] = ()


class Store(Struct, frozen=True):
    """A store, and which version of it this is."""

    store: str
    version: int
    about: PutStore


class StoreList(Struct, frozen=True):
    """A page of stores by name; `next` is the cursor of the next one, empty at the end."""

    stores: tuple[Store, ...]
    next: str
