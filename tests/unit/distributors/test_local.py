"""A run of workers ends, whatever dies."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from img2dataset.distributors import (
    Event,
    Handle,
    Notice,
    Outlet,
    SamplesSent,
    ShardStored,
    Work,
    find_distributor,
)
from img2dataset.distributors.local import MAX_DEATHS, TICK_S
from img2dataset.errors import OptionError, RunError, SourceError
from img2dataset.process.spawn import describe_exit, is_stopped
from img2dataset.records import Shard

PATIENCE_S = 60.0
TABLE = pa.table({"url": ["http://a/"]})


def shards(count: int) -> Iterator[Shard]:
    return (Shard(number, 1, TABLE) for number in range(count))


class Seen:
    """What the distributor said."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event | None) -> None:
        if event is not None:
            self.events.append(event)

    @property
    def stored(self) -> Counter[int]:
        return Counter(event.result.id for event in self.events if isinstance(event, ShardStored))

    @property
    def notices(self) -> str:
        return "\n".join(event.text for event in self.events if isinstance(event, Notice))


def run(
    tmp_path: Path,
    list_of_shards: Iterator[Shard],
    *,
    processes: int = 1,
    retry: int = 1,
    entry: str = "serve",
    also: Handle = lambda _: None,
    outlet: Outlet | None = None,
    **job: Any,
) -> tuple[dict[int, str], Seen]:
    seen = Seen()
    work = Work(
        entry=f"tests.unit.distributors.workers:{entry}",
        processes=processes,
        max_shard_retry=retry,
        outlet=outlet,
    )

    def handle(event: Event | None) -> None:
        seen(event)
        also(event)

    with find_distributor("multiprocessing")(work) as workers:
        errors = workers.run({"folder": str(tmp_path), **job}, list_of_shards, handle)
    return errors, seen


def tries(tmp_path: Path, name: str = "tries.txt") -> Counter[int]:
    return Counter(int(line) for line in (tmp_path / name).read_text().split())


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 3])
def test_every_shard_is_done_once(tmp_path: Path, processes: int) -> None:
    errors, seen = run(tmp_path, shards(20), processes=processes)

    assert errors == {}
    assert seen.stored == Counter(range(20))


def test_a_list_without_shards_ends_at_once(tmp_path: Path) -> None:
    errors, seen = run(tmp_path, shards(0))

    assert errors == {}
    assert seen.stored == Counter()


@pytest.mark.slow
def test_shards_of_a_killed_worker_are_done_by_another(tmp_path: Path) -> None:
    errors, seen = run(tmp_path, shards(6), open=2, die_once=[3])

    assert errors == {}
    assert seen.stored == Counter(range(6))
    assert "SIGKILL" in seen.notices


@pytest.mark.slow
def test_a_shard_that_always_kills_its_worker_is_given_up_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    errors, seen = run(tmp_path, shards(6), processes=2, die=[3])

    assert set(errors) == {3}
    assert "SIGKILL" in errors[3]
    assert seen.stored == Counter({0: 1, 1: 1, 2: 1, 4: 1, 5: 1})
    assert tries(tmp_path)[3] == 2


@pytest.mark.slow
def test_two_shards_that_kill_take_no_neighbour_with_them_twice(tmp_path: Path) -> None:
    errors, seen = run(tmp_path, shards(6), open=2, die=[1, 3])

    assert set(errors) == {1, 3}
    assert seen.stored == Counter({0: 1, 2: 1, 4: 1, 5: 1})


@pytest.mark.slow
@pytest.mark.parametrize("retry", [0, 1])
def test_what_was_open_in_a_worker_that_died_is_isolated_however_few_retries_there_are(
    tmp_path: Path, retry: int
) -> None:
    errors, seen = run(tmp_path, shards(6), open=2, fragile=[1, 3], retry=retry)

    assert errors == {}
    assert seen.stored == Counter(range(6))
    assert set(tries(tmp_path, "isolated.txt")) >= {1, 3}
    assert "shard 1 failed and will be retried, isolated: its worker died" in seen.notices


@pytest.mark.slow
@pytest.mark.parametrize("retry", [0, 2])
def test_a_shard_that_kills_even_then_is_given_up(tmp_path: Path, retry: int) -> None:
    errors, _ = run(tmp_path, shards(3), retry=retry, die=[1])

    assert set(errors) == {1}
    assert tries(tmp_path)[1] == max(2, 1 + retry)
    assert tries(tmp_path, "isolated.txt")[1] == max(1, retry)


@pytest.mark.slow
def test_when_workers_die_often_the_rest_is_isolated_at_once(tmp_path: Path) -> None:
    errors, seen = run(tmp_path, shards(MAX_DEATHS + 5), fragile=list(range(MAX_DEATHS + 5)))

    assert errors == {}
    assert seen.stored == Counter(range(MAX_DEATHS + 5))
    twice = [shard for shard, count in tries(tmp_path).items() if count == 2]
    assert sorted(twice) == list(range(MAX_DEATHS))


@pytest.mark.slow
def test_a_shard_that_could_not_be_stored_is_not_isolated(tmp_path: Path) -> None:
    run(tmp_path, shards(2), fail=[0])

    assert not (tmp_path / "isolated.txt").exists()


@pytest.mark.slow
@pytest.mark.parametrize("retry", [0, 2])
def test_a_failed_shard_is_done_again_at_the_end_as_often_as_allowed(
    tmp_path: Path, retry: int
) -> None:
    errors, _ = run(tmp_path, shards(4), retry=retry, fail=[0])

    assert errors == {0: "OSError: no"}
    assert tries(tmp_path) == Counter({0: 1 + retry, 1: 1, 2: 1, 3: 1})
    order = (tmp_path / "tries.txt").read_text().split()
    assert order[:4] == ["0", "1", "2", "3"]


@pytest.mark.slow
def test_a_shard_that_no_try_can_do_is_not_done_again(tmp_path: Path) -> None:
    errors, _ = run(tmp_path, shards(3), retry=2, hopeless=[1])

    assert errors == {1: "MismatchError: no"}
    assert tries(tmp_path) == Counter({0: 1, 1: 1, 2: 1})


@pytest.mark.slow
def test_a_worker_whose_threads_all_hang_is_ended_and_shows_where_it_was(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    errors, seen = run(tmp_path, shards(3), freeze=[1], patience=2.0)

    assert errors == {}
    assert seen.stored == Counter(range(3))
    assert "a worker has not answered for 2 s and is ended" in seen.notices
    assert "a worker died (signal SIGABRT); shards it had open: 1" in seen.notices
    assert "workers.py" in capfd.readouterr().err


@pytest.mark.slow
def test_a_worker_that_is_stopped_and_continued_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = noted_starts(monkeypatch)
    patience = 2.0
    ticks = iter(range(1, 1 << 20))

    def continue_later(event: Event | None) -> None:
        if event is None and is_stopped(started[0]) and next(ticks) * TICK_S > 1.5 * patience:
            started[0].send_signal(signal.SIGCONT)

    errors, seen = run(tmp_path, shards(2), also=continue_later, stop=[1], patience=patience)

    assert errors == {}
    assert seen.stored == Counter(range(2))
    assert seen.notices == ""
    assert next(ticks) * TICK_S > 1.5 * patience, "it was stopped"


@pytest.mark.slow
def test_a_worker_that_nobody_listens_to_lives(tmp_path: Path) -> None:
    """The consumer of a stream may be away for hours."""
    ticks = iter(range(1, 1 << 20))
    enough = threading.Event()

    def count(event: Event | None) -> None:
        if event is None and next(ticks) * TICK_S > 2.0:
            enough.set()

    outlet = SlowOutlet(enough)
    errors, seen = run(tmp_path, shards(2), also=count, outlet=outlet, send=[1], patience=1.0)

    assert errors == {}
    assert seen.notices == ""
    assert outlet.delivered == 1


class SlowOutlet:
    """An outlet that has no room until `enough` is set."""

    def __init__(self, enough: threading.Event) -> None:
        self._enough = enough
        self.delivered = 0

    def deliver(self, sent: SamplesSent) -> None:
        del sent
        assert self._enough.wait(PATIENCE_S)
        self.delivered += 1

    def may_begin(self) -> bool:
        return True

    def find_rest(self, shard: Shard) -> Shard:
        return shard

    def give_up(self, shard: Shard) -> None:
        raise AssertionError(shard)


@pytest.mark.slow
def test_workers_that_do_not_start_end_the_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RunError, match=r"workers do not start \(exit status 9\)"):
        run(tmp_path, shards(2), entry="serve_nothing")


@pytest.mark.slow
def test_what_was_read_before_the_list_broke_is_finished(tmp_path: Path) -> None:
    def broken() -> Iterator[Shard]:
        yield from shards(3)
        raise SourceError("the list is gone")

    seen = Seen()
    work = Work("tests.unit.distributors.workers:serve", 1, 1)
    with (
        find_distributor("multiprocessing")(work) as workers,
        pytest.raises(SourceError, match="the list is gone"),
    ):
        workers.run({"folder": str(tmp_path)}, broken(), seen)
    assert seen.stored == Counter(range(3))


@pytest.mark.slow
def test_nothing_is_left_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = noted_starts(monkeypatch)

    def interrupted() -> Iterator[Shard]:
        yield from shards(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, interrupted(), processes=2)
    assert started
    assert all(process.returncode is not None for process in started)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("worker-")]


def noted_starts(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """Processes as they are started."""
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def note(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        started.append(real(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", note)
    return started


@pytest.mark.slow
@pytest.mark.parametrize(("count", "processes"), [(0, 1), (1, 1), (2, 2), (20, 3)])
def test_there_are_no_more_processes_than_shards(
    count: int, processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = noted_starts(monkeypatch)
    errors, seen = run(tmp_path, shards(count), processes=3)

    assert errors == {}
    assert seen.stored == Counter(range(count))
    assert len(started) == processes


def test_a_worker_is_started_before_its_job_is_known_and_ended_if_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started = noted_starts(monkeypatch)
    work = Work("tests.unit.distributors.workers:serve", 3, 1)
    with suppress(OptionError), find_distributor("multiprocessing")(work):
        assert [process.poll() for process in started] == [None]
        raise OptionError("no such list")

    assert [process.returncode for process in started] == [-9]


def test_an_unknown_distributor_is_named() -> None:
    with pytest.raises(OptionError, match="there are multiprocessing, pyspark, ray"):
        find_distributor("dask")


def test_an_exit_is_described_for_people() -> None:
    assert describe_exit(-9) == "signal SIGKILL"
    assert describe_exit(70) == "exit status 70"
    assert describe_exit(-200) == "signal 200"
