"""Tallies, shards and reports for the tests of reports."""

from __future__ import annotations

from collections import Counter
from typing import Any

from img2dataset.accounting.account import Account, Stage
from img2dataset.accounting.bottleneck import Bottleneck, BottleneckKind
from img2dataset.errors import Reason
from img2dataset.records import Failure
from img2dataset.report import Progress, Report
from img2dataset.tally import ShardResult, Tally


def tally(successes: int = 0, labels: dict[str, int] | None = None, **reasons: int) -> Tally:
    """`labels` gives other error strings than the reasons' own."""
    made = Tally()
    if successes:
        made.statuses["success"] = made.labels["success"] = successes
    for name, count in reasons.items():
        failure = Failure(Reason[name.upper()], Reason[name.upper()].label)
        made.statuses[failure.reason.status.value] += count
        made.reasons[failure.reason.value] += count
        if labels is None:
            made.labels[failure.label] += count
    made.labels.update(labels or {})
    return made


def account(downloaded: int = 0, stored: int = 0, **seconds: float) -> Account:
    made = Account()
    made.sizes.update(downloaded=downloaded, stored=stored, transfers=1)
    made.seconds.update({Stage(name): value for name, value in seconds.items()})
    return made


def limit(kind: str, text: str) -> Bottleneck:
    return Bottleneck(BottleneckKind(kind), text)


def progress(rows: Tally | None = None, **changes: Any) -> Progress:
    values: dict[str, Any] = {
        "tally": rows or Tally(),
        "elapsed": 0.0,
        "shards_done": 0,
        "shards_skipped": 0,
        "rows_skipped": 0,
        "shards_total": None,
        "rows_total": None,
    }
    return Progress(**{**values, **changes})


def shard(rows: Tally, shard_id: int = 0, start: float = 0.0, end: float = 1.0) -> ShardResult:
    return ShardResult(shard_id, f"{shard_id:05d}", rows, start, end)


def report(rows: Tally | None = None, **changes: Any) -> Report:
    values: dict[str, Any] = {
        "output_folder": "out",
        "tally": rows or Tally(Counter()),
        "duration": 2.0,
        "shards_done": 1 if rows else 0,
        "shards_skipped": 0,
    }
    return Report(**{**values, **changes})
