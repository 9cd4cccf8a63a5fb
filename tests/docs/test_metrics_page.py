"""docs/metrics.md and the dashboard name the metrics that there are, and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from img2dataset.reports.snapshot import Snapshot
from tests.docs_examples import ROOT
from tests.unit.reports.runs import progress, tally

pytest.importorskip("prometheus_client")
DOCS = ROOT / "docs"
NAMES = re.compile(r"\bimg2dataset_\w+")


@pytest.fixture(scope="module")
def labels_of() -> dict[str, set[str]]:
    """Name of each metric as it is exposed -> its labels; nothing is unknown, so that all are."""
    from img2dataset.reports.metrics_server import RunCollector  # noqa: PLC0415  (an extra)

    known = progress(tally(1), rows_total=10, shards_total=1)
    collector = RunCollector(lambda: Snapshot(0.0, known, seconds_left=1.0, last_shard_at=1.0))
    found: dict[str, set[str]] = {}
    for metric in collector.collect():
        for sample in metric.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def list_queries(node: Any) -> Iterator[str]:
    """The queries anywhere in a dashboard."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("expr", "query") and isinstance(value, str):
                yield value
            yield from list_queries(value)
    elif isinstance(node, list):
        for each in node:
            yield from list_queries(each)


def test_the_dashboard_asks_for_metrics_and_labels_that_there_are(
    labels_of: dict[str, set[str]],
) -> None:
    queries = list(list_queries(json.loads((DOCS / "grafana.json").read_text())))
    asked = {name for query in queries for name in NAMES.findall(query)}

    assert len(asked) > 8
    assert asked <= labels_of.keys()
    known = {"instance", *(label for labels in labels_of.values() for label in labels)}
    for query in queries:
        chosen = re.findall(r"(\w+)=~?\"", query)
        grouped = re.findall(r"by \((\w+)\)", query)
        assert {*chosen, *grouped} <= known, query


def test_the_page_has_every_metric_with_its_labels(labels_of: dict[str, set[str]]) -> None:
    page = (DOCS / "metrics.md").read_text(encoding="utf-8")
    table = page[page.index("| metric |") : page.index("\nLabels have")]
    named = re.findall(r"`(img2dataset_\w+)(?:\{(\w+)\})?`", table)

    assert {name: {label} if label else set() for name, label in named} == labels_of
