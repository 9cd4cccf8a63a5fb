"""A random sample of a list, and what it says of all of it."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from img2dataset.estimation import DEFAULT_SAMPLE
from img2dataset.estimation.reservoir import Reservoir
from img2dataset.estimation.statistics import estimate_share, estimate_sum

REPETITIONS = 100
ROWS_OF_HOST = 400
HOSTS = 30


def draw(rows: int, size: int, seed: int, batch: int = 1000) -> list[int]:
    """The numbers of the rows in a sample."""
    reservoir = Reservoir(size, seed)
    places: dict[int, int] = {}
    for start in range(0, rows, batch):
        for taken in reservoir.offer(min(batch, rows - start)):
            places[taken.place] = start + taken.position
    assert reservoir.seen == rows
    return [places[place] for place in range(len(places))]


@pytest.mark.parametrize(("rows", "size"), [(0, 5), (3, 5), (5, 5), (6, 5), (2000, 5), (2000, 1)])
def test_a_sample_has_its_size_and_no_row_twice(rows: int, size: int) -> None:
    sample = draw(rows, size, seed=1)

    assert len(sample) == len(set(sample)) == min(rows, size)
    assert set(sample) <= set(range(rows))


def test_the_sample_depends_on_the_seed_not_on_how_the_list_is_read() -> None:
    assert draw(5000, 50, 3, batch=1) == draw(5000, 50, 3, batch=777) == draw(5000, 50, 3, 5000)
    assert draw(5000, 50, 3) != draw(5000, 50, 4)


def test_every_row_and_every_pair_is_equally_probable() -> None:
    seen, pairs = Counter[int](), Counter[tuple[int, int]]()
    for seed in range(2000):
        sample = sorted(draw(8, 3, seed))
        seen.update(sample)
        pairs.update((a, b) for a in sample for b in sample if a < b)

    # 3/8 and 3/28 of 2000; the bounds are five standard deviations
    assert all(642 < seen[row] < 858 for row in range(8))
    assert all(145 < pairs[a, b] < 284 for b in range(8) for a in range(b))


@pytest.mark.parametrize("order", ["sorted", pytest.param("random", marks=pytest.mark.slow)])
def test_the_interval_holds_for_hosts_of_very_different_success(order: str) -> None:
    """Recorded outcomes of 30 hosts, from gone to perfect, in a list that is sorted by host or not:
    the share of the whole list is in the interval of 95 of 100 samples of the default size.  (Of
    1000 samples it is in 944 to 965.)"""
    outcomes = record_outcomes()
    if order == "random":
        Random(5).shuffle(outcomes)
    truth = Counter(outcomes)

    held = Counter[str]()
    for seed in range(REPETITIONS):
        counts = Counter(outcomes[row] for row in draw(len(outcomes), DEFAULT_SAMPLE, seed))
        for kind, rows in truth.items():
            share = estimate_share(counts[kind], DEFAULT_SAMPLE, len(outcomes))
            held[kind] += share.low <= rows / len(outcomes) <= share.high

    assert held["success"] >= 95
    assert min(held.values()) >= 90  # several intervals at once: one may be less lucky
    assert any(held[kind] < REPETITIONS for kind in truth)  # none is so wide that it says nothing


def record_outcomes() -> list[str]:
    """The outcome of each row: each host has its own success, and its own failure."""
    random = Random(20)
    outcomes = []
    for host in range(HOSTS):
        success = host / (HOSTS - 1)
        failure = ("gone", "busy", "network", "refused")[host % 4]
        rows = ROWS_OF_HOST * (1 + host % 5) // 2
        outcomes += ["success" if random.random() < success else failure for _ in range(rows)]
    return outcomes


@pytest.mark.parametrize(
    ("count", "sampled", "rows", "expected"),
    [
        (8, 10, 10**12, (0.8, 0.4902, 0.9433)),  # Wilson, as in textbooks
        (8, 10, 10, (0.8, 0.8, 0.8)),  # the whole list
        (500, 1000, 10**12, (0.5, 0.4691, 0.5309)),
        (500, 1000, 1250, (0.5, 0.4861, 0.5139)),  # most of it: sqrt((1250 - 1000) / 1249) as wide
        (0, 1000, 10**12, (0.0, 0.0, 0.003)),  # the rule of three
        (0, 1000, 1000, (0.0, 0.0, 0.0)),
        (1000, 1000, 10**12, (1.0, 0.9962, 1.0)),
        (0, 2, 10**12, (0.0, 0.0, 1.0)),
        (0, 0, 5, (0.0, 0.0, 1.0)),
    ],
)
def test_intervals(
    count: int, sampled: int, rows: int, expected: tuple[float, float, float]
) -> None:
    share = estimate_share(count, sampled, rows)

    assert (share.value, share.low, share.high) == pytest.approx(expected, abs=1e-4)


def test_a_sum_is_scaled_to_the_list_with_its_interval() -> None:
    amount = estimate_sum([0.0, 10.0] * 500, rows=1_000_000)
    assert amount.value == 5_000_000
    assert (amount.low, amount.high) == pytest.approx((4_690_000, 5_310_000), rel=1e-3)

    assert estimate_sum([1.0, 2.0], rows=2).low == estimate_sum([1.0, 2.0], rows=2).high == 3
    assert estimate_sum([], rows=0).value == 0
