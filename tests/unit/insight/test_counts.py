"""The bounded counts: exact while there are few, and honest about what they lack beyond."""

from __future__ import annotations

from collections import Counter as Counts
from random import Random
from unittest.mock import Mock

import numpy as np
import pytest

from img2dataset.insight.digests import DigestCounts, Pairs
from img2dataset.insight.findings import HostCount, HostFindings
from img2dataset.insight.histograms import Counter, make_labels
from img2dataset.insight.hosts import OUTCOMES, HostCounts
from img2dataset.insight.page import show_hosts


def make_pairs(digests: list[int], hosts: list[int], urls: list[int]) -> Pairs:
    return Pairs(
        np.array(digests, np.uint64), np.array(hosts, np.uint64), np.ones(len(digests), np.int64),
        np.uint64(1) << np.array(urls, np.uint64), np.arange(len(digests)),
    )  # fmt: skip


def outcomes(*successes: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    counts = np.zeros((len(successes), len(OUTCOMES)), np.int64)
    counts[:, 0] = successes
    return counts


@pytest.mark.parametrize(
    ("known", "said"),
    [(1, "of the rows of each host."), (5, "of the rows of the 1 host with the most, of 5.")],
)
def test_the_page_says_which_hosts_it_shows(known: int, said: str) -> None:
    hosts = HostFindings(known, 0, (HostCount("a.org", 2, 2, {}),), ())

    assert f"What became {said}" in show_hosts(Mock(hosts=hosts))


def test_hosts_are_exact_while_they_are_few() -> None:
    counts = HostCounts(max_hosts=4)
    for _ in range(3):
        counts.add(["a", "b"], outcomes(2, 1))

    found = counts.find()
    assert [(each.host, each.rows) for each in found.busiest] == [("a", 6), ("b", 3)]
    assert (found.known, found.lacking, found.worst) == (2, 0, ())


def test_a_host_lacks_at_most_what_is_said() -> None:
    generator = Random(1)
    names = [f"host{int(generator.paretovariate(1.2))}" for _ in range(20_000)]
    counts = HostCounts(max_hosts=20)
    for start in range(0, len(names), 50):
        part = Counts(names[start : start + 50])
        counts.add(list(part), outcomes(*part.values()))

    found = counts.find()
    truth = Counts(names)
    assert found.lacking > 0
    assert found.known <= 40
    for each in found.busiest:
        assert truth[each.host] - found.lacking <= each.rows <= truth[each.host]
    assert found.busiest[0].host == truth.most_common(1)[0][0]


def test_hashes_are_exact_while_they_are_few() -> None:
    counts = DigestCounts(max_pairs=100)
    counts.add(make_pairs([7, 7, 8], [1, 1, 1], [0, 1, 2]))
    counts.add(make_pairs([7, 9], [2, 1], [3, 4]))

    assert (counts.images, counts.count_distinct(), counts.level) == (5, 3, 0)


def test_of_many_hashes_a_share_is_counted_and_the_rest_estimated() -> None:
    generator = np.random.default_rng(1)
    words = generator.integers(0, 1 << 63, 30_000, np.uint64) * np.uint64(2)
    words |= generator.integers(0, 2, 30_000).astype(np.uint64)
    digests = np.concatenate([words, words[:10_000]])
    counts = DigestCounts(max_pairs=1000, max_frequent=10)
    for part in np.array_split(digests, 40):
        counts.add(make_pairs(part.tolist(), [1] * len(part), [0] * len(part)))

    assert counts.level >= 5
    # 30,000 are distinct; about 1,000 are sampled, so that two standard errors are 6 %
    assert counts.count_distinct() == pytest.approx(30_000, rel=0.1)


def test_a_placeholder_is_found_whatever_share_is_counted() -> None:
    generator = np.random.default_rng(2)
    counts = DigestCounts(max_pairs=100, max_frequent=10)
    for part in range(100):
        others = generator.integers(1, 1 << 62, 50, np.uint64) * np.uint64(2) + np.uint64(1)
        counts.add(make_pairs([*others.tolist(), 5, 5], [1] * 52, [*range(50), part % 64, 63]))

    found = counts.find_frequent(min_urls=5)
    assert found.digests[0] == 5
    assert found.counts[0] >= 190
    assert len(found) == 1


def test_rows_of_one_url_are_no_placeholder() -> None:
    counts = DigestCounts()
    counts.add(make_pairs([5] * 9, [1] * 9, [3] * 9))

    assert len(counts.find_frequent(min_urls=5)) == 0


def test_a_histogram_has_exact_quantiles_and_every_value() -> None:
    counter = Counter(limit=1000)
    counter.add(np.arange(101))
    counter.add(np.array([5000]))

    found = counter.make_histogram((0, 10, 100))

    assert found is not None
    assert [(each.label, each.count) for each in found.bins] == [
        ("0-9", 10),
        ("10-99", 90),
        ("100+", 2),
    ]
    assert (found.count, found.low, found.median, found.high) == (102, 5, 50, 96)


def test_no_values_make_no_histogram() -> None:
    assert Counter(limit=10).make_histogram((0, 5)) is None


def test_labels_of_shares_have_two_digits() -> None:
    assert make_labels((0, 50, 133), 100) == ["0.00-0.50", "0.50-1.33", "1.33+"]
