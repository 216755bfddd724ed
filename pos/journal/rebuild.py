"""Deriving the views anew, in place or beside a running till."""

import tempfile
from pathlib import Path

import apsw

from pos.journal.views import Views

__all__ = ["compare_views", "rebuild_views"]


def rebuild_views(state: Path) -> str:
    """Make views.db anew; returns its digest. Nobody else may have it open."""
    views = Views(state / "views.db")
    views.rebuild(state / "journal", "rebuild")
    digest = views.digest()
    views.close()
    return digest


def compare_views(state: Path) -> tuple[str, str]:
    """The digest of the live views up to their own end, and of views derived anew up to the same fact."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "views.db"
        source = apsw.Connection(
            f"file:{state / 'views.db'}?mode=ro", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
        )
        source.set_busy_timeout(5_000)
        target = apsw.Connection(str(copy))
        with target.backup("main", source, "main") as copying:
            while not copying.done:
                copying.step(-1)
        applied = target.execute("select seq from applied").get
        target.execute("update applied set boot_id = 'compare', clean = 0")
        target.close()
        source.close()
        live = Views(copy)
        live.open_as_is("compare")
        fresh = Views(Path(folder) / "fresh.db")
        fresh.open_as_is("compare")
        fresh.catch_up(state / "journal", up_to=applied)
        digests = live.digest(), fresh.digest()
        live.close()
        fresh.close()
        return digests
