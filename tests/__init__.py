"""Tests, simulations and benchmarks. What they start asks for no float: each sells from its first key on."""

import os

os.environ.setdefault("TRESEN_CASH_ASK_FLOAT", "false")
