"""`python -m pos` is the command `tresen`."""

from pos.cli import main

main(prog_name="tresen")
