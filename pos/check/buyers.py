"""`tresen check`: can the buyers on invoices still be read?"""

from pathlib import Path

from pos.check.report import Finding

__all__ = ["check_buyers"]

_SECTION = "Till"
_WHAT = "Invoice buyers"


def check_buyers(state: Path) -> list[Finding]:
    """Nothing where no invoice was ever written. A till sells without them; it cannot print an invoice again."""
    path = state / "buyers.db"
    if not path.exists():
        return []
    try:
        import apsw  # noqa: PLC0415 - its absence is a finding of its own

        from pos.buyers import look_at  # noqa: PLC0415
    except ImportError:
        return [Finding(_SECTION, _WHAT, "off", "cannot be read without apsw")]
    try:
        kept, broken, forgotten = look_at(path, state / "keys" / "buyers.key")
    except (apsw.Error, OSError) as error:
        return [Finding(_SECTION, _WHAT, "wrong", f"buyers.db: {error}", "Put buyers.db back from a backup.")]
    gone = f", {forgotten} forgotten" if forgotten else ""
    if broken:
        to_do = "Put keys/buyers.key back from a backup: their invoices cannot be printed again."
        return [Finding(_SECTION, _WHAT, "wrong", f"{broken} of {kept} cannot be read{gone}", to_do)]
    return [Finding(_SECTION, _WHAT, "ok", f"{kept}{gone}")]
