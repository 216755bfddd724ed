"""QR codes, bar codes and pictures: their settings, what fits on the paper, what a scanner could not read."""

from dataclasses import dataclass, field, replace

import qrcode
from qrcode.exceptions import DataOverflowError
from qrcode.util import MODE_8BIT_BYTE, QRData

from tests.simulators.paper import barcodes
from tests.simulators.paper.model import Barcode, Item, QrCode, RasterImage
from tests.simulators.paper.profile import FONT_A, FONT_B, Profile

QR_QUIET_MODULES = 4
QR_MODULE_MIN_DOTS = 3
HRI_GAP_DOTS = 2
_QR_LEVEL = {48: "L", 49: "M", 50: "Q", 51: "H"}
_QR_CORRECTION = {
    "L": qrcode.constants.ERROR_CORRECT_L,
    "M": qrcode.constants.ERROR_CORRECT_M,
    "Q": qrcode.constants.ERROR_CORRECT_Q,
    "H": qrcode.constants.ERROR_CORRECT_H,
}


@dataclass(frozen=True)
class Place:
    """Where on the line the next thing goes: alignment, usable dots, dots before them."""

    align: str
    area: int
    margin: int

    def left(self, width: int) -> int:
        slack = max(0, self.area - width)
        return self.margin + {"left": 0, "centre": slack // 2, "right": slack}[self.align]


@dataclass
class Outcome:
    """What one symbol command did: at most one item, and everything that was wrong with it."""

    item: Item | None = None
    complaints: list[tuple[str, str]] = field(default_factory=list)
    unknown: str = ""
    quiet: int = 0

    def complain(self, kind: str, message: str) -> None:
        self.complaints.append((kind, message))


def _qr(payload: bytes, level: str) -> "qrcode.QRCode[qrcode.image.base.BaseImage]":
    code = qrcode.QRCode(error_correction=_QR_CORRECTION[level], border=0, box_size=1)
    code.add_data(QRData(payload, mode=MODE_8BIT_BYTE))
    return code


def qr_matrix(payload: bytes, level: str) -> list[list[bool]]:
    """The symbol's modules without quiet zone, True where ink is; always one byte-mode segment."""
    code = _qr(payload, level)
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.get_matrix()]


class Symbols:
    """The settings of GS h, w, H, f and of the QR functions, and the printing with them."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._bar = Barcode()
        self._qr_module, self._qr_level, self._qr_payload = QR_MODULE_MIN_DOTS, "L", b""
        self._picture: RasterImage | None = None

    def setting(self, opcode: str, value: int) -> Outcome:
        """GS h, GS w, GS H and GS f."""
        allowed: dict[str, range | tuple[int, ...]] = {
            "h": range(1, 256),
            "w": range(2, 7),
            "H": (0, 1, 2, 3, 48, 49, 50, 51),
            "f": (0, 1, 48, 49),
        }
        outcome = Outcome()
        if value not in allowed[opcode]:
            outcome.complain("bad parameter", f"GS {opcode} {value}")
        elif opcode == "h":
            self._bar = replace(self._bar, height=value)
        elif opcode == "w":
            self._bar = replace(self._bar, module=value)
        elif opcode == "H":
            self._bar = replace(self._bar, hri=value % 48)
        else:
            self._bar = replace(self._bar, hri_font="AB"[value % 48])
        return outcome

    def barcode(self, arguments: bytes, place: Place) -> Outcome:
        """GS k, both forms."""
        form, outcome = arguments[0], Outcome()
        encode = barcodes.ENCODERS.get(form)
        if encode is None:
            outcome.unknown = f"bar code system {form} of GS k"
            return outcome
        try:
            symbol = encode(arguments[1:-1] if form <= 6 else arguments[2:])
        except barcodes.BarcodeError as error:
            outcome.complain("bad bar code", str(error))
            return outcome
        module = self._bar.module
        width = len(symbol.modules) * module
        if width > place.area:
            outcome.complain("does not fit", f"{symbol.name} needs {width} dots, the line has {place.area}")
            return outcome
        left = place.left(width)
        self._edges(outcome, left, width, symbol.quiet_left * module, symbol.quiet_right * module)
        text = FONT_A if self._bar.hri_font == "A" else FONT_B
        rows = {0: 0, 1: 1, 2: 1, 3: 2}[self._bar.hri]
        outcome.item = replace(
            self._bar,
            symbology=symbol.name,
            data=symbol.data,
            bars=symbol.modules,
            align=place.align,
            left=left,
            dots=self._bar.height + rows * (text[1] + HRI_GAP_DOTS),
        )
        return outcome

    def block(self, letter: str, body: bytes, place: Place) -> Outcome:
        """GS ( k and GS ( L; `body` is what follows the length."""
        if letter == "k" and len(body) >= 2 and body[0] == 49:
            return self._qr_function(body[1], body[2:], place)
        if letter == "L" and len(body) >= 2 and body[0] == 48:
            return self._graphics(body[1], body[2:], place)
        return Outcome(unknown=f"function of GS ( {letter}: {body[:8].hex(' ').upper()}")

    def raster(self, arguments: bytes, place: Place) -> Outcome:
        """GS v 0: rows of bytes, the mode doubles width (1) and height (2)."""
        outcome, mode = Outcome(), arguments[1]
        row_bytes, rows = int.from_bytes(arguments[2:4], "little"), int.from_bytes(arguments[4:6], "little")
        if mode not in (0, 1, 2, 3, 48, 49, 50, 51) or not row_bytes or not rows:
            outcome.complain("bad parameter", f"GS v 0 mode {mode}, {row_bytes} bytes x {rows} rows")
            return outcome
        image = RasterImage(
            bits=arguments[6:],
            row_bytes=row_bytes,
            scale_x=2 if mode & 1 else 1,
            scale_y=2 if mode & 2 else 1,
            align=place.align,
        )
        return self._placed(image, place)

    def _placed(self, image: RasterImage, place: Place) -> Outcome:
        outcome = Outcome()
        # Whole bytes may reach over the edge: only the unused bits of the last byte are lost.
        if image.width - 7 * image.scale_x > place.area:
            outcome.complain("does not fit", f"a picture of {image.width} dots, the line has {place.area}")
        outcome.item = replace(image, left=place.left(image.width), dots=image.height)
        return outcome

    def _edges(self, outcome: Outcome, left: int, width: int, quiet_left: int, quiet_right: int) -> None:
        """Complain when the paper ends before the quiet zone does."""
        paper_left = self._profile.margin_dots + left
        paper_right = self._profile.margin_dots + self._profile.width_dots - left - width
        for side, have, need in (("left", paper_left, quiet_left), ("right", paper_right, quiet_right)):
            if have < need:
                outcome.complain("quiet zone", f"{have} white dots {side} of the code, {need} needed")

    # -- GS ( k, QR ------------------------------------------------------------------------------

    def _qr_function(self, function: int, body: bytes, place: Place) -> Outcome:
        outcome = Outcome()
        if function == 65:  # 165: model
            if body not in (b"1\x00", b"2\x00"):
                outcome.complain("bad parameter", f"QR model {body.hex(' ')}")
            elif body[0] == ord("1"):
                outcome.complain("bad parameter", "QR model 1 is obsolete and read by few scanners")
        elif function == 67:  # 167: module size
            if len(body) != 1 or not 1 <= body[0] <= 16:
                outcome.complain("bad parameter", f"QR module size {body.hex(' ')}")
            else:
                self._qr_module = body[0]
        elif function == 69:  # 169: error correction
            if len(body) != 1 or body[0] not in _QR_LEVEL:
                outcome.complain("bad parameter", f"QR error correction {body.hex(' ')}")
            else:
                self._qr_level = _QR_LEVEL[body[0]]
        elif function == 80:  # 180: store
            if len(body) < 2 or body[:1] != b"0":
                outcome.complain("bad parameter", f"QR store with {len(body)} bytes")
            else:
                self._qr_payload = body[1:]
        elif function == 81:  # 181: print
            if body != b"0":
                outcome.complain("bad parameter", f"QR print {body.hex(' ')}")
            else:
                self._print_qr(outcome, place)
        else:
            outcome.unknown = f"QR function {function} of GS ( k"
        return outcome

    def _print_qr(self, outcome: Outcome, place: Place) -> None:
        if not self._qr_payload:
            outcome.complain("bad parameter", "QR print without stored data")
            return
        try:
            modules = 17 + 4 * int(_qr(self._qr_payload, self._qr_level).best_fit(start=1))
        except (DataOverflowError, ValueError):
            outcome.complain("does not fit", f"{len(self._qr_payload)} bytes are too many for a QR code")
            return
        module = self._qr_module
        width, quiet = modules * module, QR_QUIET_MODULES * module
        if module < QR_MODULE_MIN_DOTS:
            outcome.complain("module too small", f"QR module of {module} dots, {QR_MODULE_MIN_DOTS} needed")
        if width + 2 * quiet > place.area:
            outcome.complain(
                "does not fit", f"QR code of {width} dots with quiet zone, the line has {place.area}"
            )
            if width > place.area:
                return
        left = place.left(width)
        self._edges(outcome, left, width, quiet, quiet)
        outcome.quiet = quiet
        outcome.item = QrCode(
            dots=width,
            left=left,
            payload=self._qr_payload,
            module=module,
            level=self._qr_level,
            modules=modules,
            align=place.align,
        )

    # -- GS ( L, one picture in memory -----------------------------------------------------------

    def _graphics(self, function: int, body: bytes, place: Place) -> Outcome:
        outcome = Outcome()
        if function in (2, 50) and not body:
            if self._picture is None:
                outcome.complain("bad parameter", "GS ( L print without a stored picture")
            else:
                outcome = self._placed(replace(self._picture, align=place.align), place)
                self._picture = None
        elif function == 112 and len(body) > 8:  # a=48 monochrome, bx, by, c=49, x, y, rows
            wide, high = int.from_bytes(body[4:6], "little"), int.from_bytes(body[6:8], "little")
            row_bytes = (wide + 7) // 8
            good = body[0] == 48 and body[1] in (1, 2) and body[2] in (1, 2) and body[3] == 49
            if not good or len(body) - 8 != row_bytes * high:
                outcome.complain("bad parameter", f"GS ( L picture {wide} x {high}, {len(body) - 8} bytes")
            else:
                self._picture = RasterImage(
                    bits=body[8:], row_bytes=row_bytes, scale_x=body[1], scale_y=body[2]
                )
        else:
            outcome.unknown = f"function {function} of GS ( L"
        return outcome
