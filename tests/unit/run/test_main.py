"""What a run makes of a cluster's workers."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from img2dataset.distributors import Handle, ShardsCounted, ShardStored, Work, WorkerPool
from img2dataset.job import Job
from img2dataset.options import Options
from img2dataset.records import Shard, shard_name
from img2dataset.report import Progress, Report
from img2dataset.run.main import run
from img2dataset.run.preflight import find_unshared_limits
from img2dataset.storage.folder import Folder
from img2dataset.tally import RestingHost, ShardResult, Tally


class Elsewhere:
    """Workers of a cluster; what they store is seen here if it is in `seen`."""

    def __init__(self, folder: Path, seen: range) -> None:
        self._folder = folder
        self._seen = seen
        self.job: Job | None = None

    @contextmanager
    def start(self, _: Work) -> Iterator[Elsewhere]:
        yield self

    def describe_pool(self) -> WorkerPool:
        return WorkerPool(8, cores=2, remote=True)

    def run(self, job: Any, shards: Iterator[Shard], handle: Handle) -> dict[int, str]:
        self.job = job
        for shard in shards:
            name = shard_name(shard.id, 5)
            if shard.id in self._seen:
                (self._folder / f"{name}_stats.json").write_text("{}")
            handle(ShardStored(ShardResult(shard.id, name, Tally(), 0.0, 1.0)))
        return {}


def made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: range, seen_within: float = 0.0
) -> tuple[Elsewhere, Any]:
    (tmp_path / "urls.txt").write_text("http://a/1.jpg\nhttp://a/2.jpg\nhttp://a/3.jpg\n")
    workers = Elsewhere(tmp_path / "out", seen)
    monkeypatch.setattr("img2dataset.run.main.find_distributor", lambda _: workers.start)
    monkeypatch.setattr("img2dataset.run.progress.SEEN_TIMEOUT_S", seen_within)
    monkeypatch.chdir(tmp_path)
    options = Options("urls.txt", output_folder="out", number_sample_per_shard=1)
    return workers, run(options, [])


def test_shards_that_are_stored_where_nobody_sees_them_are_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, report = made(tmp_path, monkeypatch, range(1))

    assert report.shards_not_done == ("00001", "00002")
    assert report.exit_code == 1


def test_a_bad_moment_of_the_store_does_not_lose_what_workers_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While we look whether we see what they did."""
    plain, looks = Folder.names, []

    def names(folder: Folder, inside: str = "") -> list[str]:
        found = plain(folder, inside)
        if "00000_stats.json" in found:
            looks.append(inside)
            if len(looks) < 3:
                raise ConnectionError("down")
        return found

    monkeypatch.setattr(Folder, "names", names)
    monkeypatch.setattr("img2dataset.run.progress.sleep", lambda _: None)
    _, report = made(tmp_path, monkeypatch, range(3), seen_within=30.0)

    assert report.complete
    assert len(looks) == 3


def test_a_store_that_cannot_be_looked_at_for_long_is_told_as_shards_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Folder.names

    def names(folder: Folder, inside: str = "") -> list[str]:
        found = plain(folder, inside)
        if "00000_stats.json" in found:
            raise ConnectionError("down")
        return found

    monkeypatch.setattr(Folder, "names", names)
    _, report = made(tmp_path, monkeypatch, range(3))

    assert report.shards_not_done == ("00000", "00001", "00002")


class Interrupted:
    """Workers that are stopped while they are at shards."""

    def __init__(self, rows: dict[int, int], planned: int = sys.maxsize) -> None:
        """`planned` = shards that they have asked for."""
        self._rows = rows
        self._planned = planned

    @contextmanager
    def start(self, _: Work) -> Iterator[Interrupted]:
        yield self

    def describe_pool(self) -> WorkerPool:
        return WorkerPool(2)

    def run(self, job: Any, shards: Iterator[Shard], handle: Handle) -> dict[int, str]:
        del job
        list(islice(shards, self._planned))
        tallies = {shard_id: Tally(Counter(success=n)) for shard_id, n in self._rows.items()}
        handle(ShardsCounted(tallies))
        raise KeyboardInterrupt


class Told:
    """A reporter that keeps the report, and what it was told of progress."""

    def __init__(self) -> None:
        self.report: Report | None = None
        self.seen: list[Progress] = []

    def progress(self, progress: Progress) -> None:
        self.seen.append(progress)

    def finished(self, report: Report, progress: Progress) -> None:
        self.report = report
        self.seen.append(progress)

    @property
    def last(self) -> Progress | None:
        return self.seen[-1] if self.seen else None

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def interrupt(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    workers: Interrupted,
    done: Sequence[int],
    **changes: Any,
) -> Told:
    """Interrupt a run of nine rows, in shards of one, of which some were `done` before."""
    monkeypatch.chdir(tmp_path)
    Path("urls.txt").write_text("".join(f"http://a/{n}.jpg\n" for n in range(9)))
    Path("out").mkdir()
    stats = {
        "count": 1, "successes": 0, "failed_to_download": 1, "failed_to_resize": 0,
        "status_dict": {"timed out": 1},
    }  # fmt: skip
    for shard_id in done:
        Path(f"out/{shard_id:05d}_stats.json").write_text(json.dumps(stats))
    monkeypatch.setattr("img2dataset.run.main.find_distributor", lambda _: workers.start)
    told = Told()
    options = Options("urls.txt", output_folder="out", number_sample_per_shard=1, **changes)
    with pytest.raises(KeyboardInterrupt):
        run(options, [told])
    return told


def test_what_an_interrupted_run_says_of_its_shards_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = Interrupted({0: 1, 1: 0, 2: 1, 3: 0})
    told = interrupt(tmp_path, monkeypatch, workers, (0, 1), incremental_mode="retry")

    assert told.report is not None
    assert told.report.shards_not_done == ("00002",), "the others were not begun, or are done"
    assert told.report.retry_interrupted == ("00000",)


@pytest.mark.parametrize(("part", "skipped"), [(None, 3), ("0/2", 2)])
def test_shards_done_before_count_although_the_list_has_not_reached_them(
    part: str | None, skipped: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers = Interrupted({0: 1}, planned=1)
    told = interrupt(tmp_path, monkeypatch, workers, (4, 6, 7), part=part)

    assert told.report is not None
    assert told.last is not None
    assert told.report.shards_skipped == skipped
    assert (told.last.shards_skipped, told.last.rows_skipped) == (skipped, skipped)


class Resting:
    """Workers whose host rests, as far as they said, when the rows are done."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    @contextmanager
    def start(self, _: Work) -> Iterator[Resting]:
        yield self

    def describe_pool(self) -> WorkerPool:
        return WorkerPool(1)

    def run(self, job: Any, shards: Iterator[Shard], handle: Handle) -> dict[int, str]:
        del job
        (shard,) = shards
        for count in (0, self._rows):
            resting = () if count else (RestingHost("http://a", 3, 60.0),)
            handle(ShardsCounted({shard.id: Tally(Counter(success=count))}, resting))
        handle(None)
        return {shard.id: "it ended"}


@pytest.mark.parametrize(("rows", "rests_before"), [(4, False), (3, True)])
def test_at_the_end_no_host_rests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, *, rests_before: bool
) -> None:
    monkeypatch.setattr("img2dataset.run.main.find_distributor", lambda _: Resting(rows).start)
    told = Told()
    urls = [f"http://a/{n}.jpg" for n in range(4)]
    run(Options(urls, output_folder=str(tmp_path / "out")), [told])

    assert [bool(progress.resting) for progress in told.seen] == [rests_before, False]


def test_workers_elsewhere_are_told_absolute_paths_and_their_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers, report = made(tmp_path, monkeypatch, range(3))

    assert report.complete
    assert workers.job is not None
    assert workers.job.options.output_folder == str(tmp_path / "out")
    assert (workers.job.host_limit_share, workers.job.cores, workers.job.concurrent_attempts) == (
        8,
        2,
        True,
    )
    assert workers.job.shared_file is None


def test_a_ceiling_that_workers_cannot_hold_together_is_said() -> None:
    options = Options("x", max_connections_per_host=4)

    assert find_unshared_limits(options, WorkerPool(4, 1, remote=True)) == []
    assert find_unshared_limits(options, WorkerPool(100)) == []
    (text,) = find_unshared_limits(options, WorkerPool(100, 1, remote=True))
    assert "up to 100 requests at once" in text
