"""A file names VAT by a rate or by a letter; the till knows it by the code of the country's table."""

import datetime as dt
from contextlib import suppress
from decimal import Decimal

from pos.catalogue.amounts import read_percent
from pos.domain.tax import TaxTable, UnknownTaxCodeError

__all__ = ["TaxCodes"]


class TaxCodes:
    """Turns a file's tax code or VAT rate into a code of the country's table, on one day."""

    def __init__(self, table: TaxTable, on: dt.date) -> None:
        self._percent: dict[str, Decimal] = {}
        for code in table.codes:
            with suppress(UnknownTaxCodeError):
                self._percent[code] = table.rate(code, on).percent
        self._seen: dict[tuple[str, str], str | None] = {}

    def read(self, code: str, rate: str) -> str | None:
        """The code, None if it is unknown or if code and rate contradict each other."""
        key = (code, rate)
        if key not in self._seen and len(self._seen) < 10_000:
            self._seen[key] = self._read(code, rate)
        return self._seen[key] if key in self._seen else self._read(code, rate)

    def _read(self, code: str, rate: str) -> str | None:
        percent = read_percent(rate) if rate else None
        if rate and percent is None:
            return None
        if code:
            known = code.upper()
            return known if known in self._percent and percent in {None, self._percent[known]} else None
        return next((known for known, held in self._percent.items() if held == percent), None)

    def percent(self, code: str) -> Decimal:
        return self._percent[code]

    def known(self) -> str:
        return ", ".join(f"{code} = {percent} %" for code, percent in self._percent.items())
