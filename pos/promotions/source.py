"""The port `pos.ports.Promotions` on the state folder's files: the shop's own rows, and those of the hub over them."""

from pathlib import Path
from typing import TYPE_CHECKING

from pos.ports import PromotionsUnavailableError

if TYPE_CHECKING:
    from pos.domain.price_past import Ran
    from pos.domain.promotions import Book, Promotion

__all__ = ["PromotionFiles"]

_FILES = ("promotions.json", "promotions-hub.json")  # as in pos.promotions.rows_file, which is loaded late
_Stamp = tuple[int, int, int, int] | None


class PromotionFiles:
    """Empty until the first `refresh`, and while there are no files. A row of the hub takes the place of an own one with its id."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._paths = tuple(state / name for name in _FILES)
        self._stamps: tuple[_Stamp, ...] = (None,) * len(_FILES)
        self._book: Book | None = None
        self._rows: tuple[Promotion, ...] = ()
        self._read = True

    @property
    def book(self) -> "Book | None":
        return self._book

    @property
    def ran(self) -> "tuple[Ran, ...]":
        """Also of rows that were ended; read anew each time it is asked."""
        if not self._rows:
            return ()
        from pos.promotions.past import ran_of  # noqa: PLC0415 - where a label is made

        return ran_of(self._state, self._rows)

    @property
    def unusable(self) -> bool:
        return not self._read

    def refresh(self) -> bool:
        """Two looks at the folder where nothing changed. Reading rows takes some 20 us each."""
        stamps = tuple(_stamp_of(path) for path in self._paths)
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        rows: dict[str, Promotion] = {}
        try:
            for path, stamp in zip(self._paths, stamps, strict=True):
                if stamp is not None:
                    rows |= {row.id: row for row in _rows_of(path)}
        except (OSError, ValueError) as error:
            self._read = self._book is not None
            raise PromotionsUnavailableError(f"{path.name}: {error}") from error
        self._read, self._rows = True, tuple(rows.values())
        if not rows:
            self._book = None
            return True
        from pos.domain.promotions import Book  # noqa: PLC0415 - a till without promotions does not load them

        self._book = Book(rows.values())
        return True


def _rows_of(path: Path) -> "tuple[Promotion, ...]":
    from pos.promotions.rows_file import read_rows  # noqa: PLC0415

    return read_rows(path.read_bytes())


def _stamp_of(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
