"""Every shard of a list is given out, and comes again as often as is allowed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from img2dataset.distributors import Event, Notice, ShardLost, ShardStored
from img2dataset.distributors.shard_queue import ShardQueue, skip_repeated_notices
from img2dataset.errors import SourceError
from img2dataset.records import ParquetRange, Shard
from img2dataset.tally import ShardResult, Tally

FIRST, SECOND, THIRD = (Shard(number, 1, ParquetRange("/a", number, 1)) for number in range(3))


def ignore(_: Event | None) -> None:
    pass


def test_shards_come_in_order_whether_they_were_read_ahead_or_not() -> None:
    queue = ShardQueue(iter([FIRST, SECOND, THIRD]), 1, ignore)
    queue.read_ahead()
    queue.read_ahead()
    assert queue.shards_read == 2

    assert [queue.next_new() for _ in range(4)] == [FIRST, SECOND, THIRD, None]
    assert queue.shards_read == 3
    assert queue.empty


def test_what_was_read_ahead_is_still_to_be_given_out_when_the_list_ends() -> None:
    queue = ShardQueue(iter([FIRST]), 1, ignore)
    assert [queue.read_ahead(), queue.read_ahead()] == [True, False]

    assert queue.all_read
    assert not queue.empty


@pytest.mark.parametrize("max_retries", [0, 1, 2])
def test_a_shard_comes_again_as_often_as_allowed(max_retries: int) -> None:
    events: list[Event | None] = []
    queue = ShardQueue(iter([FIRST]), max_retries, events.append)
    shard = queue.next_new()
    assert queue.next_new() is None
    attempts = 0
    while shard is not None:
        attempts += 1
        assert queue.give_back(shard, f"error {attempts}") == queue.has_retries
        shard = queue.next_retry()

    assert attempts == 1 + max_retries
    assert queue.empty
    assert queue.finish() == {0: f"error {attempts}"}
    assert events == [ShardLost(0)] * attempts


def test_a_final_error_gives_a_shard_up_and_a_granted_attempt_brings_it_back() -> None:
    queue = ShardQueue(iter(()), 1, ignore)

    assert not queue.give_back(FIRST, "for ever", final=True)
    assert queue.give_back(SECOND, "first")
    assert not queue.give_back(SECOND, "second")
    assert queue.give_back(SECOND, "third", once_more=True)


def test_a_shard_that_is_stored_in_the_end_has_no_error() -> None:
    events: list[Event | None] = []
    queue = ShardQueue(iter(()), 1, events.append)
    queue.give_back(FIRST, "no")
    stored = ShardStored(ShardResult(0, "00000", Tally(), 0.0, 1.0))
    queue.note_stored(stored)

    assert queue.finish() == {}
    assert events == [ShardLost(0), stored]


def test_a_list_that_breaks_is_reported_when_all_else_is_done() -> None:
    def read() -> Iterator[Shard]:
        yield FIRST
        raise SourceError("the list is gone")

    queue = ShardQueue(read(), 1, ignore)
    assert [queue.next_new(), queue.next_new(), queue.next_new()] == [FIRST, None, None]
    assert queue.empty

    with pytest.raises(SourceError, match="the list is gone"):
        queue.finish()


def test_of_notices_with_the_same_subject_the_first_is_passed_on() -> None:
    events: list[Event | None] = []
    pass_on = skip_repeated_notices(events.append)
    for notice in (Notice("a", topic="x"), Notice("b", topic="x"), Notice("c"), Notice("c")):
        pass_on(notice)

    assert events == [Notice("a", topic="x"), Notice("c")]
