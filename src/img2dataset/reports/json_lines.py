"""What a run did so far -> JSON, an object on each line, for programs; docs/progress.md has the fields."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from img2dataset.accounting.account import Account, Stage
from img2dataset.json_text import to_compact_json
from img2dataset.report import Progress, Report
from img2dataset.reports.advice import make_last_line
from img2dataset.reports.display import compute_job_left, find_job_end
from img2dataset.reports.rates import RecentRate, compute_share
from img2dataset.reports.reporter import Reporter
from img2dataset.reports.screen import Pace, Unbreakable, compute_interval, read_clock
from img2dataset.reports.view import estimate_seconds_left
from img2dataset.tally import ShardResult, Tally
from img2dataset.version import VERSION

EVERY_S = 1.0
"""Interval of progress=json."""
Clock = Callable[[], datetime]


class JsonReporter(Reporter):
    """Writes each event as one line of JSON."""

    def __init__(
        self,
        stream: Unbreakable | None = None,
        interval: Callable[[float], float] = compute_interval,
        *,
        environ: Mapping[str, str] = os.environ,
        clock: Clock = read_clock,
    ) -> None:
        """Make a reporter.

        Args:
            stream: where lines go; None = stderr.
            interval: seconds that have passed -> seconds between two events of progress.
            environ: variables that say when the job ends.
            clock: the time.
        """
        self._stream = stream or Unbreakable(sys.stderr)
        self._pace = Pace(interval)
        self._recent = RecentRate()
        self._job_end = find_job_end(environ)
        self._clock = clock
        self._unsaid: dict[str, Any] | None = None
        self.concluded = False
        """Whether the last line was written."""

    def started(self, options: Mapping[str, Any], output_folder: str) -> None:
        self._write(
            "started",
            version=VERSION,
            output_folder=output_folder,
            output_format=options["output_format"],
        )

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        again = {} if result.kept is None else {"kept": result.kept}
        counts = count_rows(result.tally)
        self._write(
            "shard", name=result.name, duration=round(result.duration, 3), **counts, **again
        )
        self.progress(progress)

    def progress(self, progress: Progress) -> None:
        job_left = compute_job_left(self._job_end, self._clock().timestamp())
        self._unsaid = describe_progress(progress, self._recent.after(progress), job_left)
        if self._pace.is_due(progress.elapsed):
            self._write_progress()

    def notice(self, text: str) -> None:
        self._write("notice", message=text)

    def finished(self, report: Report, progress: Progress) -> None:
        self.progress(progress)
        self._write_progress()
        self._write("finished", message=make_last_line(report), **report.to_dict())
        self.concluded = True

    def close(self) -> None:
        """Write the last progress, however short ago the one before was."""
        self._write_progress()

    def _write_progress(self) -> None:
        fields, self._unsaid = self._unsaid, None
        if fields is not None:
            self._write("progress", **fields)

    def _write(self, event: str, **fields: Any) -> None:
        self._stream.write(make_line(event, self._clock(), **fields))
        self._stream.flush()


class JsonSummaryReporter(JsonReporter):
    """Leaves out shards and progress: what progress=none shows."""

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        pass

    def progress(self, progress: Progress) -> None:
        pass


class JsonErrorReporter(JsonReporter):
    """Writes one event if a run went wrong: what quiet shows."""

    def __init__(self, stream: Unbreakable | None = None) -> None:
        super().__init__(stream)

    def started(self, options: Mapping[str, Any], output_folder: str) -> None:
        pass

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        pass

    def progress(self, progress: Progress) -> None:
        pass

    def notice(self, text: str) -> None:
        pass

    def finished(self, report: Report, progress: Progress) -> None:  # noqa: ARG002
        if report.exit_code != 0 and not report.interrupted:  # the caller is told by an exception
            self._write("error", message=make_last_line(report))


def make_line(event: str, now: datetime, **fields: Any) -> str:
    """Make a line: the time in ISO 8601 with its offset, what happened, and the fields of that."""
    time = now.isoformat(timespec="milliseconds")
    return f"{to_compact_json({'time': time, 'event': event, **fields}).decode()}\n"


def count_rows(tally: Tally) -> dict[str, Any]:
    """Count rows by what became of them."""
    return {
        "count": tally.count,
        "successes": tally.successes,
        "failed_to_download": tally.failed_to_download,
        "failed_to_resize": tally.failed_to_resize,
        "reasons": dict(tally.reasons.most_common()),
    }


def describe_progress(
    progress: Progress, rows_per_sec: float, job_left: float | None
) -> dict[str, Any]:
    """Describe how far a run is as plain values, for JSON; unknown ones are None."""
    left = estimate_seconds_left(progress, rows_per_sec)
    return {
        "elapsed": round(progress.elapsed, 3),
        "rows_done": progress.tally.count + progress.rows_skipped,
        "rows_total": progress.rows_total,
        "shards_done": progress.shards_done + progress.shards_skipped,
        "shards_total": progress.shards_total,
        "estimated": progress.estimated,
        "rows_per_second": round(rows_per_sec, 3),
        "seconds_left": None if left is None else round(left, 3),
        "job_seconds_left": None if job_left is None else round(job_left, 3),
        "success_ratio": round(compute_share(progress.tally.successes, progress.tally.count), 6),
        **count_rows(progress.tally),
        "resting_hosts": [
            {"host": host.name, "rows": host.rows, "seconds": round(host.seconds, 3)}
            for host in progress.resting
        ],
        "downloaded_bytes": progress.account.downloaded_bytes,
        "stored_bytes": progress.account.stored_bytes,
        "stage_seconds": list_stage_seconds(progress.account),
        "bottleneck": None if progress.bottleneck is None else progress.bottleneck.text,
        "bottleneck_kind": None if progress.bottleneck is None else progress.bottleneck.kind,
    }


def list_stage_seconds(account: Account) -> dict[str, float]:
    """List the seconds of each stage."""
    return {stage.value: round(account.seconds.get(stage, 0.0), 3) for stage in Stage}
