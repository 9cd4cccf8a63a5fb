"""What is put off comes back when its time is there, the earliest first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.hosts.delay_queue import DelayQueue


@given(st.lists(st.floats(0, 100)))
def test_all_come_back_in_the_order_of_their_times(times: list[float]) -> None:
    later: DelayQueue[int] = DelayQueue()
    for number, when in enumerate(times):
        later.add(number, when)
    assert len(later) == len(times)
    assert later.next_time() == min(times, default=None)

    taken = []
    while later.is_due(100):
        taken.append(times[later.take()])

    assert taken == sorted(times)
    assert not later


def test_nothing_is_due_before_its_time() -> None:
    later: DelayQueue[str] = DelayQueue()
    later.add("late", 2.0)
    assert not later.is_due(1.9)
    assert later.is_due(2.0)


def test_of_those_for_the_same_time_the_first_comes_first() -> None:
    later: DelayQueue[object] = DelayQueue()
    first, second = object(), object()  # which cannot be compared
    later.add(first, 1.0)
    later.add(second, 1.0)
    assert [later.take(), later.take()] == [first, second]


def test_some_can_be_taken_out_before_their_time_and_the_others_keep_theirs() -> None:
    later: DelayQueue[int] = DelayQueue()
    for number in range(10):
        later.add(number, 10.0 - number)

    assert sorted(later.remove(lambda number: number % 2 == 0)) == [0, 2, 4, 6, 8]
    assert [later.take() for _ in range(len(later))] == [9, 7, 5, 3, 1]
