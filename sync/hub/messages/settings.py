"""What a hub needs to send: channels, quiet hours, each store's time zone and how its customers find it. A TOML file."""

import datetime as dt
import tomllib
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from pos.resources import read_toml
from sync.hub.brand import Brand, read_brand

__all__ = ["Channel", "MessageSettings", "OpenHours", "Quiet", "SettingsError", "Shop", "read_settings"]

_FILE: Final = ("messages", "settings.toml")


class SettingsError(Exception):
    """The file cannot be used; the text is one sentence."""


class Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` is apprise's; `ca` a file with the certificate of the authority that vouches for a mail server (PEM)."""

    url: str
    ca: str = ""


class Quiet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From and to, by the store's clock; equal: there are none. `days` off, 1 Monday to 7 Sunday, are quiet throughout."""

    since: dt.time
    until: dt.time
    days: tuple[int, ...] = ()


class OpenHours(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """On these days (1 Monday to 7 Sunday), from and to by the store's clock."""

    days: tuple[int, ...]
    opens: dt.time
    closes: dt.time


class Shop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One store as its customers know it. What is empty is left out of messages."""

    name: str = ""
    address: tuple[str, ...] = ()
    phone: str = ""
    time_zone: str = "Europe/Berlin"
    hours: tuple[OpenHours, ...] = ()
    quiet: Quiet | None = None


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    quiet: Quiet
    retention_days: int
    give_up_hours: int
    channel: Mapping[str, Channel] = {}
    shop: Mapping[str, Shop] = {}
    brand: dict[str, Any] = {}


class MessageSettings(msgspec.Struct, frozen=True):
    """As they hold. A store that is not named has the default quiet hours and Central European time."""

    brand: Brand
    quiet: Quiet
    channels: Mapping[str, Channel]
    shops: Mapping[str, Shop]
    retention_ms: int
    give_up_ms: int

    def shop(self, store: str) -> Shop:
        return self.shops.get(store) or Shop(name=self.brand.name)


def read_settings(path: Path | None = None) -> MessageSettings:
    """The shipped settings, and the file's over them. Raises SettingsError."""
    data = read_toml(*_FILE)
    try:
        if path is not None:
            with path.open("rb") as file:
                data.update(tomllib.load(file))
        read = msgspec.convert(data, _File)
        for store, shop in read.shop.items():
            try:
                zoneinfo.ZoneInfo(shop.time_zone)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
                raise SettingsError(
                    f"shop.{store}.time_zone: {shop.time_zone} is no time zone, like Europe/Berlin"
                ) from error
        return MessageSettings(
            read_brand(read.brand),
            read.quiet,
            read.channel,
            read.shop,
            read.retention_days * 86_400_000,
            read.give_up_hours * 3_600_000,
        )
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise SettingsError(f"the settings of messages cannot be used: {error}") from error
