"""A card terminal from outside, strict about its till: ZVT on TCP and on a serial line, its faults, and what the cards were really charged."""

from tests.simulators.terminal.bank import Bank, Charge
from tests.simulators.terminal.faults import FAULTS
from tests.simulators.terminal.links import LinkLostError, SerialLink, TcpLink
from tests.simulators.terminal.pipe import Pipe
from tests.simulators.terminal.steps import Act, Step
from tests.simulators.terminal.terminal import Personality, Setup, Terminal, Timing

__all__ = [
    "FAULTS",
    "Act",
    "Bank",
    "Charge",
    "LinkLostError",
    "Personality",
    "Pipe",
    "SerialLink",
    "Setup",
    "Step",
    "TcpLink",
    "Terminal",
    "Timing",
]
