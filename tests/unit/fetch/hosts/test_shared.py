"""What two processes do to a host together is what one may do."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from img2dataset.fetch.hosts.shared import (
    MAX_SLOTS_PER_HOST,
    NUMBER,
    TABLE_LOCKS,
    TABLE_SIZE,
    SharedLimits,
    _hash_host,
)
from img2dataset.fetch.politeness import POLITE
from tests.unit.fetch.asker import HOST, Asker, Elsewhere


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "shared")


@pytest.fixture
def shared(path: str) -> Iterator[SharedLimits]:
    with_file = SharedLimits(path)
    yield with_file
    with_file.close()


# -- one process --


def test_a_host_has_as_many_places_as_it_is_said_to_have(shared: SharedLimits) -> None:
    places = [shared.take_slot("a", 3) for _ in range(5)]
    assert len({place for place in places if place is not None}) == 3
    assert places[3:] == [None, None]

    assert shared.take_slot("b", 3) is not None
    assert places[1] is not None
    shared.give_back(places[1])
    assert shared.take_slot("a", 3) == places[1]
    assert shared.take_slot("a", 3) is None


def test_times_of_a_host_are_the_delay_apart(shared: SharedLimits) -> None:
    assert [shared.reserve_time("a", 0.5, 10.0) for _ in range(3)] == [10.0, 10.5, 11.0]
    assert shared.reserve_time("b", 0.5, 10.0) == 10.0
    assert shared.reserve_time("a", 0.5, 20.0) == 20.0


@given(st.text())
def test_places_and_times_never_meet(host: str) -> None:
    number = _hash_host(host.encode("utf-8", "replace").decode())
    assert 0 <= (number >> 16) * MAX_SLOTS_PER_HOST < TABLE_LOCKS - MAX_SLOTS_PER_HOST
    assert TABLE_LOCKS + TABLE_SIZE < 1 << 63


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(requests=st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5), st.floats(0, 10))))
def test_no_two_times_are_closer_than_the_delay(
    tmp_path_factory: pytest.TempPathFactory, requests: list[tuple[str, float, float]]
) -> None:
    shared = SharedLimits(str(tmp_path_factory.mktemp("shared") / "file"))
    free: dict[str, float] = {}
    for host, delay, now in requests:
        start = shared.reserve_time(host, delay, now)
        assert start == max(now, free.get(host, 0.0))
        free[host] = start + delay
    shared.close()


@pytest.mark.slow
def test_the_file_is_as_large_as_the_table(path: str, shared: SharedLimits) -> None:
    for number in range(2000):
        shared.take_slot(str(number), 1)
        shared.reserve_time(str(number), 1.0, 1.0)
    assert Path(path).stat().st_size <= TABLE_SIZE * NUMBER.size


def test_who_opens_the_file_again_finds_what_is_in_it(path: str) -> None:
    for start in (10.0, 11.0):
        shared = SharedLimits(path)
        assert shared.reserve_time("a", 1.0, 10.0) == start
        shared.close()


# -- two processes --


@pytest.mark.slow
def test_places_are_shared_and_come_back_when_their_holder_is_killed(
    path: str, shared: SharedLimits
) -> None:
    with Elsewhere(path) as other:
        assert [other.do("place", "a", 3) is None for _ in range(2)] == [False, False]
        assert shared.take_slot("a", 3) is not None
        assert shared.take_slot("a", 3) is None
        assert other.do("place", "a", 3) is None
        assert shared.take_slot("b", 3) is not None

        other.kill()
        assert shared.take_slot("a", 3) is not None
        assert shared.take_slot("a", 3) is not None
        assert shared.take_slot("a", 3) is None


@pytest.mark.slow
def test_times_are_shared_and_a_killed_process_holds_up_nobody(
    path: str, shared: SharedLimits
) -> None:
    with Elsewhere(path) as other:
        assert other.do("time", "a", 0.5, 10.0) == 10.0
        assert shared.reserve_time("a", 0.5, 10.0) == 10.5
        assert other.do("time", "a", 0.5, 10.0) == 11.0
        other.kill()
        assert shared.reserve_time("a", 0.5, 10.0) == 11.5


@pytest.mark.slow
def test_the_ceiling_of_a_host_holds_for_both_together(path: str) -> None:
    here = Asker(path, 3, 0.0)
    with Elsewhere(path, 3) as other:
        assert len(here.ask(2, 100.0)) == 2
        assert len(other.do("ask", 10, 100.0)) == 1
        assert len(here.ask(10, 100.0)) == 0
        assert here.look(100.0 + POLITE.shared_slot_poll.first) == []

        other.do("end", 1, 101.0)  # whose place it takes again at once
        assert here.look(101.1) == []
        assert len(here.end(1, 102.0)) == 1
        other.kill()
        assert len(here.look(103.0)) == 1, "its place has come back"
        assert here.look(104.0) == []
    here.shared.close()


@pytest.mark.slow
def test_who_waits_for_anothers_place_sees_soon_that_it_is_free(path: str) -> None:
    here = Asker(path, 1, 0.0)
    with Elsewhere(path, 1) as other:
        assert len(other.do("ask", 1, 100.0)) == 1
        assert here.ask(1, 100.0) == []
        assert here.look(101.0) == []
        other.do("end", 1, 101.0)
        begun = here.look(102.0)
    assert len(begun) == 1
    assert begun[0] <= 101.0 + POLITE.shared_slot_poll.longest
    here.shared.close()


@pytest.mark.slow
def test_a_probe_keeps_to_the_places_of_all(path: str) -> None:
    here = Asker(path, 1, 0.0)
    with Elsewhere(path, 1) as other:
        assert len(here.ask(1, 100.0)) == 1
        assert here.ask_anyway(100.0) == []
        assert other.do("ask_anyway", 100.0) == []
        here.end(1, 101.0)
        assert len(other.do("ask_anyway", 102.0)) == 1
        assert here.ask(1, 102.0) == []
        other.do("end", 1, 103.0)
        assert len(here.look(104.0)) == 1
    here.shared.close()


@pytest.mark.slow
@pytest.mark.parametrize("most", [None, 1, 5])
def test_the_delay_of_a_host_holds_for_both_together(path: str, most: int | None) -> None:
    here = Asker(path, most, 0.5)
    begun = []
    with Elsewhere(path, most, 0.5) as other:
        running = {}
        for one in (here, other):
            running[one] = one.do("ask", 20, 100.0)
        for tenth in range(1, 60):
            now = 100.0 + tenth / 10
            for one, before in running.items():
                starts = before + one.do("look", now)
                begun += starts
                running[one] = one.do("end", len(starts), now) if starts else []
    here.shared.close()

    begun.sort()
    assert len(begun) >= 10, "nobody waits for nothing"
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert min(gaps) >= 0.5 - 1e-9


@pytest.mark.slow
def test_a_time_that_comes_when_no_place_is_free_is_not_used_later(path: str) -> None:
    here = Asker(path, 1, 1.0)
    with Elsewhere(path, 1, 1.0) as other:
        assert other.do("ask", 1, 100.0) == [100.0]
        other.do("end", 1, 100.1)
        assert here.ask(3, 100.2) == []  # may begin at 101
        assert other.do("place", HOST, 1) is not None, "which it has not taken yet"
        assert here.look(101.5) == []
        assert other.do("time", HOST, 1.0, 101.5) == 102.0
        other.kill()
        begun = here.look(110.0)
    assert begun == [103.0]
    here.shared.close()


@pytest.mark.slow
def test_a_time_that_comes_while_the_host_rests_is_not_used_later(path: str) -> None:
    here = Asker(path, None, 1.0)
    with Elsewhere(path, None, 1.0) as other:
        assert here.ask(3, 100.0) == [100.0]  # the next may begin at 101
        assert here.refuse(4.5, 100.1) == []  # but now not before 104.6
        assert other.do("time", HOST, 1.0, 104.0) == 104.0
        assert here.look(110.0)[0] == 105.0
    here.shared.close()


@pytest.mark.slow
def test_a_time_that_comes_when_enough_are_under_way_is_not_used_later(path: str) -> None:
    here = Asker(path, None, 10.0, first=4)
    with Elsewhere(path, None, 10.0) as other:
        here.ask(9, 100.0)
        assert len(here.look(125.0)) == 2  # three are under way, and the next may begin at 130
        here.refuse(0.0, 126.0)  # but now two are as many as may be
        assert here.look(131.0) == []
        assert other.do("time", HOST, 10.0, 142.0) == 142.0
        begun = here.end(1, 145.0) + here.look(160.0)
    assert begun[0] == 152.0
    here.shared.close()
