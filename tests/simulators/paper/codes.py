"""Two scanners that share no code, so that one forgiving reader cannot pass a bad picture."""

import base64
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from PIL.Image import Image


def read_codes(image: Image) -> dict[str, set[str]]:
    """Every code found in the picture by zbar and by ZXing: {"zbar": {...}, "zxing": {...}}."""
    import zxingcpp  # the demo's printer runs without the test tools

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "receipt.png"
        image.save(path)
        found = subprocess.run(
            ["zbarimg", "--quiet", "--xml", "--nodbus", str(path)],
            capture_output=True,
            check=False,
            timeout=60,
        )
    zbar = set[str]()
    for data in ET.fromstring(found.stdout).findall(".//{*}data"):
        content = data.text or ""
        if data.get("format") == "base64":
            content = base64.b64decode(content).decode("utf-8", errors="replace")
        zbar.add(content)
    zxing = {code.text for code in zxingcpp.read_barcodes(image) if code.text}
    return {"zbar": zbar, "zxing": zxing}
