"""VAT codes and their rates by date. The rate is chosen by the time of supply and kept with the line."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

import msgspec

__all__ = ["TaxRate", "TaxTable", "UnknownTaxCodeError"]


class UnknownTaxCodeError(LookupError):
    """A tax code has no rate on that day: the tax table in config/tax is incomplete."""


class TaxRate(msgspec.Struct, frozen=True):
    """One code's rate over a span of days.

    `code` is the letter on the receipt, `key` the number the country's export knows it by
    (DSFinV-K UST_SCHLUESSEL), `percent` the rate, both days inclusive, `valid_to` None for open.
    """

    code: str
    key: int
    percent: Decimal
    valid_from: dt.date
    valid_to: dt.date | None = None


class TaxTable:
    """All rates of a country, asked by code or by percent on a day."""

    def __init__(self, rates: Iterable[TaxRate]) -> None:
        self._by_code: dict[str, list[TaxRate]] = {}
        for rate in rates:
            self._by_code.setdefault(rate.code, []).append(rate)
        self._cache: dict[tuple[str, dt.date], TaxRate] = {}

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(self._by_code)

    def rate(self, code: str, on: dt.date) -> TaxRate:
        """The rate of a code on a day; raises UnknownTaxCodeError."""
        found = self._cache.get((code, on))
        if found is None:
            found = self._look_up(code, on)
            if len(self._cache) > 1_000:
                self._cache.clear()
            self._cache[(code, on)] = found
        return found

    def _look_up(self, code: str, on: dt.date) -> TaxRate:
        for rate in self._by_code.get(code, ()):
            if rate.valid_from <= on and (rate.valid_to is None or on <= rate.valid_to):
                return rate
        raise UnknownTaxCodeError(f"tax code {code!r} has no rate on {on}")

    def key_of(self, code: str, percent: Decimal) -> int:
        """The export's number of a code at a rate, whenever it held; 0 where no rate was ever so."""
        return next((rate.key for rate in self._by_code.get(code, ()) if rate.percent == percent), 0)

    def code_of_percent(self, percent: Decimal, on: dt.date) -> str | None:
        """The first code whose rate on that day is `percent`, for files that name rates only."""
        for code in self._by_code:
            try:
                if self.rate(code, on).percent == percent:
                    return code
            except UnknownTaxCodeError:
                continue
        return None
