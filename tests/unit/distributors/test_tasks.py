"""Shards of a cluster's tasks are each stored, retried, or given up: never lost, never twice."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from img2dataset.distributors import Event, Notice, ShardLost, ShardStored, Work
from img2dataset.distributors.tasks import (
    TaskOutcome,
    TaskTracker,
    choose_task_size,
    do_task,
)
from img2dataset.errors import RunError, SourceError
from img2dataset.records import ParquetRange, Shard
from img2dataset.tally import ShardResult, Tally

ENTRY = "tests.unit.distributors.workers:serve"


def shards(count: int) -> Iterator[Shard]:
    return (
        Shard(number, 10, ParquetRange("/a.parquet", 10 * number, 10)) for number in range(count)
    )


def stored(*ids: int) -> tuple[ShardResult, ...]:
    return tuple(ShardResult(number, f"{number:05d}", Tally(), 0.0, 1.0) for number in ids)


class Desk:
    """A tracker, and what it said."""

    def __init__(
        self, list_of_shards: Iterator[Shard], *, retry: int = 1, batch: int = 1000
    ) -> None:
        self.events: list[Event | None] = []
        work = Work(ENTRY, 1, retry, batch)
        self.tracker = TaskTracker(work, list_of_shards, self.events.append)

    def ids(self, workers: int = 1) -> list[tuple[int, list[int]]]:
        """The next batch: task numbers and the shards of each."""
        return [
            (task.number, [shard.id for shard in task.shards])
            for task in self.tracker.next_batch(workers)
        ]

    @property
    def stored(self) -> list[int]:
        return [event.result.id for event in self.events if isinstance(event, ShardStored)]

    @property
    def lost(self) -> list[int]:
        return [event.shard_id for event in self.events if isinstance(event, ShardLost)]

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]


@pytest.mark.parametrize(
    ("count", "workers", "size"),
    [(1000, 1000, 1), (1000, 200, 1), (1000, 64, 2), (1000, 2, 2), (3, 2, 1), (0, 4, 1)],
)
def test_a_task_is_small_enough_to_leave_each_worker_several(
    count: int, workers: int, size: int
) -> None:
    assert choose_task_size(count, workers) == size


def test_a_batch_has_no_more_shards_than_were_asked_for() -> None:
    desk = Desk(shards(5), batch=3)

    assert desk.ids() == [(0, [0]), (1, [1]), (2, [2])]
    assert desk.ids() == [(3, [3]), (4, [4])]
    assert desk.ids() == []


def test_a_batch_ends_at_its_bytes_and_the_next_one_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = pa.table({"url": ["http://a/"]})
    monkeypatch.setattr("img2dataset.distributors.tasks.MAX_BATCH_BYTES", 2 * table.nbytes)
    desk = Desk(Shard(number, 1, table) for number in range(5))

    assert desk.ids() == [(0, [0]), (1, [1])]
    assert desk.ids() == [(2, [2]), (3, [3])]
    assert desk.ids() == [(4, [4])]
    assert desk.ids() == []


def test_a_task_travels_as_a_description_of_its_rows() -> None:
    (task,) = Desk(shards(1)).tracker.next_batch(1)

    assert pickle.loads(task.data) == list(task.shards)
    assert len(task.data) < 250


def test_what_is_stored_is_said_once_even_if_the_task_was_tried_twice() -> None:
    desk = Desk(shards(1))
    desk.ids()
    desk.tracker.handle_outcome(0, TaskOutcome(stored(0), {}, ()))
    desk.tracker.handle_outcome(0, TaskOutcome(stored(0), {}, ()))

    assert desk.stored == [0]
    assert not desk.ids()
    assert desk.tracker.over
    assert desk.tracker.finish() == {}


def test_failed_shards_are_done_again_at_the_end_each_alone_and_then_given_up() -> None:
    desk = Desk(shards(9))
    first = desk.ids()
    assert first[0] == (0, [0, 1])
    desk.tracker.handle_outcome(
        0, TaskOutcome((), {0: "OSError: no", 1: "OSError: no"}, (Notice("a worker died"),))
    )
    for number, ids in first[1:]:
        desk.tracker.handle_outcome(
            number, TaskOutcome(stored(*ids), {}, (Notice("a worker died"),))
        )

    assert not desk.tracker.over
    again = desk.ids()
    assert [ids for _, ids in again] == [[0], [1]]
    desk.tracker.handle_outcome(again[0][0], TaskOutcome((), {0: "OSError: no"}, ()))
    desk.tracker.handle_outcome(again[1][0], TaskOutcome(stored(1), {}, ()))

    assert desk.ids() == []
    assert desk.tracker.over
    assert desk.tracker.finish() == {0: "OSError: no"}
    assert Counter(desk.stored) == Counter(range(1, 9))
    assert desk.lost == [0, 1, 0]
    assert desk.notices.count("a worker died") == 1


def test_tasks_that_the_engine_lost_are_done_again_and_their_late_results_count_once() -> None:
    desk = Desk(shards(2))
    desk.ids()
    desk.tracker.handle_outcome(0, TaskOutcome(stored(0), {}, ()))
    desk.tracker.handle_failure([0, 1], "an executor is gone")
    desk.tracker.handle_outcome(1, TaskOutcome(stored(1), {}, ()))

    assert desk.stored == [0]
    assert [ids for _, ids in desk.ids()] == [[1]]
    assert "lost 1 task with 1 shard: an executor is gone" in desk.notices[0]


def test_a_cluster_that_does_nothing_ends_the_run() -> None:
    desk = Desk(shards(9), batch=1)
    for number in range(2):
        desk.ids()
        desk.tracker.handle_failure([number], "no space left")
    desk.ids()

    with pytest.raises(RunError, match="the cluster does no task: no space left"):
        desk.tracker.handle_failure([2], "no space left")


def test_what_was_read_before_the_list_broke_is_finished() -> None:
    def broken() -> Iterator[Shard]:
        yield from shards(1)
        raise SourceError("the list is gone")

    desk = Desk(broken())
    desk.ids()
    desk.tracker.handle_outcome(0, TaskOutcome(stored(0), {}, ()))

    assert desk.tracker.over
    assert desk.stored == [0]
    with pytest.raises(SourceError, match="the list is gone"):
        desk.tracker.finish()


def test_a_task_says_what_became_of_each_of_its_shards(tmp_path: Path) -> None:
    job = {"folder": str(tmp_path), "fail": [1]}

    outcome = do_task(ENTRY, job, pickle.dumps(list(shards(3))))

    assert [result.id for result in outcome.stored] == [0, 2]
    assert outcome.errors == {1: "OSError: no"}


def test_a_shard_that_kills_its_worker_does_not_kill_the_task(tmp_path: Path) -> None:
    job = {"folder": str(tmp_path), "die": [0]}

    outcome = do_task(ENTRY, job, pickle.dumps(list(shards(2))))

    assert "SIGKILL" in outcome.errors[0]
    assert [result.id for result in outcome.stored] == [1]


def test_of_notices_on_one_topic_the_first_is_shown() -> None:
    desk = Desk(shards(4))
    for text, (number, ids) in zip(["one", "another"], desk.ids(), strict=False):
        desk.tracker.handle_outcome(
            number, TaskOutcome(stored(*ids), {}, (Notice(text, topic="hashes"),))
        )

    assert "one" in desk.notices
    assert "another" not in desk.notices
