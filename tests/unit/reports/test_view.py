"""What is shown while a run goes on."""

from __future__ import annotations

import pytest

from img2dataset.reports.view import list_top_reasons, make_view
from img2dataset.tally import RestingHost
from tests.unit.reports.runs import progress, tally


def test_a_known_list_has_totals_and_time_left() -> None:
    seen = make_view(
        progress(
            tally(800, timeout=200),
            rows_skipped=1000,
            rows_total=12_000,
            shards_done=1,
            shards_skipped=1,
            shards_total=12,
        ),
        100.0,
    )

    assert seen.parts == (
        "2,000/12,000 rows", "2/12 shards", "100 img/s", "80.0% success", "0:01:40 left",
    )  # fmt: skip
    assert seen.remarks == ("failed: timeout 200",)
    assert seen.percent == "17%"


def test_estimates_are_marked() -> None:
    seen = make_view(progress(tally(10), rows_total=100, shards_total=10, estimated=True), 1.0)

    assert seen.parts[:2] == ("10/~100 rows", "0/~10 shards")
    assert seen.parts[-1] == "~0:01:30 left"


def test_an_estimate_is_never_less_than_what_is_done() -> None:
    seen = make_view(progress(tally(10), rows_total=5, shards_total=0, estimated=True), 1.0)

    assert seen.parts[0] == "10/~10 rows"
    assert seen.parts[-1] == "~0:00:00 left"


def test_an_unknown_list_has_counts_only() -> None:
    seen = make_view(progress(), 0.0)

    assert seen.parts == ("0 rows", "0 shards", "0 img/s")
    assert (seen.total, seen.percent, seen.remarks) == (None, "", ())


@pytest.mark.parametrize(
    ("rate", "waiting", "seconds", "left"),
    [
        (100.0, 40, 30.0, "0:00:30"),  # the rest takes longer than the others
        (1.0, 40, 30.0, "0:01:40"),
        (0.0, 100, 30.0, "0:00:30"),  # nothing else is left
        (0.001, 100, 30.0, "0:00:30"),
    ],
)
def test_a_host_that_rests_is_named_and_the_time_left_is_no_less_than_its_rest(
    rate: float, waiting: int, seconds: float, left: str
) -> None:
    resting = (RestingHost("http://a", waiting, seconds),)
    seen = make_view(progress(tally(100), rows_total=200, resting=resting), rate)

    assert seen.parts[-1] == f"{left} left"
    assert seen.remarks == (f"{waiting} rows waiting for http://a (rests 30 s)",)


def test_of_several_hosts_the_first_is_named() -> None:
    resting = (RestingHost("http://a", 3, 9.0), RestingHost("http://b", 4, 2.0))
    seen = make_view(progress(tally(1), resting=resting), 1.0)

    assert seen.remarks == ("7 rows waiting for http://a (rests 9 s) and 1 other host",)


def test_the_three_most_frequent_reasons_are_shown() -> None:
    counts = {"timeout": 5, "tls": 7000, "decode": 5, "too_small": 1}

    assert list_top_reasons(counts) == "tls 7,000, decode 5, timeout 5"


@pytest.mark.parametrize(
    ("rate", "job_left", "said"),
    [
        (100.0, 60.0, "job ends in 0:01:00"),
        (1.0, 60.0, "job ends in 0:01:00 (before the run)"),
        (0.0, 60.0, "job ends in 0:01:00"),  # nobody knows when the run does
    ],
)
def test_the_end_of_a_job_stands_beside_the_time_left(
    rate: float, job_left: float, said: str
) -> None:
    seen = make_view(progress(tally(100), rows_total=200), rate, job_left)

    assert seen.parts[-1] == said
