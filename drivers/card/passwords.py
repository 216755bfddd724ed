"""The terminal's six-digit password, out of a file that nobody else may read."""

import os
import stat
from pathlib import Path
from typing import Final

__all__ = ["DEFAULT", "PasswordError", "read_password"]

DEFAULT: Final = "000000"
"""What terminals are delivered with."""


class PasswordError(Exception):
    """There is a file, and no password to be had from it. The text is a code for the cashier."""


def read_password(file: Path | None) -> str:
    """DEFAULT without a file, or where it is not there. Raises PasswordError. Nothing it says names what is in the file."""
    if file is None:
        return DEFAULT
    try:
        with file.open("rb") as opened:
            about = os.fstat(opened.fileno())
            if stat.S_IMODE(about.st_mode) & 0o077:
                raise PasswordError("card-password-open")
            if about.st_uid not in (0, os.geteuid()):
                raise PasswordError("card-password-owner")
            text = opened.read(64).strip()
    except FileNotFoundError:
        return DEFAULT
    except OSError as error:
        raise PasswordError("card-password-unreadable") from error
    if len(text) != 6 or not text.isdigit():
        raise PasswordError("card-password-wrong")
    return text.decode("ascii")
