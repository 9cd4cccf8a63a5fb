"""Weights & Biases, for real but offline: what it stored is read back from its own file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from img2dataset.errors import MissingExtraError, RunError
from img2dataset.options import Options
from img2dataset.reports import find_reporters
from img2dataset.reports.wandb import WandbReporter, make_status_rows
from tests.unit.reports.offline import ENVIRONMENT
from tests.unit.reports.offline import records as stored_records
from tests.unit.reports.runs import progress, report, shard, tally


def service() -> Any:
    """The library: whoever only wants to know which tests there are need not wait for it."""
    return pytest.importorskip("wandb")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where wandb writes; it has no way to the network."""
    for name, value in {
        **ENVIRONMENT,
        "WANDB_DIR": str(tmp_path),
        "WANDB_CONFIG_DIR": str(tmp_path / "config"),
        "WANDB_CACHE_DIR": str(tmp_path / "cache"),
        "WANDB_DATA_DIR": str(tmp_path / "data"),
    }.items():
        monkeypatch.setenv(name, value)
    service().teardown()  # it reads the environment once
    yield tmp_path
    service().teardown()


def records(folder: Path) -> list[Any]:
    service().teardown()  # `finish` returns before the service has written everything; this waits
    return stored_records(folder)


@pytest.mark.slow
def test_curves_the_table_and_the_config_arrive(folder: Path) -> None:
    reporter = WandbReporter("my-project")
    first, second = tally(6, timeout=2), tally(0, timeout=2)
    reporter.started({"image_size": 64, "url_list": object(), "max_image_area": 1e9}, "out")
    reporter.shard_done(shard(first, 0, 0.0, 2.0), progress(first))
    reporter.progress(progress(first))
    reporter.notice("nothing of wandb's concern")
    reporter.shard_done(shard(second, 1, 2.0, 4.0), progress(first + second))
    reporter.finished(report(first + second), progress(first + second))
    reporter.close()
    reporter.close()

    stored = records(folder)
    history = [
        {
            item.key or ".".join(item.nested_key): json.loads(item.value_json)
            for item in one.history.item
        }
        for one in stored
        if one.HasField("history")
    ]
    (run,) = [one.run for one in stored if one.HasField("run")]
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    tables = sorted(folder.glob("wandb/offline-run-*/files/media/table/status_*.table.json"))

    assert {name: history[0][name] for name in history[0] if "/" in name} == {
        "worker/img_per_sec": 4.0,
        "worker/success": 0.75,
        "worker/failed_to_download": 0.25,
        "worker/failed_to_resize": 0.0,
        "worker/count": 8,
        "total/img_per_sec": 4.0,
        "total/success": 0.75,
        "total/failed_to_download": 0.25,
        "total/failed_to_resize": 0.0,
        "total/count": 8,
    }
    assert history[1]["worker/success"] == 0.0
    assert history[1]["total/success"] == 0.6
    assert history[1]["total/count"] == 10
    has_table = [any(name.startswith("status") for name in one) for one in history]
    assert has_table == [True, False, True]  # at most once a minute, and at the end
    assert run.project == "my-project"
    assert (config["image_size"], config["url_list"]) == (64, "<object>")
    assert config["max_image_area"] == 1e9
    assert [json.loads(path.read_bytes())["columns"] for path in tables] == [
        ["status", "frequency", "count"]
    ] * 2
    assert [["success", 0.6, 6], ["timed out", 0.4, 4]] in [
        json.loads(path.read_bytes())["data"] for path in tables
    ]
    (ending,) = [one.exit for one in stored if one.HasField("exit")]
    assert ending.exit_code == 0


@pytest.mark.slow
def test_a_run_that_ends_with_an_error_is_marked_failed(folder: Path) -> None:
    reporter = WandbReporter("p")
    reporter.started({}, "out")
    reporter.close()

    (ending,) = [one.exit for one in records(folder) if one.HasField("exit")]
    assert ending.exit_code == 1


@pytest.mark.slow
def test_wandb_that_does_not_start_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise service().errors.UsageError("no API key configured")

    monkeypatch.setattr(service(), "init", refuse)
    with pytest.raises(RunError, match=r"enable_wandb: .*no API key"):
        WandbReporter("p").started({}, "out")


def test_a_missing_wandb_is_named_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("img2dataset.reports.wandb.find_spec", lambda _name: None)

    with pytest.raises(MissingExtraError, match=r"enable_wandb .*img2dataset\[wandb\]"):
        find_reporters(Options("u.txt", enable_wandb=True))


def test_the_table_has_the_most_frequent_statuses_only() -> None:
    rows = tally(1000, labels={f"HTTP Error {code}: x": 1 for code in range(200)}, http_status=200)

    table = make_status_rows(rows)

    assert table[0] == ("success", 1000 / 1200, 1000)
    assert len(table) == 100
