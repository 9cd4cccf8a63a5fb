"""A run as lines of JSON."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from img2dataset.accounting.account import Stage
from img2dataset.errors import OptionError
from img2dataset.options import Options
from img2dataset.reports import make_shower
from img2dataset.reports.json_lines import JsonReporter
from img2dataset.reports.screen import Unbreakable
from img2dataset.tally import RestingHost
from tests.unit.reports.runs import account, limit, progress, report, shard, tally

STARTED = {"output_format": "webdataset", "url_list": "https://user:password@example.org/u.txt"}


def whole_run(**given: Any) -> list[dict[str, Any]]:
    stream = io.StringIO()
    reporter = make_shower(Options("u.txt", **given), stream, {"TERM": "xterm"})
    rows = tally(8, timeout=2)
    reporter.started(STARTED, "out")
    for second in range(12):
        reporter.progress(progress(tally(second), elapsed=float(second), rows_total=20))
    reporter.notice("a worker\ndied")
    reporter.shard_done(shard(rows), progress(rows, elapsed=12.0, rows_total=20, shards_done=1))
    reporter.finished(report(rows), progress(rows, elapsed=12.5, rows_total=20, shards_done=1))
    reporter.close()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def list_events(lines: list[dict[str, Any]], but: str = "") -> list[str]:
    return [line["event"] for line in lines if line["event"] != but]


def test_each_line_is_an_object_with_its_time_and_what_happened() -> None:
    lines = whole_run(progress="json")

    assert list_events(lines, but="progress") == ["started", "notice", "shard", "finished"]
    assert all(datetime.fromisoformat(line["time"]).tzinfo is not None for line in lines)
    assert lines[0].keys() == {"time", "event", "version", "output_folder", "output_format"}
    assert next(line["message"] for line in lines if line["event"] == "notice") == "a worker\ndied"
    (shard_line,) = [line for line in lines if line["event"] == "shard"]
    assert (shard_line["name"], shard_line["count"], shard_line["successes"]) == ("00000", 10, 8)
    assert lines[-1]["message"].startswith("done: 8 images of 10 rows (80.0%) in out")
    assert (lines[-1]["exit_code"], lines[-1]["reasons"]) == (0, {"timeout": 2})


def test_progress_comes_each_second_or_at_growing_intervals() -> None:
    def list_times(**given: Any) -> list[float]:
        return [line["elapsed"] for line in whole_run(**given) if line["event"] == "progress"]

    assert list_times(progress="json") == [*map(float, range(1, 13)), 12.5]
    assert list_times(log_format="json") == [2.0, 4.0, 6.0, 9.0, 12.5]


def test_less_is_written_if_less_is_asked_for() -> None:
    without = whole_run(log_format="json", progress="none")

    assert list_events(without) == ["started", "notice", "finished"]
    assert whole_run(log_format="json", quiet=True) == []


def test_a_quiet_run_that_went_wrong_is_one_object() -> None:
    stream = io.StringIO()
    reporter = make_shower(Options("u.txt", log_format="json", quiet=True), stream, {})
    reporter.finished(report(tally(3), shards_not_done=("00001",)), progress())
    (line,) = map(json.loads, stream.getvalue().splitlines())

    assert (line["event"], line["message"][:9]) == ("error", "not done:")


def test_a_bar_is_not_drawn_among_json() -> None:
    with pytest.raises(OptionError, match="progress is 'bar' and log_format is 'json'"):
        Options("u.txt", progress="bar", log_format="json")


def test_progress_has_what_the_bar_has() -> None:
    stream = io.StringIO()
    reporter = JsonReporter(
        Unbreakable(stream),
        lambda _: 0.0,
        environ={"SLURM_JOB_END_TIME": "1100"},
        clock=lambda: datetime.fromisoformat("1970-01-01T00:16:40+00:00"),
    )
    resting = (RestingHost("http://a", 3, 9.0),)
    known = progress(
        tally(8, timeout=2), elapsed=10.0, rows_total=30, shards_total=3, rows_skipped=10
    )
    spent = account(5_000, 3_000, dns=0.5)
    limited = limit("servers", "the servers: slow")
    reporter.progress(
        replace(known, shards_skipped=1, resting=resting, account=spent, bottleneck=limited)
    )
    said = json.loads(stream.getvalue())
    stages = said.pop("stage_seconds")

    assert stages.keys() == set(Stage)
    assert (stages["dns"], sum(stages.values())) == (0.5, 0.5)

    assert said == {
        "time": "1970-01-01T00:16:40.000+00:00",
        "event": "progress",
        "elapsed": 10.0,
        "rows_done": 20,
        "rows_total": 30,
        "shards_done": 1,
        "shards_total": 3,
        "estimated": False,
        "rows_per_second": 1.0,
        "seconds_left": 10.0,
        "job_seconds_left": 100.0,
        "success_ratio": 0.8,
        "count": 10,
        "successes": 8,
        "failed_to_download": 2,
        "failed_to_resize": 0,
        "reasons": {"timeout": 2},
        "resting_hosts": [{"host": "http://a", "rows": 3, "seconds": 9.0}],
        "downloaded_bytes": 5_000,
        "stored_bytes": 3_000,
        "bottleneck": "the servers: slow",
        "bottleneck_kind": "servers",
    }  # fmt: skip
