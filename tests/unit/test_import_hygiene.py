"""What the first frame may not load, proven in a process of its own."""

import subprocess
import sys
from pathlib import Path

HEAVY = (
    "escpos",
    "httpx",
    "biip",
    "sqlite_utils",
    "sqlalchemy",
    "litestar",
    "uvicorn",
    "PIL",
    "qrcode",
    "argon2",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
)


def test_opening_the_till_and_its_screen_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "import pos.bootstrap, pos.tui.app, pos.plain, pos.devices, pos.hub_line, sync.client\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"


def test_the_domain_loads_the_standard_library_and_msgspec_only() -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "import pos.domain.cart, pos.domain.codes, pos.domain.tax, pos.domain.commands, pos.domain.events\n"
        "tops = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(tops - set(sys.stdlib_module_names) - {'pos', 'msgspec', 'typing_extensions'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "[]"
