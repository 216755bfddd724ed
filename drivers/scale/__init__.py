"""What is read from a scale, and nothing else: the part of the program that the law on measuring looks at.

It imports nothing of the till. Its values are taken as the scale sent them, frozen, and never worked out again here.
`VERSION` is raised with every change, `fingerprint()` shows what really runs; `tresen check` prints both.
**It is not certified.** See docs/devices.md before a scale is connected for selling.
"""

import hashlib
from pathlib import Path
from typing import Final

from drivers.scale.values import ScaleTrouble, Step, Trouble, Weighing

__all__ = ["VERSION", "ScaleTrouble", "Step", "Trouble", "Weighing", "fingerprint"]

VERSION: Final = "1.0"


def fingerprint() -> str:
    """SHA-256 over the sources of this package, in the order of their names; hexadecimal."""
    found = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        found.update(path.name.encode() + b"\x00" + path.read_bytes() + b"\x00")
    return found.hexdigest()
