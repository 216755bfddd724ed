"""Makes a fresh till: folder, settings, journal, first operator. Used by `tresen init` and the first run."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from pos.bootstrap import create_till
from pos.people import PinRefusedError
from pos.settings import SettingsError, load_settings, write_settings
from pos.storage_ports import JournalUnavailableError
from pos.system import SystemIds
from sync.wire import Grant

__all__ = ["Made", "SetupError", "make_till", "read_shop_file"]

_TILL_LETTERS = "23456789abcdefghjkmnpqrstvwxyz"
_SHOP_KEYS = ("name", "address", "tax_number", "country", "currency", "language", "time_zone", "demo")


class SetupError(Exception):
    """The till could not be made; the sentence says why and what to do."""


class Made(msgspec.Struct, frozen=True):
    store: str
    till: str


def read_shop_file(path: Path) -> dict[str, Any]:
    """The [shop] settings in a shop.toml; raises SetupError."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SetupError(f"{path}: {error}") from error
    shop = data.get("shop", {})
    found = {key: shop[key] for key in _SHOP_KEYS if key in shop}
    if "id" in shop:
        found["store"] = shop["id"]
    found.update({key: value for key, value in data.get("receipt", {}).items() if key.startswith("footer_")})
    return found


def make_till(
    state: Path,
    *,
    operator: str,
    pin: str,
    till_id: str = "",
    store: str = "",
    hub: str = "",
    shop: dict[str, Any] | None = None,
    devices: dict[str, Any] | None = None,
    grant: Grant | None = None,
) -> Made:
    """Make it, whole or not at all where something is refused before the journal exists.

    `grant` says where the numbers of a till begin that the hub knows already.
    """
    till_id = till_id or "".join(_TILL_LETTERS[byte % len(_TILL_LETTERS)] for byte in SystemIds().token(5))
    _must_be_name("till", till_id)
    values: dict[str, dict[str, Any]] = {}
    shop = dict(shop or {})
    if store:
        shop["store"] = store
    if shop:
        values["shop"] = shop
    if devices:
        values["devices"] = devices
    if hub:
        values["hub"] = {"url": hub}
    path = state / "settings.toml"
    had_settings = path.exists()
    try:
        return _make(state, path, values, till_id, operator, pin, grant)
    except SetupError:
        if not had_settings:
            path.unlink(missing_ok=True)
        raise


def _make(
    state: Path,
    path: Path,
    values: dict[str, dict[str, Any]],
    till_id: str,
    operator: str,
    pin: str,
    grant: Grant | None,
) -> Made:
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
        if values and not path.exists():
            write_settings(path, values)
        settings = load_settings(state)
        _must_be_name("store", settings.shop.store)
        create_till(state, settings, till_id, operator, pin, grant)
    except PinRefusedError as error:
        raise SetupError(str(error)) from error
    except SettingsError as error:
        raise SetupError(f"The settings need mending:\n{error}") from error
    except JournalUnavailableError as error:
        raise SetupError(f"The till could not be made: {error.detail}.") from error
    except OSError as error:
        raise SetupError(f"The folder {state} cannot be used: {error.strerror}.") from error
    return Made(grant.store if grant is not None else settings.shop.store, till_id)


def _must_be_name(what: str, text: str) -> None:
    if not (0 < len(text) <= 24 and text.isascii() and text.replace("-", "").isalnum()):
        raise SetupError(f"A {what}'s id has 1 to 24 letters, digits or hyphens; {text!r} has not.")
