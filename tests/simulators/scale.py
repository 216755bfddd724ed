"""A checkout scale from outside, on a pty: Dialog 06 or 8217, strict. What the manual does not give is noted in `refused`.

`python -m tests.simulators.scale --pty LINK --protocol dialog06` runs one; type grams, or a word of `WORDS`, to change it.
"""

import argparse
import os
import re
import select
import sys
import threading
import tty
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

__all__ = ["Dialog06Scale", "ScaleServer", "Toledo8217Scale", "main"]

ACK, NAK = b"\x06", b"\x15"
_RECORD = re.compile(
    rb"\x04\x02(?:01\x1b(?P<p1>[0-9]{6})\x1b\x03|03\x1b(?P<p3>[0-9]{6})\x1b(?P<t3>[0-9]{4})\x03"
    rb"|04\x1b(?P<p4>[0-9]{6})\x1b(?P<x4>[ -~]{13})\x03"
    rb"|05\x1b(?P<p5>[0-9]{6})\x1b(?P<t5>[0-9]{4})\x1b(?P<x5>[ -~]{13})\x03"
    rb"|08\x03|10\x1b(?P<proof>[0-9A-F]{8})\x03)",
    re.DOTALL,
)
WORDS = {
    "moving": b"20", "unfinished": b"22", "not-moved": b"21", "little": b"30", "negative": b"31",
    "overload": b"32", "general": b"01", "parity": b"02",
}  # fmt: skip


class _Scale:
    """What both have in common: what lies on it, and in which condition it is."""

    def __init__(self) -> None:
        self.grams = 0
        self.condition = ""
        self.conditions: list[str] = []  # those of the next askings, before `condition` holds
        self.silent = False
        self.refused = bytearray()
        self.asked = 0
        self._held = bytearray()

    def _now(self) -> str:
        return self.conditions.pop(0) if self.conditions else self.condition

    def feed(self, data: bytes) -> bytes:
        """What it answers."""
        out = b""
        for byte in data:
            out += self._byte(byte)
        return b"" if self.silent else out

    def _byte(self, byte: int) -> bytes:
        raise NotImplementedError


class Dialog06Scale(_Scale):
    """`generator` 0 asks for no checksums; else after power on, an error and every `every` weighings.

    `reckons_wrong` makes the amount differ by one cent.
    """

    def __init__(self, *, generator: int = 0, every: int = 50, z: int = 0x5C) -> None:
        super().__init__()
        self._generator = generator
        self._every = every
        self._z = z
        self._unproven = bool(generator)
        self._proof_asked = False
        self._verdict: bytes | None = None
        self._status = b"00"
        self._price: int | None = None
        self._weighings = 0
        self.texts: list[str] = []
        self.tares: list[int] = []
        self.reckons_wrong = False
        self.says_price: int | None = None
        self.proofs = 0

    def power_on(self) -> None:
        self._unproven = bool(self._generator)
        self._proof_asked, self._verdict, self._price = False, None, None

    def _byte(self, byte: int) -> bytes:
        if byte == 0x04:  # EOT: listen anew, whatever was begun
            self._held[:] = b"\x04"
            return b""
        if not self._held:
            self.refused.append(byte)
            return b""
        self._held.append(byte)
        if self._held == b"\x04\x05":
            self._held.clear()
            return self._result()
        if self._held[1] != 0x02 or len(self._held) > 40:
            self.refused += self._held
            self._held.clear()
            return NAK
        if byte != 0x03:
            return b""
        whole = bytes(self._held)
        self._held.clear()
        return self._take(whole)

    def _take(self, whole: bytes) -> bytes:
        found = _RECORD.fullmatch(whole)
        if found is None:
            self.refused += whole
            self._status = b"10"
            return NAK
        if whole[2:4] == b"08":
            return b"\x0209\x1b" + self._status + b"\x03"
        fields = found.groupdict()
        if fields["proof"] is not None:
            return self._prove(int(fields["proof"], 16))
        price = int(next(fields[key] for key in ("p1", "p3", "p4", "p5") if fields[key] is not None))
        self.texts += [fields[key].decode() for key in ("x4", "x5") if fields[key] is not None]
        self.tares += [int(fields[key]) for key in ("t3", "t5") if fields[key] is not None]
        if self._unproven:
            self._proof_asked = True
            return b"\x0211\x1b2%02X\x03" % self._z
        if not price:
            self._status = b"11"
            return NAK
        self._price, self._status = price, b"00"
        return ACK

    def _result(self) -> bytes:
        if self._verdict is not None:
            verdict, self._verdict = self._verdict, None
            return b"\x0211\x1b" + verdict + b"\x03"
        if self._price is None:
            self._status = b"01"
            return NAK
        self.asked += 1
        condition = self._now()
        if condition or self.grams <= 0:
            self._status = WORDS[condition] if condition else (b"31" if self.grams < 0 else b"30")
            if self._status not in (b"20", b"22"):
                self._price = None
                self._unproven = bool(self._generator)
            return NAK
        price, self._price = self._price, None
        self._weighings += 1
        if self._generator and self._weighings % self._every == 0:
            self._unproven = True
        exact = Decimal(self.grams) * price / 1000
        amount = int(exact.quantize(Decimal(1), ROUND_HALF_UP)) + self.reckons_wrong
        said = price if self.says_price is None else self.says_price
        return b"\x0202\x1b3\x1b%05d\x1b%06d\x1b%06d\x03" % (self.grams, said, amount)

    def _prove(self, proof: int) -> bytes:
        """The long division on paper, bit by bit, as strings: another way than the driver's."""
        if not self._proof_asked:
            self._status = b"01"
            return NAK
        self.proofs += 1
        first, second = f"{proof >> 16:016b}", f"{proof & 0xFFFF:016b}"
        left, right = self._z >> 4, self._z & 0x0F
        checksum = first[-left:] + first[:-left] if left else first
        rest = second[right:] + second[:right]
        row = list(checksum + "0" * 16)
        divisor = f"{self._generator:017b}"
        for at in range(16):
            if row[at] == "1":
                for place, digit in enumerate(divisor):
                    row[at + place] = str(int(row[at + place] != digit))
        right_one = "".join(row[16:]) == rest
        self._unproven = not right_one
        self._proof_asked = False
        self._verdict = b"1" if right_one else b"0"
        return ACK


_BITS = {"moving": 1, "overload": 2, "negative": 4, "outside": 8, "zero": 16}


class Toledo8217Scale(_Scale):
    def _byte(self, byte: int) -> bytes:
        if byte != ord("W"):
            self.refused.append(byte)
            return b""
        self.asked += 1
        condition = self._now()
        if condition or self.grams < 0:
            return b"\x02?" + bytes((0x40 | _BITS[condition or "negative"],)) + b"\r"
        return b"\x02%02d.%03d\r" % divmod(self.grams, 1000)


class ScaleServer:
    """A scale on a pty. `path` is a link that stays the same however often it is plugged."""

    def __init__(self, scale: Dialog06Scale | Toledo8217Scale, link: Path) -> None:
        self.scale = scale
        self.path = link
        self.changed = threading.Condition()
        self._master = -1
        self._plugged = 0
        self._left: int | None = None
        self._stop = False
        self.plug()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def plug(self) -> None:
        master, self._line = os.openpty()
        tty.setraw(self._line)
        self._plugged += 1
        Path(os.ttyname(self._line)).chmod(0o600 | self._plugged % 2)  # a node that is new looks new
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(os.ttyname(self._line))
        self._master = master

    def unplug(self) -> None:
        master, self._master = self._master, -1
        self.path.unlink(missing_ok=True)
        if master >= 0:
            os.close(self._line)
            os.close(master)

    def unplug_after(self, count: int) -> None:
        """Pull the line when so many bytes have gone over it, in either direction."""
        self._left = count

    def send(self, data: bytes) -> None:
        os.write(self._master, data)

    def close(self) -> None:
        self._stop = True
        self._thread.join()
        self.unplug()

    def _run(self) -> None:
        while not self._stop:
            master = self._master
            try:
                if master < 0 or not select.select([master], [], [], 0.005)[0]:
                    if master < 0:
                        with self.changed:
                            self.changed.wait(0.005)
                    continue
                data = os.read(master, 1 if self._left is not None else 64)
                self._count(len(data))
                for byte in self.scale.feed(data):
                    os.write(master, bytes((byte,)))
                    self._count(1)
            except (OSError, ValueError):
                continue

    def _count(self, moved: int) -> None:
        if self._left is not None:
            self._left -= moved
            if self._left <= 0:
                self._left = None
                self.unplug()
                raise OSError


def main() -> int:
    parser = argparse.ArgumentParser(prog="scale")
    parser.add_argument("--pty", type=Path, required=True, metavar="LINK")
    parser.add_argument("--protocol", choices=["dialog06", "8217"], default="dialog06")
    parser.add_argument("--grams", type=int, default=842)
    chosen = parser.parse_args()
    scale = Dialog06Scale() if chosen.protocol == "dialog06" else Toledo8217Scale()
    scale.grams = chosen.grams
    server = ScaleServer(scale, chosen.pty)
    print(f"A scale with {scale.grams} g on it. Type grams, a condition, or nothing for a scale at rest.")
    try:
        for line in sys.stdin:
            word = line.strip()
            if word.lstrip("-").isdigit():
                scale.grams = int(word)
            else:
                scale.condition = word
            print(f"{scale.grams} g {scale.condition}", flush=True)
    except KeyboardInterrupt:
        pass
    server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
