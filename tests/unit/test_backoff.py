from itertools import pairwise

import pytest

from img2dataset.backoff import Backoff


def test_delays_double_up_to_the_longest() -> None:
    backoff = Backoff(first=0.5, longest=3.0)

    assert [backoff.delay(failures) for failures in range(1, 6)] == [0.5, 1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize("failures", [1_000, 10_000_000])
def test_any_number_of_failures_has_a_delay(failures: int) -> None:
    assert Backoff(first=1.0, longest=30.0).delay(failures) == 30.0
    assert Backoff(first=1.0).delay(failures) > 1e18


@pytest.mark.parametrize(
    ("jitter", "shortest", "longest"), [(0.0, 8.0, 8.0), (0.25, 6.0, 8.0), (1.0, 0.0, 8.0)]
)
def test_jitter_is_the_random_share_of_a_delay(
    jitter: float, shortest: float, longest: float
) -> None:
    backoff = Backoff(first=2.0, jitter=jitter)

    assert backoff.delay(3, chance=0.0) == shortest
    assert backoff.delay(3, chance=1.0) == longest


def test_two_that_fail_together_do_not_come_back_together() -> None:
    backoff = Backoff(first=1.0, jitter=1.0)

    delays = sorted(backoff.delay(1) for _ in range(100))

    assert all(earlier < later for earlier, later in pairwise(delays))
    assert 0.0 <= delays[0] < 0.5 < delays[-1] < 1.0
