"""Spark makes the dataset that one machine makes, whatever dies."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.clusters.programs import (
    ROWS,
    ROWS_PER_SHARD,
    SHARDS,
    check_equal,
    command,
    example,
    running,
    shards_done,
    something_in_the_way,
    to_store_too,
    wait_for,
)
from tests.e2e.dataset import Dataset
from tests.stores.s3 import BUCKET, S3Server
from tests.unit.reports.offline import ENVIRONMENT, history, status_tables

pytestmark = [pytest.mark.slow, pytest.mark.timeout(500)]

MORE = f"""
{to_store_too("pyspark")}
import pathlib
pathlib.Path("broken/00002.tar/in the way").mkdir(parents=True)
report = download("urls.parquet", output_folder="broken", **common)
print("broken:", report.exit_code, report.shards_not_done, report.shards_done)
"""


def test_the_example_makes_the_same_dataset_though_an_executor_is_killed(
    place: Path, expected: Dataset, server: S3Server, name: str, tmp_path: Path
) -> None:
    code = example("spark.md").replace("spark.stop()", f"{MORE}\nspark.stop()")
    environment = {**server.environment, "STORE": f"s3://{BUCKET}/{name}"}
    with running([sys.executable, "-c", code], place, environment) as program:
        wait_for(lambda: shards_done(place / "dataset") >= 2, "two shards")
        executors = program.processes("CoarseGrainedExecutorBackend")
        assert len(executors) == 2
        os.kill(executors[0], signal.SIGKILL)
        said, errors = program.result()

    assert program.process.returncode == 0, errors
    assert "Lost executor" in errors
    Dataset(place / "dataset").check_whole(ROWS)
    check_equal(place / "dataset", expected)
    assert f"store: 0 {ROWS}" in said
    check_equal(server.fetch(name, tmp_path / "stored"), expected)
    assert f"broken: 1 ('00002',) {SHARDS - 1}" in said
    assert errors.count("shard 2 will be retried") == 1


def test_a_session_of_our_own_says_what_fails_and_is_stopped(
    place: Path, expected: Dataset
) -> None:
    environment = {**ENVIRONMENT, "WANDB_DIR": str(place), "NO_PROXY": "127.0.0.1"}
    more = ("--enable_wandb", "--thread_count=6")
    with (
        something_in_the_way(place / "own"),
        running(command("pyspark", *more), place, environment) as program,
    ):
        _, errors = program.result()

    assert program.process.returncode == 1
    assert "1 shard failed (00002)" in errors.splitlines()[-1]
    totals = [int(count) for count in re.findall(r"^total .* count: (\d+)$", errors, re.MULTILINE)]
    assert totals == [ROWS_PER_SHARD * (number + 1) for number in range(SHARDS - 1)]
    logged = [one for one in history(place) if "total/count" in one]
    assert [one["total/count"] for one in logged] == totals
    assert {one["worker/count"] for one in logged} == {ROWS_PER_SHARD}
    (table,) = status_tables(place)[-1:]
    assert {label: count for label, _, count in table} == {
        "success": sum(stats["successes"] for stats in Dataset(place / "own").stats),
        "HTTP Error 404: Not Found": ROWS // 10,
    }
    members = Dataset(place / "own").members()
    assert members.items() < expected.members().items()
    assert len(members) == 3 * sum(stats["successes"] for stats in Dataset(place / "own").stats)
