"""One pass over a list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from img2dataset.estimation.survey import HostHistogram, Survey, UrlCounts, survey_list
from img2dataset.insight.shard_facts import find_hosts
from img2dataset.options import Options
from img2dataset.sources import SourceConfig, open_source
from tests.unit.sources.test_limit import FORMATS, RECORDS, make


def survey(url_list: Any, input_format: str, size: int, **options: Any) -> Survey:
    config = SourceConfig.of(Options("list", input_format=input_format, **options))
    return survey_list(open_source(url_list, config), config, size, seed=7)


@pytest.mark.parametrize("input_format", FORMATS)
def test_the_same_rows_are_drawn_from_a_list_in_any_format(
    input_format: str, tmp_path: Path
) -> None:
    found = survey(*make(input_format, tmp_path), size=10)

    assert (found.rows, found.without_url, found.hosts.rows) == (40, 0, {"a.example": 40})
    drawn = found.sample.column("url").to_pylist()
    expected = survey([record["url"] for record in RECORDS], "txt", 10)
    assert drawn == expected.sample.column("url").to_pylist()
    assert len(set(drawn)) == 10
    assert found.urls.repeated_share == 0
    assert found.urls.is_exact


def test_a_shorter_list_is_taken_whole_and_a_limit_and_condition_count(tmp_path: Path) -> None:
    url_list, kind = make("jsonl", tmp_path)

    assert survey(url_list, kind, 1000).sample.num_rows == 40
    assert survey(url_list, kind, 1000, limit=12).rows == 12
    few = survey(url_list, kind, 5, where="n >= 33", save_additional_columns=["n"])
    assert (few.rows, few.sample.num_rows) == (7, 5)
    assert min(few.sample.column("n").to_pylist()) >= 33


def test_urls_that_are_repeated_or_missing_are_counted() -> None:
    urls = ["http://A.example/1", None, "http://a.example/1", "http://b.example:8/2", "nonsense"]

    found = survey([*urls, "http://a.example/1"], "txt", 3)

    assert found.without_url == 1
    assert found.urls.repeated_share == pytest.approx(1 / 5)
    assert found.hosts.rows == {"a.example": 3, "b.example": 1, "": 2}


def test_hosts_are_bounded_and_the_largest_are_kept() -> None:
    import pyarrow as pa  # noqa: PLC0415

    histogram = HostHistogram(max_hosts=10)
    for start in range(0, 1000, 10):
        urls = [f"http://h{n}.example/" for n in range(start, start + 10)] + [
            "http://big.example/"
        ] * 5
        histogram.add(find_hosts(pa.array(urls)))

    assert len(histogram.rows) <= 20
    assert 500 - histogram.lacking <= histogram.rows["big.example"] <= 500
    assert 0 < histogram.lacking < 200


def test_repeated_urls_of_a_long_list_are_estimated_in_bounded_memory() -> None:
    counts = UrlCounts(max_urls=2000)
    counts.add([f"http://a.example/{n % 15_000}" for n in range(20_000)])

    assert len(counts._hashes) <= 2000
    assert not counts.is_exact
    assert counts.repeated_share == pytest.approx(0.25, abs=0.03)
