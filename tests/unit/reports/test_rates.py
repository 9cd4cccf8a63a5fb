"""Shares, speeds and the old tool's log lines."""

from __future__ import annotations

from img2dataset.reports.rates import RecentRate, StoredTotals, compute_shard_rates
from tests.unit.reports.runs import progress, shard, tally


def test_the_lines_are_those_of_the_old_tool() -> None:
    first = shard(tally(5, http_status=2, decode=2), start=10, end=12)

    stored = StoredTotals().plus(first).plus(shard(tally(5), start=11, end=13.5))

    assert compute_shard_rates(first).line("worker") == (
        "worker  - success: 0.556 - failed to download: 0.222 - failed to resize: 0.222"
        " - images per sec: 4 - count: 9"
    )
    assert stored.rates.line("total") == (
        "total   - success: 0.714 - failed to download: 0.143 - failed to resize: 0.143"
        " - images per sec: 4 - count: 14"
    )


def test_an_empty_shard_of_no_duration_has_rates() -> None:
    empty = shard(tally(), start=1, end=1)

    assert "success: 0.000" in StoredTotals().plus(empty).rates.line("total")


def test_the_recent_rate_is_of_the_last_half_minute() -> None:
    rate = RecentRate()
    assert rate.after(progress(tally(0), elapsed=0.0)) == 0.0

    assert rate.after(progress(tally(100), elapsed=10.0)) == 10.0
    for second in range(11, 200):
        last = rate.after(progress(tally(100 + second), elapsed=float(second)))

    assert 0.9 <= last <= 1.1


def test_rows_given_back_by_a_lost_worker_do_not_make_a_negative_rate() -> None:
    rate = RecentRate()
    rate.after(progress(tally(100), elapsed=10.0))
    rate.after(progress(tally(100), elapsed=60.0))

    assert rate.after(progress(tally(50), elapsed=61.0)) == 0.0
