"""A set of row numbers, kept as ranges."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from img2dataset.streaming.row_ranges import RowRanges

RANGE = st.tuples(st.integers(0, 40), st.integers(0, 40))


@given(st.lists(RANGE), RANGE)
def test_it_is_the_set_that_it_stands_for(
    added: list[tuple[int, int]], asked: tuple[int, int]
) -> None:
    ranges = RowRanges(added)

    members = {number for start, stop in added for number in range(start, stop)}
    listed = list(ranges)
    assert [number for start, stop in listed for number in range(start, stop)] == sorted(members)
    assert all(stop < start for (_, stop), (start, _) in pairwise(listed))
    inside = [number for start, stop in ranges.within(*asked) for number in range(start, stop)]
    assert inside == sorted(members & set(range(*asked)))


def test_a_copy_is_apart() -> None:
    ranges = RowRanges([(0, 2)])
    copied = ranges.copy()
    copied.add(5, 7)

    assert list(ranges) == [(0, 2)]
    assert list(copied) == [(0, 2), (5, 7)]
