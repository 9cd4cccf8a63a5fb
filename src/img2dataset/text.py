"""Counts and sizes -> words for people."""

from __future__ import annotations

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: "1 shard", "2,000 shards"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def format_bytes(size: float) -> str:
    """Format bytes with three digits, in powers of 1000."""
    number, unit = float(size), 0
    while number >= 999.5 and unit < len(UNITS) - 1:
        number, unit = number / 1000, unit + 1
    return f"{number:.3g} {UNITS[unit]}"
