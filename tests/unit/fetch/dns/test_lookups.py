"""Who waits for a name gets its answer, or its time is up; never both, never neither."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from img2dataset.fetch.dns.lookups import Lookups
from img2dataset.fetch.politeness import POLITE

LATE = POLITE.late_lookup_s
MOST_YOUNG = POLITE.max_young_lookups


def waiting(*waits: tuple[str, int, float]) -> Lookups[int]:
    """Attempts (name, number, seconds) that wait since 0."""
    lookups: Lookups[int] = Lookups()
    for name, number, seconds in waits:
        lookups.add(name, number, 0.0, seconds)
    return lookups


def test_all_who_wait_for_a_name_get_it_in_their_order() -> None:
    lookups = waiting(("a", 1, 9.0), ("b", 2, 9.0), ("a", 3, 5.0))
    assert (len(lookups), lookups.attempts) == (2, 3)
    assert lookups.take("a") == [1, 3]
    assert (len(lookups), lookups.attempts) == (1, 1)
    assert lookups.take("a") == []
    assert lookups.take("c") == []


def test_who_has_no_time_left_does_not_wait_on() -> None:
    lookups = waiting(("a", 1, 9.0), ("b", 2, 3.0), ("a", 3, 5.0))
    assert lookups.next_time() == 3.0
    assert lookups.overdue(2.9) == []
    assert lookups.overdue(5.0) == [2, 3]
    assert lookups.attempts == 1
    assert lookups.take("a") == [1], "the name is still being looked up"
    assert lookups.take("b") == []
    assert lookups.overdue(100.0) == []
    assert lookups.next_time() is None


def test_what_has_been_answered_wakes_nobody() -> None:
    lookups = waiting(("a", 1, 3.0), ("b", 2, 9.0))
    lookups.take("a")
    assert lookups.overdue(1.0) == []
    assert lookups.next_time() == 9.0


def test_names_that_are_slow_to_come_do_not_hold_up_others_for_long() -> None:
    lookups = waiting(*((f"dead-{number}", number, 60.0) for number in range(MOST_YOUNG - 1)))
    assert lookups.may_begin(0.0)
    lookups.add("dead", 0, 0.0, 60.0)
    assert not lookups.may_begin(0.5)
    assert lookups.may_begin(LATE)

    for number in range(MOST_YOUNG):
        lookups.add(f"young-{number}", number, LATE, 60.0)
    assert not lookups.may_begin(1.5 * LATE)
    assert lookups.may_begin(2.0 * LATE)


def test_however_many_are_late_there_is_a_limit() -> None:
    lookups = waiting(*((str(number), number, 60.0) for number in range(POLITE.max_lookups)))
    assert not lookups.may_begin(50.0)
    lookups.take("7")
    assert lookups.may_begin(50.0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("abc"), st.sampled_from([0.0, 1.0, 5.0])),
        st.tuples(st.just("take"), st.sampled_from("abc"), st.just(0.0)),
        st.tuples(st.just("wait"), st.just(""), st.sampled_from([0.5, 3.0])),
    )
)


@given(STEPS)
def test_each_comes_out_once(steps: list[tuple[str, str, float]]) -> None:
    lookups: Lookups[int] = Lookups()
    now, added = 0.0, 0
    out: list[int] = []
    for kind, name, seconds in steps:
        if kind == "add":
            lookups.add(name, added, now, seconds)
            added += 1
        elif kind == "take":
            out += lookups.take(name)
        else:
            now += seconds
            out += lookups.overdue(now)
        assert lookups.attempts == added - len(out)
        due = lookups.next_time()
        assert due is not None or not lookups.attempts
    out += lookups.overdue(now + 10.0)
    assert sorted(out) == list(range(added))
