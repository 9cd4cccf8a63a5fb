"""The tables at the end of a run."""

from __future__ import annotations

from img2dataset.reports.summary import facts, tables_of
from img2dataset.tally import Again
from tests.unit.reports.runs import report, tally


def test_the_tables_show_counts_shares_and_meanings() -> None:
    rows = tally(
        1500,
        labels={"HTTP Error 404: Not Found": 300, "HTTP Error 503: Service Unavailable": 100},
        http_status=300,
        http_status_transient=100,
        too_small=100,
    )

    outcomes, reasons = tables_of(report(rows))

    assert outcomes.plain() == (
        "outcome              rows   share\n"
        "success             1,500   75.0%\n"
        "failed_to_download    400   20.0%\n"
        "failed_to_resize      100    5.0%\n"
        "total               2,000  100.0%"
    )
    assert reasons.plain() == (
        "reason                 rows  share  meaning\n"
        "http_status             300  15.0%  HTTP Error (404: 300)\n"
        "http_status_transient   100   5.0%  HTTP Error (503: 100)\n"
        "too_small               100   5.0%  image too small"
    )


def test_the_most_frequent_codes_are_named() -> None:
    labels = {f"HTTP Error {code}: x": code for code in range(400, 408)}

    (_, reasons) = tables_of(report(tally(1, labels=labels, http_status=sum(labels.values()))))

    assert reasons.rows[0][3] == "HTTP Error (407: 407, 406: 406, 405: 405, 404: 404, 403: 403)"


def test_no_failures_no_table_of_reasons() -> None:
    assert len(tables_of(report(tally(3)))) == 1


def test_no_rows_no_tables() -> None:
    assert tables_of(report()) == []


def test_the_facts_are_shards_and_speed() -> None:
    run = report(
        tally(6000), duration=90.0, shards_done=3, shards_skipped=2, shards_not_done=("00001",)
    )

    assert facts(run) == [
        "shards: 3 stored, 2 done before, 1 not done (00001)",
        "6,000 rows in 0:01:30: 67 images per sec",
    ]


def test_what_came_back_is_in_the_table_and_in_the_facts() -> None:
    run = report(tally(3, timeout=1), shards_skipped=5, again=Again(4, 3, 2))

    assert tables_of(run)[0].rows[-1] == ("came back", "3", "75.0%")
    assert facts(run)[1] == "fetched again: 4 rows; 3 came back, in 2 shards"
    assert "fetched again: 0 rows; 0 came back" in facts(report(again=Again()))
