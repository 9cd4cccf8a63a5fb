"""Which rows failed, in little memory."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.failure_samples import (
    MAX_HOSTS,
    MAX_URL_LENGTH,
    MAX_URLS_PER_REASON,
    FailureSamples,
    find_host,
)

hosts = st.lists(st.integers(0, 400), max_size=600)


def failed(numbers: list[int], reason: str = "timeout") -> FailureSamples:
    made = FailureSamples()
    for number in numbers:
        made.add(reason, f"http://h{number}.example/a.jpg")
    return made


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://A.example/x", "a.example"),
        ("https://u:p@a.example:8080?x=http://b.example/", "a.example"),
        ("//a.example/x", ""),
        ("http://[::1]:80/x", "[::1]"),
        ("http://a.example\\@b.example/", "a.example"),
        ("nonsense", ""),
        ("", ""),
    ],
)
def test_the_host_of_a_url(url: str, host: str) -> None:
    assert find_host(url) == host


def test_the_first_urls_of_a_reason_are_kept_cut_to_a_length() -> None:
    made = FailureSamples()
    for number in range(9):
        made.add("timeout", f"http://a.example/{number}" + "x" * 1000)
    made.add("tls", "http://b.example/")

    assert [url[:18] for url in made.urls["timeout"]] == [
        f"http://a.example/{number}" for number in range(MAX_URLS_PER_REASON)
    ]
    assert {len(url) for url in made.urls["timeout"]} == {MAX_URL_LENGTH}
    assert made.urls["tls"] == ("http://b.example/",)
    assert made.hosts == {"a.example": 9, "b.example": 1}


@given(hosts, hosts)
def test_counts_are_never_too_high_and_too_low_by_at_most_what_is_said(
    one: list[int], two: list[int]
) -> None:
    both = failed(one) + failed(two)

    true = Counter(f"h{number}.example" for number in one + two)
    assert len(both.hosts) <= 2 * MAX_HOSTS
    for host, count in true.items():
        assert count - both.uncounted <= both.hosts[host] <= count
    if len(true) <= MAX_HOSTS:
        assert both.hosts == true
    assert both.uncounted <= len(one + two) / MAX_HOSTS


def test_a_bad_host_is_found_among_ten_thousand() -> None:
    made = failed([number if number % 20 else 0 for number in range(10_000)])

    (name, count), *_ = made.hosts.most_common(1)
    assert name == "h0.example"
    assert 500 - made.uncounted <= count <= 500


def test_a_sum_leaves_its_parts_alone_and_crosses_processes() -> None:
    one, two = failed([1, 1]), failed([2], "tls")
    total = pickle.loads(pickle.dumps(one + two))

    assert (one, two) == (failed([1, 1]), failed([2], "tls"))
    assert total.hosts == {"h1.example": 2, "h2.example": 1}
    assert set(total.urls) == {"timeout", "tls"}
