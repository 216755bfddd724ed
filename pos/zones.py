"""Time zones by their names (IANA)."""

from zoneinfo import ZoneInfo

__all__ = ["zone_of"]


def zone_of(name: str) -> ZoneInfo | None:
    """A time zone by its name; None, the machine's own, for none. Raises ValueError where there is no such zone."""
    try:
        return ZoneInfo(name) if name else None
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(f"there is no time zone {name!r}") from error
