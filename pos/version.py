"""The version, here and nowhere else; asking the installed package for it costs the start 20 ms."""

VERSION = "0.1.0"
