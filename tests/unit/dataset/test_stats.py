"""The marker that a shard is done."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from img2dataset.dataset.stats import parse_stats, stats_name, write_stats
from img2dataset.storage.folder import Folder
from img2dataset.tally import MAX_LABELS, ShardResult, Tally

TALLY = Tally(
    Counter(success=5, failed_to_download=3, failed_to_resize=1),
    Counter({"timed out": 2, "success": 5, "HTTP Error 404: Not Found": 1, "image too small": 1}),
    Counter(timeout=2, http_status=1, too_small=1),
)
OLD = b"""{
    "count": 4,
    "successes": 2,
    "failed_to_download": 2,
    "failed_to_resize": 0,
    "duration": 0.025584936141967773,
    "start_time": 1795367918.786689,
    "end_time": 1795367918.812274,
    "status_dict": {
        "success": 2,
        "HTTP Error 404: File not found": 1,
        "hash mismatch": 1
    }
}"""


def written(folder: Path, tally: Tally) -> bytes:
    write_stats(Folder(str(folder)), ShardResult(3, "00003", tally, 1000.5, 1003.0))
    return (folder / "00003_stats.json").read_bytes()


def test_the_stats_file_has_the_old_keys_in_the_old_order(tmp_path: Path) -> None:
    assert list(json.loads(written(tmp_path, TALLY)).items()) == [
        ("count", 9),
        ("successes", 5),
        ("failed_to_download", 3),
        ("failed_to_resize", 1),
        ("duration", 2.5),
        ("start_time", 1000.5),
        ("end_time", 1003.0),
        (
            "status_dict",
            {
                "success": 5,
                "timed out": 2,
                "HTTP Error 404: Not Found": 1,
                "image too small": 1,
            },
        ),
    ]
    assert stats_name("00003") == "00003_stats.json"


def test_it_is_indented(tmp_path: Path) -> None:
    assert written(tmp_path, TALLY).startswith(b'{\n  "count": 9,\n')


def test_the_number_of_different_errors_is_bounded(tmp_path: Path) -> None:
    labels = Counter({f"error {i}": 1 for i in range(5 * MAX_LABELS)})
    stats = json.loads(written(tmp_path, Tally(Counter(failed_to_download=5000), labels)))

    assert len(stats["status_dict"]) == MAX_LABELS
    assert sum(stats["status_dict"].values()) == 5000


def test_counts_are_read_back(tmp_path: Path) -> None:
    tally = parse_stats(written(tmp_path, TALLY))

    assert (tally.statuses, tally.labels) == (TALLY.statuses, TALLY.labels)
    assert tally.count == 9


def test_stats_of_the_old_tool_are_read() -> None:
    tally = parse_stats(OLD)

    assert (tally.count, tally.successes, tally.failed_to_download) == (4, 2, 2)
    assert tally.labels["hash mismatch"] == 1


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"{}", b"null", OLD.replace(b"2,", b"null,"), OLD.replace(b"{", b"[")],
)
def test_what_is_not_a_stats_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_stats(data)
