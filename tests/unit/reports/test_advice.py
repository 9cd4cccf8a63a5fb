"""The last line of a run."""

from __future__ import annotations

import pytest

from img2dataset.errors import Reason
from img2dataset.report import Report, RetryCounts
from img2dataset.reports.advice import find_likely_cause, make_last_line
from tests.unit.reports.runs import report, tally


@pytest.mark.parametrize(
    ("run", "line"),
    [
        (
            report(tally(1500, timeout=500)),
            (
                "done: 1,500 images of 2,000 rows (75.0%) in out; 500 rows failed for a "
                "transient reason: incremental_mode=retry fetches them again"
            ),
        ),
        (report(tally(1)), "done: 1 image of 1 row (100.0%) in out"),
        (
            report(tally(9), shards_not_done=("00003", "00007")),
            (
                "not done: 2 shards failed (00003, 00007); "
                "run the same command again to do what is left"
            ),
        ),
        (
            report(shards_not_done=("00003",)),
            "not done: 1 shard failed (00003); run the same command again to do what is left",
        ),
        (
            report(tally(9), shards_not_done=tuple(map(str, range(12)))),
            (
                "not done: 12 shards failed (0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more); "
                "run the same command again to do what is left"
            ),
        ),
        (
            report(tally(9), shards_not_done=("1", "2"), interrupted=True),
            (
                "interrupted: 1 shard stored in out, 2 unfinished shards are not kept; "
                "run the same command again to go on"
            ),
        ),
        (
            report(tally(9), retry_interrupted=("1",), interrupted=True),
            (
                "interrupted: 1 shard stored in out, 1 shard that was being retried keeps what it "
                "had; run the same command again to go on"
            ),
        ),
        (
            report(shards_not_done=("1",), retry_interrupted=("2", "3"), interrupted=True),
            (
                "interrupted: 0 shards stored in out, 1 unfinished shard is not kept, 2 shards "
                "that were being retried keep what they had; run the same command again to go on"
            ),
        ),
        (
            report(shards_skipped=3, shards_not_done=("7",), interrupted=True),
            (
                "interrupted: 0 shards stored in out, 3 done before, 1 unfinished shard is not "
                "kept; run the same command again to go on"
            ),
        ),
        (
            report(interrupted=True),
            "interrupted: 0 shards stored in out; run the same command again to go on",
        ),
        (
            report(shards_skipped=3),
            (
                "nothing to do: 3 shards in out were done before; "
                "incremental_mode=retry fetches again what failed for a transient reason, "
                "overwrite starts afresh"
            ),
        ),
        (
            report(tally(3, timeout=1)),
            (
                "done: 3 images of 4 rows (75.0%) in out; 1 row failed for a transient reason: "
                "incremental_mode=retry fetches them again"
            ),
        ),
        (
            report(tally(3, timeout=1), retry=RetryCounts(4, 3, 2)),
            (
                "done: 3 images of 4 rows (75.0%) in this run, into out; "
                "3 of 4 rows fetched again came back"
            ),
        ),
        (
            report(tally(timeout=1), shards_done=0, shards_skipped=1, retry=RetryCounts(1, 0, 0)),
            (
                "done: 0 images of 1 row (0.0%) in this run, into out; "
                "0 of 1 row fetched again came back"
            ),
        ),
        # the folder has more than this run has done
        (
            report(tally(3, timeout=1), dataset=tally(8, timeout=4)),
            (
                "done: 8 images of 12 rows (66.7%) in out; this run: 3 images of 4 rows (75.0%); "
                "4 rows failed for a transient reason: incremental_mode=retry fetches them again"
            ),
        ),
        (
            report(
                tally(timeout=4),
                shards_skipped=1,
                dataset=tally(8, timeout=4),
                retry=RetryCounts(4, 0, 0),
            ),
            "done: 8 images of 12 rows (66.7%) in out; 0 of 4 rows fetched again came back",
        ),
        (
            report(tally(5, timeout=1), dataset=tally(8, timeout=1), retry=RetryCounts(4, 3, 1)),
            (
                "done: 8 images of 9 rows (88.9%) in out; this run: 5 images of 6 rows (83.3%); "
                "3 of 4 rows fetched again came back"
            ),
        ),
        (report(tally(3), dataset=tally(3)), "done: 3 images of 3 rows (100.0%) in out"),
        # it may have more: nobody has counted
        (
            report(tally(3), shards_skipped=2),
            "done: 3 images of 3 rows (100.0%) in this run, into out",
        ),
        (
            report(tally(3), incremental_mode="extend"),
            "done: 3 images of 3 rows (100.0%) in this run, into out",
        ),
        (
            report(shards_skipped=3, retry=RetryCounts()),
            (
                "nothing to do: 3 shards in out were done before, "
                "and no row in it failed for a transient reason"
            ),
        ),
        (
            report(shards_skipped=2, images_before=False),
            (
                "nothing to do: 2 shards in out were done before, without a single image; "
                "incremental_mode=retry fetches again what failed for a transient reason, "
                "overwrite starts afresh"
            ),
        ),
        (
            report(),
            "nothing to do: the list is empty; check url_list, input_format and url_col",
        ),
        (report(part="3/4"), "nothing to do: the list has no shard for part 3/4"),
        (
            report(shards_skipped=3, part="3/4"),
            (
                "nothing to do: 3 shards in out were done before; "
                "incremental_mode=retry fetches again what failed for a transient reason, "
                "overwrite starts afresh (without part)"
            ),
        ),
        (
            report(tally(3, timeout=1), part="3/4"),
            (
                "done: 3 images of 4 rows (75.0%) in this run, into out; 1 row failed for a "
                "transient reason: incremental_mode=retry fetches them again (without part)"
            ),
        ),
        # no line sends anybody to what would be refused, or would begin anew
        (
            report(tally(3, timeout=1), refused_modes=frozenset({"retry"})),
            "done: 3 images of 4 rows (75.0%) in out; 1 row failed for a transient reason",
        ),
        (
            report(shards_skipped=3, refused_modes=frozenset({"overwrite"})),
            (
                "nothing to do: 3 shards in out were done before; "
                "incremental_mode=retry fetches again what failed for a transient reason"
            ),
        ),
        (
            report(shards_skipped=3, refused_modes=frozenset({"retry", "overwrite"})),
            "nothing to do: 3 shards in out were done before",
        ),
        (
            report(interrupted=True, incremental_mode="overwrite"),
            (
                "interrupted: 0 shards stored in out; run the same command again with "
                "incremental_mode=incremental to go on"
            ),
        ),
        (
            report(shards_not_done=("00003",), incremental_mode="extend"),
            (
                "not done: 1 shard failed (00003); run the same command again with "
                "incremental_mode=incremental to do what is left"
            ),
        ),
        (
            report(interrupted=True, incremental_mode="retry"),
            "interrupted: 0 shards stored in out; run the same command again to go on",
        ),
        (
            report(tally(host_not_resolved=9, timeout=1)),
            (
                "not one image succeeded: 90% are host_not_resolved (host name not resolved): "
                "check this machine's network and DNS, or name other dns_servers"
            ),
        ),
    ],
)
def test_the_last_line_says_what_happened_and_what_to_do(run: Report, line: str) -> None:
    assert make_last_line(run) == line


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.URL_INVALID, "check url_list"),
        (Reason.CONNECT_TIMEOUT, "network, proxy and firewall"),
        (Reason.HTTP_STATUS, "which codes"),
        (Reason.HTTP_STATUS_TRANSIENT, "lower thread_count"),
        (Reason.OPTED_OUT, "disallowed_header_directives"),
        (Reason.BODY_TOO_LARGE, "max_image_bytes"),
        (Reason.TOO_SMALL, "min_image_size"),
        (Reason.HASH_MISMATCH, "verify_hash"),
    ],
)
def test_the_likely_cause_names_what_to_look_into(reason: Reason, words: str) -> None:
    cause = find_likely_cause({reason.value: 3}, {})

    assert cause.startswith(f"100% are {reason.value} (")
    assert words in cause


def test_the_likely_cause_names_the_schemes_that_were_allowed() -> None:
    rows = tally(0, scheme_not_allowed=1)

    assert "(URL scheme not allowed: http and https only)" in make_last_line(report(rows))
    assert "not allowed: file only)" in make_last_line(report(rows, url_schemes=("file",)))


def test_every_reason_has_advice() -> None:
    for reason in Reason:
        assert not find_likely_cause({reason.value: 1}, {}).endswith(": "), reason


@pytest.mark.parametrize(
    ("labels", "cause"),
    [
        ({"HTTP Error 404: Not Found": 3}, "the links are dead, or are no URLs of images"),
        ({"HTTP Error 410: Gone": 2, "HTTP Error 403: Forbidden": 1}, "the links are dead"),
        ({"HTTP Error 403: Forbidden": 3}, "the servers refuse"),
    ],
)
def test_a_link_that_is_dead_is_no_server_that_refuses(labels: dict[str, int], cause: str) -> None:
    line = make_last_line(report(tally(http_status=3, labels=labels)))

    assert f"100% are http_status (HTTP Error): {cause}" in line


def test_a_doubt_about_the_list_is_recalled_if_every_row_fails() -> None:
    doubt = "list.csv: input_format is 'txt', but ...; use input_format=csv"
    notices = ("list.csv: windows-1252 is taken", doubt)

    failed = make_last_line(report(tally(http_status=3), list_notices=notices))
    assert failed == f"not one image succeeded: {doubt}"
    assert doubt not in make_last_line(report(tally(3), list_notices=notices))
