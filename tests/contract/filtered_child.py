"""Lives as the service lives: no memory both writable and executable, only the unit's system calls.

Run as `python filtered_child.py STATE CALLS`: puts the kernel's filter over itself as systemd would, then does what
a till does with its libraries, and says `alive` when all of it went well. With a command behind, it becomes that.
"""

import asyncio
import ctypes
import errno
import mmap
import os
import platform
import sys
from pathlib import Path

ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
MASKED_EQUAL = 7
PROT_WRITE, PROT_EXEC = 2, 4


class Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


def restrict(calls: set[str]) -> None:
    """systemd's SystemCallFilter= and MemoryDenyWriteExecute=, as two filters of libseccomp."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_load.argtypes = (ctypes.c_void_p,)
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(Comparison),
    )

    def rule(into: int, action: int, call: str, *comparisons: Comparison) -> None:
        number = library.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            return  # not a call of this machine's
        array = (Comparison * len(comparisons))(*comparisons)
        result = library.seccomp_rule_add_array(into, action, number, len(comparisons), array)
        if result:
            sys.exit(f"no rule for {call}: {result}")

    both = PROT_WRITE | PROT_EXEC
    memory = library.seccomp_init(ALLOW)
    rule(memory, REFUSE, "mmap", Comparison(2, MASKED_EQUAL, both, both))
    rule(memory, REFUSE, "mprotect", Comparison(2, MASKED_EQUAL, PROT_EXEC, PROT_EXEC))
    rule(memory, REFUSE, "pkey_mprotect", Comparison(2, MASKED_EQUAL, PROT_EXEC, PROT_EXEC))
    allowed = library.seccomp_init(REFUSE)
    for call in calls:
        rule(allowed, ALLOW, call)
    for loaded in (memory, allowed):  # the second forbids a third
        if library.seccomp_load(loaded):
            sys.exit("the filter cannot be loaded")


def libraries() -> None:
    """Everything with native code that the till loads, used once."""
    import apsw
    import argon2
    import evdev
    import msgspec
    import serial
    import usb.core
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from textual.app import App

    hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
    assert hasher.verify(hasher.hash(b"1234"), b"1234")
    sealer = AESGCM(AESGCM.generate_key(256))
    nonce = b"0" * 12
    assert sealer.decrypt(nonce, sealer.encrypt(nonce, b"name", None), None) == b"name"
    assert apsw.Connection(":memory:").execute("select 1").get == 1
    assert msgspec.json.decode(b"[1]") == [1]
    assert [evdev.ecodes.EV_KEY, serial.EIGHTBITS, App.__name__] == [1, 8, "App"]
    list(usb.core.find(find_all=True) or ())


def main() -> None:
    state, calls = Path(sys.argv[1]), set(sys.argv[2].split())
    restrict(calls)
    try:
        mmap.mmap(-1, 4096, prot=mmap.PROT_READ | PROT_WRITE | PROT_EXEC)
    except PermissionError:
        pass
    else:
        sys.exit("the filter does not hold")
    if sys.argv[3:]:
        os.execv(sys.argv[3], sys.argv[3:])
    libraries()

    from pos.bootstrap import open_till
    from pos.settings import load_settings
    from pos.setup import make_till

    make_till(state, operator="Anna", pin="2468")

    async def open_and_close() -> None:
        async with open_till(state, load_settings(state)):
            pass

    asyncio.run(open_and_close())
    print("alive", platform.machine())


if __name__ == "__main__":
    main()
