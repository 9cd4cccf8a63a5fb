"""Rows that wait aside hold up reading at first, and less and less if they leave places empty."""

from __future__ import annotations

from img2dataset.fetch.politeness import POLITE
from img2dataset.fetch.read_ahead import ReadAhead

AFTER = POLITE.aside_wait_s


def look_for(reading: ReadAhead, seconds: float, *, aside: int, empty: bool = True) -> None:
    """Let time pass, with looks as often as a busy engine makes them."""
    for step in range(int(seconds * 100) + 1):
        reading.look(aside, step / 100, slots_are_empty=empty)


def test_at_first_every_row_counts() -> None:
    assert ReadAhead().counted(100) == 100


def test_rows_that_leave_places_empty_for_a_while_no_longer_count() -> None:
    reading = ReadAhead()
    look_for(reading, AFTER / 2, aside=100)
    assert reading.counted(100) == 100
    assert reading.next_time() == AFTER
    look_for(reading, AFTER, aside=100)
    assert reading.counted(100) == 0
    assert reading.counted(130) == 30
    assert reading.next_time() is None


def test_rows_that_do_not_are_in_nobodys_way() -> None:
    reading = ReadAhead()
    look_for(reading, 10 * AFTER, aside=100, empty=False)
    assert reading.counted(100) == 100


def test_a_host_of_very_many_rows_is_passed_soon_but_not_without_end() -> None:
    reading = ReadAhead()
    now, aside = 0.0, 100
    while now < 60 * AFTER:
        now += AFTER / 10
        reading.look(aside, now, slots_are_empty=True)
        if reading.counted(aside) == 0:
            aside += 100  # more are read, and all of them are that host's
    assert POLITE.max_aside_rows <= aside <= POLITE.max_aside_rows + 100
    assert reading.next_time() is None, "and nobody looks any more"
