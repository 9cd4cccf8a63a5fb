"""How long a list takes, from a sample of it."""

from __future__ import annotations

import heapq
from random import Random

import pytest

from img2dataset.estimation.timing import (
    Manners,
    Request,
    find_slowest_host,
    find_steady_rate,
)


def run(seconds: list[float], slots: int) -> list[float]:
    """When rows are done of which so many are under way at once."""
    free = [0.0] * slots
    done = []
    for each in seconds:
        end = heapq.heappop(free) + each
        heapq.heappush(free, end)
        done.append(end)
    return done


def latencies(count: int, seed: int) -> list[float]:
    """A tenth of the rows takes ten seconds, as those that time out."""
    random = Random(seed)
    return [10.0 if random.random() < 0.1 else random.uniform(0.1, 0.9) for _ in range(count)]


@pytest.mark.parametrize("slots", [16, 256, 1000])
def test_the_rate_is_that_of_a_long_run_not_of_a_sample_with_its_tail(slots: int) -> None:
    sample = run(latencies(1000, 2), slots)

    # Little's law, with the mean of these times
    assert find_steady_rate(sample, slots) == pytest.approx(slots / 1.45, rel=0.15)


def test_a_rate_of_nothing_is_none() -> None:
    assert find_steady_rate([], 256) == 0
    assert find_steady_rate([0.0, 0.0], 256) == 0


def requests(seconds: float, count: int, at_once: int) -> list[Request]:
    """Requests to a host that answers so many at once."""
    ends = run([seconds] * count, at_once)
    return [Request(seconds, end) for end in ends]


MANNERS = Manners(at_once=16, min_delay_s=0.0)


def test_the_slowest_host_is_found_by_its_rows_and_its_speed() -> None:
    hosts = {"big.example": 100_000, "slow.example": 20_000, "": 10**9}
    seen = {"big.example": requests(0.1, 20, 16), "slow.example": requests(2.0, 4, 4)}

    found = find_slowest_host(hosts, seen, MANNERS)

    assert found is not None
    assert (found.host, found.rows_per_second, found.seconds, found.measured) == (
        "slow.example",
        8,
        2500,
        True,
    )


def test_a_host_that_answers_more_than_it_is_asked_at_first_is_as_quick_as_it_was() -> None:
    seen = {"a": requests(0.1, 640, 64)}

    found = find_slowest_host({"a": 64_000}, seen, MANNERS)

    assert found is not None
    assert found.rows_per_second == pytest.approx(640)


def test_a_delay_between_requests_bounds_the_speed() -> None:
    found = find_slowest_host({"a": 100}, {"a": requests(0.1, 4, 4)}, Manners(16, min_delay_s=2))

    assert found is not None
    assert found.seconds == 200


def test_a_host_that_is_not_in_the_sample_is_as_quick_as_the_others() -> None:
    found = find_slowest_host({"a": 1, "b": 1600}, {"a": requests(0.5, 4, 4)}, MANNERS)

    assert found is not None
    assert (found.host, found.seconds, found.measured) == ("b", 50, False)
    assert find_slowest_host({"a": 1}, {}, MANNERS) is None
