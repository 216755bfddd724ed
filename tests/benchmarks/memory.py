"""How much memory the till takes: its screen after the start, and line mode over thousands of sales."""

from pathlib import Path

from tests.benchmarks.harness import Running
from tests.benchmarks.real_till import RealTill
from tests.benchmarks.report import Report
from tests.benchmarks.shop import OPERATOR, Catalogue, Shop
from tests.simulation.baskets import BasketRun

__all__ = ["measure", "status_mb"]

MB = 1024  # kB
SCREEN_MAX_MB, GROWTH_MAX_MB = 100, 2
GROWTH_FROM = 500  # the sale after which the caches are full
ASSORTMENT, DEAREST_CENTS = 5_000, 400  # a basket stays below what is given for it
STEPS = (GROWTH_FROM, 1_000, 2_000, 5_000, 10_000)


def measure(report: Report, shop: Shop, sells: Catalogue, sales: int) -> None:
    till = RealTill("memory", shop.till("memory-screen", sells), sells)
    with Running(till.candidate) as app:
        app.settle()
        _add(report, "memory of the screen after the start", status_mb(app.pid), SCREEN_MAX_MB)
        till.fill(app, 50)
        till.pay(app)
        _add(report, "memory of the screen after a sale of 50 lines", status_mb(app.pid), SCREEN_MAX_MB)
    seen = _line_mode(shop.till("memory-lines", sells), sells, sales)
    for at, figures in seen.items():
        _add(report, f"memory of line mode after {at:,} sales", figures, SCREEN_MAX_MB)
    if GROWTH_FROM in seen and sales > GROWTH_FROM:
        first, last = seen[GROWTH_FROM], seen[sales]
        name = f"memory growth from {GROWTH_FROM:,} to {sales:,} sales"
        report.add(name, last["VmRSS"] - first["VmRSS"], "MB", bar=GROWTH_MAX_MB)
        report.add(f"{name}, without files", last["RssAnon"] - first["RssAnon"], "MB", bar=GROWTH_MAX_MB)


def _line_mode(state: Path, sells: Catalogue, sales: int) -> dict[int, dict[str, float]]:
    """Memory after so many sales, by their number."""
    assert OPERATOR == "Kim", "the simulation signs in as Kim"
    codes = [article.code for article in sells.articles if article.cents <= DEAREST_CENTS][:ASSORTMENT]
    seen: dict[int, dict[str, float]] = {}

    def look(done: int, _whole: int) -> None:
        if done in STEPS or done == sales:
            assert run._till is not None
            seen[done] = status_mb(run._till.pid)

    run = BasketRun(state, codes, seed=1, progress=look)
    run.run(sales, 0)
    return seen


def _add(report: Report, name: str, figures: dict[str, float], bar: float) -> None:
    report.add(name, figures["VmRSS"], "MB", bar=bar)
    report.add(f"{name}, without files", figures["RssAnon"], "MB")


def status_mb(pid: int) -> dict[str, float]:
    """Resident memory. RssAnon is the part that stands for no file (a mapped catalogue counts in VmRSS only), VmHWM the peak."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    fields = {name: text.strip() for name, _, text in (line.partition(":") for line in lines)}
    return {name: int(fields[name].removesuffix(" kB")) / MB for name in ("VmRSS", "RssAnon", "VmHWM")}
