"""`download` from Python: reporters, quiet, and what the report says of the stored dataset."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from img2dataset import Progress, Report, Reporter, ShardResult, download
from img2dataset.cli import main
from tests.site import Site


class Watcher(Reporter):
    """Overrides what it needs; the rest does nothing."""

    def __init__(self) -> None:
        self.shards: list[str] = []
        self.report: Report | None = None

    def shard_done(self, result: ShardResult, progress: Progress) -> None:
        self.shards.append(f"{result.name}: {progress.tally.count}")

    def finished(self, report: Report, progress: Progress) -> None:
        assert progress.tally == report.tally
        self.report = report


@pytest.fixture(scope="module")
def urls() -> Any:
    with Site() as site:
        yield [site.url("/image/1.jpg"), site.url("/status/404"), site.url("/image/2.jpg")]


@pytest.mark.slow
def test_a_reporter_of_the_caller_replaces_the_terminal(
    urls: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    watcher = Watcher()
    report = download(
        urls, output_folder=str(tmp_path / "out"), number_sample_per_shard=2, reporters=[watcher]
    )

    assert sorted(line.partition(":")[0] for line in watcher.shards) == ["00000", "00001"]
    assert watcher.report is report
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize("silence", [{"reporters": ()}, {"quiet": True}])
def test_a_run_can_be_silent(
    silence: dict[str, Any], urls: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    report = download(urls, output_folder=str(tmp_path / "out"), **silence)

    assert (report.successes, report.count) == (2, 3)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_quiet_command_says_why_it_failed_and_nothing_else(
    urls: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "good.txt").write_text(urls[0])
    (tmp_path / "bad.txt").write_text(urls[1])

    assert main([f"{tmp_path}/good.txt", f"--output_folder={tmp_path}/good", "--quiet"]) == 0
    assert capfd.readouterr() == ("", "")
    assert main([f"{tmp_path}/bad.txt", f"--output_folder={tmp_path}/bad", "--quiet"]) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("img2dataset: not one image succeeded: 100% are http_status")
    assert err.count("\n") == 1
    assert main([f"{tmp_path}/none.txt", "--quiet"]) == 2
    assert "error: url_list" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("output_format", ["files", "webdataset", "parquet", "tfrecord"])
def test_the_report_iterates_over_the_stored_rows(
    output_format: Any, urls: list[str], tmp_path: Path
) -> None:
    def run(listed: list[str], mode: Any) -> Report:
        return download(
            listed, output_folder=str(tmp_path / "out"), output_format=output_format,
            number_sample_per_shard=2, incremental_mode=mode, reporters=(),
        )  # fmt: skip

    run(urls, "incremental")
    report = run(urls[1:], "extend")

    rows = list(report.rows())
    assert [row["url"] for row in rows] == [*urls, *urls[1:]]  # earlier runs included
    assert not any(isinstance(value, bytes) for row in rows for value in row.values())
    assert [(row["url"], row["error_message"]) for row in report.failures()] == [
        (urls[1], "HTTP Error 404: Not Found")
    ] * 2


@pytest.mark.slow
def test_a_format_without_rows_has_none(urls: list[str], tmp_path: Path) -> None:
    report = download(
        urls, output_folder=str(tmp_path / "out"), output_format="dummy", reporters=()
    )

    assert list(report.rows()) == []


@pytest.mark.slow
def test_the_report_is_plain_values_for_json(urls: list[str], tmp_path: Path) -> None:
    report = download(urls, output_folder=str(tmp_path / "out"), reporters=())

    values = json.loads(json.dumps(report.to_dict()))
    assert values == report.to_dict()
    assert values["reasons"] == {"http_status": 1}
    assert (values["count"], values["successes"], values["exit_code"]) == (3, 2, 0)
    assert (values["retried"], values["recovered"], values["retry_interrupted"]) == (0, 0, [])
