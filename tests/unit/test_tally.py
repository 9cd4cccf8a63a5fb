"""Counts that add up."""

from __future__ import annotations

import pickle
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from img2dataset.errors import Reason
from img2dataset.records import EncodedImage, Failure, Row, Sample
from img2dataset.report import Report, RetryCounts
from img2dataset.tally import MAX_LABELS, OTHER, ShardResult, Tally, limit_labels

ROW = Row(0, 0, "0", "u", {})
KEPT = Sample(ROW, EncodedImage(b"", 1, 1, 1, 1))


def failed(reason: Reason, label: str = "") -> Sample:
    return Sample(ROW, Failure(reason, label or reason.label))


samples = st.lists(st.sampled_from([KEPT, *(failed(reason) for reason in Reason)]))


def tally_of(rows: list[Sample]) -> Tally:
    tally = Tally()
    for sample in rows:
        tally.add(sample)
    return tally


@given(samples)
def test_kept_and_failed_are_all_rows(rows: list[Sample]) -> None:
    tally = tally_of(rows)

    assert tally.count == len(rows)
    assert tally.successes + tally.failed_to_download + tally.failed_to_resize == len(rows)
    assert tally.labels.total() == len(rows)
    assert tally.reasons.total() == len(rows) - tally.successes


@given(samples, samples)
def test_the_tally_of_two_parts_is_the_tally_of_the_whole(
    one: list[Sample], two: list[Sample]
) -> None:
    assert tally_of(one) + tally_of(two) == tally_of(one + two)


def test_a_sum_leaves_its_parts_alone() -> None:
    one = Tally.of(KEPT)
    total = one + Tally.of(KEPT)

    assert (one.count, total.count) == (1, 2)


def test_rows_are_counted_by_status_label_and_reason() -> None:
    tally = tally_of(
        [
            KEPT,
            failed(Reason.HTTP_STATUS, "HTTP Error 404: Not Found"),
            failed(Reason.HTTP_STATUS, "HTTP Error 410: Gone"),
            failed(Reason.TOO_SMALL),
        ]
    )

    assert (tally.successes, tally.failed_to_download, tally.failed_to_resize) == (1, 2, 1)
    assert tally.labels == {
        "success": 1,
        "HTTP Error 404: Not Found": 1,
        "HTTP Error 410: Gone": 1,
        "image too small": 1,
    }
    assert tally.reasons == {"http_status": 2, "too_small": 1}


def test_what_a_row_alone_has_to_say_is_not_counted_apart() -> None:
    rows = [
        Sample(ROW, Failure(Reason.MALFORMED_LINE, "malformed input line", f"(line {line})"))
        for line in range(5)
    ]

    assert tally_of(rows).labels == {"malformed input line": 5}


def test_only_failures_that_may_pass_are_transient() -> None:
    assert tally_of([KEPT, failed(Reason.TIMEOUT), failed(Reason.OPTED_OUT)]).transient == 1


def test_few_labels_stay_as_they_are() -> None:
    labels = Counter({f"error {i}": 1 for i in range(MAX_LABELS)})

    assert limit_labels(labels) == labels


def test_the_rarest_of_many_labels_become_other() -> None:
    labels = Counter({f"error {i}": i + 2 for i in range(3 * MAX_LABELS)})
    labels["success"] = 1  # the rarest of all, and kept
    kept = limit_labels(labels)

    assert len(kept) == MAX_LABELS
    assert kept.total() == labels.total()
    assert kept["success"] == 1
    assert kept[OTHER] == sum(range(2, 2 * MAX_LABELS + 4))
    assert kept[f"error {3 * MAX_LABELS - 1}"] == 3 * MAX_LABELS + 1


def test_bounding_again_and_again_keeps_the_total() -> None:
    tally = Tally()
    for start in range(0, 5 * MAX_LABELS, 700):
        labels = Counter({f"error {i}": 1 for i in range(start, start + 700)})
        tally += Tally(Counter(failed_to_download=700), labels)

    assert tally.labels.total() == tally.count
    assert len(tally.labels) <= MAX_LABELS


def test_a_shard_took_from_its_start_to_its_end() -> None:
    assert ShardResult(0, "00000", Tally(), 10.0, 12.5).duration == 2.5


def test_tallies_travel_between_processes() -> None:
    tally = tally_of([KEPT, failed(Reason.TIMEOUT)])

    assert pickle.loads(pickle.dumps(tally)) == tally


GONE = failed(Reason.TIMEOUT)


@pytest.mark.parametrize(
    ("rows", "not_done", "interrupted", "code"),
    [
        ([KEPT, GONE], (), False, 0),
        ([KEPT], (), False, 0),
        ([], (), False, 0),
        ([GONE], (), False, 1),
        ([KEPT], ("00001",), False, 1),
        ([KEPT], (), True, 1),
    ],
)
def test_the_exit_code_says_whether_all_is_well(
    rows: list[Sample],
    not_done: tuple[str, ...],
    interrupted: bool,  # noqa: FBT001  (a column of the table)
    code: int,
) -> None:
    report = Report("out", tally_of(rows), 2.0, 1, 0, not_done, interrupted)

    assert report.exit_code == code
    assert report.complete == (not not_done and not interrupted)


def test_that_nothing_came_of_a_run_is_no_failure_if_there_are_images_before() -> None:
    gone = tally_of([GONE])

    assert Report("out", gone, 2.0, 0, 1, retry=RetryCounts(rows=1)).exit_code == 0
    assert Report("out", gone, 2.0, 1, 1).exit_code == 0
    assert Report("out", Tally(), 2.0, 0, 1).exit_code == 0


@pytest.mark.parametrize("rows", [[], [GONE]])
def test_a_dataset_without_images_stays_a_failure_however_often_it_is_run(
    rows: list[Sample],
) -> None:
    report = Report("out", tally_of(rows), 2.0, 0, 1, images_before=False)

    assert report.exit_code == 1
    assert Report("out", tally_of([KEPT]), 2.0, 1, 1, images_before=False).exit_code == 0


def test_a_completed_shard_adds_to_what_came_back() -> None:
    changed = ShardResult(0, "00000", tally_of([KEPT, GONE]), 0.0, 1.0, kept=5)
    unchanged = ShardResult(1, "00001", tally_of([GONE]), 0.0, 1.0, kept=5)

    assert (changed.unchanged, unchanged.unchanged) == (False, True)
    assert RetryCounts().plus(changed).plus(unchanged) == RetryCounts(rows=3, recovered=1, shards=1)


def test_rows_that_were_stored_before_are_counted_by_their_messages() -> None:
    tally = Tally()
    tally.add_stored("success", None)
    tally.add_stored("failed_to_download", "malformed input line (line 3)")

    assert tally.labels == {"success": 1, "malformed input line": 1}
    assert (tally.count, tally.successes) == (2, 1)


def test_a_report_counts_as_its_tally_does() -> None:
    report = Report("out", tally_of([GONE, GONE, KEPT, failed(Reason.DECODE)]), 2.0, 1, 0)

    assert (report.count, report.successes) == (4, 1)
    assert (report.failed_to_download, report.failed_to_resize) == (2, 1)
    assert list(report.reasons.items()) == [("timeout", 2), ("decode", 1)]
    assert list(report.status_dict) == ["timed out", "success", "Image decoding error"]
    assert report.images_per_sec == 2.0
    assert Report("out", Tally(), 0.0, 0, 0).images_per_sec == 0.0
