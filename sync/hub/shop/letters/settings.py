"""What a hub needs to send: channels, quiet hours, the brand. A TOML file."""

import datetime as dt
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from pos.resources import read_toml
from sync.hub.brand import Brand, read_brand

__all__ = ["Channel", "MessageSettings", "Quiet", "SettingsError", "read_settings"]

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


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    quiet: Quiet
    retention_days: int
    give_up_hours: int
    channel: Mapping[str, Channel] = {}
    store: Mapping[str, Quiet] = {}
    brand: dict[str, Any] = {}


class MessageSettings(msgspec.Struct, frozen=True):
    """As they hold. `stores` are the quiet hours of those that have their own."""

    brand: Brand
    quiet: Quiet
    channels: Mapping[str, Channel] = {}
    stores: Mapping[str, Quiet] = {}
    retention_ms: int = 14 * 86_400_000
    give_up_ms: int = 48 * 3_600_000

    def quiet_of(self, store: str) -> Quiet:
        return self.stores.get(store, self.quiet)


def read_settings(path: Path | None = None) -> MessageSettings:
    """The shipped settings, and the file's over them. Raises SettingsError."""
    data = read_toml(*_FILE)
    try:
        if path is not None:
            with path.open("rb") as file:
                data.update(tomllib.load(file))
        read = msgspec.convert(data, _File)
        return MessageSettings(
            read_brand(read.brand),
            read.quiet,
            read.channel,
            read.store,
            read.retention_days * 86_400_000,
            read.give_up_hours * 3_600_000,
        )
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise SettingsError(f"the settings of messages cannot be used: {error}") from error
