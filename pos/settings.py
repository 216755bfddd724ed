"""Settings in layers: shipped defaults, /etc/tresen/tresen.toml, the till's own settings.toml, TRESEN_*.

All faults are told at once, each with its file and key. Secrets do not belong here.
"""

import datetime as dt
import difflib
import os
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from pos.brand import BrandError, ShopBrand
from pos.domain.drawer import CashRules
from pos.domain.goods_rules import GoodsRules, read_deposits
from pos.domain.pins import DIGITS_MAX, DIGITS_MIN
from pos.domain.returns import RULES, ReturnPolicy
from pos.domain.rounding import PROFILES
from pos.domain.tender import ForeignRate, TenderRules
from pos.domain.transfer import CreditorAccount, TransferError, epc_payload
from pos.resources import config_path, read_toml, shipped_reasons
from pos.scan_files import ScanFileError, load_recalls, load_scan_table
from pos.zones import zone_of

__all__ = [
    "BrandSettings",
    "DeviceSettings",
    "GoodsSettings",
    "HubSettings",
    "PeopleSettings",
    "PspSettings",
    "ReturnSettings",
    "ScanSettings",
    "Settings",
    "SettingsError",
    "ShopSettings",
    "TenderSettings",
    "TillSettings",
    "default_state_folder",
    "load_settings",
    "write_settings",
]

SYSTEM_FILE = Path("/etc/tresen/tresen.toml")
_PREFIX = "TRESEN_"
_LOGO_MAX = 1_000_000


class SettingsError(Exception):
    """One or more settings are wrong; the text lists them all."""


class ShopSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who sells here. `demo`: nothing that is printed is a receipt, and it says so."""

    store: str
    name: str
    address: tuple[str, ...]
    tax_number: str
    country: str
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
    language: Literal["de", "en"]
    time_zone: str
    footer_de: tuple[str, ...]
    footer_en: tuple[str, ...]
    demo: bool


class BrandSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the shop looks where no hub says so; `logo` is a file."""

    name: str
    accent: str
    on_accent: str
    logo: str

    def read(self, state: Path | None) -> ShopBrand:
        """Raises BrandError, which names the field."""
        return ShopBrand(self.name, self.accent, self.on_accent, self._picture(state))

    def _picture(self, state: Path | None) -> bytes:
        if not self.logo:
            return b""
        path = Path(self.logo)
        if state is not None and len(path.parts) == 1:
            path = state / path
        try:
            with path.open("rb") as file:
                picture = file.read(_LOGO_MAX + 1)
        except OSError as error:
            raise BrandError(f"brand.logo: {path} cannot be read: {error.strerror}") from error
        if len(picture) > _LOGO_MAX:
            raise BrandError(f"brand.logo: {path} has more than {_LOGO_MAX:,} bytes")
        if not picture.startswith((b"\x89PNG", b"\xff\xd8\xff", b"RIFF")):
            raise BrandError(f"brand.logo: {path} is no PNG, JPEG or WebP picture")
        return picture


class TillSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    theme: str
    keymap: str
    digits_are_cents: bool
    receipt_paper: Literal["always", "ask", "digital-first", "never"]
    scan_repeat_ms: int
    type_large: tuple[str, ...]
    type_normal: tuple[str, ...]
    hand: Literal["right", "left"]
    wedge: bool
    second_copy: str
    keep_days: Annotated[int, msgspec.Meta(ge=1)]
    park_slip: bool
    share_parked: bool
    fine_codes: bool


class ScanSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    table: str
    one_pack_ms: Annotated[int, msgspec.Meta(ge=0, le=10_000)]
    past_percent: Annotated[int, msgspec.Meta(ge=0, le=99)]


class TenderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the shop takes; `foreign` holds "CUR RATE DAY"."""

    taken: tuple[Literal["cash", "card", "voucher", "foreign", "account", "invoice", "transfer", "link"], ...]
    rounding: Literal["off", "CH", "NL", "FI", "BE"]
    foreign: tuple[
        Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3} [0-9]+(\.[0-9]+)? [0-9]{4}-[0-9]{2}-[0-9]{2}$")], ...
    ]
    card_number: Literal["none", "ask", "required"]
    tips: bool
    cashback_max_minor: Annotated[int, msgspec.Meta(ge=0)]
    account_limit_minor: Annotated[int, msgspec.Meta(ge=0)]
    voucher_max_minor: Annotated[int, msgspec.Meta(ge=0)]
    voucher_offline_max_minor: Annotated[int, msgspec.Meta(ge=0)]
    counter_minutes: Annotated[int, msgspec.Meta(ge=0)]
    transfer_name: str
    transfer_iban: str
    transfer_bic: str
    transfer_release: Literal["wait", "word"]

    def rules(self) -> TenderRules:
        """Raises ValueError for a rate, a day or an account that is none."""
        return TenderRules(
            taken=self.taken,
            rounding=PROFILES[self.rounding],
            foreign=tuple(_rate(text) for text in self.foreign),
            card_number=self.card_number,
            tips=self.tips,
            cashback_max_minor=self.cashback_max_minor,
            account_limit_minor=self.account_limit_minor,
            voucher_max_minor=self.voucher_max_minor,
            voucher_offline_max_minor=self.voucher_offline_max_minor,
            counter_minutes=self.counter_minutes,
            transfer_to=self._account(),
            transfer_release=self.transfer_release,
        )

    def _account(self) -> CreditorAccount | None:
        if not self.transfer_iban:
            return None
        account = CreditorAccount(self.transfer_name, self.transfer_iban, self.transfer_bic)
        try:
            epc_payload(account, 1)
        except TransferError as error:
            raise ValueError(f"tenders.transfer_{error.code}: {error.detail!r} is none") from error
        return account


def _rate(text: str) -> ForeignRate:
    currency, rate, day = text.split()
    found = ForeignRate(currency, Decimal(rate), dt.date.fromisoformat(day))
    if found.rate <= 0:
        raise ValueError(f"tenders.foreign: {text!r} has no rate above 0")
    return found


class PeopleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pin_digits: Annotated[int, msgspec.Meta(ge=DIGITS_MIN, le=DIGITS_MAX)]
    badge: Literal["alone", "with-pin", "off"]
    idle_lock_minutes: Annotated[int, msgspec.Meta(ge=0)]
    switch_minutes: Annotated[int, msgspec.Meta(ge=0)]
    cart_follows_operator: bool
    roles: str


class GoodsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    age_check: Literal["date", "ask", "warn"]
    deposits: tuple[str, ...]
    discount_reasons: tuple[str, ...]
    price_reasons: tuple[str, ...]
    discount_percent_max: Annotated[int, msgspec.Meta(ge=0, le=100)]
    staff_percent: Annotated[int, msgspec.Meta(ge=0, le=100)]
    fixed_price_codes: tuple[str, ...]
    fixed_price_departments: tuple[int, ...]

    @property
    def rules(self) -> GoodsRules:
        return GoodsRules(
            age_check=self.age_check,
            deposits=read_deposits(self.deposits),
            discount_reasons=self.discount_reasons,
            price_reasons=self.price_reasons,
            discount_percent_max=self.discount_percent_max,
            staff_percent=self.staff_percent,
            fixed_price_codes=self.fixed_price_codes,
            fixed_price_departments=self.fixed_price_departments,
        )


class DeviceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scanner: tuple[str, ...]
    scanner_layout: str
    printer: str
    printer_profile: str
    printer_other: str
    drawer: bool
    drawer_kick: Literal[0, 1, 2]
    drawer_sensor: Literal["", "high", "low"]
    drawer_open_s: Annotated[int, msgspec.Meta(ge=1)]
    display: str
    display_protocol: Literal["cd5220", "esc-pos", "ba63"]
    display_words: Annotated[tuple[str, ...], msgspec.Meta(max_length=2)]
    scale: str
    scale_protocol: Literal["dialog06", "8217"]
    customer_screen: str
    card: tuple[str, ...]
    card_config: Literal["BE", "3E"]
    card_charset: Literal[
        "auto", "cp437", "din66003", "ascii", "utf_8", "iso8859_1", "iso8859_2", "iso8859_9", "iso8859_15"
    ]
    card_password_file: str
    card_sync: bool
    card_trace: bool


class PspSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A payment service; `key_file` holds its secret and may be read by nobody else. `methods` empty: as set at the service."""

    provider: Literal["", "stripe"]
    key_file: str
    address: str
    return_url: str
    methods: tuple[str, ...]


class ReturnSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reasons: tuple[str, ...]
    exchange_days: Annotated[int, msgspec.Meta(ge=0)]
    withdrawal_days: Annotated[int, msgspec.Meta(ge=0)]
    defect_days: Annotated[int, msgspec.Meta(ge=0)]
    recall_days: Annotated[int, msgspec.Meta(ge=0)]
    no_receipt_customer_cents: Annotated[int, msgspec.Meta(ge=0)]
    no_receipt_day_cents: Annotated[int, msgspec.Meta(ge=0)]
    return_offline_limit_cents: Annotated[int, msgspec.Meta(ge=0)]
    provider_days: Annotated[int, msgspec.Meta(ge=1, le=60)]

    def policy(self) -> ReturnPolicy:
        known = {reason.name: reason for reason in shipped_reasons()}
        days = (self.exchange_days, self.withdrawal_days, self.defect_days, self.recall_days)
        return ReturnPolicy(
            tuple(known[name] for name in self.reasons),
            dict(zip(RULES, days, strict=True)),
            self.no_receipt_customer_cents,
            self.no_receipt_day_cents,
            self.return_offline_limit_cents,
            self.provider_days,
        )


class HubSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    shop: ShopSettings
    brand: BrandSettings
    till: TillSettings
    tenders: TenderSettings
    people: PeopleSettings
    goods: GoodsSettings
    cash: CashRules
    scans: ScanSettings
    devices: DeviceSettings
    returns: ReturnSettings
    psp: PspSettings
    hub: HubSettings


def default_state_folder() -> Path:
    """TRESEN_STATE, else the user's state folder."""
    named = os.environ.get("TRESEN_STATE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "tresen"


def load_settings(state: Path | None = None, environ: dict[str, str] | None = None) -> Settings:
    """What is in force; raises SettingsError with every fault found."""
    values = read_toml("defaults.toml")
    problems: list[str] = []
    for path in (SYSTEM_FILE, state / "settings.toml" if state is not None else None):
        if path is not None and path.is_file():
            _lay_over(values, _read(path, problems), str(path), problems)
    surroundings = dict(os.environ) if environ is None else environ
    _lay_over(values, _from_environment(values, surroundings), "environment", problems)
    if not problems:
        try:
            settings = msgspec.convert(values, Settings)
            problems.extend(_missing_data(settings) or _bad_files(state, settings))
            problems.extend(_wrong_rates(settings))
            problems.extend(_wrong_zone(settings))
            if not problems:
                return settings
        except msgspec.ValidationError as error:
            problems.append(str(error))
    raise SettingsError("\n".join(problems))


def _wrong_zone(settings: Settings) -> list[str]:
    try:
        zone_of(settings.shop.time_zone)
    except ValueError:
        return [f'shop.time_zone: there is no {settings.shop.time_zone!r}; it is like "Europe/Berlin"']
    return []


def _missing_data(settings: Settings) -> list[str]:
    """What the settings name and nobody ships."""
    named = {
        "shop.country": Path("tax") / f"{settings.shop.country.lower()}.toml",
        "till.keymap": Path("keymaps") / f"{settings.till.keymap}.toml",
        "till.theme": Path("themes") / f"{settings.till.theme}.toml",
        "scans.table": Path("scans") / f"{settings.scans.table}.toml",
    }
    problems = []
    for key, path in named.items():
        there = sorted(found.stem for found in (config_path() / path.parent).glob("*.toml"))
        if path.stem not in there:
            problems.append(f"{key}: there is no {path.stem!r}; there are {', '.join(there)}")
    try:
        read_deposits(settings.goods.deposits)
    except ValueError as error:
        problems.append(f'goods.deposits: "{error}" is not like "25 A Einweg": cents, tax code, name')
    reasons = [reason.name for reason in shipped_reasons()]
    problems += [
        f"returns.reasons: there is no {name!r}; there are {', '.join(reasons)}"
        for name in settings.returns.reasons
        if name not in reasons
    ]
    return problems


def _wrong_rates(settings: Settings) -> list[str]:
    try:
        settings.tenders.rules()
    except ValueError as error:
        return [str(error) if str(error).startswith("tenders.") else f"tenders.foreign: {error}"]
    return []


def _bad_files(state: Path | None, settings: Settings) -> list[str]:
    """What is wrong with the files that a store writes itself."""
    problems = []
    try:
        load_scan_table(settings.scans.table, state, settings.shop.country)
    except ScanFileError as error:
        problems.append(str(error))
    try:
        if state is not None:
            load_recalls(state)
    except ScanFileError as error:
        problems.append(str(error))
    return problems


def write_settings(path: Path, values: dict[str, dict[str, Any]]) -> None:
    """Write a settings file: tables of strings, numbers, booleans and lists of strings."""
    lines = []
    for table, keys in values.items():
        lines.append(f"[{table}]")
        lines.extend(f"{key} = {_toml(value)}" for key, value in keys.items())
        lines.append("")
    building = path.with_suffix(".part")
    building.write_text("\n".join(lines), encoding="utf-8")
    building.replace(path)


def _toml(value: Any) -> str:
    """JSON's strings, numbers, booleans and arrays of strings are TOML's."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _read(path: Path, problems: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{path}: {error}")
        return {}


def _lay_over(values: dict[str, Any], layer: dict[str, Any], source: str, problems: list[str]) -> None:
    for table, keys in layer.items():
        if table not in values or not isinstance(keys, dict):
            problems.append(f"{source}: [{table}] is unknown{_suggest(table, values)}")
            continue
        for key, value in keys.items():
            known = values[table].get(key)
            if key not in values[table]:
                problems.append(f"{source}: {table}.{key} is unknown{_suggest(key, values[table])}")
            elif type(known) is not type(value):
                problems.append(f"{source}: {table}.{key} must be {type(known).__name__}")
            else:
                values[table][key] = value


def _from_environment(values: dict[str, Any], environ: dict[str, str]) -> dict[str, Any]:
    """TRESEN_HUB_URL sets hub.url; lists are separated by spaces."""
    found: dict[str, Any] = {}
    for table, keys in values.items():
        for key, known in keys.items():
            text = environ.get(f"{_PREFIX}{table}_{key}".upper())
            if text is None:
                continue
            value: Any = text
            if isinstance(known, bool):
                value = text.lower() in {"1", "true", "yes"}
            elif isinstance(known, int):
                value = int(text) if text.lstrip("-").isdigit() else text
            elif isinstance(known, list):
                value = text.split()
            found.setdefault(table, {})[key] = value
    return found


def _suggest(word: str, known: dict[str, Any]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    return f" (did you mean {close[0]}?)" if close else ""
