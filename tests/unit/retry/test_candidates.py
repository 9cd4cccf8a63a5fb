"""Which stored shards may hold rows worth another try, as their stats files say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from img2dataset.errors import RunError
from img2dataset.retry import candidates
from img2dataset.retry.candidates import Candidates, may_have_transient_failures
from img2dataset.storage.folder import Folder
from img2dataset.storage.reading import read_many
from tests.unit.formats.shard import memory_folder


def stats(**labels: int) -> bytes:
    count = sum(labels.values())
    spelled = {label.replace("_", " "): number for label, number in labels.items()}
    return json.dumps(
        {
            "count": count,
            "successes": 0,
            "failed_to_download": count,
            "failed_to_resize": 0,
            "status_dict": spelled,
        }
    ).encode()


@pytest.mark.parametrize(
    ("data", "worth"),
    [
        (stats(success=3), False),
        (stats(success=3, hash_mismatch=1), False),
        (stats(success=3, timed_out=1), True),
        # labels that were too many to be named; those of the old tool that are not there
        (stats(success=3, other=1), True),
        (stats(success=3).replace(b'"count": 3', b'"count": 3').replace(b": 3}}", b": 2}}"), True),
        (b"{", True),
        (b"[]", True),
    ],
)
def test_a_shard_is_looked_at_unless_its_stats_rule_it_out(data: bytes, worth: object) -> None:
    assert may_have_transient_failures(data) is worth


@pytest.mark.slow
def test_stats_are_read_many_at_once_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for shard_id in range(1200):
        data = stats(success=1, timed_out=1) if shard_id % 7 == 0 else stats(success=2)
        (tmp_path / f"{shard_id:05d}_stats.json").write_bytes(data)
    asked: list[int] = []

    def counted(folder: Folder, names: Sequence[str]) -> dict[str, bytes]:
        asked.append(len(names))
        return read_many(folder, names)

    monkeypatch.setattr(candidates, "read_many", counted)
    done = set(range(1200)) - {14}
    found = Candidates(Folder(str(tmp_path)), done, lambda shard_id: f"{shard_id:05d}")

    assert [shard_id for shard_id in range(1300) if shard_id in found] == [
        shard_id for shard_id in range(0, 1200, 7) if shard_id != 14
    ]
    assert asked == [500, 500, 199]


@pytest.mark.parametrize("error", [PermissionError(13, "Forbidden"), ConnectionError("down")])
def test_a_store_that_refuses_to_be_read_ends_the_run_in_one_line(
    error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = memory_folder()
    folder.write("00000_stats.json", stats(timed_out=1))

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(type(folder.fs), "cat", refuse)
    found = Candidates(folder, {0}, lambda shard_id: f"{shard_id:05d}")
    with pytest.raises(RunError, match=r"memory://.* cannot be read: .*(Forbidden|down)"):
        assert 0 in found
