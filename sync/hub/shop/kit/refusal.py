"""A command that is answered no. It ends its transaction: nothing of it stays."""

from typing import Final

__all__ = ["RefusedError", "not_found"]

_PREFIX: Final = "urn:tresen:problem:"


class RefusedError(Exception):
    """Becomes a problem document (RFC 9457). `code` is the last part of its type, for programs; `title` a sentence.

    `status` 404 nothing there, 409 somebody else was first or the state forbids it, 412 another version, 422 the
    message makes no sense here.
    """

    def __init__(self, status: int, code: str, title: str, detail: str = "") -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail

    @property
    def type(self) -> str:
        return _PREFIX + self.code


def not_found(what: str, name: str = "") -> RefusedError:
    return RefusedError(404, "not-found", f"There is no such {what}", name[:64])
