"""What a run makes of a cluster's workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from img2dataset.distributors import Crew, Handle, Stored, Work
from img2dataset.job import Job
from img2dataset.options import Options
from img2dataset.records import Shard, shard_name
from img2dataset.run import limits_of, run
from img2dataset.tally import ShardResult, Tally


class Elsewhere:
    """Workers of a cluster; what they store is seen here if it is in `seen`."""

    def __init__(self, folder: Path, seen: range) -> None:
        self._folder = folder
        self._seen = seen
        self.job: Job | None = None

    @contextmanager
    def start(self, _: Work) -> Iterator[Elsewhere]:
        yield self

    def crew(self) -> Crew:
        return Crew(8, cores=2, spread=True)

    def run(self, job: Any, shards: Iterator[Shard], handle: Handle) -> dict[int, str]:
        self.job = job
        for shard in shards:
            name = shard_name(shard.id, 5)
            if shard.id in self._seen:
                (self._folder / f"{name}_stats.json").write_text("{}")
            handle(Stored(ShardResult(shard.id, name, Tally(), 0.0, 1.0)))
        return {}


def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: range) -> tuple[Elsewhere, Any]:
    (tmp_path / "urls.txt").write_text("http://a/1.jpg\nhttp://a/2.jpg\nhttp://a/3.jpg\n")
    workers = Elsewhere(tmp_path / "out", seen)
    monkeypatch.setattr("img2dataset.run.find_distributor", lambda _: workers.start)
    monkeypatch.setattr("img2dataset.run.SEEN_WITHIN", 0.0)
    monkeypatch.chdir(tmp_path)
    options = Options("urls.txt", output_folder="out", number_sample_per_shard=1)
    return workers, run(options, [])


def test_shards_that_are_stored_where_nobody_sees_them_are_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, report = made(tmp_path, monkeypatch, range(1))

    assert report.shards_not_done == ("00001", "00002")
    assert report.exit_code == 1


def test_workers_elsewhere_are_told_absolute_paths_and_their_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers, report = made(tmp_path, monkeypatch, range(3))

    assert report.complete
    assert workers.job is not None
    assert workers.job.options.output_folder == str(tmp_path / "out")
    assert (workers.job.sharers, workers.job.cores, workers.job.overlapping) == (8, 2, True)
    assert workers.job.shared_file is None


def test_a_ceiling_that_workers_cannot_hold_together_is_said() -> None:
    options = Options("x", max_connections_per_host=4)

    assert limits_of(options, Crew(4, 1, spread=True)) == []
    assert limits_of(options, Crew(100)) == []
    (text,) = limits_of(options, Crew(100, 1, spread=True))
    assert "up to 100 requests at once" in text
