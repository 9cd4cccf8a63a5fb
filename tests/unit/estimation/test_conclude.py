"""Outcomes of a sample -> an estimate, and how it is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from img2dataset.distributors import SamplesSent
from img2dataset.estimation.conclude import Setting, conclude
from img2dataset.estimation.findings import Estimate
from img2dataset.estimation.main import drop_measured_columns
from img2dataset.estimation.sample_run import Collector, Outcome, SampleRun
from img2dataset.estimation.stored_size import Parts, measure_stored
from img2dataset.estimation.survey import HostHistogram, Survey, UrlCounts
from img2dataset.estimation.terminal import format_estimate, format_time
from img2dataset.insight.findings import Published
from img2dataset.job import REQUEST_SECONDS
from img2dataset.options import Options
from img2dataset.records import Shard
from img2dataset.reports.words import FailureClass

OPTIONS = Options("list.txt", output_format="webdataset")


def outcome(number: int, host: str, message: str | None = None, **more: Any) -> Outcome:
    digest = None if message else f"digest {number}"
    found = Outcome(
        url=f"http://{host}/{number}", host=host, message=message,
        parts=Parts(None if message else 10_000, 400, None), body_bytes=40_000, digest=digest,
        request_seconds=0.5, done_seconds=number / 50,
    )  # fmt: skip
    return replace(found, **more)


def estimate(outcomes: list[Outcome], options: Options = OPTIONS, **more: Any) -> Estimate:
    """Of a list of a million rows, most of them of the host big.example."""
    hosts, urls = HostHistogram(), UrlCounts()
    hosts.rows.update({"big.example": 900_000, "small.example": 99_980, "": 20})
    urls.add(more.pop("urls", ["a", "b"]))
    survey = Survey(more.pop("rows", 1_000_000), 7, pa.table({}), hosts, urls)
    setting: dict[str, Any] = {"free_bytes": None, "published": (), "command": "", "notices": ()}
    documents = tuple({"url": each.url, "n": None} for each in outcomes)
    return conclude(
        survey,
        SampleRun(tuple(outcomes), documents, 20.0),
        Setting(options, 0, **{**setting, **more}),
    )


MIXED = [
    *(outcome(n, "big.example") for n in range(700)),
    *(outcome(n, "big.example", "HTTP Error 404: Not Found") for n in range(700, 900)),
    *(outcome(n, "small.example", "timed out") for n in range(900, 1000)),
]


def test_shares_of_classes_and_reasons_and_of_what_was_not_seen() -> None:
    found = estimate(MIXED)

    assert (found.sampled, found.successes, found.success.value) == (1000, 700, 0.7)
    assert found.images.low == pytest.approx(1e6 * found.success.low)
    seen = {each.name: each.rows for each in found.classes if each.rows}
    assert seen == {"gone": 200, "network": 100}
    unseen = [each for each in found.classes if not each.rows]
    assert len(seen) + len(unseen) == len(FailureClass) - 1  # unknown messages are not expected
    assert {round(each.share.high, 4) for each in unseen} == {0.003}
    assert [(each.name, each.rows) for each in found.reasons] == [
        ("http_status", 200), ("timeout", 100)
    ]  # fmt: skip
    assert [(each.host, each.rows, each.sampled, each.failed) for each in found.hosts.worst] == [
        ("big.example", 900_000, 900, 200), ("small.example", 99_980, 100, 100)
    ]  # fmt: skip
    assert found.hosts.known == 2, "rows without a host are of none"
    assert found.network_bytes.value == 40_000 * 1_000_000
    assert 0.7 * 1e6 * 11_000 < found.disk_bytes.value < 0.7 * 1e6 * 12_500


def test_a_sample_of_the_whole_list_gives_whole_numbers() -> None:
    outcomes = [outcome(n, "a.example", "timed out" if n >= 220 else None) for n in range(400)]
    found = estimate(outcomes, rows=400)

    assert (found.images.low, found.images.value, found.images.high) == (220.0, 220.0, 220.0)
    assert found.network_bytes.value == 400 * 40_000


def test_each_reason_stands_under_its_class() -> None:
    missing = [outcome(n, "a.example", "HTTP Error 404: Not Found") for n in range(3)]
    refused = [outcome(n, "b.example", "HTTP Error 403: Forbidden") for n in range(3, 5)]
    late = [outcome(9, "", "timed out")]

    lines = format_estimate(estimate([*missing, *refused, *late]), 100).splitlines()

    begin = lines.index("Why rows have no image")
    starts = [line.partition(":")[0] for line in lines[begin + 1 : begin + 7]]
    assert starts == [
        "  gone", "    http_status", "  refused", "    http_status", "  network", "    timeout"
    ]  # fmt: skip
    assert "http_status: 2, such as http://b.example/3" in lines[begin + 4]
    assert "(no host)" not in "\n".join(lines)


def test_advice_is_given_only_where_something_can_be_changed() -> None:
    fine = estimate([outcome(n, "big.example", request_seconds=0.1) for n in range(100)])
    assert fine.advice == ()

    found = estimate(MIXED, urls=["a", "b", "a"], free_bytes=1000)
    text = " ".join(found.advice)
    for part in ("--deduplicate=url", "more room than the disk has", "http_status (20%"):
        assert part in text
    slow = estimate([outcome(n, "big.example", request_seconds=60.0) for n in range(10)])
    assert "big.example has 90% of the rows and alone decides" in slow.advice[0]
    assert "--shuffle" not in slow.advice[0]
    careful = replace(OPTIONS, deduplicate="url")
    assert "deduplicate" not in " ".join(estimate(MIXED, careful, urls=["a", "a"]).advice)


def test_the_same_bytes_under_many_urls_of_a_host_are_likely_a_placeholder() -> None:
    same = [outcome(n, "big.example", digest="same") for n in range(5)]
    copies = [outcome(n, "small.example", digest="copy") for n in range(5, 7)]

    found = estimate([*same, *copies]).duplicates

    assert (found.repeated_images, found.likely_placeholder, found.placeholder_rows) == (
        5,
        "big.example",
        5,
    )
    assert estimate(copies).duplicates.likely_placeholder == ""


@pytest.mark.parametrize("width", [24, 40, 80, 200])
def test_it_fits_the_terminal_and_hides_control_characters(width: int) -> None:
    evil = [outcome(1, "e\x1b[31mvil.example", "HTTP Error 404: Not Found")]
    published = (Published("cc3m", "CC3M", "60 %", "2024", "somewhere", is_this=True),)
    command = "img2dataset list.txt \\\n  --output_folder=" + "x" * 90
    found = estimate([*MIXED, *evil], published=published, command=command)

    text = format_estimate(found, width)

    shown, _, shown_command = text.partition("To run it:")
    assert max(map(len, shown.splitlines())) <= max(width, 24)
    assert "\x1b" not in text
    assert "x" * 90 in shown_command
    assert "CC3M" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "0.5 seconds"), (59, "59 seconds"), (130, "2.2 minutes"), (3000, "50 minutes"),
        (8000, "2.2 hours"), (400_000, "4.6 days"), (4e6, "46 days"),
    ],
)  # fmt: skip
def test_times_are_shown_in_the_largest_unit_of_which_there_are_two(
    seconds: float, text: str
) -> None:
    assert format_time(seconds) == text


@pytest.mark.parametrize(
    ("output_format", "size"),
    [("files", 12_288 + 4096 + 4096), ("webdataset", 512 * (1 + 20 + 1 + 1 + 1 + 1)),
     ("parquet", 10_000), ("tfrecord", 10_000 + 400 + 30 + 16), ("dummy", 0)],
)  # fmt: skip
def test_the_bytes_of_a_row_by_format(output_format: str, size: int) -> None:
    assert measure_stored(output_format, Parts(10_000, 400, 30)) == size
    assert measure_stored(output_format, Parts(None, 400, 30)) == 0


def metadata(url: str, **more: Any) -> dict[str, Any]:
    return {"url": url, "status": "success", "error_message": None, "sha256": "d", "body_bytes": 9,
            "fetched_at": "now", REQUEST_SECONDS: 0.25, **more}  # fmt: skip


def test_a_row_that_comes_twice_counts_once_and_the_rest_is_fetched_again() -> None:
    collector = Collector(replace(OPTIONS, compute_hash=None))

    collector.deliver(SamplesSent([(3, 1, b"12345", metadata("http://A.example/1"))]))
    collector.deliver(SamplesSent([(3, 1, b"123", metadata("x")), (4, 0, b"1", metadata("y"))]))

    (first, _) = collector.outcomes.values()
    assert (first.host, first.parts.image, first.digest) == ("a.example", 5, "d")
    assert first.request_seconds == 0.25
    assert set(collector.documents[0]) == {"url", "status", "error_message"}
    assert collector.find_rest(Shard(3, 5, pa.table({}))).left_out == {1}
    assert collector.find_rest(Shard(9, 5, pa.table({}))).left_out == set()


def test_columns_with_the_names_of_what_is_measured_are_left_out() -> None:
    columns = ["etag", "width_cm"]
    asked = Options("a.csv", input_format="csv", save_additional_columns=columns)

    assert drop_measured_columns(asked).save_additional_columns == ["width_cm"]
    assert drop_measured_columns(OPTIONS) is OPTIONS
