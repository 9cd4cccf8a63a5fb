"""Counts -> words for people."""

from __future__ import annotations


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: "1 shard", "2,000 shards"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
