"""Shards that a changed list touches -> words for a person."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from img2dataset.text import plural

MAX_NAMED_RANGES = 5
"""Ranges of shards, or files of the list, that a message names at most."""


def describe_touched(touched: Mapping[int, str], name_of: Callable[[int], str]) -> str:
    """Describe to a person which shards are touched, by files of the list."""
    by_file: dict[str, list[int]] = {}
    for shard_id, url in sorted(touched.items()):
        by_file.setdefault(url, []).append(shard_id)
    texts = [
        f"{format_ranges(ids, name_of)} ({url.rpartition('/')[2] or 'no longer in the list'})"
        for url, ids in by_file.items()
    ]
    more = len(texts) - MAX_NAMED_RANGES
    shown = "; ".join(texts[:MAX_NAMED_RANGES]) + (
        f" and shards of {more} more files" if more > 0 else ""
    )
    return f"{plural(len(touched), 'shard')}: {shown}"


def format_ranges(ids: Sequence[int], name_of: Callable[[int], str]) -> str:
    """Format ids, in order, as names; consecutive ones as a range."""
    runs: list[list[int]] = []
    for each in ids:
        if runs and runs[-1][-1] == each - 1:
            runs[-1].append(each)
        else:
            runs.append([each])
    texts = [
        name_of(run[0]) if len(run) == 1 else f"{name_of(run[0])} to {name_of(run[-1])}"
        for run in runs
    ]
    more = len(texts) - MAX_NAMED_RANGES
    return ", ".join(texts[:MAX_NAMED_RANGES]) + (f" and {more} more ranges" if more > 0 else "")
