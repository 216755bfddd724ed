"""The rules of selling. Pure: the standard library and msgspec, no clock, no disk, no device."""
