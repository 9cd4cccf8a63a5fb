"""The tables at the end of a run."""

from __future__ import annotations

from img2dataset.report import RetryCounts
from img2dataset.reports.summary import list_facts, make_tables
from tests.unit.reports.runs import limit, report, tally


def test_the_tables_show_counts_shares_and_meanings() -> None:
    rows = tally(
        1500,
        labels={"HTTP Error 404: Not Found": 300, "HTTP Error 503: Service Unavailable": 100},
        http_status=300,
        http_status_transient=100,
        too_small=100,
    )

    outcomes, reasons = make_tables(report(rows))

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

    (_, reasons) = make_tables(report(tally(1, labels=labels, http_status=sum(labels.values()))))

    assert reasons.rows[0][3] == "HTTP Error (407: 407, 406: 406, 405: 405, 404: 404, 403: 403)"


def test_no_failures_no_table_of_reasons() -> None:
    assert len(make_tables(report(tally(3)))) == 1


def test_no_rows_no_tables() -> None:
    assert make_tables(report()) == []


def test_the_facts_are_shards_and_speed() -> None:
    run = report(
        tally(6000), duration=90.0, shards_done=3, shards_skipped=2, shards_not_done=("00001",)
    )

    assert list_facts(run) == [
        "shards: 3 stored, 2 done before, 1 not done (00001)",
        "6,000 rows in 0:01:30: 67 images per sec",
    ]


def test_what_came_back_is_in_the_table_and_in_the_facts() -> None:
    run = report(tally(3, timeout=1), shards_skipped=5, retry=RetryCounts(4, 3, 2))

    assert make_tables(run)[0].rows[-1] == ("came back", "3", "75.0%")
    assert make_tables(run)[0].columns[0] == "outcome (this run)"
    assert list_facts(run)[1] == "fetched again: 4 rows; 3 came back, in 2 shards"
    assert "fetched again: 0 rows; 0 came back" in list_facts(report(retry=RetryCounts()))


def test_frequent_failures_have_examples_and_the_worst_hosts_are_named() -> None:
    rows = tally(5, timeout=9, tls=2, too_small=30, url_invalid=1)
    for number in range(9):
        rows.failed.add("timeout", f"http://slow.example/{number}.jpg")
    rows.failed.add("tls", "https://b.example/\x1b[2J")
    rows.failed.add("url_invalid", "nonsense")

    lines = list_facts(report(rows))

    assert lines[:6] == [
        "timeout, for example:",
        "  http://slow.example/0.jpg",
        "  http://slow.example/1.jpg",
        "  http://slow.example/2.jpg",
        "tls, for example:",
        "  https://b.example/\ufffd[2J",
    ]
    assert lines[6] == "hosts with most failures: slow.example (9), b.example (1)"


def test_five_hosts_at_most_and_counts_that_may_be_too_low_say_so() -> None:
    rows = tally(timeout=2000)
    for number in range(2000):
        host = number % 9 if number % 2 else number
        rows.failed.add("timeout", f"http://h{host}.example/")

    (line,) = (line for line in list_facts(report(rows)) if line.startswith("hosts"))

    assert line.count("(at least ") == 5
    assert all(f"h{number}." not in line for number in range(10, 2000))


def test_rows_of_schemes_that_are_not_fetched_name_the_option() -> None:
    rows = tally(1, scheme_not_allowed=3)
    for url in ("gs://b/k", "FILE:///x", "s;rm://x", "http://x"):
        rows.failed.add("scheme_not_allowed", url)

    run = report(rows, url_schemes=("http", "s3"))

    assert make_tables(run)[1].rows[0][3] == "URL scheme not allowed: http and s3 only"
    assert (
        "3 rows name something that is not fetched: url_schemes, such as "
        "url_schemes=http,s3,file,gs, says which schemes are, if you trust the list"
    ) in list_facts(run)
    assert not any("url_schemes" in line for line in list_facts(report(tally(1))))


def test_what_limited_the_run_is_said_if_anything_did() -> None:
    rows = tally(5)
    slow, nothing = limit("servers", "the servers: \x1b[2J"), limit("nothing", "nothing stands out")
    assert "the servers: \ufffd[2J" in list_facts(report(rows, bottleneck=slow))
    without = list_facts(report(rows))
    assert list_facts(report(rows, bottleneck=nothing)) == without
