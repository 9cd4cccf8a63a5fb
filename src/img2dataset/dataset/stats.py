"""The result of a shard <-> its stats file, the marker that the shard is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import orjson

from img2dataset.errors import Status
from img2dataset.json_text import to_json
from img2dataset.messages import find_reason
from img2dataset.storage.folder import Folder
from img2dataset.storage.reading import read_many
from img2dataset.tally import ShardResult, Tally, limit_labels

STATS_SUFFIX = "_stats.json"
STATS_READ = 1000
"""Stats files that are read at the same time from a store."""


def stats_name(name: str) -> str:
    """Return the name of the file that marks the shard `name` as done."""
    return name + STATS_SUFFIX


def write_stats(folder: Folder, result: ShardResult) -> None:
    """Mark the shard as done: its stats file is written last."""
    folder.write(stats_name(result.name), to_json(make_stats(result)))


def read_stats(folder: Folder, shard_id: int, name: str) -> ShardResult | None:
    """Read the result of a shard; None if it is not done, or its stats file is damaged."""
    try:
        data = folder.read(stats_name(name))
        stats = orjson.loads(data)
        return ShardResult(
            shard_id, name, parse_stats(data), float(stats["start_time"]),
            float(stats["end_time"]),
        )  # fmt: skip
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def have_images(folder: Folder, names: Iterable[str]) -> bool:
    """Return whether any of these shards has an image; mostly the first one has.

    A shard whose stats cannot be read may have one.
    """
    left = iter(names)
    count = 1
    while some := [stats_name(name) for name in islice(left, count)]:
        found = read_many(folder, some)
        if len(found) < len(some) or any(may_have_image(data) for data in found.values()):
            return True
        count = STATS_READ
    return False


def may_have_image(data: bytes) -> bool:
    """Return whether a stats file counts an image, or cannot be read."""
    try:
        return parse_stats(data).successes > 0
    except ValueError:
        return True


def make_stats(result: ShardResult) -> dict[str, Any]:
    tally = result.tally
    return {
        "count": tally.count,
        "successes": tally.successes,
        "failed_to_download": tally.failed_to_download,
        "failed_to_resize": tally.failed_to_resize,
        "duration": result.duration,
        "start_time": result.start_time,
        "end_time": result.end_time,
        "status_dict": dict(limit_labels(tally.labels).most_common()),
    }


def parse_stats(data: bytes) -> Tally:
    """Read the counts of a stats file, also of the old tool.

    The reasons are those of the error strings (of several with the same string, the first).

    Raises:
        ValueError: not a stats file.
    """
    try:
        stats = orjson.loads(data)
        statuses = {
            Status.SUCCESS.value: int(stats["successes"]),
            Status.FAILED_TO_DOWNLOAD.value: int(stats["failed_to_download"]),
            Status.FAILED_TO_RESIZE.value: int(stats["failed_to_resize"]),
        }
        labels = {str(label): int(count) for label, count in stats["status_dict"].items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the stats of a shard: {error!r}") from error
    return Tally(Counter(statuses), Counter(labels), find_reasons(labels))


def find_reasons(labels: Mapping[str, int]) -> Counter[str]:
    """Return the reasons of error strings; unknown strings have none."""
    reasons: Counter[str] = Counter()
    for label, count in labels.items():
        reason = find_reason(label)
        if reason is not None:
            reasons[reason.value] += count
    return reasons
