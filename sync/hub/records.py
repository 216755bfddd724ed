"""What stands in the way of records that are brought in bulk."""

from collections.abc import Sequence

__all__ = ["RecordError", "RecordsRefusedError"]


class RecordError(ValueError):
    """A record cannot be taken; the text says why, `field` where."""

    def __init__(self, text: str, field: str = "") -> None:
        super().__init__(text)
        self.field = field


class RecordsRefusedError(ValueError):
    """Some of the records that were to be put cannot be, by their places among them (from 0). Nothing was changed."""

    def __init__(self, errors: Sequence[tuple[int, RecordError]]) -> None:
        super().__init__("; ".join(str(error) for _, error in errors[:5]))
        self.errors = tuple(errors)
