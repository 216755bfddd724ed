"""Collects benchmark results, prints them with the machine they are from, and writes build/bench.json."""

import json
import os
import platform
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from tests.benchmarks.harness import ROOT

BENCH_JSON = ROOT / "build" / "bench.json"
COLUMNS = ("what", "value", "reference", "ratio", "bar", "")


@dataclass(frozen=True, slots=True)
class Result:
    """One figure. `bar` is an upper limit: on the ratio where there is a reference, else on the value."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    bar: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.reference if self.reference else None

    @property
    def holds(self) -> bool:
        if self.bar is None:
            return True
        if self.reference is None:
            return self.value <= self.bar
        return self.ratio is not None and self.ratio <= self.bar

    def as_json(self) -> dict[str, str | float | None]:
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "reference": self.reference,
            "ratio": self.ratio,
            "bar": self.bar,
        }


@dataclass(slots=True)
class Report:
    results: list[Result] = field(default_factory=list)

    def add(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        reference: float | None = None,
        bar: float | None = None,
    ) -> Result:
        result = Result(name, value, unit, reference, bar)
        self.results.append(result)
        return result

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if not result.holds]

    def table(self) -> str:
        rows = [COLUMNS, *(_row(result) for result in self.results)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        lines = []
        for what, *figures in rows:
            cells = [what.ljust(widths[0]), *(f.rjust(w) for f, w in zip(figures, widths[1:], strict=True))]
            lines.append("  ".join(cells).rstrip())
        return "\n".join([machine(), "", *lines])

    def print(self) -> None:
        print(self.table())

    def write(self, path: Path = BENCH_JSON) -> None:
        """Replaces the file: it holds one run, of one machine."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps([result.as_json() for result in self.results], indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")


def machine() -> str:
    """The machine in one line: without it no figure means anything."""
    load = " ".join(f"{average:.2f}" for average in os.getloadavg())
    versions = f"Python {platform.python_version()}, Textual {metadata.version('textual')}"
    return f"{_cpu_model()}, {len(os.sched_getaffinity(0))} cores, {versions}, load {load}"


def _cpu_model() -> str:
    # ARM kernels name the board under "Model" and no "model name".
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    return fields.get("model name") or fields.get("Model") or platform.machine()


def _row(result: Result) -> tuple[str, ...]:
    def figure(value: float | None, unit: str = "") -> str:
        return "-" if value is None else f"{value:,.2f} {unit}".rstrip()

    bar = "-" if result.bar is None else f"<= {figure(result.bar, '' if result.reference else result.unit)}"
    return (
        result.name,
        figure(result.value, result.unit),
        figure(result.reference, result.unit),
        figure(result.ratio),
        bar,
        "" if result.holds else "MISSED",
    )
