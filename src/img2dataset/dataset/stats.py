"""What became of a shard -> its stats file, the marker that it is done; and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from img2dataset.errors import Status
from img2dataset.json_text import to_json
from img2dataset.messages import reason_of_message
from img2dataset.storage.folder import Folder
from img2dataset.tally import ShardResult, Tally, bounded

SUFFIX = "_stats.json"


def stats_name(name: str) -> str:
    """The file that says that the shard `name` is done."""
    return name + SUFFIX


def write_stats(folder: Folder, result: ShardResult) -> None:
    """Mark the shard as done: the last thing that is written of it."""
    folder.write(stats_name(result.name), to_json(stats_of(result)))


def read_stats(folder: Folder, shard_id: int, name: str) -> ShardResult | None:
    """What became of a shard that is done; None if it is not, or cannot be told."""
    try:
        data = folder.read(stats_name(name))
        stats = orjson.loads(data)
        return ShardResult(
            shard_id, name, tally_of_stats(data), float(stats["start_time"]),
            float(stats["end_time"]),
        )  # fmt: skip
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def hold_images(folder: Folder, names: Iterable[str]) -> bool:
    """Whether there is an image in any of these shards; mostly the first one tells.  One whose
    stats cannot be read may have some."""
    return any(
        result is None or result.tally.successes > 0
        for result in (read_stats(folder, 0, name) for name in names)
    )


def stats_of(result: ShardResult) -> dict[str, Any]:
    tally = result.tally
    return {
        "count": tally.count,
        "successes": tally.successes,
        "failed_to_download": tally.failed_to_download,
        "failed_to_resize": tally.failed_to_resize,
        "duration": result.duration,
        "start_time": result.start_time,
        "end_time": result.end_time,
        "status_dict": dict(bounded(tally.labels).most_common()),
    }


def tally_of_stats(data: bytes) -> Tally:
    """The counts in a stats file, ours or one of the old tool; the reasons are those of the
    error strings (of several with the same string, the first).

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
    return Tally(Counter(statuses), Counter(labels), reasons_of(labels))


def reasons_of(labels: Mapping[str, int]) -> Counter[str]:
    """The reasons behind error strings, as far as they are ours."""
    reasons: Counter[str] = Counter()
    for label, count in labels.items():
        reason = reason_of_message(label)
        if reason is not None:
            reasons[reason.value] += count
    return reasons
