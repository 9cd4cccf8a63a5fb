"""What waits between workers and the consumer: bounded, once, and in order if that is wanted."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from img2dataset.distributors import SamplesSent
from img2dataset.errors import RunError
from img2dataset.records import Shard
from img2dataset.streaming.buffer import SAMPLE_BYTES, Buffer, BufferConfig, Ended
from img2dataset.streaming.slices import Slicing

TABLE = pa.table({"url": ["http://a/"] * 4})


def make_slice(number: int, left_out: frozenset[int] = frozenset()) -> Shard:
    return Shard(number, 4, TABLE, slice_of=(0, 4 * number), left_out=left_out)


def make_buffer(limit: int = 10**9, *, ordered: bool = False, slices: int = 2) -> Buffer:
    buffer = Buffer(BufferConfig(limit, ordered, Slicing(100, 4)))
    for number in range(slices):
        buffer.begin(make_slice(number))
    return buffer


def send(*rows: tuple[int, int], size: int = 10) -> SamplesSent:
    return SamplesSent([(s, i, bytes(size), {"row": (s, i)}) for s, i in rows])


def take_all(buffer: Buffer) -> list[Any]:
    found = []
    while (taken := buffer.take(wait=False)) is not None:
        found.append(taken[1]["row"])
    return found


def test_a_row_that_comes_twice_is_taken_once() -> None:
    buffer = make_buffer()
    buffer.deliver(send((0, 1), (1, 0)))
    rest = buffer.find_rest(make_slice(0))
    buffer.deliver(send((0, 1), (0, 0), (0, 2), (0, 3)))
    buffer.deliver(send((0, 3)))

    assert rest.left_out == {1}
    assert take_all(buffer) == [(0, 1), (1, 0), (0, 0), (0, 2), (0, 3)]
    assert buffer.find_rest(make_slice(0)).left_out == {0, 1, 2, 3}
    buffer.deliver(send((0, 3)))  # long after its slice is done
    assert take_all(buffer) == []


def test_what_is_done_is_what_was_taken_or_skipped() -> None:
    buffer = make_buffer()
    buffer.deliver(send((0, 0), (0, 1)))
    buffer.deliver(SamplesSent([(0, 3, None, None), (1, 1, None, None)]))
    buffer.take()

    assert list(buffer.find_done_rows()) == [(0, 1), (3, 4), (5, 6)]


def test_in_list_order_rows_wait_for_their_turn() -> None:
    buffer = make_buffer(ordered=True)
    buffer.begin(make_slice(2, left_out=frozenset({0, 2})))
    buffer.deliver(send((2, 1), (1, 0), (0, 1), (1, 1), (0, 0)))
    assert take_all(buffer) == [(0, 0), (0, 1)]
    buffer.deliver(SamplesSent([(0, 2, None, None)]))
    buffer.give_up(replace(make_slice(0)))  # the row that has not come
    assert take_all(buffer) == [(1, 0), (1, 1)]
    buffer.deliver(send((1, 3), (1, 2), (2, 3)))
    assert take_all(buffer) == [(1, 2), (1, 3), (2, 1), (2, 3)]
    assert list(buffer.find_done_rows()) == [(0, 3), (4, 12)]


@pytest.mark.timeout(20)
def test_delivering_waits_at_the_limit_until_samples_are_taken() -> None:
    buffer = make_buffer(2 * (SAMPLE_BYTES + 10))
    delivered: list[int] = []

    def deliver() -> None:
        for number in range(4):
            buffer.deliver(send((0, number)))
            delivered.append(number)

    thread = threading.Thread(target=deliver)
    thread.start()
    taken = [buffer.take() for _ in range(4)]
    thread.join()
    assert len(taken) == len(delivered) == 4

    buffer.deliver(send((1, 0)))
    waiting = threading.Thread(target=buffer.deliver, args=[send((1, 1))])
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    buffer.close()
    waiting.join()


def test_in_list_order_slices_are_held_back_instead() -> None:
    looks: list[None] = []
    buffer = make_buffer(3 * (SAMPLE_BYTES + 10), ordered=True, slices=0)
    buffer.look_again = lambda: looks.append(None)
    assert buffer.may_begin()
    buffer.begin(make_slice(0))
    assert not buffer.may_begin()
    buffer.deliver(send((0, 3), (0, 2), (0, 1), (0, 0)))  # over the limit, and it does not wait
    assert not buffer.may_begin()
    assert not looks
    assert len(take_all(buffer)) == 4
    assert looks == [None]
    assert buffer.may_begin()


def test_an_error_comes_after_the_samples_before_it() -> None:
    buffer = make_buffer()
    buffer.deliver(send((0, 0)))
    buffer.finish(RunError("broken off"))
    assert not buffer.has_ended
    buffer.take()
    for _ in range(2):
        with pytest.raises(RunError, match="broken off"):
            buffer.take()
    assert buffer.has_ended
    buffer.close()
    with pytest.raises(Ended):
        buffer.take()
